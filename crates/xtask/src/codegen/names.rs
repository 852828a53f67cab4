//! Names of the model as Rust spells them.

/// `KMSKeyArn` becomes `kms_key_arn`, `S3Bucket` becomes `s3_bucket`.
pub(super) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, &c) in chars.iter().enumerate() {
        if index > 0 && starts_word(&chars, index) && !out.ends_with('_') {
            out.push('_');
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out
}

/// A capital starts a word after a small letter or digit, or when a small letter follows it.
fn starts_word(chars: &[char], index: usize) -> bool {
    let previous = chars[index - 1];
    let next_is_small = chars.get(index + 1).is_some_and(char::is_ascii_lowercase);
    chars[index].is_ascii_uppercase()
        && (previous.is_ascii_lowercase()
            || previous.is_ascii_digit()
            || (previous.is_ascii_uppercase() && next_is_small))
}

/// `FunctionName` becomes `FUNCTION_NAME`.
pub(super) fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// A field: the snake-case name, raw where it is a keyword.
pub(super) fn field(name: &str) -> String {
    let name = snake(name);
    if matches!(name.as_str(), "type" | "match" | "enum" | "self") {
        format!("r#{name}")
    } else {
        name
    }
}

/// What serde's `PascalCase` rule makes of a field.
pub(super) fn serde_pascal(field: &str) -> String {
    let field = field.strip_prefix("r#").unwrap_or(field);
    field.split('_').map(capitalised).collect()
}

/// An enumeration's value as a variant: `AWS_IAM` becomes `AwsIam`, `x86_64` becomes `X86_64`.
pub(super) fn variant(value: &str) -> String {
    let words: Vec<String> = snake(value)
        .split('_')
        .filter(|word| !word.is_empty())
        .map(capitalised)
        .collect();
    let mut out = String::new();
    for word in words {
        let digits_meet = out.ends_with(|c: char| c.is_ascii_digit())
            && word.starts_with(|c: char| c.is_ascii_digit());
        if digits_meet {
            out.push('_');
        }
        out.push_str(&word);
    }
    out
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_variants() {
        for (name, expected) in [
            ("KMSKeyArn", "kms_key_arn"),
            ("UUID", "uuid"),
            ("S3Bucket", "s3_bucket"),
            ("CodeSha256", "code_sha256"),
            ("Ipv6AllowedForDualStack", "ipv6_allowed_for_dual_stack"),
            ("Type", "r#type"),
        ] {
            assert_eq!(field(name), expected);
        }
        for (value, expected) in [
            ("AWS_IAM", "AwsIam"),
            ("x86_64", "X86_64"),
            ("PassThrough", "PassThrough"),
            ("$LATEST.PUBLISHED", "LatestPublished"),
        ] {
            assert_eq!(variant(value), expected);
        }
    }
}
