//! Takes the parts of a signature from a request's head.

use std::borrow::Cow;

use http::Method;
use http::header::{AUTHORIZATION, DATE};
use percent_encoding::percent_decode_str;

use super::{
    ALGORITHM, AmzDate, Error, Form, Hash, Parts, Payload, Scope, Secret, Signed, TERMINATOR,
    UNSIGNED_PAYLOAD,
};

/// AWS's longest life of a presigned address: a week.
const EXPIRES_MAX_S: i64 = 604_800;

/// Reads the signature of a request; no check of it is made.
///
/// # Errors
/// AWS's text when there is none, or when it lacks a part.
pub fn parse<'a>(parts: &Parts<'a>) -> Result<Signed<'a>, Error> {
    let query = QueryParts::of(parts.query)?;
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    match (headers.next(), headers.next(), query) {
        (None, _, None) => Err(Error::Missing),
        (None, _, Some(query)) => query.signed(parts),
        (Some(value), None, None) => {
            let value = value
                .to_str()
                .map_err(|_| incomplete("Authorization header is not text."))?;
            header(parts, value)
        }
        _ => Err(incomplete(
            "A request has one signature, in one Authorization header or in its query.",
        )),
    }
}

fn incomplete(text: impl Into<String>) -> Error {
    Error::Incomplete(text.into())
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
fn header<'a>(parts: &Parts<'a>, header: &'a str) -> Result<Signed<'a>, Error> {
    let (algorithm, rest) = header.split_once(' ').unwrap_or((header, ""));
    let [mut credential, mut signed_headers, mut signature] = [None; 3];
    for part in rest.split([',', ' ']).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| {
            incomplete(format!(
                "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'."
            ))
        })?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(incomplete(format!(
                "Authorization header has more than one '{name}' parameter."
            )));
        }
    }
    if algorithm != ALGORITHM {
        return Err(incomplete(format!(
            "Unsupported AWS 'algorithm': '{algorithm}'."
        )));
    }
    let date = header_text(parts, "x-amz-date")?.or(header_text(parts, DATE.as_str())?);
    let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
        (credential, signature, signed_headers, date)
    else {
        return Err(missing_in_header(
            header,
            credential,
            signature,
            signed_headers,
            date,
        ));
    };
    let (access_key_id, scope) = credential_parts(Cow::Borrowed(credential))?;
    Ok(Signed {
        access_key_id,
        date: AmzDate::parse_http(date).ok_or_else(|| bad_date(date))?,
        scope,
        session_token: header_text(parts, "x-amz-security-token")?.map(Secret::new),
        payload: match header_text(parts, "x-amz-content-sha256")? {
            None => Payload::Unknown,
            Some(text) => Payload::Declared(hash(text).ok_or(Error::Mismatch)?),
        },
        form: Form::Header,
        signed_headers: Cow::Borrowed(signed_headers),
        signature: hash(signature).ok_or(Error::Mismatch)?,
    })
}

fn missing_in_header(
    header: &str,
    credential: Option<&str>,
    signature: Option<&str>,
    signed_headers: Option<&str>,
    date: Option<&str>,
) -> Error {
    let mut text = String::new();
    for (name, part) in [
        ("Credential", credential),
        ("Signature", signature),
        ("SignedHeaders", signed_headers),
    ] {
        if part.is_none() {
            text += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if date.is_none() {
        text +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    incomplete(format!("{text}Authorization={header}"))
}

/// The one value of a header; twice is an error.
fn header_text<'a>(parts: &Parts<'a>, name: &str) -> Result<Option<&'a str>, Error> {
    let mut values = parts.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| incomplete(format!("The {name} header is not text."))),
        _ => Err(incomplete(format!("There is more than one {name} header."))),
    }
}

fn bad_date(date: &str) -> Error {
    incomplete(format!(
        "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
    ))
}

/// `AKID/20150830/us-east-1/lambda/aws4_request`; what came borrowed from the head stays borrowed.
fn credential_parts(credential: Cow<'_, str>) -> Result<(Cow<'_, str>, Scope<'_>), Error> {
    let [key, date, region, service] = match credential {
        Cow::Borrowed(text) => credential_elements(text)?.map(Cow::Borrowed),
        Cow::Owned(text) => credential_elements(&text)?.map(|part| Cow::Owned(part.to_owned())),
    };
    Ok((
        key,
        Scope {
            date,
            region,
            service,
        },
    ))
}

