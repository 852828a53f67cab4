//! Whether a request is what its signature says it is.

use aws_lc_rs::digest;
use jiff::Timestamp;
use subtle::ConstantTimeEq;

use super::{
    ALGORITHM, AmzDate, Error, Form, Hash, Parts, Payload, SERVICE, Signed, SigningKey, TERMINATOR,
    UNSIGNED_PAYLOAD, canonical, hash,
};

/// How far a client's clock may be off: Lambda's, five minutes.
const SKEW_S: i64 = 5 * 60;
/// Headers of this prefix steer the operation, so they must be signed…
const STEERING: &str = "x-amz-";
/// …but for these: the first is covered by the payload's place in the signature, the second is a label.
const NOT_STEERING: [&str; 2] = ["x-amz-content-sha256", "x-amz-user-agent"];

/// Says whether a request is authentic.
///
/// `body` is the hash of the body: needed for [`Payload::Unknown`], checked if given for
/// [`Payload::Declared`] (else [`Signed::check_body`] must follow).
///
/// # Errors
/// The first reason to refuse it: scope, clock, unsigned headers, then the signature itself.
pub fn verify(
    signed: &Signed<'_>,
    parts: &Parts<'_>,
    body: Option<&Hash>,
    key: &SigningKey,
    now: Timestamp,
) -> Result<(), Error> {
    check_scope(signed, key)?;
    check_clock(signed, now)?;
    check_headers(signed, parts)?;
    let mut hex = [0; 64];
    let payload = match (&signed.payload, body) {
        (Payload::Unsigned, _) => UNSIGNED_PAYLOAD,
        (Payload::Declared(declared), body) => {
            body.map_or(Ok(()), |body| signed.check_body(body))?;
            hexadecimal(declared, &mut hex)
        }
        (Payload::Unknown, Some(body)) => hexadecimal(body, &mut hex),
        (Payload::Unknown, None) => return Err(Error::Mismatch),
    };
    let request = canonical::request(parts, &signed.signed_headers, payload)?;
    let expected = signature(&request, &signed.date, key);
    equal(&expected, &signed.signature)
}

/// The signature of a canonical request.
pub(super) fn signature(request: &[u8], date: &AmzDate, key: &SigningKey) -> Hash {
    let digest = digest::digest(&digest::SHA256, request);
    let mut hashed = [0; 64];
    let mut digest_bytes = Hash::default();
    digest_bytes.copy_from_slice(digest.as_ref());
    let hashed = hexadecimal(&digest_bytes, &mut hashed);
    let pieces = [
        ALGORITHM,
        "\n",
        date.as_str(),
        "\n",
        key.day(),
        "/",
        key.region(),
        "/",
        SERVICE,
        "/",
        TERMINATOR,
        "\n",
        hashed,
    ];
    key.sign(&pieces.map(str::as_bytes))
}

/// Hexadecimal text without allocation.
pub(super) fn hexadecimal<'a>(hash: &Hash, out: &'a mut [u8; 64]) -> &'a str {
    // Cannot fail: 32 bytes fill 64 digits, which are ASCII.
    let _ = hex::encode_to_slice(hash, out);
    std::str::from_utf8(out).unwrap_or_default()
}

fn equal(a: &Hash, b: &Hash) -> Result<(), Error> {
    if bool::from(a.ct_eq(b)) {
        Ok(())
    } else {
        Err(Error::Mismatch)
    }
}

fn check_scope(signed: &Signed<'_>, key: &SigningKey) -> Result<(), Error> {
    let scope = &signed.scope;
    if scope.region != key.region() {
        return Err(Error::Region);
    }
    if scope.service != SERVICE {
        return Err(Error::Service);
    }
    if scope.date != signed.date.day() || scope.date != key.day() {
        return Err(Error::Day {
            scope: scope.date.to_string(),
            day: signed.date.day().to_owned(),
            date: signed.date,
        });
    }
    Ok(())
}

fn check_clock(signed: &Signed<'_>, now: Timestamp) -> Result<(), Error> {
    let date = signed.date;
    let age_s = now.as_second().saturating_sub(date.epoch_s());
    // Texts of the clock are made for refusals only.
    let now = || AmzDate::new(now);
    match signed.form {
        _ if age_s < -SKEW_S => Err(Error::NotYetCurrent {
            date,
            limit: now().plus(SKEW_S),
            now: now(),
        }),
        Form::Header if age_s > SKEW_S => Err(Error::Expired {
            date,
            limit: now().plus(-SKEW_S),
            now: now(),
        }),
        Form::Query { expires_s } if age_s > expires_s => Err(Error::PresignExpired {
            end: date.plus(expires_s),
            now: now(),
        }),
        Form::Header | Form::Query { .. } => Ok(()),
    }
}

fn check_headers(signed: &Signed<'_>, parts: &Parts<'_>) -> Result<(), Error> {
    let is_signed = |name: &str| {
        signed
            .signed_headers
            .split(';')
            .any(|signed| signed == name)
    };
    if !is_signed("host") {
        return Err(Error::UnsignedHost);
    }
    let names = parts.headers.keys().map(http::HeaderName::as_str);
    let mut steering =
        names.filter(|name| name.starts_with(STEERING) && !NOT_STEERING.contains(name));
    match steering.find(|name| !is_signed(name)) {
        Some(name) => Err(Error::UnsignedHeader(name.to_owned())),
        None => Ok(()),
    }
}

impl Signed<'_> {
    /// Holds the body against what the head declared. Nothing was declared: nothing to check here.
    ///
    /// # Errors
    /// [`Error::Mismatch`]: this is not the body that was signed.
    pub fn check_body(&self, body: &Hash) -> Result<(), Error> {
        match &self.payload {
            Payload::Declared(declared) => equal(declared, body),
            Payload::Unknown => Ok(()),
            // Unsigned is for addresses that are fetched, and a fetch has no body.
            Payload::Unsigned => equal(&hash(b""), body),
        }
    }
}
