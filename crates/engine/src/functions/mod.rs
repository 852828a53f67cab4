//! The control plane of functions: create, read, update, publish, delete, tag, network rules. One verb per file.
//!
//! Owns: what each verb means, in which order its steps become durable, and the two views of a function
//! that readers get from memory: the control plane's, and the live one that invokes run.
//! Refuses: wire shapes and status codes (`api`), how rows and packages are kept (`store`).
//!
//! ```text
//! create:  package durable -> row Pending durable -> answered -> settled: Active, live
//! update:  (package) -> row InProgress durable -> answered -> settled: Successful, live; old environments end
//! publish: rows of version and function durable -> live -> answered
//! delete:  row gone -> not live, counts no more -> environments end -> package gone
//! ```
//! A kill between two steps leaves at most a package without a row, or a row to settle; both are put
//! right at the next start. Verbs on one name take turns; verbs on different names share no lock
//! across I/O. A verb once begun runs to its end even if its caller goes away.

mod code_storage;
mod create;
mod delete;
mod egress;
mod error;
mod holders;
mod load;
mod logging;
mod package;
mod publish;
mod registry;
mod rules;
mod settle;
mod tag;
mod tasks;
mod turns;
mod update;
mod update_code;
mod update_configuration;

pub use create::Create;
pub use egress::EgressEdit;
pub use error::Error;
pub use logging::{LevelOfText, LoggingUpdate};
pub use publish::Publish;
pub use update_code::UpdateCode;
pub use update_configuration::Update;

use crate::pool::Pools;
use crate::present_rules::PresentRules;
use crate::runtimes::Runtimes;
use bytes::Bytes;
use lambkin_model::egress::Rules;
use lambkin_model::{Function, FunctionName, Limits, Qualifier, Scope, Version};
use lambkin_store::Store;
use package::Packages;
use registry::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;
use tasks::Tasks;
use turns::Turns;
use uuid::Uuid;

/// All functions of one scope. Cheap to clone.
#[derive(Clone)]
pub struct Functions {
    inner: Arc<Inner>,
}

/// What the verbs work on.
struct Inner {
    scope: Scope,
    store: Store,
    runtimes: Runtimes,
    packages: Packages,
    pools: Arc<Pools>,
    registry: Registry,
    rules: Arc<PresentRules>,
    turns: Turns,
    tasks: Tasks,
}

/// What an invoke finds under a name.
pub(crate) enum Lookup {
    /// `Arc::ptr_eq` tells generations apart: any change that invokes can notice makes a new `Arc`.
    Live(Arc<Function>),
    /// It was never Active.
    NotActive(lambkin_model::State),
}

impl Functions {
    /// Makes a function of a package; it, or its first version, is Pending in the answer and Active a moment later.
    pub async fn create(&self, request: Create) -> Result<Arc<Function>, Error> {
        self.to_the_end(|inner| async move { inner.create(request).await })
            .await
    }

    /// A function as the control plane shows it. Never waits.
    pub fn get(&self, name: &FunctionName) -> Option<Arc<Function>> {
        self.inner.registry.get(name)
    }

    /// The version of a function that a qualifier means; none is `$LATEST`. Never waits.
    pub fn find(
        &self,
        name: &FunctionName,
        qualifier: Option<&Qualifier>,
    ) -> Option<Arc<Function>> {
        match qualifier {
            None | Some(Qualifier::Latest) => self.inner.registry.get(name),
            Some(Qualifier::Version(number)) => self.inner.registry.version(name, *number),
            // There are none yet.
            Some(Qualifier::Alias(_)) => None,
        }
    }

    /// Up to `limit` functions by name, those after `after`.
    pub fn page(&self, after: Option<&FunctionName>, limit: usize) -> Vec<Arc<Function>> {
        self.inner.registry.page(after, limit)
    }

    /// Up to `limit` versions by function and version, `$LATEST` first, those after `after`.
    pub fn page_all(
        &self,
        after: Option<(&FunctionName, Version)>,
        limit: usize,
    ) -> Vec<Arc<Function>> {
        self.inner.registry.page_all(after, limit)
    }

    /// Up to `limit` versions of a function, `$LATEST` first, those after `after`; `None` without such a function.
    pub fn versions(
        &self,
        name: &FunctionName,
        after: Option<Version>,
        limit: usize,
    ) -> Option<Vec<Arc<Function>>> {
        self.inner.registry.versions(name, after, limit)
    }

