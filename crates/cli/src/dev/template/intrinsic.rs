//! Intrinsic functions: `Ref`, `Fn::Sub`, `Fn::GetAtt` and `Fn::Join`. Others are named and give no value.
//!
//! What stands for a resource that is not deployed is its logical id, and is named.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{FUNCTION, Names, Place, section};

const NO_VALUE: &str = "AWS::NoValue";

/// Knows what names of a template stand for.
pub(super) struct Resolver<'a> {
    place: &'a Place,
    /// `None` where a parameter has no default.
    parameters: BTreeMap<&'a str, Option<Value>>,
    functions: Names,
    not_understood: Vec<String>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(document: &'a Map<String, Value>, place: &'a Place) -> Self {
        let mut resolver = Self {
            place,
            parameters: BTreeMap::new(),
            functions: Names::new(),
            not_understood: Vec::new(),
        };
        for (name, parameter) in section(document, "Parameters").into_iter().flatten() {
            resolver.parameters.insert(name, default_of(parameter));
        }
        let functions = section(document, "Resources").into_iter().flatten();
        for (id, resource) in functions.filter(|(_, resource)| resource["Type"] == FUNCTION) {
            let name = resource.pointer("/Properties/FunctionName");
            let name = name.and_then(|name| resolver.resolve(&format!("{id}.FunctionName"), name));
            let name = name
                .and_then(|name| scalar(&name))
                .unwrap_or_else(|| id.clone());
            resolver.functions.insert(id.clone(), name);
        }
        resolver
    }

    /// Names something that has no effect, once.
    pub(super) fn name(&mut self, what: String) {
        if !self.not_understood.contains(&what) {
            self.not_understood.push(what);
        }
    }

    pub(super) fn into_not_understood(self) -> Vec<String> {
        self.not_understood
    }

    pub(super) fn function_name(&self, logical_id: &str) -> String {
        self.functions
            .get(logical_id)
            .cloned()
            .unwrap_or_else(|| logical_id.to_owned())
    }

    pub(super) fn default_role(&self) -> String {
        format!("arn:aws:iam::{}:role/lambkin-dev", self.place.account)
    }

    /// The value with all intrinsic functions carried out; `at` says where it stands. `None` means that
    /// there is no value.
    pub(super) fn resolve(&mut self, at: &str, value: &Value) -> Option<Value> {
        match value {
            Value::Object(entries) => match intrinsic(entries) {
                Some((function, argument)) => self.call(at, function, argument),
                None => Some(self.resolve_entries(at, entries).into()),
            },
            Value::Array(items) => {
                let resolved = items.iter().filter_map(|item| self.resolve(at, item));
                Some(resolved.collect::<Vec<_>>().into())
            }
            scalar => Some(scalar.clone()),
        }
    }

    pub(super) fn resolve_entries(
        &mut self,
        at: &str,
        entries: &Map<String, Value>,
    ) -> Map<String, Value> {
        let resolve = |(key, value): (&String, &Value)| {
            Some((key.clone(), self.resolve(&format!("{at}.{key}"), value)?))
        };
        entries.iter().filter_map(resolve).collect()
    }

    fn call(&mut self, at: &str, function: &str, argument: &Value) -> Option<Value> {
        let value = match (function, argument) {
            ("Ref", Value::String(name)) if name == NO_VALUE => return None,
            ("Ref", Value::String(name)) => self.reference(at, name),
            ("Fn::GetAtt", Value::Array(path)) => self.attribute(at, path),
            ("Fn::GetAtt", Value::String(path)) => {
                let path: Vec<Value> = path.splitn(2, '.').map(Value::from).collect();
                self.attribute(at, &path)
            }
            ("Fn::Sub", Value::String(text)) => Some(self.substitute(at, text, &Map::new())),
            ("Fn::Sub", Value::Array(parts)) => self.substitute_with_variables(at, parts),
            ("Fn::Join", Value::Array(parts)) => self.join(at, parts),
            _ => None,
        };
        if value.is_none() {
            self.name(format!("{function} at {at}"));
        }
        value
    }

    fn reference(&mut self, at: &str, name: &str) -> Option<Value> {
        if let Some(value) = self.pseudo_parameter(name) {
            return Some(value.into());
        }
        if let Some(default) = self.parameters.get(name).cloned() {
            if default.is_none() {
                self.name(format!("parameter {name}, which has no default, at {at}"));
            }
            return Some(default.unwrap_or_default());
        }
        if let Some(function) = self.functions.get(name) {
            return Some(function.clone().into());
        }
        self.name(format!("Ref {name} at {at}; it is given as {name:?}"));
        Some(name.into())
    }

    fn pseudo_parameter(&self, name: &str) -> Option<String> {
        Some(match name {
            "AWS::Region" => self.place.region.clone(),
            "AWS::AccountId" => self.place.account.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => "lambkin".to_owned(),
            "AWS::StackId" => {
                let Place { account, region } = self.place;
                format!("arn:aws:cloudformation:{region}:{account}:stack/lambkin/dev")
            }
            _ => return None,
        })
    }

    fn attribute(&mut self, at: &str, path: &[Value]) -> Option<Value> {
        let [Value::String(id), Value::String(attribute)] = path else {
            return None;
        };
        if let (Some(name), "Arn") = (self.functions.get(id), attribute.as_str()) {
            let Place { account, region } = self.place;
            return Some(format!("arn:aws:lambda:{region}:{account}:function:{name}").into());
        }
        self.name(format!(
            "GetAtt {id}.{attribute} at {at}; it is given as \"{id}.{attribute}\""
        ));
        Some(format!("{id}.{attribute}").into())
    }

    fn substitute_with_variables(&mut self, at: &str, parts: &[Value]) -> Option<Value> {
        let [Value::String(text), Value::Object(variables)] = parts else {
            return None;
        };
        let variables = self.resolve_entries(at, variables);
        Some(self.substitute(at, text, &variables))
    }

    /// `${Name}`, `${Resource.Attribute}`, and `${!Literal}`, which stays as `${Literal}`.
    fn substitute(&mut self, at: &str, text: &str, variables: &Map<String, Value>) -> Value {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                result.push_str("${");
                rest = after;
                continue;
            };
            rest = after;
            match name.strip_prefix('!') {
                Some(literal) => result.push_str(&format!("${{{literal}}}")),
                None => result.push_str(&self.variable(at, name.trim(), variables)),
            }
        }
        result.push_str(rest);
        result.into()
    }

    fn variable(&mut self, at: &str, name: &str, variables: &Map<String, Value>) -> String {
        let value = match (variables.get(name), name.split_once('.')) {
            (Some(value), _) => Some(value.clone()),
            (None, Some((id, attribute))) => self.attribute(at, &[id.into(), attribute.into()]),
            (None, None) => self.reference(at, name),
        };
        value.and_then(|value| scalar(&value)).unwrap_or_default()
    }

    fn join(&mut self, at: &str, parts: &[Value]) -> Option<Value> {
        let [Value::String(delimiter), items] = parts else {
            return None;
        };
        let Some(Value::Array(items)) = self.resolve(at, items) else {
            return None;
        };
        let items: Option<Vec<String>> = items.iter().map(scalar).collect();
        Some(items?.join(delimiter).into())
    }
}

fn intrinsic(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = entries.iter().next().filter(|_| entries.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name, argument))
}

/// A parameter's value: its default, as a list where its type is one. Values that lie in SSM are not here.
fn default_of(parameter: &Value) -> Option<Value> {
    let default = parameter.get("Default")?;
    let kind = parameter
        .get("Type")
        .and_then(Value::as_str)
        .unwrap_or("String");
    if kind.starts_with("AWS::SSM::") {
        return None;
    }
    let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
    match (is_list, default.as_str()) {
        (true, Some(text)) => Some(
            text.split(',')
                .map(|item| Value::from(item.trim()))
                .collect::<Vec<_>>()
                .into(),
        ),
        _ => Some(default.clone()),
    }
}

/// A scalar as text: what CloudFormation makes of numbers and booleans where a text is due.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
