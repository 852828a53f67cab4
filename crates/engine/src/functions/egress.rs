//! Network rules of a function: not a part of its configuration, so neither revision nor environments change.

use super::{Error, Inner};
use lambkin_model::FunctionName;
use lambkin_model::egress::{Action, EditError, Rules, Target};
use std::sync::Arc;

/// A change of a function's rules. It is made whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgressEdit {
    /// Rules of one action more; a target that had the other action changes it.
    Add(Action, Vec<Target>),
    /// Without the rules of these targets, which must be there.
    Remove(Vec<Target>),
    /// Without rules.
    Reset,
}

impl Inner {
    pub(super) async fn edit_egress(
        &self,
        name: &FunctionName,
        edit: EgressEdit,
    ) -> Result<Arc<Rules>, Error> {
        let _turn = self.turns.take(name).await;
        let present = self.rules.find(name).ok_or(Error::NotFound)?;
        let rules = Arc::new(edit.of(&present.now())?);
        self.store
            .functions()
            .set_egress(&self.scope, name, &rules)
            .await?;
        present.set(Arc::clone(&rules));
        Ok(rules)
    }
}

impl EgressEdit {
    fn of(&self, rules: &Rules) -> Result<Rules, EditError> {
        match self {
            Self::Add(action, targets) => rules.with(*action, targets),
            Self::Remove(targets) => rules.without(targets),
            Self::Reset => Ok(Rules::default()),
        }
    }
}
