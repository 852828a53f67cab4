//! The function that a tagging operation names by its ARN.

use super::Target;
use crate::error::Error;
use lambkin_model::Scope;

/// Reads the ARN of a taggable resource; its form was held against the model's pattern.
pub(super) fn function(scope: &Scope, resource: &str) -> Result<Target, Error> {
    let kind = resource.split(':').nth(5);
    if kind != Some("function") {
        // Event source mappings and code signing configurations do not exist yet.
        return Err(Error::NotFound(
            "The resource you requested does not exist.".into(),
        ));
    }
    let target = Target::resolve(scope, resource, None)?;
    if target.qualifier.is_some() {
        return Err(Error::Parameter(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
                .into(),
        ));
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::{AccountId, Region};

    #[test]
    fn functions_are_tagged_and_nothing_else() {
        let scope = Scope {
            account: AccountId::new("000000000000").unwrap(),
            region: Region::new("us-east-1").unwrap(),
        };
        let of = |resource: &str| {
            function(
                &scope,
                &format!("arn:aws:lambda:us-east-1:000000000000:{resource}"),
            )
        };
        assert_eq!(of("function:f").unwrap().name.as_str(), "f");
        for qualified in ["function:f:1", "function:f:$LATEST"] {
            assert!(
                matches!(of(qualified), Err(Error::Parameter(text)) if text.starts_with("Tags on"))
            );
        }
        assert!(matches!(
            of("event-source-mapping:x"),
            Err(Error::NotFound(_))
        ));
    }
}
