//! How many flows all environments may have together: each is a descriptor of the server and a port of the machine.
//!
//! The first half goes to whoever comes, the second to functions that have few: nobody's flood takes the last.

use lambkin_model::FunctionName;
use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of one function, in all its environments; as many are few: a resolver or two, a clock, a log.
const FEW: usize = 8;
/// Where the kernel tells the first and the last port that it gives to whoever asks for none.
const PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// What the range is where nobody has set it.
const PORTS_MAX: usize = 28_232;
/// The rest is left to the machine's own programs, its resolver above all: of the ports, one part in so many.
const PORTS_SHARE: usize = 4;

/// The places of one server.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Without those that have none.
    by_function: HashMap<FunctionName, usize>,
}

/// One that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    function: FunctionName,
}

impl Places {
    /// As many as these descriptors and the machine's ports suffice for.
    pub(crate) fn of_machine(descriptors: usize) -> Self {
        let range = fs::read_to_string(PORTS).unwrap_or_default();
        Self::new(descriptors.min(ports(&range) / PORTS_SHARE))
    }

    pub(super) fn new(most: usize) -> Self {
        let taken = Mutex::default();
        Self { most, taken }
    }

    /// One more for an environment of this function.
    pub(super) fn take(self: &Arc<Self>, function: &FunctionName) -> Option<Place> {
        let mut taken = self.lock();
        let has = taken.by_function.get(function).copied().unwrap_or(0);
        let most = if has < FEW { self.most } else { self.most / 2 };
        if taken.all >= most {
            return None;
        }
        taken.all += 1;
        taken.by_function.insert(function.clone(), has + 1);
        Some(Place {
            places: Arc::clone(self),
            function: function.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        match taken.by_function.get_mut(&self.function) {
            Some(has) if *has > 1 => *has -= 1,
            _ => drop(taken.by_function.remove(&self.function)),
        }
    }
}

/// How many there are from the first to the last.
fn ports(range: &str) -> usize {
    let mut ends = range.split_whitespace().map(str::parse::<usize>);
    match (ends.next(), ends.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (last + 1).saturating_sub(first),
        _ => PORTS_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str) -> FunctionName {
        FunctionName::new(name).unwrap()
    }

    #[test]
    fn which_function_has_many_leaves_half_to_those_that_have_few() {
        let places = Arc::new(Places::new(40));
        let take = |name: &str| places.take(&function(name));
        let greedy: Vec<Place> = (0..100).filter_map(|_| take("greedy")).collect();
        assert_eq!(greedy.len(), 20, "in whichever environment");
        let modest = (0..100).filter_map(|one| take(["a", "b", "c"][one % 3]));
        let modest: Vec<Place> = modest.collect();
        assert_eq!(modest.len(), 20);
        assert!(take("another").is_none());
        drop(modest);
        assert!(take("greedy").is_none() && take("another").is_some());
        drop(greedy);
        assert!(take("greedy").is_some());
        assert!(places.lock().by_function.is_empty(), "all are given back");
    }

    #[test]
    fn most_of_the_machines_ports_are_left_to_it() {
        assert_eq!(ports("32768\t60999\n"), 28_232);
        assert_eq!(ports("1024 1024"), 1);
        assert_eq!(ports(""), 28_232);
        assert!(Places::of_machine(usize::MAX).most <= 65_536 / 4);
        assert_eq!(Places::of_machine(10).most, 10);
    }
}
