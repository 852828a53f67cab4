//! What a folder's templates ask for, together.

use std::collections::BTreeSet;
use std::path::Path;

use crate::sdk::Sdk;
use crate::terminal::Terminal;

use super::template::{self, Function, Place, Rejected, Template, TemplateFile};

/// The functions of all templates of a folder.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) files: Vec<TemplateFile>,
    pub(super) functions: Vec<Function>,
    pub(super) rejected: Vec<Rejected>,
    not_understood: Vec<(String, Vec<String>)>,
}

impl Plan {
    pub(super) fn read(dir: &Path, place: &Place) -> anyhow::Result<Self> {
        let mut plan = Self {
            files: template::find(dir)?,
            ..Self::default()
        };
        for file in &plan.files {
            let template = Template::read(file, place)?;
            plan.functions.extend(template.functions);
            plan.rejected.extend(template.rejected);
            if !template.not_understood.is_empty() {
                plan.not_understood
                    .push((file.path.display().to_string(), template.not_understood));
            }
        }
        plan.reject_doubles();
        Ok(plan)
    }

    /// Two functions of one name would overwrite each other.
    fn reject_doubles(&mut self) {
        let mut names = BTreeSet::new();
        let is_double = |function: &mut Function| !names.insert(function.name.clone());
        let doubles = self.functions.extract_if(.., is_double);
        self.rejected.extend(doubles.map(|function| Rejected {
            reason: format!("another function has the name {} already", function.name),
            logical_id: function.logical_id,
            runtime: function.runtime,
            awaits: None,
        }));
    }

    /// What functions that are rejected for now can be deployed with once it exists.
    pub(super) fn awaited(&self) -> impl Iterator<Item = &Path> {
        self.rejected.iter().filter_map(|one| one.awaits.as_deref())
    }

    pub(super) fn await_nothing(&mut self) {
        for rejected in &mut self.rejected {
            rejected.awaits = None;
        }
    }

    /// Says what has no effect.
    pub(super) fn warn(&self, terminal: &Terminal) {
        for (path, names) in &self.not_understood {
            let names = names.join("\n  ");
            terminal.warn(format_args!(
                "not understood, without effect, in {path}:\n  {names}"
            ));
        }
        for file in self.files.iter().filter(|file| file.is_built) {
            terminal.warn(format_args!(
                "{} is used as `sam build` made it; run `sam build` again after a change",
                file.path.display()
            ));
        }
    }

    /// The SDKs that the functions' runtimes bring.
    pub(super) fn sdks(&self) -> BTreeSet<Sdk> {
        let runtimes = self
            .functions
            .iter()
            .filter_map(|function| function.runtime.as_deref());
        runtimes.filter_map(Sdk::of_runtime).collect()
    }
}
