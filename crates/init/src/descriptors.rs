//! What pid 1 finds open beside its standard input, output and error, where its programs have a network.

/// The programs' filter, as the kernel takes it, in a sealed file that all sandboxes share.
pub const FILTER: i32 = 3;
