//! Upper bounds that AWS holds requests against but that its service model lacks, or sets higher for
//! functions that run on Lambda's managed instances.

use crate::error::Error;
use lambkin_wire::InputError;
use lambkin_wire::shapes::EphemeralStorage;

const TIMEOUT_S_MAX: i32 = 900;
const EPHEMERAL_MB_MAX: i32 = 10_240;

/// Checks what both CreateFunction and UpdateFunctionConfiguration take, before anything else of them;
/// later members are named first, as in every violation of the model.
pub(super) fn check(timeout: Option<i32>, storage: Option<&EphemeralStorage>) -> Result<(), Error> {
    let size = storage.map(|storage| storage.size);
    let broken: Vec<String> = [
        violation("ephemeralStorage.size", size, EPHEMERAL_MB_MAX),
        violation("timeout", timeout, TIMEOUT_S_MAX),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (count, all) = (broken.len(), broken.join("; "));
    let text = match count {
        0 => return Ok(()),
        1 => format!("1 validation error detected: {all}"),
        _ => format!("{count} validation errors detected: {all}"),
    };
    Err(Error::Input(InputError::Validation(text)))
}

fn violation(path: &str, value: Option<i32>, max: i32) -> Option<String> {
    let value = value.filter(|value| *value > max)?;
    Some(format!(
        "Value '{value}' at '{path}' failed to satisfy constraint: Member must have value less than or equal to {max}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_itself_is_within_and_all_that_is_beyond_is_named() {
        let checked = |timeout, size| check(Some(timeout), Some(&EphemeralStorage { size }));
        assert!(check(None, None).is_ok() && checked(900, 10_240).is_ok());
        assert_eq!(
            checked(901, 512).unwrap_err().to_string(),
            "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"
        );
        let both = checked(901, 10_241).unwrap_err().to_string();
        assert!(
            both.starts_with(
                "2 validation errors detected: Value '10241' at 'ephemeralStorage.size'"
            ),
            "{both}"
        );
    }
}
