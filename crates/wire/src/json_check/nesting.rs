//! Which arrays and objects are open: one bit each, in a fixed space.

/// Jackson's own limit.
pub(super) const DEPTH_MAX: usize = 1_000;
const WORDS: usize = DEPTH_MAX.div_ceil(64);

/// The stack of open containers.
#[derive(Default)]
pub(super) struct Nesting {
    depth: usize,
    /// Whether the container of each depth is an object.
    objects: [u64; WORDS],
    /// Whether the innermost container has an entry. An outer one always has: the inner one.
    has_entry: bool,
}

impl Nesting {
    pub(super) fn is_root(&self) -> bool {
        self.depth == 0
    }

    /// Opens a container; `false` if it would be too deep.
    pub(super) fn push(&mut self, object: bool) -> bool {
        if self.depth == DEPTH_MAX {
            return false;
        }
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        if object {
            self.objects[word] |= bit;
        } else {
            self.objects[word] &= !bit;
        }
        self.depth += 1;
        self.has_entry = false;
        true
    }

    pub(super) fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.has_entry = true;
    }

    pub(super) fn in_object(&self) -> bool {
        let Some(top) = self.depth.checked_sub(1) else {
            return false;
        };
        self.objects[top / 64] & (1 << (top % 64)) != 0
    }

    pub(super) fn expects_comma(&self) -> bool {
        self.has_entry
    }

    pub(super) fn entry(&mut self) {
        self.has_entry = true;
    }
}
