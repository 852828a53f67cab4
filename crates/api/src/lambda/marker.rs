//! Pages of lists: how long one is, and where the next goes on: after the last version of this one, opaque to
//! callers.

use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambkin_model::{Function, FunctionName, Qualifier, Version};
use std::sync::Arc;

/// Entries of a page, unless the caller wants fewer; AWS's cap is the same.
const PAGE: usize = 50;

/// Entries of a page whose caller wants so many.
pub(super) fn limit(max_items: Option<i32>) -> usize {
    let wanted = max_items.and_then(|items| usize::try_from(items).ok());
    wanted.unwrap_or(PAGE).clamp(1, PAGE)
}

/// Cuts a page to its length; the marker of the next one, if there is more.
pub(super) fn cut(page: &mut Vec<Arc<Function>>, limit: usize) -> Option<String> {
    let more = page.len() > limit;
    page.truncate(limit);
    page.last().filter(|_| more).map(|last| after(last))
}

/// What a caller's marker stands for; an empty one is none.
pub(super) fn asked(marker: Option<&str>) -> Result<Option<(FunctionName, Version)>, Error> {
    let marker = marker.filter(|marker| !marker.is_empty());
    marker.map(read).transpose()
}

/// What a caller's marker stands for in the list of one function's versions; that of another function is refused.
pub(super) fn asked_of(
    name: &FunctionName,
    marker: Option<&str>,
) -> Result<Option<Version>, Error> {
    match asked(marker)? {
        Some((of, _)) if of != *name => Err(invalid()),
        place => Ok(place.map(|(_, version)| version)),
    }
}

fn after(last: &Function) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", last.name, last.version))
}

/// Only markers that this server gave are taken.
fn read(marker: &str) -> Result<(FunctionName, Version), Error> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| place(&text)).ok_or_else(invalid)
}

/// Not a reference of a caller's, which may begin with `function:` or `arn:`: functions may have these names.
fn place(text: &str) -> Option<(FunctionName, Version)> {
    let (name, version) = text.rsplit_once(':')?;
    let version = match Qualifier::parse(version) {
        Qualifier::Latest => Version::Latest,
        Qualifier::Version(number) => Version::Published(number),
        Qualifier::Alias(_) => return None,
    };
    Some((FunctionName::new(name).ok()?, version))
}

fn invalid() -> Error {
    Error::Parameter("The pagination marker is not valid.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back_and_others_are_refused() {
        for name in ["paged-1_x", "function", "arn", "12"] {
            for (text, version) in [("$LATEST", Version::Latest), ("12", Version::Published(12))] {
                let marker = URL_SAFE_NO_PAD.encode(format!("{name}:{text}"));
                let name = FunctionName::new(name).unwrap();
                assert_eq!(read(&marker).unwrap(), (name, version));
            }
        }
        for foreign in ["", "paged-1", "Li4v", "%%", "ZjpsaXZl"] {
            assert!(read(foreign).is_err(), "{foreign}");
        }
        assert_eq!(asked(Some("")).unwrap(), None);
    }

    #[test]
    fn a_marker_of_another_function_is_refused() {
        let [own, other] = ["own", "other"].map(|name| FunctionName::new(name).unwrap());
        let marker = URL_SAFE_NO_PAD.encode("own:2");
        let second = Some(Version::Published(2));
        assert_eq!(asked_of(&own, Some(&marker)).unwrap(), second);
        assert!(asked_of(&other, Some(&marker)).is_err());
        assert_eq!(asked_of(&other, None).unwrap(), None);
    }

    #[test]
    fn a_page_has_1_to_50_entries() {
        let limits = [None, Some(0), Some(7), Some(10_000)].map(limit);
        assert_eq!(limits, [50, 1, 7, 50]);
    }
}
