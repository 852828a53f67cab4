//! The AWS keys that a function finds in its environment: of the right form, and good for nothing.
//!
//! They are random and belong to one environment alone; no part of Lambkin accepts them.

use rand::Rng;
use std::fmt;

/// One environment's keys.
pub(crate) struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
}

/// Letters of an access key id: base 32.
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Credentials {
    /// New ones.
    pub(crate) fn random() -> Self {
        Self {
            access_key_id: format!("ASIA{}", text(BASE32, 16)),
            secret_access_key: text(BASE64, 40),
            session_token: text(BASE64, 356),
        }
    }

    /// Under the names that AWS's SDKs read.
    pub(crate) fn variables(&self) -> [(&'static str, &str); 3] {
        [
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_access_key),
            ("AWS_SESSION_TOKEN", &self.session_token),
        ]
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

fn text(alphabet: &[u8], length: usize) -> String {
    let mut random = rand::rng();
    (0..length)
        .map(|_| char::from(alphabet[random.random_range(0..alphabet.len())]))
        .collect()
}
