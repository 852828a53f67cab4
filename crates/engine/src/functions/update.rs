//! What both updates share: who may update, and the step that acknowledges an update.

use super::{Error, Inner, settle};
use lambkin_model::{Function, FunctionName, LastUpdate, State};
use std::sync::Arc;
use uuid::Uuid;

impl Inner {
    /// The function to update, if the caller may update it now. Called in the name's turn.
    pub(super) fn updatable(
        &self,
        name: &FunctionName,
        revision_id: Option<&str>,
    ) -> Result<Arc<Function>, Error> {
        let current = self.registry.get(name).ok_or(Error::NotFound)?;
        check(&current, revision_id)?;
        Ok(current)
    }

    /// Makes an update durable, shows it as InProgress, and has it settled. Called in the name's turn.
    pub(super) async fn acknowledge(
        self: &Arc<Self>,
        current: &Function,
        changed: Function,
    ) -> Result<Arc<Function>, Error> {
        let next = Arc::new(Function {
            revision_id: Uuid::new_v4(),
            last_modified: crate::invocation::now(),
            last_update: Some(LastUpdate::InProgress),
            ..changed
        });
        self.store
            .functions()
            .replace(Arc::clone(&next), current.revision_id)
            .await?;
        self.pools.foresee(&next);
        self.registry.show(Arc::clone(&next));
        self.settle_soon(&next.name, settle::AFTER_UPDATE);
        Ok(next)
    }
}

fn check(current: &Function, revision_id: Option<&str>) -> Result<(), Error> {
    if current.state == State::Pending {
        return Err(Error::NotActive(current.state));
    }
    if current.last_update == Some(LastUpdate::InProgress) {
        return Err(Error::UpdateInProgress);
    }
    let latest = current.revision_id.to_string();
    match revision_id {
        Some(known) if known != latest => Err(Error::StaleRevision),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn one_update_at_a_time_of_the_latest_revision() {
        let active = crate::testing::function("f", BTreeMap::new());
        let latest = active.revision_id.to_string();
        assert_eq!(check(&active, None), Ok(()));
        assert_eq!(check(&active, Some(&latest)), Ok(()));
        assert_eq!(check(&active, Some("stale")), Err(Error::StaleRevision));
        let updating = Function {
            last_update: Some(LastUpdate::InProgress),
            ..active.clone()
        };
        assert_eq!(
            check(&updating, Some(&latest)),
            Err(Error::UpdateInProgress)
        );
        let pending = Function {
            state: State::Pending,
            ..active
        };
        assert_eq!(check(&pending, None), Err(Error::NotActive(State::Pending)));
    }
}
