//! Signing keys: derived from a secret once per day, then only used.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::hmac;
use jiff::Timestamp;

use super::{AmzDate, Error, Hash, Parts, SERVICE, Secret, Signed, TERMINATOR, verify};

const DAY_S: i64 = 24 * 60 * 60;
/// Presigned addresses may be a week old, and clocks may differ.
const DAYS_BEFORE: i64 = 8;
/// How long a server keeps its keys at hand; later days are derived each time.
const DAYS: usize = 4 * 366;

/// A key for one day, one region and service `lambda`.
pub struct SigningKey {
    key: hmac::Key,
    day: String,
    region: String,
}

impl SigningKey {
    /// Derives it; `day` is `YYYYMMDD`.
    pub fn derive(secret: &Secret, day: &str, region: &str) -> Self {
        let seed = format!("AWS4{}", secret.expose());
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, seed.as_bytes());
        for part in [day, region, SERVICE, TERMINATOR] {
            key = hmac::Key::new(
                hmac::HMAC_SHA256,
                hmac::sign(&key, part.as_bytes()).as_ref(),
            );
        }
        Self {
            key,
            day: day.to_owned(),
            region: region.to_owned(),
        }
    }

    pub(super) fn day(&self) -> &str {
        &self.day
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Signs a text that comes in pieces.
    pub(super) fn sign(&self, pieces: &[&[u8]]) -> Hash {
        let mut context = hmac::Context::with_key(&self.key);
        for piece in pieces {
            context.update(piece);
        }
        let mut signature = Hash::default();
        signature.copy_from_slice(context.sign().as_ref());
        signature
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}/{}, ..)", self.day, self.region)
    }
}

/// Verifies the signatures of one secret in one region. Reading a cached key takes no lock.
pub struct Verifier {
    secret: Secret,
    region: String,
    first_day: i64,
    keys: Box<[OnceLock<Box<SigningKey>>]>,
}

impl Verifier {
    /// `now` says which days' keys are worth keeping.
    pub fn new(secret: Secret, region: impl Into<String>, now: Timestamp) -> Self {
        let first_day = now.as_second() / DAY_S - DAYS_BEFORE;
        let keys = (0..DAYS).map(|_| OnceLock::new()).collect();
        Self {
            secret,
            region: region.into(),
            first_day,
            keys,
        }
    }

    /// Says whether a request is authentic; see [`verify`].
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn verify(
        &self,
        signed: &Signed<'_>,
        parts: &Parts<'_>,
        body: Option<&Hash>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let derive = || SigningKey::derive(&self.secret, signed.date.day(), &self.region);
        match self.slot(&signed.date) {
            Some(slot) => verify(
                signed,
                parts,
                body,
                slot.get_or_init(|| Box::new(derive())),
                now,
            ),
            None => verify(signed, parts, body, &derive(), now),
        }
    }

    fn slot(&self, date: &AmzDate) -> Option<&OnceLock<Box<SigningKey>>> {
        let day = date.epoch_s().div_euclid(DAY_S) - self.first_day;
        self.keys.get(usize::try_from(day).ok()?)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({}, ..)", self.region)
    }
}
