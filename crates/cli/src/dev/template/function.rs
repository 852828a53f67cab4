//! One `AWS::Serverless::Function`: its resolved properties become a typed function.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lambkin_wire::shapes::{Architecture, LogFormat, LoggingConfig, SnapStart, SnapStartApplyOn};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::intrinsic::{Resolver, scalar};
use super::{Rejected, TemplateFile};

/// Properties that have an effect. `PackageType` is among them to be refused when it is `Image`.
const UNDERSTOOD: [&str; 16] = [
    "Architectures",
    "CodeUri",
    "Description",
    "Environment",
    "EphemeralStorage",
    "FunctionName",
    "Handler",
    "InlineCode",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "Role",
    "Runtime",
    "SnapStart",
    "Tags",
    "Timeout",
];
/// Attributes of a resource that have an effect, or that order what is made at once here.
const ATTRIBUTES: [&str; 4] = ["Type", "Properties", "Metadata", "DependsOn"];
const CARGO: &str = "rust-cargolambda";

/// A function to deploy. What the template leaves open has AWS's default.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    pub(crate) runtime: Option<String>,
    pub(crate) handler: Option<String>,
    pub(crate) source: Source,
    pub(crate) role: String,
    pub(crate) description: String,
    pub(crate) timeout_s: i32,
    pub(crate) memory_mb: i32,
    pub(crate) ephemeral_mb: i32,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) architectures: Vec<Architecture>,
    pub(crate) logging: LoggingConfig,
    pub(crate) snap_start: SnapStartApplyOn,
    pub(crate) tags: BTreeMap<String, String>,
    /// Folder of its events.
    pub(crate) events: PathBuf,
}

/// Where a function's code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In a folder, canonical.
    Folder { root: PathBuf, build: Build },
    /// In a zip that somebody made.
    Archive(PathBuf),
    /// In the template.
    Inline(String),
}

/// What happens to a folder before it is packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// Nothing.
    AsIs,
    /// `requirements.txt` is installed.
    Python,
    /// `package.json`'s dependencies are installed.
    Nodejs,
    /// `cargo build --release`; the binary is named where there are several.
    Cargo { binary: Option<String> },
}

/// Splits a function's properties into those with an effect, resolved, and the names of the others.
pub(super) fn understood(
    at: &str,
    properties: Option<&Map<String, Value>>,
    resolver: &mut Resolver<'_>,
) -> Map<String, Value> {
    let mut understood = Map::new();
    for (name, value) in properties.into_iter().flatten() {
        let at = format!("{at}.{name}");
        if !UNDERSTOOD.contains(&name.as_str()) {
            resolver.name(at);
        } else if let Some(value) = resolver.resolve(&at, value) {
            understood.insert(name.clone(), value);
        }
    }
    understood
}

/// A resource and its properties, globals merged in.
pub(super) struct Described<'a> {
    pub(super) logical_id: &'a str,
    pub(super) resource: &'a Value,
    pub(super) properties: Map<String, Value>,
}

