//! The other way of the filter: what it allows is really let through. That it refuses the rest the attacks show.

use lambkin_sandbox::{Event, Exit, allowed_calls, decided_calls};

use super::suite;
use crate::place;

pub(super) fn answered_by_the_kernel() {
    place::with(|place| async move {
        let mut inside = place.sandbox_of(suite::spec(&place)).await;
        let program = suite::program(["__allowed".to_owned()]);
        inside.sandbox.start(&program).await.expect("a start");
        let told = inside.read_until(" were made\n").await;
        let count = allowed_calls().count() + decided_calls().count();
        assert_eq!(told, count.to_string(), "calls that nobody answers");
        assert_eq!(inside.sandbox.event().await, Event::Exited(Exit::Code(0)));
    });
}