fn credential_elements(credential: &str) -> Result<[&str; 4], Error> {
    let elements: Vec<&str> = credential.split('/').collect();
    match elements[..] {
        [key, date, region, service, TERMINATOR] => Ok([key, date, region, service]),
        [_, _, _, _, terminator] => Err(incomplete(format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'."
        ))),
        _ => Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term, got '{credential}'."
        ))),
    }
}

fn hash(hex: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(hex, &mut hash).ok().map(|()| hash)
}

/// The parameters of a presigned query, decoded.
#[derive(Default)]
struct QueryParts<'a> {
    algorithm: Option<Cow<'a, str>>,
    credential: Option<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
    signed_headers: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
    session_token: Option<Cow<'a, str>>,
    content_sha256: Option<Cow<'a, str>>,
}

impl<'a> QueryParts<'a> {
    /// `None` if nothing in the query belongs to a signature.
    fn of(query: Option<&'a str>) -> Result<Option<Self>, Error> {
        let mut found = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match name {
                "X-Amz-Algorithm" => &mut found.algorithm,
                "X-Amz-Credential" => &mut found.credential,
                "X-Amz-Date" => &mut found.date,
                "X-Amz-Expires" => &mut found.expires,
                "X-Amz-SignedHeaders" => &mut found.signed_headers,
                "X-Amz-Signature" => &mut found.signature,
                "X-Amz-Security-Token" => &mut found.session_token,
                "X-Amz-Content-Sha256" => &mut found.content_sha256,
                _ => continue,
            };
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| incomplete(format!("{name} is not UTF-8.")))?;
            if slot.replace(value).is_some() {
                return Err(incomplete(format!(
                    "There is more than one {name} in the query."
                )));
            }
        }
        let any =
            found.algorithm.is_some() || found.credential.is_some() || found.signature.is_some();
        Ok(any.then_some(found))
    }

    fn signed(self, parts: &Parts<'a>) -> Result<Signed<'a>, Error> {
        let missing = self.missing();
        let (
            Some(algorithm),
            Some(credential),
            Some(signature),
            Some(signed_headers),
            Some(date),
            Some(expires),
        ) = (
            self.algorithm,
            self.credential,
            self.signature,
            self.signed_headers,
            self.date,
            self.expires,
        )
        else {
            return Err(incomplete(missing));
        };
        if algorithm != ALGORITHM {
            return Err(incomplete(format!(
                "Unsupported AWS 'algorithm': '{algorithm}'."
            )));
        }
        let expires_s = expires
            .parse()
            .ok()
            .filter(|seconds| (1..=EXPIRES_MAX_S).contains(seconds));
        let expires_s = expires_s.ok_or_else(|| {
            incomplete(format!(
                "X-Amz-Expires must be a number of seconds from 1 to {EXPIRES_MAX_S}."
            ))
        })?;
        let (access_key_id, scope) = credential_parts(credential)?;
        let content = self.content_sha256.map_or_else(
            || header_text(parts, "x-amz-content-sha256").map(|text| text.map(Cow::Borrowed)),
            |text| Ok(Some(text)),
        )?;
        Ok(Signed {
            access_key_id,
            date: AmzDate::parse(&date).ok_or_else(|| bad_date(&date))?,
            scope,
            session_token: self.session_token.map(Secret::new),
            payload: presigned_payload(parts.method, content.as_deref())?,
            form: Form::Query { expires_s },
            signed_headers,
            signature: hash(&signature).ok_or(Error::Mismatch)?,
        })
    }

    fn missing(&self) -> String {
        let mut text = String::new();
        for (name, part) in [
            ("X-Amz-Algorithm", &self.algorithm),
            ("X-Amz-Credential", &self.credential),
            ("X-Amz-Signature", &self.signature),
            ("X-Amz-SignedHeaders", &self.signed_headers),
            ("X-Amz-Date", &self.date),
            ("X-Amz-Expires", &self.expires),
        ] {
            if part.is_none() {
                text += &format!("AWS query-string parameters must include '{name}'. ");
            }
        }
        text + "Re-examine the query-string parameters."
    }
}

fn presigned_payload(method: &Method, content: Option<&str>) -> Result<Payload, Error> {
    match content {
        None => Ok(Payload::Unknown),
        Some(UNSIGNED_PAYLOAD) if method == Method::GET => Ok(Payload::Unsigned),
        Some(text) => hash(text).map(Payload::Declared).ok_or(Error::Mismatch),
    }
}
