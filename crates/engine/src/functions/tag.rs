//! TagResource and UntagResource: invokes notice nothing, the revision changes.

use super::{Error, Inner};
use lambkin_model::{Function, FunctionName, Tags};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

impl Inner {
    pub(super) async fn tag(
        &self,
        name: &FunctionName,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        self.replace_tags(name, |current| Ok(current.with(tags)?))
            .await
    }

    pub(super) async fn untag(&self, name: &FunctionName, keys: &[String]) -> Result<(), Error> {
        self.replace_tags(name, |current| {
            Ok(current.without(keys.iter().map(String::as_str)))
        })
        .await
    }

    async fn replace_tags(
        &self,
        name: &FunctionName,
        change: impl FnOnce(&Tags) -> Result<Tags, Error>,
    ) -> Result<(), Error> {
        let _turn = self.turns.take(name).await;
        let current = self.registry.get(name).ok_or(Error::NotFound)?;
        let tags = change(&current.tags)?;
        let revision_id = Uuid::new_v4();
        let next = Arc::new(Function {
            tags,
            revision_id,
            ..Function::clone(&current)
        });
        self.store
            .functions()
            .replace(Arc::clone(&next), current.revision_id)
            .await?;
        self.registry.show(next);
        Ok(())
    }
}
