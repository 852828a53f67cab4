//! Options that every command takes.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, FromArgMatches, ValueEnum};

use crate::client::Client;
use crate::credentials::{self, Keys};
use crate::endpoint::Endpoint;

const HEADING: &str = "Common options";
const DATA_DIR: &str = ".lambkin";

/// Which server, with which keys, and how to print.
#[derive(clap::Args, Debug)]
pub struct Globals {
    /// Server to speak with [default: AWS_ENDPOINT_URL_LAMBDA, AWS_ENDPOINT_URL, then http://127.0.0.1:9550]
    #[arg(long, global = true, value_name = "URL", help_heading = HEADING)]
    endpoint: Option<String>,
    /// Profile of ~/.aws/credentials whose keys are used [default: the AWS_ variables, then the data folder's]
    #[arg(long, global = true, value_name = "NAME", help_heading = HEADING)]
    profile: Option<String>,
    #[command(flatten)]
    region: Region,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t, help_heading = HEADING)]
    output: Output,
    /// Folder of the server's data, where its keys are [default: .lambkin]
    #[arg(long, global = true, value_name = "DIR", env = "LAMBKIN_DATA_DIR",
          hide_env_values = true, help_heading = HEADING)]
    data_dir: Option<PathBuf>,
    /// When to colour; NO_COLOR turns `auto` off
    #[arg(long, global = true, value_enum, default_value_t, help_heading = HEADING)]
    color: Color,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Globals {
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let endpoint = Endpoint::resolve(self.endpoint.as_deref())?;
        let keys = credentials::resolve(self.profile.as_deref(), self.data_dir())?;
        let region = self.region(&keys);
        Ok(Client::new(endpoint, keys, region))
    }

    fn region(&self, keys: &Keys) -> String {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        (self.region.0.clone())
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .or_else(|| keys.region.clone())
            .unwrap_or_else(|| "us-east-1".to_owned())
    }

    /// `--region` alone.
    pub(crate) fn region_flag(&self) -> Option<&str> {
        self.region.0.as_deref()
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data_dir.as_deref().unwrap_or(Path::new(DATA_DIR))
    }

    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }

    pub(crate) fn color(&self) -> Color {
        self.color
    }
}

/// `--region`. `serve` has an option of the same name and its own type, whose value clap also hands to
/// us; so it is read as it was typed.
#[derive(Debug)]
struct Region(Option<String>);

impl clap::Args for Region {
    fn augment_args(line: clap::Command) -> clap::Command {
        line.arg(
            Arg::new("region")
                .long("region")
                .global(true)
                .value_name("REGION")
                .help_heading(HEADING)
                .help("Region that calls are signed for [default: AWS_REGION, AWS_DEFAULT_REGION, then us-east-1]"),
        )
    }

    fn augment_args_for_update(line: clap::Command) -> clap::Command {
        Self::augment_args(line)
    }
}

impl FromArgMatches for Region {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = matches
            .get_raw("region")
            .and_then(|mut values| values.next());
        Ok(Self(
            typed.map(|region| region.to_string_lossy().into_owned()),
        ))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        globals: Globals,
        #[command(subcommand)]
        command: Whole,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Whole {
        /// As the binary's own: it has options with the names of ours.
        Serve {
            #[arg(long)]
            region: Option<Numbered>,
            #[arg(long)]
            data_dir: Option<PathBuf>,
        },
        #[command(flatten)]
        Client(crate::Command),
    }

    #[derive(Clone, Debug)]
    struct Numbered;

    impl std::str::FromStr for Numbered {
        type Err = std::convert::Infallible;

        fn from_str(_: &str) -> Result<Self, Self::Err> {
            Ok(Self)
        }
    }

    #[test]
    fn the_whole_line_is_sound() {
        <Line as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn options_stand_before_and_behind_the_command() {
        for line in [
            "lambkin --output json ledger",
            "lambkin ledger --output json",
        ] {
            let line = Line::parse_from(line.split(' '));
            assert!(line.globals.json());
        }
        let line = "lambkin functions list --endpoint http://localhost:1 --region eu-west-1";
        let line = Line::parse_from(line.split(' '));
        assert_eq!(line.globals.endpoint.as_deref(), Some("http://localhost:1"));
        assert_eq!(line.globals.region.0.as_deref(), Some("eu-west-1"));
        assert!(matches!(
            line.command,
            Whole::Client(crate::Command::Functions(_))
        ));
    }

    #[test]
    fn the_servers_own_options_do_not_collide_with_ours() {
        let line = Line::parse_from("lambkin serve --region eu-west-1 --data-dir d".split(' '));
        assert_eq!(line.globals.data_dir(), Path::new("d"));
        let Whole::Serve { region, data_dir } = line.command else {
            panic!("not serve")
        };
        assert!(region.is_some() && data_dir.is_some());
    }
}
