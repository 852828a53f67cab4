//! The server's hold on an unpacked package: the spawner keeps the files as long as a clone of this lives.

use std::sync::Arc;

use crate::handle::Link;
use crate::protocol::What;

/// An unpacked package in memory, held by the spawner; freed when the last clone is dropped. Sandboxes that
/// were made from it keep what they use.
#[derive(Clone)]
pub struct CodeTree {
    inner: Arc<Inner>,
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
        }
    }

    /// Bytes of memory it occupies.
    pub fn bytes(&self) -> u64 {
        self.inner.bytes
    }

    pub(crate) fn id(&self) -> u64 {
        self.inner.id
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.link.tell(What::FreeTree { tree: self.id });
    }
}
