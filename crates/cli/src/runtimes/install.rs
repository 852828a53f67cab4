//! `lambkin runtimes install [python|nodejs]`.

use std::io::Write;

use anyhow::Context;
use serde_json::json;

use crate::globals::Globals;
use crate::sdk::Sdk;
use crate::terminal::Terminal;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Install {
    /// Languages whose SDK is installed [default: all]
    #[arg(value_enum)]
    languages: Vec<Sdk>,
}

impl Install {
    pub(super) async fn run(self, globals: &Globals) -> anyhow::Result<()> {
        let terminal = Terminal::new(globals);
        let data_dir = globals.data_dir();
        let languages = match self.languages.is_empty() {
            true => Sdk::ALL.to_vec(),
            false => self.languages,
        };
        for sdk in languages {
            let busy = terminal.busy(format!("Installing the AWS SDK for {}", sdk.name()));
            let tree = sdk.install(data_dir).await;
            drop(busy);
            let tree =
                tree.with_context(|| format!("the AWS SDK for {} was not installed", sdk.name()))?;
            let path = tree.display();
            match globals.json() {
                true => writeln!(
                    std::io::stdout(),
                    "{}",
                    json!({"language": sdk.name(), "path": path.to_string()})
                )?,
                false => writeln!(std::io::stdout(), "{path}")?,
            }
        }
        Ok(())
    }
}
