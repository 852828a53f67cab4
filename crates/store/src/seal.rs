//! Sealing: AES-256-GCM in chunks, under a random data key per object, which the master key wraps.
//!
//! ```text
//! magic (3) format (1) | wrap nonce (12) | data key, wrapped (32 + 16) | chunk, chunk, ..., final chunk
//! ```
//! A chunk is up to 64 KiB and its tag (16). The nonce of a chunk is its index and whether it is the
//! final one, so that chunks cannot be cut off, repeated or reordered; the format and the object's
//! [`Identity`] are authenticated with the data key and with every chunk, so that an object cannot be
//! put in another's place. An older state of the same object is not told from the newest: rows say
//! which object is meant.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use lambkin_model::{FunctionName, Scope, Version};
use std::io::{self, Write};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
const MAGIC: [u8; 4] = *b"LKS\x01";
const TAG_BYTES: usize = 16;
const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;
const HEADER_BYTES: usize = MAGIC.len() + NONCE_LEN + WRAPPED_BYTES;
/// Plain bytes of a chunk: small beside memory, large beside its tag.
const CHUNK_BYTES: usize = 64 * 1024;
const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// Why a sealed object is refused. One variant, so that nothing is learned by altering one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "a sealed object is damaged, or was sealed under another master key or for another use"
    )]
    Refused,
    #[error("the machine gives no randomness")]
    NoRandomness,
}

/// What an object is and whose: authenticated with it, never stored in it.
pub(crate) struct Identity(Vec<u8>);

impl Identity {
    /// A function's package.
    pub(crate) fn package(scope: &Scope, function: &FunctionName, blob: Uuid) -> Self {
        Self::of(
            "package",
            &[
                scope.account.as_str(),
                scope.region.as_str(),
                function.as_str(),
            ],
            blob,
        )
    }

    /// The environment variables of one version of a function.
    pub(crate) fn environment(scope: &Scope, function: &FunctionName, version: Version) -> Self {
        let number = match version {
            Version::Latest => 0,
            Version::Published(number) => number,
        };
        let owner = [
            scope.account.as_str(),
            scope.region.as_str(),
            function.as_str(),
        ];
        Self::of("environment", &owner, Uuid::from_u128(number.into()))
    }

    /// What tells whether a master key is a folder's.
    pub(crate) fn key_check() -> Self {
        Self::of("key check", &[], Uuid::nil())
    }

