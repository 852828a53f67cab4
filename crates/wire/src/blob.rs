//! Bytes that travel as base64 in JSON bodies.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes padding; reads with or without, as AWS's own decoder does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A blob of the model. Its bytes are never shown by `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Bytes);

impl Blob {
    /// Size of what a base64 text stands for, without decoding it; `None` if it is not base64.
    pub(crate) fn decoded_size(text: &str) -> Option<usize> {
        let unpadded = text
            .strip_suffix("==")
            .or_else(|| text.strip_suffix('='))
            .unwrap_or(text);
        let legal = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        let padding_fits = text.len() - unpadded.len() <= (4 - unpadded.len() % 4) % 4;
        (unpadded.as_bytes().iter().all(legal) && unpadded.len() % 4 != 1 && padding_fits)
            .then_some(unpadded.len() * 3 / 4)
    }

    pub(crate) fn encode(bytes: &[u8]) -> String {
        BASE64.encode(bytes)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Self::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(BlobVisitor)
    }
}

struct BlobVisitor;

impl Visitor<'_> for BlobVisitor {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64 text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Blob, E> {
        BASE64
            .decode(text)
            .map(|bytes| Blob(bytes.into()))
            .map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_known_exactly_when_the_text_decodes() {
        for text in [
            "", "QQ", "QQ==", "QQ=", "QUI=", "QUJD", "QUJDR", "Q=Q=", "*", "QQ===", "====", "QR==",
            "QUJD=", "QUI==", "QUJD==",
        ] {
            let decoded = BASE64.decode(text).ok().map(|bytes| bytes.len());
            assert_eq!(Blob::decoded_size(text), decoded, "{text:?}");
        }
    }
}
