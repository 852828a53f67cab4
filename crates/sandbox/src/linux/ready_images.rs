//! Images that are kept ready for the sizes asked for last.
//!
//! To let go of one takes as long as to make it, so neither happens while somebody waits for one: what gives way is
//! dropped when there is time.

/// Images kept ready of a size. Each is about 100 KiB of kernel memory and hides about 1.5 ms of a creation.
const IMAGES_MAX: usize = 4;
/// Sizes of which some are kept; the one asked for longest ago gives way. Functions of one machine rarely use more at a time.
const SIZES_MAX: usize = 3;

struct Size<T> {
    bytes: u64,
    images: Vec<T>,
}

/// What is to be done when there is time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Let go of one image.
    Drop,
    /// Make one of this size.
    Make(u64),
}

pub(super) struct ReadyImages<T> {
    /// The one asked for last is the last.
    sizes: Vec<Size<T>>,
    /// Of sizes that gave way.
    stale: Vec<T>,
}

impl<T> ReadyImages<T> {
    pub(super) fn new() -> Self {
        Self {
            sizes: Vec::new(),
            stale: Vec::new(),
        }
    }

    /// One of the size, if there is one; more of it will be due.
    pub(super) fn take(&mut self, bytes: u64) -> Option<T> {
        let mut size = self.remove(bytes).unwrap_or(Size {
            bytes,
            images: Vec::new(),
        });
        let taken = size.images.pop();
        if self.sizes.len() >= SIZES_MAX {
            self.stale.append(&mut self.sizes.remove(0).images);
        }
        self.sizes.push(size);
        taken
    }

    /// What gave way goes first, so that there are never more than are kept of all sizes.
    pub(super) fn due(&self) -> Option<Due> {
        if !self.stale.is_empty() {
            return Some(Due::Drop);
        }
        let lacking = |size: &&Size<T>| size.images.len() < IMAGES_MAX;
        let size = self.sizes.iter().rev().find(lacking)?;
        Some(Due::Make(size.bytes))
    }

    pub(super) fn add(&mut self, bytes: u64, image: T) {
        let size = self.sizes.iter_mut().find(|size| size.bytes == bytes);
        match size {
            Some(size) => size.images.push(image),
            None => self.stale.push(image),
        }
    }

    pub(super) fn drop_one(&mut self) {
        self.stale.pop();
    }

    /// No more of that size is due until somebody asks for one.
    pub(super) fn give_up(&mut self, bytes: u64) {
        if let Some(mut size) = self.remove(bytes) {
            self.stale.append(&mut size.images);
        }
    }

    fn remove(&mut self, bytes: u64) -> Option<Size<T>> {
        let found = self.sizes.iter().position(|size| size.bytes == bytes)?;
        Some(self.sizes.remove(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does all that is due; how many images it made and let go of.
    fn catch_up(ready: &mut ReadyImages<u64>) -> (usize, usize) {
        let (mut made, mut dropped) = (0, 0);
        while let Some(due) = ready.due() {
            match due {
                Due::Make(bytes) => {
                    ready.add(bytes, bytes);
                    made += 1;
                }
                Due::Drop => {
                    ready.drop_one();
                    dropped += 1;
                }
            }
        }
        (made, dropped)
    }

    #[test]
    fn sizes_in_turn_are_all_ready() {
        let mut ready = ReadyImages::new();
        for bytes in 1..=3 {
            assert_eq!(ready.take(bytes), None);
            assert_eq!(catch_up(&mut ready), (IMAGES_MAX, 0));
        }
        for bytes in [2, 1, 3, 1, 2] {
            assert_eq!(ready.take(bytes), Some(bytes));
            assert_eq!(catch_up(&mut ready), (1, 0));
        }
        assert_eq!(ready.take(4), None);
        assert_eq!(catch_up(&mut ready), (IMAGES_MAX, IMAGES_MAX));
        assert_eq!(ready.take(3), None, "asked for longest ago");
    }

    #[test]
    fn what_gives_way_waits_for_time_and_is_bounded() {
        let mut ready = ReadyImages::new();
        for bytes in 0..100 {
            ready.take(bytes);
            if bytes < 3 {
                catch_up(&mut ready);
            }
        }
        assert_eq!(ready.stale.len(), SIZES_MAX * IMAGES_MAX);
        assert_eq!(ready.sizes.len(), SIZES_MAX);
        assert_eq!(ready.due(), Some(Due::Drop));
    }

    #[test]
    fn one_that_cannot_be_made_is_due_no_more() {
        let mut ready = ReadyImages::<u64>::new();
        ready.take(1);
        ready.add(1, 1);
        ready.give_up(1);
        assert_eq!(catch_up(&mut ready), (0, 1));
        ready.take(1);
        assert_eq!(ready.due(), Some(Due::Make(1)));
    }
}
