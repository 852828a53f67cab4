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

    /// Makes an update durable, shows it as InProgress, and has it settled. Gives what the caller gets to see: the
    /// version, if one is to be published, else the function. Called in the name's turn.
    pub(super) async fn acknowledge(
        self: &Arc<Self>,
        current: &Function,
        changed: Function,
        publish: bool,
    ) -> Result<Arc<Function>, Error> {
        let next = Function {
            content_id: content_id(current, &changed),
            revision_id: Uuid::new_v4(),
            last_modified: crate::invocation::now(),
            last_update: Some(LastUpdate::InProgress),
            ..changed
        };
        let expected = Some(current.revision_id);
        let (next, answer) = self.write_row(next, expected, publish).await?;
        self.pools.foresee(&next);
        self.settle_soon(&next.name, settle::AFTER_UPDATE);
        Ok(answer)
    }

    /// Makes a function's row durable, with that of a version if one is to be published and is not there yet, and
    /// shows both. Gives the function, and what the caller gets to see. Called in the name's turn.
    pub(super) async fn write_row(
        &self,
        function: Function,
        expected: Option<Uuid>,
        publish: bool,
    ) -> Result<(Arc<Function>, Arc<Function>), Error> {
        let published = publish.then(|| self.published_already(&function)).flatten();
        if publish && published.is_none() {
            let (function, version) = self.publish_row(function, expected, None).await?;
            // What is Active a moment later has another revision, as every state has.
            let pending = Function {
                revision_id: Uuid::new_v4(),
                state: State::Pending,
                last_update: None,
                ..Function::clone(&version)
            };
            return Ok((function, Arc::new(pending)));
        }
        let function = Arc::new(function);
        let (rows, row) = (self.store.functions(), Arc::clone(&function));
        match expected {
            Some(expected) => rows.replace(row, expected).await?,
            None => rows.insert(row).await?,
        }
        self.registry.show(Arc::clone(&function));
        let answer = published.unwrap_or_else(|| Arc::clone(&function));
        Ok((function, answer))
    }
}

/// An update that says what was so already leaves nothing to publish.
fn content_id(current: &Function, changed: &Function) -> Uuid {
    let same = current.code.sha256 == changed.code.sha256 && current.settings == changed.settings;
    if same {
        current.content_id
    } else {
        Uuid::new_v4()
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
    fn only_other_code_or_settings_are_other_contents() {
        let current = crate::testing::function("f", BTreeMap::new());
        let mut changed = current.clone();
        changed.code.blob = Uuid::new_v4();
        assert_eq!(content_id(&current, &changed), current.content_id);
        changed.code.sha256 = [1; 32];
        assert_ne!(content_id(&current, &changed), current.content_id);
        let mut described = current.clone();
        described.settings.description = "other".into();
        assert_ne!(content_id(&current, &described), current.content_id);
    }

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
