//! Every setting of the server: its key in the file, its variable, its flag, its unit, its default and its bounds.
//!
//! Owns: the one table of settings and how they override each other: defaults, then the file, then
//! `LAMBKIN_<KEY>`, then flags. Refuses: unknown keys, numbers out of their bounds, and what a setting means (the parts
//! themselves).

mod bounds;
mod snap_start;
mod swap;

use anyhow::{Context, bail, ensure};
use bounds::Bounds;
use lambkin_model::{AccountId, PriceTable, Region};
use serde::Deserialize;
use snap_start::SnapStart;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use swap::Swap;

/// Files that are read when `--config` names none; the first that exists counts.
const FILES: [&str; 2] = ["lambkin.toml", "/etc/lambkin/lambkin.toml"];

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $key:ident, $variable:literal, $value:literal: $type:ty = $default:expr, $shown:literal
        $(, $least:literal to $most:literal because $reason:literal)?;)*) => {
        /// What the command line and the environment set.
        #[derive(clap::Args, Debug, Default)]
        pub(crate) struct Flags {
            /// Settings file [default: ./lambkin.toml, then /etc/lambkin/lambkin.toml]
            #[arg(long, value_name = "FILE", env = "LAMBKIN_CONFIG", hide_env_values = true)]
            pub(crate) config: Option<PathBuf>,
            /// End in order when stdin, a pipe, has no writer any more: `lambkin dev` holds its other end.
            #[arg(long, hide = true)]
            pub(crate) until_stdin_ends: bool,
            $(
                #[arg(long, value_name = $value, env = $variable, hide_env_values = true,
                      num_args = if $value == "BOOL" { 0..=1 } else { 1..=1 },
                      default_missing_value = "true",
                      help = concat!($($doc,)+ " [default: ", $shown, "]"))]
                $key: Option<$type>,
            )*
        }

        /// All settings of one server.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct Settings {
            $($(#[doc = $doc])+ pub(crate) $key: $type,)*
            /// Interpreters besides those that are found.
            pub(crate) runtimes: Vec<ConfiguredRuntime>,
            /// Prices of the ledger; AWS's public table unless set.
            pub(crate) prices: PriceTable,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($key: $default,)* runtimes: Vec::new(), prices: PriceTable::default() }
            }
        }

        impl Settings {
            fn override_with(&mut self, flags: &Flags) {
                $(if let Some(value) = &flags.$key { self.$key = value.clone(); })*
            }

            fn check_bounds(&self) -> anyhow::Result<()> {
                $($(Bounds { key: stringify!($key), least: $least, most: $most, reason: $reason }.check(self.$key)?;)?)*
                Ok(())
            }
        }

        /// Key, variable, default, bounds (none: empty) and meaning of every setting, for the documentation.
        #[cfg(test)]
        const TABLE: &[[&str; 5]] = &[$([
            stringify!($key), $variable, $shown,
            concat!($(stringify!($least), " to ", stringify!($most))?), concat!($($doc,)+),
        ],)*];
    };
}

