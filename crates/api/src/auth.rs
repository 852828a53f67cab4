//! Whose request it is: the one key pair, and the signature over head and body.

use crate::credentials::Credentials;
use jiff::Timestamp;
use lambkin_wire::sigv4::{self, Error, Parts, Payload, Secret, Signed, Verifier};
use std::time::Duration;

/// The key pair, ready to verify and to presign.
pub(crate) struct Keys {
    credentials: sigv4::Credentials,
    region: String,
    verifier: Verifier,
}

impl Keys {
    pub(crate) fn new(credentials: Credentials) -> Self {
        let secret = Secret::new(credentials.secret_access_key);
        let region = credentials.region.to_string();
        Self {
            verifier: Verifier::new(secret.clone(), region.clone(), Timestamp::now()),
            credentials: sigv4::Credentials {
                access_key_id: credentials.access_key_id,
                secret_access_key: secret,
                session_token: None,
            },
            region,
        }
    }

    /// Reads the signature and holds what can be held against the head alone: a request of somebody
    /// else costs no body.
    pub(crate) fn claimed<'r>(&self, parts: &Parts<'r>) -> Result<Signed<'r>, Error> {
        let signed = sigv4::parse(parts)?;
        // The root pair has no sessions.
        if signed.access_key_id != self.credentials.access_key_id || signed.session_token.is_some()
        {
            return Err(Error::UnknownKey);
        }
        if signed.payload != Payload::Unknown {
            self.verifier
                .verify(&signed, parts, None, Timestamp::now())?;
        }
        Ok(signed)
    }

    /// Holds the body, by its hash, against a signature that was claimed.
    pub(crate) fn verify(
        &self,
        signed: &Signed<'_>,
        parts: &Parts<'_>,
        body: &sigv4::Hash,
    ) -> Result<(), Error> {
        match signed.payload {
            Payload::Unknown => self
                .verifier
                .verify(signed, parts, Some(body), Timestamp::now()),
            Payload::Declared(_) | Payload::Unsigned => signed.check_body(body),
        }
    }

    /// An address of this server that may be fetched for a while by whoever holds it.
    pub(crate) fn presigned(&self, authority: &str, path: &str, valid: Duration) -> String {
        let seconds = u32::try_from(valid.as_secs()).unwrap_or(u32::MAX);
        let endpoint = format!("http://{authority}");
        sigv4::presign(
            &endpoint,
            path,
            &self.credentials,
            &self.region,
            Timestamp::now(),
            seconds,
        )
    }
}
