//! Texts and positions as Jackson 2.17 and newer give them, and agreement with another parser.

use proptest::prelude::*;

use super::{json_check, parse_error};

fn check(payload: &[u8], text: &str, line: usize, column: usize) {
    let expected = format!(
        "{text}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    );
    assert_eq!(
        parse_error(payload),
        Err(expected),
        "{:?}",
        String::from_utf8_lossy(payload)
    );
}

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Checks rows of payload, text and column, all on the first line.
fn check_all(rows: &[(&[u8], &str, usize)]) {
    for (payload, text, column) in rows {
        check(
            payload,
            &text.replace("VALUES", VALUES).replace("START", START),
            1,
            *column,
        );
    }
}

const START: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 1]";

#[rustfmt::skip]
#[test]
fn words_and_characters() {
    check_all(&[
        (b"abc", "Unrecognized token 'abc': was expecting VALUES", 4),
        (b"{\"a\": abc}", "Unrecognized token 'abc': was expecting VALUES", 11),
        (b"nul", "Unrecognized token 'nul': was expecting VALUES", 4),
        (b"truex", "Unrecognized token 'truex': was expecting VALUES", 6),
        (b"<html>", "Unexpected character ('<' (code 60)): expected a valid value VALUES", 1),
        (b"\x99", "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value VALUES", 1),
        (b"\xb2", "Unexpected character ('²' (code 178)): expected a valid value VALUES", 1),
        ("é".as_bytes(), "Invalid UTF-8 start byte 0xa9", 3),
        (b"{-", "Unexpected character ('-' (code 45)): was expecting double-quote to start field name", 2),
        (b"[1,]", "Unexpected character (']' (code 93)): expected a value", 4),
        (b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 4),
        (b"{\"a\":1 1}", "Unexpected character ('1' (code 49)): was expecting comma to separate Object entries", 8),
        (b"{\"a\" 1}", "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 6),
        (b"{} {}", "Unexpected character ('{' (code 123)): Expected space separating root-level values", 4),
        (b"NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 4),
    ]);
}

#[rustfmt::skip]
#[test]
fn strings_numbers_and_ends() {
    check_all(&[
        (b"\"a\x87b\"", "Invalid UTF-8 start byte 0x87", 4),
        (b"\"\xc3-\"", "Invalid UTF-8 middle byte 0x2d", 4),
        (b"\"a\nb\"", "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value", 3),
        (b"\"\\x\"", "Unrecognized character escape 'x' (code 120)", 3),
        (b"\"abcdefghijkl", "Unexpected end-of-input in VALUE_STRING", 14),
        (b"--", "Unexpected character ('-' (code 45)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value", 2),
        (b"01", "Invalid numeric value: Leading zeroes not allowed", 2),
        (b"1.x", "Unexpected character ('x' (code 120)) in numeric value: Decimal point not followed by a digit", 3),
        (b"12a", "Unexpected character ('a' (code 97)): Expected space separating root-level values", 3),
        (b"{]", "Unexpected close marker ']': expected '}' (for Object starting at START)", 2),
        (b"{\"a\":1", "Unexpected end-of-input: expected close marker for Object (start marker at START)", 7),
        (b"{\"a\":", "Unexpected end-of-input within/between Object entries", 6),
    ]);
}

#[test]
fn lines_are_counted() {
    let text = "Unexpected character (']' (code 93)): expected a value";
    for (payload, line) in [("[1,\n ]", 2), ("[1,\r\n ]", 2), ("[1,\r\r ]", 3)] {
        check(payload.as_bytes(), text, line, 2);
    }
}

#[test]
fn the_whole_text_is_awss() {
    let text = json_check(b"abc").expect_err("not JSON");
    let prefix = "Could not parse request body into json: Could not parse payload into json: ";
    assert!(text.starts_with(&format!("{prefix}Unrecognized token 'abc'")));
}

#[test]
fn nesting_ends_at_a_thousand() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(json_check(nested(1_000).as_bytes()), Ok(()));
    let text = parse_error(nested(1_001).as_bytes()).expect_err("too deep");
    assert!(text.starts_with("Document nesting depth (1001) exceeds the maximum allowed (1000,"));
    assert!(parse_error("[".repeat(6_000_000).as_bytes()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Short texts of JSON's own characters hit every state of the scanner.
    #[test]
    fn agrees_with_serde_json(text in r#"([\[\]{}:,"\\ \n0-9eE.+-]|true|false|null|"a"|\\u00e9|é){0,12}"#) {
        let expected = serde_json::from_str::<serde_json::Value>(&text);
        // serde_json refuses two things that are JSON: numbers beyond f64 and lone surrogates.
        prop_assume!(!expected.as_ref().is_err_and(|e| e.to_string().starts_with("number out of range")));
        prop_assert_eq!(json_check(text.as_bytes()).is_ok(), expected.is_ok(), "{:?}", text);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let accepted = json_check(&bytes).is_ok();
        prop_assert_eq!(accepted, serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
    }
}