settings! {
    /// Address and port to listen on
    listen, "LAMBKIN_LISTEN", "ADDR:PORT": SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9550)), "127.0.0.1:9550";
    /// Folder that keeps functions, usage and logs
    data_dir, "LAMBKIN_DATA_DIR", "DIR": PathBuf = PathBuf::from(".lambkin"), ".lambkin";
    /// Key that seals code and variables; never inside the data folder
    master_key_file, "LAMBKIN_MASTER_KEY_FILE", "FILE": OptionalPath = OptionalPath(None), "/etc/lambkin/master.key as root, else ~/.config/lambkin/master.key";
    /// User (name or number) to become when started as root
    user, "LAMBKIN_USER", "USER": String = "lambkin".to_owned(), "lambkin, or number 9550 where no such user exists";
    /// Host names that requests may address besides the loopback ones, separated by commas
    allow_host, "LAMBKIN_ALLOW_HOST", "NAME": Hosts = Hosts::default(), "none";
    /// Let functions reach this server's API, as lambkin.internal and the port of `listen`; calls are signed as ever
    allow_api_from_functions, "LAMBKIN_ALLOW_API_FROM_FUNCTIONS", "BOOL": bool = false, "false";
    /// Let functions send UDP out, too, as AWS does; their rules hold for it as for TCP
    egress_udp, "LAMBKIN_EGRESS_UDP", "BOOL": bool = false, "false";
    /// Refuse to start unless every part of the isolation is there
    production, "LAMBKIN_PRODUCTION", "BOOL": bool = false, "false";
    /// Account number, twelve digits
    account_id, "LAMBKIN_ACCOUNT_ID", "DIGITS": Account = Account::default(), "000000000000";
    /// Region that the server is
    region, "LAMBKIN_REGION", "REGION": RegionName = RegionName::default(), "us-east-1";
    /// Access key id of the root pair; set it together with the secret
    root_access_key_id, "LAMBKIN_ROOT_ACCESS_KEY_ID", "KEY": String = String::new(), "made at the first start";
    /// Secret access key of the root pair; better set by the variable, which other users cannot read
    root_secret_access_key, "LAMBKIN_ROOT_SECRET_ACCESS_KEY", "SECRET": Secret = Secret::default(), "made at the first start";
    /// Use the nearest installed interpreter where the version asked for is missing
    allow_nearest_runtime, "LAMBKIN_ALLOW_NEAREST_RUNTIME", "BOOL": bool = false, "false";
    /// Invokes that run at once, over all functions; one more is answered 429
    concurrency, "LAMBKIN_CONCURRENCY", "COUNT": u32 = 1_000, "1000",
        1 to 1048576 because "one environment serves one invoke, and there are no more environments than user numbers";
    /// Memory in MiB that environments leave free, on the machine and in each control group around Lambkin that has a limit; below it what rests makes room, and then invokes that no environment will serve within a second are answered 429
    memory_reserve_mib, "LAMBKIN_MEMORY_RESERVE_MIB", "MIB": u64 = 512, "512",
        0 to 16777216 because "16 TiB are more than a machine has";
    /// Swap that takes the pages of idle environments when memory is short: `zram`, which is memory; `any`, where code and variables may get on a disk unsealed; or `off`
    swap, "LAMBKIN_SWAP", "off|zram|any": Swap = Swap::Zram, "zram";
    /// Seconds after which an idle environment ends
    idle_timeout_s, "LAMBKIN_IDLE_TIMEOUT_S", "SECONDS": u64 = 300, "300",
        0 to 31536000 because "a year is for ever";
    /// Memory in MiB for sandboxes and interpreters that are started before they are needed; 0 is none
    pool_memory_mib, "LAMBKIN_POOL_MEMORY_MIB", "MIB": OptionalMib = OptionalMib(None), "a twentieth of the machine's",
        0 to 16777216 because "16 TiB are more than a machine has";
    /// Of functions with SnapStart, load once and clone for each environment: their published versions, `latest` for `$LATEST` as well, or `off` for none
    snap_start, "LAMBKIN_SNAP_START", "off|published|latest": SnapStart = SnapStart::Published, "published";
    /// Unpacked code kept in memory, in MiB, of 3,584 packages at most; least recently used goes first
    code_cache_mib, "LAMBKIN_CODE_CACHE_MIB", "MIB": u64 = 1_024, "1024",
        0 to 16777216 because "16 TiB are more than a machine has";
    /// Log kept for one function, in MiB; the oldest goes first
    log_function_mib, "LAMBKIN_LOG_FUNCTION_MIB", "MIB": u64 = 64, "64",
        1 to 16777216 because "a log of nothing keeps no line, and 16 TiB are more than a disk for logs has";
    /// Log kept for all functions, in MiB; the oldest goes first
    log_total_mib, "LAMBKIN_LOG_TOTAL_MIB", "MIB": u64 = 1_024, "1024",
        1 to 16777216 because "a log of nothing keeps no line, and 16 TiB are more than a disk for logs has";
    /// Open connections, at most what the limit of open files leaves; one more takes the place of a client that signed nothing
    connections_max, "LAMBKIN_CONNECTIONS_MAX", "COUNT": usize = 12_000, "12000",
        1 to 1048576 because "with none nobody is served, and a million is the kernel's limit of open files";
    /// Bytes of a request's head
    head_bytes_max, "LAMBKIN_HEAD_BYTES_MAX", "BYTES": usize = 65_536, "65536",
        8192 to 1048576 because "less is no buffer that a head is read into, and more only lets strangers fill the memory";
    /// Header lines of a request
    head_lines_max, "LAMBKIN_HEAD_LINES_MAX", "COUNT": usize = 100, "100",
        32 to 4096 because "AWS's clients send up to two dozen lines, and room for all is kept per request";
    /// Seconds for a request's head, and the longest a connection idles between two requests
    head_timeout_s, "LAMBKIN_HEAD_TIMEOUT_S", "SECONDS": u64 = 10, "10",
        1 to 3600 because "in no time nobody is served, and a client that is silent for an hour is gone";
    /// Requests at once on one HTTP/2 connection
    streams_max, "LAMBKIN_STREAMS_MAX", "COUNT": u32 = 128, "128",
        1 to 65536 because "with none nobody is served over HTTP/2, and each takes memory";
    /// Seconds between two pieces of a request's body
    body_gap_timeout_s, "LAMBKIN_BODY_GAP_TIMEOUT_S", "SECONDS": u64 = 20, "20",
        1 to 3600 because "in no time nobody is served, and a client that is silent for an hour is gone";
    /// Seconds for a whole request body
    body_timeout_s, "LAMBKIN_BODY_TIMEOUT_S", "SECONDS": u64 = 300, "300",
        1 to 86400 because "in no time nobody is served, and no body takes a day";
    /// Request bodies in memory at once, in MiB; none may be larger than what it leaves free
    bodies_mib_max, "LAMBKIN_BODIES_MIB_MAX", "MIB": usize = 512, "512",
        8 to 16777216 because "an invoke's body has up to 6 MB, and 16 TiB are more than a machine has";
    /// Clients that follow logs at once
    log_followers_max, "LAMBKIN_LOG_FOLLOWERS_MAX", "COUNT": usize = 64, "64",
        0 to 1048576 because "each holds a connection";
    /// Seconds that a presigned code location stays valid
    code_location_timeout_s, "LAMBKIN_CODE_LOCATION_TIMEOUT_S", "SECONDS": u64 = 600, "600",
        1 to 604800 because "an address that is over at once is of no use, and AWS signs for seven days at most";
    /// Seconds that running requests get to finish at shutdown
    drain_timeout_s, "LAMBKIN_DRAIN_TIMEOUT_S", "SECONDS": u64 = 15, "15",
        0 to 86400 because "no invoke takes a day";
    /// First of the host user numbers that environments run under, when started as root
    sandbox_uid_first, "LAMBKIN_SANDBOX_UID_FIRST", "UID": u32 = 1_879_048_192, "1879048192",
        65536 to 4294967294 because "the numbers below are those of the machine's own users, and the last is none";
    /// How many host user numbers environments get: the most environments at once
    sandbox_uids, "LAMBKIN_SANDBOX_UIDS", "COUNT": u32 = 65_536, "65536",
        1 to 1048576 because "each takes memory, also of those that no environment uses yet";
}

