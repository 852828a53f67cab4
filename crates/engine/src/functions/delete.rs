//! DeleteFunction: the row goes first, so that a kill in between leaves nothing that works by half.

use super::{Error, Inner};
use lambkin_model::FunctionName;

impl Inner {
    pub(super) async fn delete(&self, name: &FunctionName) -> Result<(), Error> {
        let _turn = self.turns.take(name).await;
        if self.registry.get(name).is_none() {
            return Err(Error::NotFound);
        }
        self.store.functions().remove(&self.scope, name).await?;
        let removed = self.registry.remove(name);
        self.rules.remove(name);
        self.pools.dismiss(name);
        let Some(entry) = removed else { return Ok(()) };
        // During an update invokes run an older package than the one that is shown.
        let older = entry
            .live
            .filter(|live| live.code.blob != entry.current.code.blob);
        self.packages.discard(&entry.current.code).await;
        if let Some(older) = older {
            self.packages.discard(&older.code).await;
        }
        Ok(())
    }
}
