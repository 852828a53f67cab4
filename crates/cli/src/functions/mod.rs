//! `lambkin functions`: one file for each of its commands.

mod delete;
mod list;
mod show;

use std::process::ExitCode;

use crate::globals::Globals;

/// The commands below `functions`.
#[derive(Debug, clap::Subcommand)]
pub enum Functions {
    /// List all functions
    List,
    /// Show one function
    Show(show::Show),
    /// Delete a function
    Delete(delete::Delete),
}

impl Functions {
    pub(crate) async fn run(self, globals: &Globals) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => list::run(globals).await?,
            Self::Show(show) => show.run(globals).await?,
            Self::Delete(delete) => delete.run(globals).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