impl Settings {
    /// Reads the file, then lets the environment and the flags override it.
    pub(crate) fn load(flags: &Flags) -> anyhow::Result<Self> {
        let mut settings = match file(flags)? {
            Some(path) => read(&path)?,
            None => Self::default(),
        };
        settings.override_with(flags);
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.root_access_key_id.is_empty() != self.root_secret_access_key.0.is_empty() {
            bail!(
                "root_access_key_id and root_secret_access_key go together; set both (LAMBKIN_ROOT_ACCESS_KEY_ID, LAMBKIN_ROOT_SECRET_ACCESS_KEY) or neither"
            );
        }
        self.check_bounds()?;
        let last = u64::from(self.sandbox_uid_first) + u64::from(self.sandbox_uids) - 1;
        ensure!(
            last < u64::from(u32::MAX),
            "sandbox_uids is {}, from sandbox_uid_first {} on up to {last}; the last user number is {}: set one lower",
            self.sandbox_uids,
            self.sandbox_uid_first,
            u32::MAX - 1
        );
        if lambkin_sandbox::is_root() {
            crate::user::check_apart(&self.user, &self.sandbox_users())?;
        }
        Ok(())
    }

    /// The host user numbers that environments run under.
    pub(crate) fn sandbox_users(&self) -> std::ops::Range<u32> {
        // Checked not to pass the last.
        self.sandbox_uid_first..self.sandbox_uid_first.saturating_add(self.sandbox_uids)
    }
}

fn file(flags: &Flags) -> anyhow::Result<Option<PathBuf>> {
    match &flags.config {
        Some(path) if path.exists() => Ok(Some(path.clone())),
        Some(path) => bail!("there is no settings file {}", path.display()),
        None => Ok(FILES.iter().map(PathBuf::from).find(|path| path.exists())),
    }
}

fn read(path: &Path) -> anyhow::Result<Settings> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text)
        .with_context(|| format!("{} holds a setting that is not understood", path.display()))
}

/// An interpreter that the operator names: `[[runtimes]]` with `name` and `path`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfiguredRuntime {
    /// AWS's identifier, for instance `python3.12`.
    pub(crate) name: String,
    /// The interpreter.
    pub(crate) path: PathBuf,
}

/// A path that may be left to its default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct OptionalPath(pub(crate) Option<PathBuf>);

impl std::str::FromStr for OptionalPath {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Some(PathBuf::from(text))))
    }
}

/// A size that may be left to its default.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct OptionalMib(pub(crate) Option<u64>);

impl std::str::FromStr for OptionalMib {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|mib| Self(Some(mib)))
    }
}

/// Host names, separated by commas in a flag or variable.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hosts(pub(crate) Vec<String>);

impl std::str::FromStr for Hosts {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        Ok(Self(names.map(str::to_owned).collect()))
    }
}

/// The account number.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Account(pub(crate) AccountId);

/// The region's name.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RegionName(pub(crate) Region);

macro_rules! parsed {
    ($outer:ident, $inner:ident, $default:literal, $hint:literal) => {
        impl std::str::FromStr for $outer {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $inner::new(text)
                    .map(Self)
                    .ok_or_else(|| format!("{text:?} is not {}", $hint))
            }
        }

        impl TryFrom<String> for $outer {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl Default for $outer {
            fn default() -> Self {
                #[allow(clippy::unwrap_used, reason = "a literal that a test parses")]
                $default.parse().unwrap()
            }
        }
    };
}

parsed!(
    Account,
    AccountId,
    "000000000000",
    "an account number of twelve digits"
);
parsed!(
    RegionName,
    Region,
    "us-east-1",
    "a region such as us-east-1"
);

/// A value that is never printed.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) String);

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests;
