//! The id of one invocation: a random UUID, the same in headers, logs, context and usage record.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Identity of one invocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads the hyphenated form.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 36)
            .then(|| Uuid::try_parse(text).ok().map(Self))
            .flatten()
    }

    /// The 16 bytes.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for RequestId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_read() {
        let text = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
        assert_eq!(RequestId::parse(text).unwrap().to_string(), text);
        for wrong in [
            "",
            "8476a536e9f411e897392dfe598c3fcd",
            "{8476a536-e9f4-11e8-9739-2dfe598c3fcd}",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcg",
        ] {
            assert!(RequestId::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn ids_are_random_version_4() {
        let (one, other) = (RequestId::random(), RequestId::random());
        assert_ne!(one, other);
        assert_eq!(one.as_uuid().get_version_num(), 4);
    }
}
