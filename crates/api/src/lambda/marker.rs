//! Where a list goes on: the last name of the page before, opaque to callers.

use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambkin_model::FunctionName;

/// The marker of the page that follows a name.
pub(super) fn after(name: &FunctionName) -> String {
    URL_SAFE_NO_PAD.encode(name.as_str())
}

/// The name that a marker stands for; only markers that this server gave are taken.
pub(super) fn read(marker: &str) -> Result<FunctionName, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| FunctionName::new(&text).ok())
        .ok_or_else(|| Error::Parameter("The pagination marker is not valid.".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back_and_others_are_refused() {
        let name = FunctionName::new("paged-1_x").unwrap();
        assert_eq!(read(&after(&name)).unwrap(), name);
        for foreign in ["", "paged-1", "Li4v", "%%"] {
            assert!(read(foreign).is_err(), "{foreign}");
        }
    }
}
