//! The server's hold on an unpacked package: the spawner keeps the files as long as a clone of this lives.

use std::sync::Arc;

use crate::handle::Link;
use crate::protocol::{Code, What};

/// Most trees that a spawner holds, those included that are being filled. An unpacking beyond it fails.
pub const CODE_TREES_MAX: usize = 4_096;

/// An unpacked package in memory, held by the spawner; freed when the last clone is dropped. Sandboxes that
/// were made from it keep what they use.
#[derive(Clone)]
pub struct CodeTree {
    inner: Arc<Inner>,
    compiled: Option<Arc<Inner>>,
}

struct Inner {
    link: Arc<Link>,
    id: u64,
    bytes: u64,
}

impl CodeTree {
    pub(crate) fn new(link: Arc<Link>, id: u64, bytes: u64) -> Self {
        Self {
            inner: Arc::new(Inner { link, id, bytes }),
            compiled: None,
        }
    }

    /// The same code with what was compiled from it, which is mounted at /var/compiled wherever the code is mounted.
    #[must_use]
    pub fn with_compiled(&self, compiled: &Self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            compiled: Some(Arc::clone(&compiled.inner)),
        }
    }

    /// Bytes of memory it occupies, without what was compiled from it.
    pub fn bytes(&self) -> u64 {
        self.inner.bytes
    }

    pub(crate) fn code(&self) -> Code {
        Code {
            tree: self.inner.id,
            compiled: self.compiled.as_ref().map(|compiled| compiled.id),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.link.tell(What::FreeTree { tree: self.id });
    }
}
