//! Keeps deployed functions what their sources and templates say.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::terminal::{Style, Terminal};

use super::deploy::Deployer;
use super::plan::Plan;
use super::template::{Function, Place};
use super::watch::{Changes, Watch};

/// What the server has of a function.
#[derive(Clone, Debug)]
pub(super) enum Live {
    /// The package with this SHA-256, and the plan's configuration.
    Package(String),
    /// Not what was wanted, for this reason.
    Failed(String),
}

/// The functions that are kept up to date.
pub(super) struct Reloader<'a> {
    pub(super) dir: &'a Path,
    pub(super) place: Place,
    pub(super) plan: Plan,
    /// By function name.
    pub(super) states: BTreeMap<String, Live>,
    pub(super) deployer: &'a Deployer,
    pub(super) printer: Printer<'a>,
    pub(super) watch: Watch,
}

/// Watches all that a plan is made of.
pub(super) fn watch(plan: &Plan, deployer: &Deployer) -> anyhow::Result<Watch> {
    let mut watch = Watch::new()?;
    extend(&mut watch, plan, deployer)?;
    Ok(watch)
}

fn extend(watch: &mut Watch, plan: &Plan, deployer: &Deployer) -> anyhow::Result<()> {
    for file in &plan.files {
        watch.file(&file.path)?;
    }
    for function in &plan.functions {
        if let Some(tree) = deployer.packager.tree(function) {
            watch.tree(&tree)?;
        }
    }
    for path in plan.awaited() {
        watch.awaited(path)?;
    }
    Ok(())
}

impl Reloader<'_> {
    /// Runs until it is dropped, or stdout is closed.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        self.printer.watching()?;
        loop {
            let changes = match self.came_unseen() {
                Some(changes) => changes,
                None => self.watch.changes().await,
            };
            // Folders may be new: they are watched before they are packed, so that nothing slips through.
            extend(&mut self.watch, &self.plan, self.deployer)?;
            self.reload(&changes).await?;
        }
    }

    /// What was awaited and is there: it came between the look at it and the watch for it.
    fn came_unseen(&self) -> Option<Changes> {
        let came = self.plan.awaited().filter(|path| path.exists());
        let came: BTreeSet<PathBuf> = came.map(Path::to_owned).collect();
        (!came.is_empty()).then_some(Changes::Paths(came))
    }

    async fn reload(&mut self, changes: &Changes) -> anyhow::Result<()> {
        let noticed = Instant::now();
        let described = match self.is_template_among(changes) {
            true => self.plan_anew()?,
            false => Vec::new(),
        };
        let is_due = |function: &&Function| {
            described.contains(&function.name) || self.concerns(changes, function)
        };
        let due: Vec<Function> = self.plan.functions.iter().filter(is_due).cloned().collect();
        for function in due {
            let is_described_anew = described.contains(&function.name);
            self.deploy(&function, is_described_anew, noticed).await?;
        }
        Ok(())
    }

    /// Reads the templates; gives the names of the functions that they describe differently now.
    fn plan_anew(&mut self) -> anyhow::Result<Vec<String>> {
        let plan = match Plan::read(self.dir, &self.place) {
            Ok(plan) => plan,
            Err(error) => {
                let text = format_args!("{error:#}; the functions stay as they are");
                self.printer.terminal.fail(text);
                // The template's own next change is what counts.
                self.plan.await_nothing();
                return Ok(Vec::new());
            }
        };
        self.printer.plan(&plan, &self.plan);
        let old = std::mem::replace(&mut self.plan, plan);
        let is_new = |function: &&Function| !old.functions.contains(function);
        let names = self
            .plan
            .functions
            .iter()
            .filter(is_new)
            .map(|new| new.name.clone())
            .collect();
        extend(&mut self.watch, &self.plan, self.deployer)?;
        Ok(names)
    }

    async fn deploy(
        &mut self,
        function: &Function,
        is_described_anew: bool,
        noticed: Instant,
    ) -> anyhow::Result<()> {
        let known = self.states.get(&function.name);
        let deployed = match known {
            Some(Live::Package(sha256)) if !is_described_anew => {
                self.deployer.redeploy(function, sha256).await
            }
            _ => self.deployer.deploy(function).await.map(Some),
        };
        let live = match deployed {
            Ok(None) => return Ok(()),
            Ok(Some(deployed)) => {
                self.printer
                    .live(function, noticed.elapsed(), deployed.build)?;
                Live::Package(deployed.sha256)
            }
            Err(error) => {
                let reason = format!("{error:#}");
                // What failed in the same way before was told of already.
                if !matches!(known, Some(Live::Failed(told)) if *told == reason) {
                    self.printer.failed(function, &reason);
                }
                Live::Failed(reason)
            }
        };
        self.states.insert(function.name.clone(), live);
        Ok(())
    }

    fn is_template_among(&self, changes: &Changes) -> bool {
        match changes {
            Changes::Anything => true,
            Changes::Paths(paths) => self
                .plan
                .files
                .iter()
                .map(|file| file.path.as_path())
                .chain(self.plan.awaited())
                .any(|wanted| paths.iter().any(|path| wanted.starts_with(path))),
        }
    }

    fn concerns(&self, changes: &Changes, function: &Function) -> bool {
        let Some(tree) = self.deployer.packager.tree(function) else {
            return false;
        };
        match changes {
            Changes::Anything => true,
            Changes::Paths(paths) => paths
                .iter()
                .any(|path| tree.contains(path) || tree.root().starts_with(path)),
        }
    }
}

/// Where changes are told.
pub(super) struct Printer<'a> {
    pub(super) terminal: &'a Terminal,
    pub(super) as_json: bool,
}

impl Printer<'_> {
    fn watching(&self) -> io::Result<()> {
        match self.as_json {
            true => Ok(()),
            false => self.terminal.line("Watching for changes; Ctrl-C ends it."),
        }
    }

    /// Says what a new plan leaves out.
    fn plan(&self, new: &Plan, old: &Plan) {
        let is_gone = |old: &&Function| new.functions.iter().all(|new| new.name != old.name);
        for function in old.functions.iter().filter(is_gone) {
            self.terminal.warn(format_args!(
                "{0} is no longer in the template; it stays until `lambkin functions delete {0}`",
                function.name
            ));
        }
        new.warn(self.terminal);
        for rejected in &new.rejected {
            let runtime = rejected.runtime.as_deref();
            self.fail(
                &rejected.logical_id,
                runtime,
                "does not run",
                &rejected.reason,
            );
        }
    }

    fn live(&self, function: &Function, took: Duration, build: Option<String>) -> io::Result<()> {
        let (name, ms) = (&function.name, took.as_millis());
        if self.as_json {
            let ms = u64::try_from(ms).unwrap_or(u64::MAX);
            return self
                .terminal
                .line(serde_json::json!({"function": name, "live_after_ms": ms, "build": build}));
        }
        let build = build.map(|build| format!(", {build}")).unwrap_or_default();
        let name = self.terminal.paint(Style::Heading, name);
        self.terminal
            .line(format_args!("{name} is live after {ms} ms{build}"))
    }

    fn failed(&self, function: &Function, reason: &str) {
        self.fail(
            &function.logical_id,
            function.runtime.as_deref(),
            "was not updated",
            reason,
        );
    }

    fn fail(&self, logical_id: &str, runtime: Option<&str>, what: &str, reason: &str) {
        let runtime = runtime.unwrap_or("no runtime");
        self.terminal
            .fail(format_args!("{logical_id} ({runtime}) {what}: {reason}"));
    }
}
