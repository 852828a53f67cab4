//! CreateFunction: a package and settings become a function, Pending at first.

use super::{Error, Inner, rules, settle};
use bytes::Bytes;
use lambkin_model::egress::Rules;
use lambkin_model::{Function, FunctionName, Settings, State, Tags, Version};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What a caller of CreateFunction decides; defaults are applied.
pub struct Create {
    /// Unique in the scope.
    pub name: FunctionName,
    /// What the owner sets.
    pub settings: Settings,
    /// A zip.
    pub package: Bytes,
    /// By key.
    pub tags: BTreeMap<String, String>,
    /// Also publish its first version, which is then what the caller gets back.
    pub publish: bool,
}

impl Inner {
    pub(super) async fn create(self: &Arc<Self>, request: Create) -> Result<Arc<Function>, Error> {
        let Create {
            name,
            settings,
            package,
            tags,
            publish,
        } = request;
        rules::check_memory(&settings)?;
        rules::check_snap_start(&settings)?;
        rules::check_runtime(&self.runtimes, settings.runtime, settings.memory_mb)?;
        let tags = Tags::new(tags)?;
        // The turn reserves the name: of several creates of one name the first to succeed wins.
        let _turn = self.turns.take(&name).await;
        if self.registry.get(&name).is_some() {
            return Err(Error::Exists);
        }
        let admitted = self.packages.admit(&name, package).await?;
        let function = Function {
            scope: self.scope.clone(),
            name,
            version: Version::Latest,
            content_id: Uuid::new_v4(),
            revision_id: Uuid::new_v4(),
            last_modified: crate::invocation::now(),
            state: State::Pending,
            last_update: None,
            code: admitted.code.clone(),
            settings,
            tags,
        };
        // A version is live as soon as it is shown.
        let name = function.name.clone();
        self.rules.insert(name.clone(), Rules::default());
        let (function, answer) = match self.write_row(function, None, publish).await {
            Ok(written) => written,
            Err(error) => {
                self.rules.remove(&name);
                admitted.reject(&self.store, &error).await;
                return Err(error);
            }
        };
        self.packages.keep(admitted);
        self.pools.foresee(&function);
        self.settle_soon(&name, settle::AFTER_CREATE);
        Ok(answer)
    }
}
