//! A function's tags and their rules.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most tags of a resource.
const TAGS_MAX: usize = 50;

/// A resource's tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

/// Why tags are refused, in AWS's words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// More than fifty.
    #[error("Number of tags exceeds resource tag limit.")]
    TooMany,
}

impl Tags {
    /// Holds tags against AWS's rules.
    pub fn new(tags: BTreeMap<String, String>) -> Result<Self, TagsError> {
        if tags.len() > TAGS_MAX {
            Err(TagsError::TooMany)
        } else {
            Ok(Self(tags))
        }
    }

    /// The same tags with more added or replaced.
    pub fn with(&self, more: BTreeMap<String, String>) -> Result<Self, TagsError> {
        let mut tags = self.0.clone();
        tags.extend(more);
        Self::new(tags)
    }

    /// The same tags without some.
    pub fn without<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        let mut tags = self.0.clone();
        for key in keys {
            tags.remove(key);
        }
        Self(tags)
    }

    /// The tags by key.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> BTreeMap<String, String> {
        (0..count)
            .map(|n| (format!("k{n}"), n.to_string()))
            .collect()
    }

    #[test]
    fn fifty_tags_are_the_most() {
        let full = Tags::new(numbered(50)).unwrap();
        assert_eq!(Tags::new(numbered(51)), Err(TagsError::TooMany));
        let another = BTreeMap::from([("another".to_owned(), String::new())]);
        assert_eq!(full.with(another), Err(TagsError::TooMany));
    }

    #[test]
    fn adding_replaces_and_removing_forgives_what_is_not_there() {
        let tags = Tags::new(numbered(2)).unwrap();
        let replaced = tags
            .with(BTreeMap::from([("k0".to_owned(), "new".to_owned())]))
            .unwrap();
        assert_eq!(replaced.as_map()["k0"], "new");
        assert_eq!(replaced.as_map().len(), 2);
        let rest = replaced.without(["k0", "never-there"]);
        assert_eq!(rest.as_map().keys().collect::<Vec<_>>(), ["k1"]);
    }
}
