//! `lambkin functions delete NAME`.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::{bail, ensure};

use crate::globals::Globals;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Function
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Delete {
    pub(super) async fn run(self, globals: &Globals) -> anyhow::Result<()> {
        let client = globals.client()?;
        if !self.yes {
            confirm(&self.name)?;
        }
        // To delete a version that never was is no error of the server's.
        client.get_function_json(&self.name, None).await?;
        client.delete_function(&self.name).await?;
        let mut out = io::stdout();
        match globals.json() {
            true => writeln!(out, "{}", serde_json::json!({ "deleted": self.name }))?,
            false => writeln!(out, "{} is deleted", self.name)?,
        }
        Ok(())
    }
}

fn confirm(name: &str) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        bail!("deleting {name} needs --yes where nobody can be asked");
    }
    write!(
        io::stderr(),
        "Delete {name}, its code and its configuration? [y/N] "
    )?;
    let mut line = String::new();
    io::stdin().lock().take(64).read_line(&mut line)?;
    ensure!(
        matches!(line.trim(), "y" | "Y" | "yes"),
        "{name} was not deleted"
    );
    Ok(())
}