impl Described<'_> {
    pub(super) fn read(
        self,
        file: &TemplateFile,
        resolver: &mut Resolver<'_>,
    ) -> Result<Function, Rejected> {
        self.name_attributes(resolver);
        self.function(file, resolver).map_err(|reason| Rejected {
            logical_id: self.logical_id.to_owned(),
            runtime: self.text("Runtime").ok().flatten(),
            reason,
            awaits: self.awaited(file),
        })
    }

    /// Its code's place, where nothing is there yet.
    fn awaited(&self, file: &TemplateFile) -> Option<PathBuf> {
        let path = file.folder().join(self.text("CodeUri").ok()??);
        (!path.exists()).then_some(path)
    }

    fn name_attributes(&self, resolver: &mut Resolver<'_>) {
        let attributes = self.resource.as_object().into_iter().flatten();
        for (name, _) in attributes.filter(|(name, _)| !ATTRIBUTES.contains(&name.as_str())) {
            resolver.name(format!("{}.{name}", self.logical_id));
        }
        let build = self
            .resource
            .pointer("/Metadata/BuildProperties")
            .and_then(Value::as_object);
        for (name, _) in build
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "Binary")
        {
            resolver.name(format!(
                "{}.Metadata.BuildProperties.{name}",
                self.logical_id
            ));
        }
    }

    fn function(&self, file: &TemplateFile, resolver: &Resolver<'_>) -> Result<Function, String> {
        if self.text("PackageType")?.is_some_and(|kind| kind != "Zip") {
            return Err("PackageType Image is not understood; only code in zips is".to_owned());
        }
        let runtime = self.text("Runtime")?;
        let logging: Option<LoggingConfig> = self.typed("LoggingConfig", "a LoggingConfig")?;
        let snap_start: Option<SnapStart> = self.typed("SnapStart", "a SnapStart")?;
        let role = self.text("Role")?.filter(|role| role.starts_with("arn:"));
        Ok(Function {
            logical_id: self.logical_id.to_owned(),
            name: resolver.function_name(self.logical_id),
            source: self.source(file, runtime.as_deref().unwrap_or_default())?,
            runtime,
            handler: self.text("Handler")?,
            role: role.unwrap_or_else(|| resolver.default_role()),
            description: self.text("Description")?.unwrap_or_default(),
            timeout_s: self.number("/Timeout")?.unwrap_or(3),
            memory_mb: self.number("/MemorySize")?.unwrap_or(128),
            ephemeral_mb: self.number("/EphemeralStorage/Size")?.unwrap_or(512),
            variables: self.texts("/Environment/Variables")?,
            architectures: self
                .typed("Architectures", "a list of architectures")?
                .unwrap_or_default(),
            logging: logging.unwrap_or_else(|| LoggingConfig {
                log_format: Some(LogFormat::Text),
                ..LoggingConfig::default()
            }),
            snap_start: snap_start
                .and_then(|snap_start| snap_start.apply_on)
                .unwrap_or(SnapStartApplyOn::None),
            tags: self.texts("/Tags")?,
            events: file.project.join("events"),
        })
    }

    fn source(&self, file: &TemplateFile, runtime: &str) -> Result<Source, String> {
        if let Some(text) = self.text("InlineCode")? {
            return Ok(Source::Inline(text));
        }
        let written = match self.properties.get("CodeUri") {
            None => ".".to_owned(),
            Some(Value::String(path)) if !path.starts_with("s3://") => path.clone(),
            Some(_) => return Err("a CodeUri in S3 is not understood; name a folder".to_owned()),
        };
        let root = file.folder().join(&written).canonicalize();
        let root = root.map_err(|error| format!("CodeUri {written} cannot be opened: {error}"))?;
        if root.is_file() {
            return Ok(Source::Archive(root));
        }
        let build = if file.is_built {
            Build::AsIs
        } else {
            self.build(runtime, &root)?
        };
        Ok(Source::Folder { root, build })
    }

    fn build(&self, runtime: &str, root: &std::path::Path) -> Result<Build, String> {
        let metadata = |path: &str| self.resource.pointer(path).and_then(scalar);
        let cargo = || Build::Cargo {
            binary: metadata("/Metadata/BuildProperties/Binary"),
        };
        match metadata("/Metadata/BuildMethod").as_deref() {
            Some(CARGO) => Ok(cargo()),
            Some(method) if method != runtime => Err(format!(
                "Metadata.BuildMethod {method} is not understood; run `sam build`, and what it makes in .aws-sam/build is used"
            )),
            _ if metadata("/Metadata/SkipBuild").is_some_and(|skip| skip == "true") => {
                Ok(Build::AsIs)
            }
            _ if runtime.starts_with("python") => Ok(Build::Python),
            _ if runtime.starts_with("nodejs") => Ok(Build::Nodejs),
            _ if runtime.starts_with("provided") && root.join("Cargo.toml").is_file() => {
                Ok(cargo())
            }
            _ => Ok(Build::AsIs),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let value = self.properties.get(name);
        value
            .map(|value| scalar(value).ok_or(format!("{name} is not a text")))
            .transpose()
    }

    fn number(&self, path: &str) -> Result<Option<i32>, String> {
        let Some(value) = at(&self.properties, path) else {
            return Ok(None);
        };
        let number = scalar(value).and_then(|text| text.parse().ok());
        number.map(Some).ok_or(format!(
            "{} is not a number: {value}",
            path.trim_matches('/')
        ))
    }

    fn texts(&self, path: &str) -> Result<BTreeMap<String, String>, String> {
        let Some(value) = at(&self.properties, path) else {
            return Ok(BTreeMap::new());
        };
        let wrong = || format!("{} is not a mapping of texts", path.trim_matches('/'));
        let entries = value.as_object().ok_or_else(wrong)?;
        let text = |(key, value): (&String, &Value)| Some((key.clone(), scalar(value)?));
        entries
            .iter()
            .map(text)
            .collect::<Option<_>>()
            .ok_or_else(wrong)
    }

    fn typed<T: DeserializeOwned>(&self, name: &str, what: &str) -> Result<Option<T>, String> {
        let Some(value) = self.properties.get(name) else {
            return Ok(None);
        };
        let typed = serde_json::from_value(value.clone());
        typed
            .map(Some)
            .map_err(|error| format!("{name} is not {what}: {error}"))
    }
}

fn at<'a>(properties: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    path.trim_start_matches('/')
        .split('/')
        .try_fold(None, |found: Option<&Value>, name| match found {
            None => properties.get(name).map(Some),
            Some(value) => value.get(name).map(Some),
        })?
}
