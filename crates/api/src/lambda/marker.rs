//! Pages of lists: how long one is, and where the next goes on: after the last version of this one, opaque to
//! callers.

use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambkin_model::{Function, FunctionName, FunctionRef, Qualifier, Version};
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

fn after(last: &Function) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", last.name, last.version))
}

/// Only markers that this server gave are taken.
fn read(marker: &str) -> Result<(FunctionName, Version), Error> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.and_then(|text| FunctionRef::parse(&text).ok());
    let place = place.and_then(|place| match place.qualifier? {
        Qualifier::Latest => Some((place.name, Version::Latest)),
        Qualifier::Version(number) => Some((place.name, Version::Published(number))),
        Qualifier::Alias(_) => None,
    });
    place.ok_or_else(|| Error::Parameter("The pagination marker is not valid.".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back_and_others_are_refused() {
        let name = FunctionName::new("paged-1_x").unwrap();
        for (text, version) in [
            ("paged-1_x:$LATEST", Version::Latest),
            ("paged-1_x:12", Version::Published(12)),
        ] {
            let marker = URL_SAFE_NO_PAD.encode(text);
            assert_eq!(read(&marker).unwrap(), (name.clone(), version));
        }
        for foreign in ["", "paged-1", "Li4v", "%%", "ZjpsaXZl"] {
            assert!(read(foreign).is_err(), "{foreign}");
        }
        assert_eq!(asked(Some("")).unwrap(), None);
    }

    #[test]
    fn a_page_has_1_to_50_entries() {
        let limits = [None, Some(0), Some(7), Some(10_000)].map(limit);
        assert_eq!(limits, [50, 1, 7, 50]);
    }
}
