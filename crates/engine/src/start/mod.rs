//! Where the time of a function's last starts went.
//!
//! Owns: the clock of one start (`clock`), what a bootstrap tells of its own part (`told`), and the last few starts of
//! each function (`recent`). Refuses: to decide anything by it. A start is timed by the server itself; what a program
//! tells only divides the time that it had, so that whoever lies does so about their own function.
//!
//! ```text
//! accepted ─queue─▶ ─code─▶ ─sandbox─▶ program ─interpreter─▶ bootstrap ─imports, init─▶ next ─▶ handler ─▶ answered
//!                                      └──────── told by the bootstrap, or one part ───┘
//! ```
//! A warm invoke does nothing for it. A restart of the server forgets all.

mod clock;
mod recent;
mod told;

pub use clock::Times;
pub(crate) use clock::{Clock, First, Stage};
pub use recent::PastStart;
pub(crate) use recent::{FunctionStarts, RecentStarts};
pub use told::{Module, Told};
pub(crate) use told::{TOLD, Telling};
