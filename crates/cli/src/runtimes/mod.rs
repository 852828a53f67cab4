//! `lambkin runtimes`: one file for each of its commands.

mod install;
mod list;

use std::process::ExitCode;

use crate::globals::Globals;

/// The commands below `runtimes`.
#[derive(Debug, clap::Subcommand)]
pub enum Runtimes {
    /// List the interpreters that the server found
    List,
    /// Install the AWS SDKs that functions import without shipping, into the data folder
    Install(install::Install),
}

impl Runtimes {
    pub(crate) async fn run(self, globals: &Globals) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => list::run(globals).await?,
            Self::Install(install) => install.run(globals).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
