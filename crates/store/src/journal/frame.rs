//! One usage record as the journal holds it: length, checksum, format, content.
//!
//! ```text
//! length of what follows the checksum (2, little endian) | CRC-32 of it (4) | format (1) | record (postcard)
//! ```

use lambkin_model::UsageRecord;

/// Bytes of a frame at most: the names in a record have limits, its numbers are short.
pub(super) const FRAME_BYTES_MAX: usize = 512;
const HEAD_BYTES: usize = 6;
/// Changes when the fields of [`UsageRecord`] do: the content does not describe itself.
const FORMAT: u8 = 2;
/// Before `network`, the last field, was there.
const FORMAT_1: u8 = 1;
/// Three numbers of 0 as postcard writes them: `network` of a record that was written without it.
const NO_NETWORK: [u8; 3] = [0; 3];

/// What begins at a position of a segment.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// A whole record and the bytes of its frame.
    Record(Box<UsageRecord>, usize),
    /// Less than a frame.
    Partial,
    /// Not a frame.
    Damaged,
}

/// Writes the frame of a record into `buffer`; `None` when it does not fit.
pub(super) fn encode<'b>(
    record: &UsageRecord,
    buffer: &'b mut [u8; FRAME_BYTES_MAX],
) -> Option<&'b [u8]> {
    buffer[HEAD_BYTES] = FORMAT;
    let content = postcard::to_slice(record, &mut buffer[HEAD_BYTES + 1..])
        .ok()?
        .len()
        + 1;
    let checksum = crc32fast::hash(&buffer[HEAD_BYTES..HEAD_BYTES + content]);
    buffer[..2].copy_from_slice(&u16::try_from(content).ok()?.to_le_bytes());
    buffer[2..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
    Some(&buffer[..HEAD_BYTES + content])
}

/// Reads the frame at the beginning of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Next {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Next::Partial;
    };
    let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
    let checksum = u32::from_le_bytes([head[2], head[3], head[4], head[5]]);
    if length == 0 || HEAD_BYTES + length > FRAME_BYTES_MAX {
        return Next::Damaged;
    }
    let Some(content) = rest.get(..length) else {
        return Next::Partial;
    };
    if crc32fast::hash(content) != checksum {
        return Next::Damaged;
    }
    let record = match content[0] {
        FORMAT => postcard::from_bytes(&content[1..]),
        FORMAT_1 => postcard::from_bytes(&[&content[1..], &NO_NETWORK].concat()),
        _ => return Next::Damaged,
    };
    match record {
        Ok(record) => Next::Record(Box::new(record), HEAD_BYTES + length),
        Err(_) => Next::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record_at;
    use super::*;
    use lambkin_model::{FunctionName, NetworkUsage, Region, Start, Timestamp, Version};

    #[test]
    fn a_record_of_the_longest_names_and_numbers_fits() {
        let mut record = record_at(&"n".repeat(FunctionName::LENGTH_MAX), i64::MIN);
        record.scope.region = Region::new(&format!("us-east-{}", "1".repeat(24))).unwrap();
        record.version = Version::Published(u64::MAX);
        record.start = Timestamp(i64::MIN);
        (record.duration_us, record.billed_ms, record.init_us) =
            (u64::MAX, u64::MAX, Some(u64::MAX));
        (record.memory_mb, record.ephemeral_mb) = (u32::MAX, u32::MAX);
        (record.memory_peak_bytes, record.cpu_us) = (u64::MAX, u64::MAX);
        record.start_kind = Start::Cloned;
        record.network = NetworkUsage {
            connections: u64::MAX,
            sent_bytes: u64::MAX,
            received_bytes: u64::MAX,
        };
        let mut buffer = [0; FRAME_BYTES_MAX];
        let frame = encode(&record, &mut buffer).unwrap();
        assert_eq!(decode(frame), Next::Record(Box::new(record), frame.len()));
    }

    /// A frame as version 1 of the format has it, byte by byte.
    #[test]
    fn a_record_from_before_the_network_was_counted_is_read() {
        let content = "010c3030303030303030303030300975732d656173742d31016600104e8bf9b100f444fe\
            b92193c4063400040edc0b0201a846800180080001010100";
        let content = hex::decode(content).unwrap();
        let mut frame = u16::try_from(content.len()).unwrap().to_le_bytes().to_vec();
        frame.extend(crc32fast::hash(&content).to_le_bytes());
        frame.extend(&content);
        let Next::Record(record, length) = decode(&frame) else {
            panic!("not read");
        };
        assert_eq!(length, frame.len());
        assert_eq!(
            (record.duration_us, record.billed_ms, record.init_us),
            (1_500, 2, Some(9_000))
        );
        assert_eq!(record.network, NetworkUsage::default());
    }

    #[test]
    fn a_damaged_or_partial_frame_is_never_a_record() {
        let mut buffer = [0; FRAME_BYTES_MAX];
        let frame = encode(&record_at("f", 7), &mut buffer).unwrap();
        for cut in 0..frame.len() {
            assert_eq!(decode(&frame[..cut]), Next::Partial, "{cut}");
        }
        for at in 0..frame.len() {
            let mut altered = frame.to_vec();
            altered[at] ^= 1;
            assert!(!matches!(decode(&altered), Next::Record(..)), "{at}");
        }
        assert_eq!(decode(&[0; 64]), Next::Damaged, "what a power loss leaves");
    }
}
