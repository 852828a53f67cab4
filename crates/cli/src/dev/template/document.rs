//! One JSON form of a template, whether it is YAML with CloudFormation's short tags or JSON.
//!
//! `!Ref X` becomes `{"Ref": "X"}`, `!GetAtt A.B` becomes `{"Fn::GetAtt": ["A", "B"]}`, and every other
//! `!Name` becomes `{"Fn::Name": ...}`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

/// CloudFormation's own limit of a template.
const TEMPLATE_BYTES_MAX: u64 = 1024 * 1024;

pub(super) fn read(path: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    File::open(path)?
        .take(TEMPLATE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    ensure!(text.len() as u64 <= TEMPLATE_BYTES_MAX, "it is over 1 MB");
    match path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        true => Ok(serde_json::from_str(&text)?),
        false => parse_yaml(&text),
    }
}

pub(super) fn parse_yaml(text: &str) -> anyhow::Result<Value> {
    let mut yaml: Yaml = serde_yaml_ng::from_str(text)?;
    yaml.apply_merge()?;
    convert(yaml)
}

fn convert(yaml: Yaml) -> anyhow::Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::Number(number) => convert_number(&number),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(convert).collect::<Result<_, _>>()?,
        Yaml::Mapping(entries) => convert_mapping(entries)?,
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            convert_tag(tag.trim_start_matches('!'), convert(tagged.value)?)
        }
    })
}

fn convert_number(number: &serde_yaml_ng::Number) -> Value {
    if let Some(number) = number.as_i64() {
        return number.into();
    }
    number
        .as_u64()
        .map_or_else(|| number.as_f64().into(), Value::from)
}

fn convert_mapping(entries: serde_yaml_ng::Mapping) -> anyhow::Result<Value> {
    let mut object = Map::new();
    for (key, value) in entries {
        let key = match convert(key).context("a key cannot be read")? {
            Value::String(key) => key,
            Value::Object(_) | Value::Array(_) | Value::Null => bail!("a key is not a text"),
            scalar => scalar.to_string(),
        };
        object.insert(key, convert(value)?);
    }
    Ok(object.into())
}

fn convert_tag(tag: &str, value: Value) -> Value {
    match (tag, &value) {
        ("Ref" | "Condition", _) => json!({ tag: value }),
        ("GetAtt", Value::String(path)) => match path.split_once('.') {
            Some((resource, attribute)) => json!({"Fn::GetAtt": [resource, attribute]}),
            None => json!({"Fn::GetAtt": [path]}),
        },
        _ => json!({ format!("Fn::{tag}"): value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_the_long_form() {
        let yaml = "a: !Ref X\nb: !Sub '${X}-y'\nc: !GetAtt F.Arn\nd: !Join [',', [!Ref X, b]]\ne: !If [C, 1, !Ref 'AWS::NoValue']\n";
        let expected = json!({
            "a": {"Ref": "X"},
            "b": {"Fn::Sub": "${X}-y"},
            "c": {"Fn::GetAtt": ["F", "Arn"]},
            "d": {"Fn::Join": [",", [{"Ref": "X"}, "b"]]},
            "e": {"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]},
        });
        assert_eq!(parse_yaml(yaml).unwrap(), expected);
    }

    #[test]
    fn anchors_merge_and_scalar_keys_are_texts() {
        let yaml = "base: &b {x: 1}\nall: {<<: *b, 2: y}\ndate: 2010-09-09\n";
        let expected = json!({"base": {"x": 1}, "all": {"x": 1, "2": "y"}, "date": "2010-09-09"});
        assert_eq!(parse_yaml(yaml).unwrap(), expected);
        assert!(parse_yaml("a: [").is_err() && parse_yaml("? [a]\n: b\n").is_err());
    }
}
