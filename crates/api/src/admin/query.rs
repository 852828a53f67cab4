//! Parameters of our own routes.

use crate::error::Error;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::str::FromStr;

/// The value of a parameter, if it is there.
pub(super) fn text<'q>(query: Option<&'q str>, name: &str) -> Option<Cow<'q, str>> {
    query.unwrap_or_default().split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy())
    })
}

/// The value of a parameter that is no text, if it is there.
pub(super) fn parsed<T: FromStr>(query: Option<&str>, name: &str) -> Result<Option<T>, Error> {
    let value = text(query, name);
    let parsed = value.map(|value| {
        let refused = || {
            Error::Parameter(
                format!("The parameter {name} has the value '{value}', which cannot be read.")
                    .into(),
            )
        };
        value.parse().map_err(|_| refused())
    });
    parsed.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_wrong_ones_named() {
        let query = Some("since_ms=12&follow=true&x=a%20b&y");
        assert_eq!(parsed::<i64>(query, "since_ms").unwrap(), Some(12));
        assert_eq!(parsed::<bool>(query, "follow").unwrap(), Some(true));
        assert_eq!(parsed::<bool>(None, "follow").unwrap(), None);
        assert_eq!(text(query, "x").as_deref(), Some("a b"));
        let refused = parsed::<i64>(query, "x").unwrap_err().to_string();
        assert!(
            refused.contains("parameter x") && refused.contains("'a b'"),
            "{refused}"
        );
    }
}
