//! DeleteFunction, whole or one version: the row goes first, so that a kill in between leaves nothing that works by half.

use super::{Error, Inner};
use lambkin_model::{FunctionName, Version};
use std::sync::Arc;

impl Inner {
    pub(super) async fn delete(self: &Arc<Self>, name: &FunctionName) -> Result<(), Error> {
        let _turn = self.turns.take(name).await;
        if self.registry.get(name).is_none() {
            return Err(Error::NotFound);
        }
        self.store.functions().remove(&self.scope, name).await?;
        let removed = self.registry.remove(name);
        self.rules.remove(name);
        self.pools.dismiss(name);
        let Some(entry) = removed else { return Ok(()) };
        let mut latest = vec![entry.current];
        if let Some(live) = entry.live {
            // During an update invokes run an older package than the one that is shown.
            if live.code.blob == latest[0].code.blob {
                latest.push(live);
            } else {
                self.discard_when_unused(vec![live]);
            }
        }
        self.discard_when_unused(latest);
        for version in entry.versions.into_values() {
            self.discard_when_unused(vec![version]);
        }
        Ok(())
    }

    /// One that is not there is forgiven, as AWS does.
    pub(super) async fn delete_version(
        self: &Arc<Self>,
        name: &FunctionName,
        number: u64,
    ) -> Result<(), Error> {
        let _turn = self.turns.take(name).await;
        if self.registry.get(name).is_none() {
            return Err(Error::NotFound);
        }
        if self.registry.version(name, number).is_none() {
            return Ok(());
        }
        let rows = self.store.functions();
        rows.remove_version(&self.scope, name, number).await?;
        let removed = self.registry.remove_version(name, number);
        self.pools.retire(name, Version::Published(number));
        if let Some(version) = removed {
            self.discard_when_unused(vec![version]);
        }
        Ok(())
    }
}
