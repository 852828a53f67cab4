//! The one key pair that may call, and whose account and region it calls.

use lambkin_model::{AccountId, Region};
use std::fmt;

/// The root key pair with its scope. `Debug` hides the secret.
#[derive(Clone)]
pub struct Credentials {
    /// Names the pair in signatures.
    pub access_key_id: String,
    /// What signatures are made with.
    pub secret_access_key: String,
    /// The region that signatures must name.
    pub region: Region,
    /// The account that the pair belongs to.
    pub account: AccountId,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("region", &self.region)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_not_printed() {
        let credentials = Credentials {
            access_key_id: "AKIA".into(),
            secret_access_key: "hush".into(),
            region: Region::new("us-east-1").unwrap(),
            account: AccountId::new("000000000000").unwrap(),
        };
        assert!(!format!("{credentials:?} {credentials:#?}").contains("hush"));
    }
}