    /// Publishes a version of the function as it is, or gives the last one if nothing has changed since.
    pub async fn publish(
        &self,
        name: &FunctionName,
        request: Publish,
    ) -> Result<Arc<Function>, Error> {
        let name = name.clone();
        self.to_the_end(|inner| async move { inner.publish(&name, request).await })
            .await
    }

    /// Changes the configuration; invokes run the old one until the update is Successful.
    pub async fn update_configuration(
        &self,
        name: &FunctionName,
        update: Update,
    ) -> Result<Arc<Function>, Error> {
        let name = name.clone();
        self.to_the_end(|inner| async move { inner.update_configuration(&name, update).await })
            .await
    }

    /// Replaces the package; invokes run the old one until the update is Successful.
    pub async fn update_code(
        &self,
        name: &FunctionName,
        update: UpdateCode,
    ) -> Result<Arc<Function>, Error> {
        let name = name.clone();
        self.to_the_end(|inner| async move { inner.update_code(&name, update).await })
            .await
    }

    /// Removes one version of a function; one that is not there is forgiven.
    pub async fn delete_version(&self, name: &FunctionName, number: u64) -> Result<(), Error> {
        let name = name.clone();
        self.to_the_end(|inner| async move { inner.delete_version(&name, number).await })
            .await
    }

    /// Removes a function with its versions and packages.
    pub async fn delete(&self, name: &FunctionName) -> Result<(), Error> {
        let name = name.clone();
        self.to_the_end(|inner| async move { inner.delete(&name).await })
            .await
    }

    /// Adds tags or replaces their values.
    pub async fn tag(
        &self,
        name: &FunctionName,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let name = name.clone();
        self.to_the_end(|inner| async move { inner.tag(&name, tags).await })
            .await
    }

    /// Removes tags; those that are not there are forgiven.
    pub async fn untag(&self, name: &FunctionName, keys: Vec<String>) -> Result<(), Error> {
        let name = name.clone();
        self.to_the_end(|inner| async move { inner.untag(&name, &keys).await })
            .await
    }

    /// The network rules of a function. Never waits.
    pub fn egress(&self, name: &FunctionName) -> Option<Arc<Rules>> {
        Some(self.inner.rules.find(name)?.now())
    }

    /// Changes the network rules of a function, of all its versions; in force for running environments
    /// when this returns. Connections that are open stay.
    pub async fn edit_egress(
        &self,
        name: &FunctionName,
        edit: EgressEdit,
    ) -> Result<Arc<Rules>, Error> {
        let name = name.clone();
        self.to_the_end(|inner| async move { inner.edit_egress(&name, edit).await })
            .await
    }

    /// A version of a function that has the package of this identity.
    pub fn with_package(&self, name: &FunctionName, blob: &str) -> Option<Arc<Function>> {
        let blob = Uuid::try_parse(blob).ok()?;
        self.inner.registry.with_package(name, blob)
    }

    /// The package as it was uploaded.
    pub async fn package(&self, function: &Function) -> Result<Bytes, Error> {
        self.inner.packages.get(function).await
    }

    /// How many functions there are, and the bytes of their packages.
    pub fn totals(&self) -> (u64, u64) {
        (
            self.inner.registry.count(),
            self.inner.packages.bytes_used(),
        )
    }

    /// The account's limits.
    pub fn limits(&self) -> &Limits {
        self.inner.packages.limits()
    }

    /// What invokes run: of `$LATEST`, the configuration that settled last. Never waits.
    pub(crate) fn live(&self, name: &FunctionName, version: Version) -> Option<Lookup> {
        self.inner.registry.live(name, version)
    }

    /// Resolves when every verb that was begun has ended; nothing new may be begun.
    pub(crate) async fn close(&self) {
        self.inner.tasks.close().await;
    }

    /// Runs a verb in a task of its own: half a verb must not be left when a client hangs up.
    async fn to_the_end<T, V>(&self, verb: impl FnOnce(Arc<Inner>) -> V) -> Result<T, Error>
    where
        T: Send + 'static,
        V: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let ended = self.inner.tasks.spawn(verb(Arc::clone(&self.inner))).await;
        ended.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
    }
}
