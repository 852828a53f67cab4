//! Start: reads all functions and puts right what a kill left.

use super::holders::Holders;
use super::package::Packages;
use super::registry::Registry;
use super::settle::settled;
use super::tasks::Tasks;
use super::turns::Turns;
use super::{Error, Functions, Inner};
use crate::code::Trees;
use crate::pool::Pools;
use crate::present_rules::PresentRules;
use crate::runtimes::Runtimes;
use lambkin_model::{Function, Limits, Scope};
use lambkin_store::Store;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Functions {
    /// Reads a scope's functions, their versions and network rules, settles what was acknowledged and not settled, and removes packages
    /// that no function names.
    pub(crate) async fn load(
        scope: Scope,
        limits: Limits,
        store: Store,
        trees: Arc<Trees>,
        pools: Arc<Pools>,
        rules: Arc<PresentRules>,
        runtimes: Runtimes,
    ) -> Result<Self, Error> {
        let mut functions = store.functions().all(&scope).await?;
        let versions = store.functions().versions(&scope).await?;
        let codes = || functions.iter().chain(&versions).map(|one| &one.code);
        let named: HashSet<_> = codes().map(|code| code.blob).collect();
        store.packages().sweep(&named).await?;
        let bytes_used = codes().map(|code| code.size_bytes).sum();
        let holders = Holders::of(codes().map(|code| code.blob));
        for function in &mut functions {
            settle_left_over(&store, function).await?;
        }
        load_rules(&store, &scope, &functions, &rules).await?;
        functions
            .iter()
            .for_each(|function| pools.foresee(function));
        let inner = Inner {
            packages: Packages::new(
                scope.clone(),
                store.clone(),
                trees,
                limits,
                bytes_used,
                holders,
            ),
            scope,
            store,
            runtimes,
            pools,
            registry: Registry::new(functions, versions),
            rules,
            turns: Turns::default(),
            tasks: Tasks::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

async fn load_rules(
    store: &Store,
    scope: &Scope,
    functions: &[Function],
    present: &PresentRules,
) -> Result<(), Error> {
    let mut kept: HashMap<_, _> = store.functions().egress(scope).await?.into_iter().collect();
    for function in functions {
        let rules = kept.remove(&function.name).unwrap_or_default();
        present.insert(function.name.clone(), rules);
    }
    Ok(())
}

async fn settle_left_over(store: &Store, function: &mut Function) -> Result<(), Error> {
    if let Some(settled) = settled(function) {
        store
            .functions()
            .replace(Arc::new(settled.clone()), function.revision_id)
            .await?;
        *function = settled;
    }
    Ok(())
}
