//! The machine's resolvers, as resolv.conf names them: read anew when it changes.

use std::fs::Metadata;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// As many as the C library asks.
const SERVERS_MAX: usize = 3;
const PORT: u16 = 53;
/// More is not read: nobody has a longer one.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// The C library's bounds of what the file may set.
const TIMEOUT_S_MAX: u64 = 30;
const ATTEMPTS_MAX: u32 = 5;

/// Who is asked, and how patiently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolvers {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
}

impl Resolvers {
    /// Reads the text of a resolv.conf; what is not understood is skipped, as everybody does.
    fn parse(text: &str) -> Self {
        let mut found = Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if found.servers.len() < SERVERS_MAX => {
                    found.servers.extend(words.next().and_then(server));
                }
                Some("options") => words.for_each(|word| found.option(word)),
                _ => {}
            }
        }
        if found.servers.is_empty() {
            found.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        found
    }

    fn option(&mut self, word: &str) {
        match word.split_once(':') {
            Some(("timeout", seconds)) => {
                if let Ok(seconds @ 1..) = seconds.parse::<u64>() {
                    self.timeout = Duration::from_secs(seconds.min(TIMEOUT_S_MAX));
                }
            }
            Some(("attempts", count)) => {
                if let Ok(count @ 1..) = count.parse::<u32>() {
                    self.attempts = count.min(ATTEMPTS_MAX);
                }
            }
            _ => {}
        }
    }
}

/// An address, with a zone where it is one of a link.
fn server(text: &str) -> Option<SocketAddr> {
    let Some((address, zone)) = text.split_once('%') else {
        return Some((text.parse::<IpAddr>().ok()?, PORT).into());
    };
    let address: Ipv6Addr = address.parse().ok()?;
    Some(SocketAddrV6::new(address, PORT, 0, interface(zone)?).into())
}

fn interface(zone: &str) -> Option<u32> {
    if let Ok(number) = zone.parse() {
        return Some(number);
    }
    if zone.contains('/') || zone.starts_with('.') {
        return None;
    }
    let number = std::fs::read_to_string(format!("/sys/class/net/{zone}/ifindex")).ok()?;
    number.trim().parse().ok()
}

/// The file, and what it said last.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    last: Mutex<Option<(Stamp, Arc<Resolvers>)>>,
}

/// Tells one state of a file from another; a file that is not there has one too.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Source {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            last: Mutex::default(),
        }
    }

    /// The resolvers of this moment: one look at the file's state, and a short read after a change.
    pub(super) fn now(&self) -> Arc<Resolvers> {
        let stamp = std::fs::metadata(&self.path)
            .ok()
            .map(|found| stamp(&found));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, resolvers)) = &*last
            && *seen == stamp
        {
            return Arc::clone(resolvers);
        }
        let resolvers = Arc::new(Resolvers::parse(&read(&self.path)));
        *last = Some((stamp, Arc::clone(&resolvers)));
        resolvers
    }
}

fn stamp(found: &Metadata) -> (u64, u64, i64, i64) {
    (found.ino(), found.size(), found.mtime(), found.mtime_nsec())
}

fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    if let Err(error) = read {
        tracing::warn!(%error, path = %path.display(), "cannot read who resolves names: the machine itself is asked");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_the_c_library_reads_it() {
        let found = Resolvers::parse(
            "# nameserver 1.1.1.1\n\
             ; nameserver 2.2.2.2\n\
             search example.com\n\
             nameserver 192.0.2.53 # the first\n\
             nameserver\n\
             nameserver somewhere\n\
             \tnameserver 2001:db8::53\n\
             nameserver fe80::53%7\n\
             nameserver 192.0.2.54\n\
             options ndots:2 timeout:3 attempts:9 timeout:x rotate\n\
             options timeout:0\n",
        );
        let zoned = SocketAddrV6::new("fe80::53".parse().unwrap(), 53, 0, 7);
        let servers: [SocketAddr; 3] = [
            "192.0.2.53:53".parse().unwrap(),
            "[2001:db8::53]:53".parse().unwrap(),
            zoned.into(),
        ];
        assert_eq!(found.servers, servers);
        assert_eq!((found.timeout, found.attempts), (Duration::from_secs(3), 5));
        let none = Resolvers::parse("");
        assert_eq!(none.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!((none.timeout, none.attempts), (Duration::from_secs(5), 2));
    }

    #[test]
    fn the_name_of_a_link_is_no_path() {
        assert_eq!(interface("lo"), Some(1));
        assert_eq!(interface("../net/lo"), None);
        assert_eq!(interface(".."), None);
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let source = Source::new(path.clone());
        let first = |source: &Source| source.now().servers[0].ip().to_string();
        assert_eq!(first(&source), "127.0.0.1", "there is none");
        std::fs::write(&path, "nameserver 192.0.2.1").unwrap();
        assert_eq!(first(&source), "192.0.2.1");
        assert!(Arc::ptr_eq(&source.now(), &source.now()));
        std::fs::write(folder.path().join("new"), "nameserver 192.0.2.2").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(first(&source), "192.0.2.2");
    }
}