    /// Every part with its length, so that no two identities read the same.
    fn of(kind: &str, owner: &[&str], blob: Uuid) -> Self {
        let mut bytes = MAGIC.to_vec();
        for part in std::iter::once(&kind).chain(owner) {
            bytes.extend((part.len() as u32).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes.extend(blob.as_bytes());
        Self(bytes)
    }

    fn aad(&self) -> Aad<&[u8]> {
        Aad::from(&self.0)
    }
}

/// A key of AES-256-GCM.
pub(crate) fn key(bytes: &[u8; KEY_BYTES]) -> LessSafeKey {
    match UnboundKey::new(&AES_256_GCM, bytes) {
        Ok(key) => LessSafeKey::new(key),
        Err(_) => unreachable!("the length is the algorithm's"),
    }
}

/// Random bytes for a key or a nonce.
pub(crate) fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Error> {
    let mut bytes = [0; LENGTH];
    rand::fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

/// Bytes that `plain` has once it is sealed.
pub(crate) fn sealed_len(plain: usize) -> usize {
    HEADER_BYTES + plain + plain.div_ceil(CHUNK_BYTES).max(1) * TAG_BYTES
}

/// Seals `plain` for `identity` into `out`.
///
/// The wrap nonce is random: one master key is good for 2^32 objects.
pub(crate) fn seal(
    master: &LessSafeKey,
    identity: &Identity,
    plain: &[u8],
    out: &mut impl Write,
) -> io::Result<()> {
    let data_key = Zeroizing::new(random::<KEY_BYTES>().map_err(io::Error::other)?);
    let wrap_nonce = random::<NONCE_LEN>().map_err(io::Error::other)?;
    let mut wrapped = Zeroizing::new(data_key.to_vec());
    append_tag(master, wrap_nonce, identity, &mut wrapped)?;
    out.write_all(&MAGIC)?;
    out.write_all(&wrap_nonce)?;
    out.write_all(&wrapped)?;

    let data_key = key(&data_key);
    let mut sealed = Vec::with_capacity(SEALED_CHUNK_BYTES);
    let chunks = plain.len().div_ceil(CHUNK_BYTES).max(1);
    for index in 0..chunks {
        let begin = index * CHUNK_BYTES;
        sealed.clear();
        sealed.extend(&plain[begin..plain.len().min(begin + CHUNK_BYTES)]);
        append_tag(
            &data_key,
            chunk_nonce(index, index + 1 == chunks),
            identity,
            &mut sealed,
        )?;
        out.write_all(&sealed)?;
    }
    Ok(())
}

/// The plain bytes of an object that was sealed for `identity`; all of them or none.
pub(crate) fn open(
    master: &LessSafeKey,
    identity: &Identity,
    mut object: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let data_key = unwrap(master, identity, &object)?;
    let chunks = (object.len() - HEADER_BYTES).div_ceil(SEALED_CHUNK_BYTES);
    if chunks == 0 {
        return Err(Error::Refused);
    }
    let mut plain_len = 0;
    for index in 0..chunks {
        let begin = HEADER_BYTES + index * SEALED_CHUNK_BYTES;
        let end = object.len().min(begin + SEALED_CHUNK_BYTES);
        let nonce = Nonce::assume_unique_for_key(chunk_nonce(index, index + 1 == chunks));
        let opened = data_key.open_in_place(nonce, identity.aad(), &mut object[begin..end]);
        let opened = opened.map_err(|_| Error::Refused)?.len();
        object.copy_within(begin..begin + opened, plain_len);
        plain_len += opened;
    }
    object.truncate(plain_len);
    Ok(object)
}

fn unwrap(master: &LessSafeKey, identity: &Identity, object: &[u8]) -> Result<LessSafeKey, Error> {
    let header = object.first_chunk::<HEADER_BYTES>().ok_or(Error::Refused)?;
    let (magic, rest) = header.split_at(MAGIC.len());
    let (nonce, wrapped) = rest.split_at(NONCE_LEN);
    if magic != MAGIC {
        return Err(Error::Refused);
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Refused)?;
    let mut wrapped = Zeroizing::new(wrapped.to_vec());
    let opened = master.open_in_place(nonce, identity.aad(), &mut wrapped);
    let bytes = opened
        .ok()
        .and_then(|bytes| bytes.first_chunk::<KEY_BYTES>())
        .ok_or(Error::Refused)?;
    Ok(key(bytes))
}

fn append_tag(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    identity: &Identity,
    bytes: &mut Vec<u8>,
) -> io::Result<()> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, identity.aad(), bytes)
        .map_err(|_| io::Error::other("AES-GCM refused to seal"))
}

/// Unique under a data key, which seals one object once.
fn chunk_nonce(index: usize, is_final: bool) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&(index as u64).to_be_bytes());
    nonce[8] = u8::from(is_final);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(blob: u128) -> Identity {
        Identity::of(
            "package",
            &["000000000000", "us-east-1", "f"],
            Uuid::from_u128(blob),
        )
    }

    fn sealed(master: &LessSafeKey, identity: &Identity, plain: &[u8]) -> Vec<u8> {
        let mut object = Vec::new();
        seal(master, identity, plain, &mut object).unwrap();
        assert_eq!(object.len(), sealed_len(plain.len()));
        object
    }

    fn patterned(len: usize) -> Vec<u8> {
        (0..len)
            .map(|index| (index / 251) as u8 ^ index as u8)
            .collect()
    }

    #[test]
    fn every_length_around_the_borders_of_chunks_comes_back() {
        let master = key(&[7; KEY_BYTES]);
        for len in [
            0,
            1,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES,
            3 * CHUNK_BYTES + 5,
        ] {
            let plain = patterned(len);
            let object = sealed(&master, &identity(1), &plain);
            assert_eq!(open(&master, &identity(1), object).unwrap(), plain, "{len}");
        }
    }

    #[test]
    fn sealing_twice_shows_nothing_twice() {
        let master = key(&[7; KEY_BYTES]);
        let (one, other) = (
            sealed(&master, &identity(1), &[0; 32]),
            sealed(&master, &identity(1), &[0; 32]),
        );
        let same = one.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert!(same < MAGIC.len() + 12, "{same} equal bytes");
    }

    #[test]
    fn each_flipped_byte_is_noticed() {
        let master = key(&[7; KEY_BYTES]);
        let object = sealed(&master, &identity(1), b"a package");
        for at in 0..object.len() {
            let mut altered = object.clone();
            altered[at] ^= 0x20;
            assert_eq!(
                open(&master, &identity(1), altered),
                Err(Error::Refused),
                "byte {at}"
            );
        }
    }

    #[test]
    fn an_object_cut_anywhere_is_refused() {
        let master = key(&[7; KEY_BYTES]);
        let object = sealed(&master, &identity(1), &patterned(3 * CHUNK_BYTES));
        let borders = (0..=3).map(|chunk| HEADER_BYTES + chunk * SEALED_CHUNK_BYTES);
        for border in borders.chain([0, 1, HEADER_BYTES - 1]) {
            for cut in [border.saturating_sub(1), border, border + 1] {
                if cut < object.len() {
                    assert_eq!(
                        open(&master, &identity(1), object[..cut].to_vec()),
                        Err(Error::Refused),
                        "{cut}"
                    );
                }
            }
        }
        let mut longer = object.clone();
        longer.push(0);
        assert_eq!(open(&master, &identity(1), longer), Err(Error::Refused));
    }

    #[test]
    fn chunks_that_change_places_are_refused() {
        let master = key(&[7; KEY_BYTES]);
        let object = sealed(&master, &identity(1), &patterned(3 * CHUNK_BYTES));
        let mut swapped = object.clone();
        let (first, second) = swapped[HEADER_BYTES..].split_at_mut(SEALED_CHUNK_BYTES);
        first.swap_with_slice(&mut second[..SEALED_CHUNK_BYTES]);
        assert_eq!(open(&master, &identity(1), swapped), Err(Error::Refused));
        let repeated = [
            &object[..HEADER_BYTES + SEALED_CHUNK_BYTES],
            &object[HEADER_BYTES..],
        ]
        .concat();
        assert_eq!(open(&master, &identity(1), repeated), Err(Error::Refused));
    }

    #[test]
    fn an_object_in_anothers_place_is_refused() {
        let master = key(&[7; KEY_BYTES]);
        let (one, other) = (
            sealed(&master, &identity(1), b"one"),
            sealed(&master, &identity(2), b"two"),
        );
        assert_eq!(
            open(&master, &identity(2), one.clone()),
            Err(Error::Refused)
        );
        assert_eq!(
            open(&key(&[8; KEY_BYTES]), &identity(1), one.clone()),
            Err(Error::Refused)
        );
        let header_of_the_other = [&other[..HEADER_BYTES], &one[HEADER_BYTES..]].concat();
        for identity in [identity(1), identity(2)] {
            assert_eq!(
                open(&master, &identity, header_of_the_other.clone()),
                Err(Error::Refused)
            );
        }
        assert!(open(&master, &identity(1), one).is_ok());
    }

    #[test]
    fn variables_of_a_version_open_as_no_others() {
        let scope = Scope {
            account: lambkin_model::AccountId::new("000000000000").unwrap(),
            region: lambkin_model::Region::new("us-east-1").unwrap(),
        };
        let name = FunctionName::new("f").unwrap();
        let of = |version| Identity::environment(&scope, &name, version);
        let (master, first) = (key(&[7; KEY_BYTES]), Version::Published(1));
        let object = sealed(&master, &of(first), b"variables");
        for other in [Version::Latest, Version::Published(2)] {
            let opened = open(&master, &of(other), object.clone());
            assert_eq!(opened, Err(Error::Refused));
        }
        assert!(open(&master, &of(first), object).is_ok());
    }

    #[test]
    fn parts_of_an_identity_do_not_run_together() {
        let of = |owner: &[&str]| Identity::of("k", owner, Uuid::nil()).0;
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
    }
}
