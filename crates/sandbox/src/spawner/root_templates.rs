//! The templates of roots that are in use, each built once and kept attached for cloning.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::CWD;
use rustix::mount::{UnmountFlags, unmount};

use crate::failure::{Failure, at};
use crate::linux::{mounts, root_template};
use crate::spec::Root;

/// Runtimes in use at a time; the one used longest ago gives way. Each is some 25 mounts.
const TEMPLATES_MAX: usize = 64;

struct Template {
    root: Root,
    path: PathBuf,
    used: u64,
}

pub(super) struct RootTemplates {
    folder: PathBuf,
    templates: Vec<Template>,
    clock: u64,
}

impl RootTemplates {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            templates: Vec::new(),
            clock: 0,
        }
    }

    /// A copy of the root, attached nowhere. The first for a value takes some milliseconds longer.
    pub(super) fn copy(&mut self, root: &Root) -> Result<OwnedFd, Failure> {
        self.clock += 1;
        let index = match self
            .templates
            .iter()
            .position(|template| template.root == *root)
        {
            Some(index) => index,
            None => self.build(root)?,
        };
        let template = &mut self.templates[index];
        template.used = self.clock;
        mounts::clone_tree(CWD, &template.path).map_err(at("copy a root"))
    }

    fn build(&mut self, root: &Root) -> Result<usize, Failure> {
        if self.templates.len() >= TEMPLATES_MAX {
            self.forget_oldest();
        }
        let path = self.folder.join(self.clock.to_string());
        fs::create_dir_all(&path).map_err(at("make the place of a root"))?;
        if let Err(failure) = root_template::build(root, &path) {
            discard(&path);
            return Err(failure);
        }
        self.templates.push(Template {
            root: root.clone(),
            path,
            used: self.clock,
        });
        Ok(self.templates.len() - 1)
    }

    fn forget_oldest(&mut self) {
        let oldest = (0..self.templates.len()).min_by_key(|&index| self.templates[index].used);
        if let Some(index) = oldest {
            discard(&self.templates.swap_remove(index).path);
        }
    }
}

/// Copies in use keep what they need. What cannot be removed goes with the name space.
fn discard(path: &PathBuf) {
    let _ = unmount(path, UnmountFlags::DETACH);
    let _ = fs::remove_dir(path);
}
