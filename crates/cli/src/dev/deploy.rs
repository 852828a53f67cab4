//! Makes the server's function what the template and the source say, by the fewest calls.

use lambkin_wire::Blob;
use lambkin_wire::shapes::{
    CreateFunctionRequest, Environment, EphemeralStorage, FunctionCode, LoggingConfig, SnapStart,
    UpdateFunctionCodeRequest, UpdateFunctionConfigurationRequest,
};

use crate::client::{self, Client, Configuration, FoundFunction, ServiceError};

use super::package::{Package, Packager};
use super::template::Function;

/// Packages and deploys.
pub(super) struct Deployer {
    pub(super) client: Client,
    pub(super) packager: Packager,
}

/// A function as it stands now.
#[derive(Clone, Debug)]
pub(super) struct Deployed {
    pub(super) sha256: String,
    /// How long its build took, where it has one.
    pub(super) build: Option<String>,
}

impl Deployer {
    /// Returns once the function can be invoked as it is described.
    pub(super) async fn deploy(&self, function: &Function) -> anyhow::Result<Deployed> {
        let package = self.packager.package(function).await?;
        match self.client.find_function(&function.name).await? {
            None => self.create(function, &package).await?,
            Some(found) => self.update(function, &package, &found).await?,
        }
        Ok(Deployed {
            sha256: package.sha256,
            build: package.build,
        })
    }

    /// Deploys a changed source alone; `None` if the package is the same as before.
    pub(super) async fn redeploy(
        &self,
        function: &Function,
        sha256: &str,
    ) -> anyhow::Result<Option<Deployed>> {
        let package = self.packager.package(function).await?;
        if package.sha256 == sha256 {
            return Ok(None);
        }
        self.update_code(function, &package).await?;
        Ok(Some(Deployed {
            sha256: package.sha256,
            build: package.build,
        }))
    }

    async fn create(&self, function: &Function, package: &Package) -> anyhow::Result<()> {
        self.client
            .create_function(&create_request(function, package))
            .await?;
        self.client.settled(&function.name).await.map(drop)
    }

    async fn update(
        &self,
        function: &Function,
        package: &Package,
        found: &FoundFunction,
    ) -> anyhow::Result<()> {
        let deployed = self.client.settled(&function.name).await?;
        if deployed.code_sha256 != package.sha256 {
            self.update_code(function, package).await?;
        }
        if differs(function, &deployed) {
            self.client
                .update_function_configuration(&configuration_request(function))
                .await?;
            self.client.settled(&function.name).await?;
        }
        let is_there = |(name, value): (&String, &String)| found.tags.get(name) == Some(value);
        if !function.tags.iter().all(is_there) {
            self.client
                .tag_resource(&deployed.function_arn, function.tags.clone())
                .await?;
        }
        Ok(())
    }

    /// Another client's update may be under way: it is waited for, once.
    async fn update_code(&self, function: &Function, package: &Package) -> anyhow::Result<()> {
        let request = code_request(function, package);
        if let Err(error) = self.client.update_function_code(&request).await {
            if !ServiceError::is(&error, "ResourceConflictException") {
                return Err(error);
            }
            self.client.settled(&function.name).await?;
            self.client.update_function_code(&request).await?;
        }
        self.client.settled(&function.name).await.map(drop)
    }
}

/// Everything the template can say; the rest is AWS's default.
fn create_request(function: &Function, package: &Package) -> CreateFunctionRequest {
    CreateFunctionRequest {
        function_name: function.name.clone(),
        runtime: function.runtime.clone(),
        role: function.role.clone(),
        handler: function.handler.clone(),
        code: FunctionCode {
            zip_file: Some(Blob(package.zip.clone())),
            ..FunctionCode::default()
        },
        description: Some(function.description.clone()),
        timeout: Some(function.timeout_s),
        memory_size: Some(function.memory_mb),
        environment: environment(function),
        tags: (!function.tags.is_empty()).then(|| function.tags.clone()),
        architectures: architectures(function),
        ephemeral_storage: Some(EphemeralStorage {
            size: function.ephemeral_mb,
        }),
        logging_config: Some(function.logging.clone()),
        package_type: None,
        publish: None,
        publish_to: None,
        vpc_config: None,
        dead_letter_config: None,
        kms_key_arn: None,
        tracing_config: None,
        layers: None,
        file_system_configs: None,
        code_signing_config_arn: None,
        image_config: None,
        snap_start: snap_start(function),
        tenancy_config: None,
        capacity_provider_config: None,
        durable_config: None,
        runtime_config: None,
        accelerator_config: None,
    }
}

fn code_request(function: &Function, package: &Package) -> UpdateFunctionCodeRequest {
    UpdateFunctionCodeRequest {
        function_name: function.name.clone(),
        zip_file: Some(Blob(package.zip.clone())),
        architectures: architectures(function),
        s3_bucket: None,
        s3_key: None,
        s3_object_version: None,
        s3_object_storage_mode: None,
        image_uri: None,
        publish: None,
        publish_to: None,
        dry_run: None,
        revision_id: None,
        source_kms_key_arn: None,
    }
}

fn configuration_request(function: &Function) -> UpdateFunctionConfigurationRequest {
    UpdateFunctionConfigurationRequest {
        function_name: function.name.clone(),
        role: Some(function.role.clone()),
        handler: function.handler.clone(),
        description: Some(function.description.clone()),
        timeout: Some(function.timeout_s),
        memory_size: Some(function.memory_mb),
        // An empty map takes variables away that the template no longer has.
        environment: Some(Environment {
            variables: Some(function.variables.clone()),
        }),
        runtime: function.runtime.clone(),
        ephemeral_storage: Some(EphemeralStorage {
            size: function.ephemeral_mb,
        }),
        logging_config: Some(function.logging.clone()),
        vpc_config: None,
        dead_letter_config: None,
        kms_key_arn: None,
        tracing_config: None,
        revision_id: None,
        layers: None,
        file_system_configs: None,
        image_config: None,
        snap_start: snap_start(function),
        capacity_provider_config: None,
        durable_config: None,
        runtime_config: None,
        accelerator_config: None,
    }
}

fn environment(function: &Function) -> Option<Environment> {
    let variables = (!function.variables.is_empty()).then(|| function.variables.clone());
    variables.map(|variables| Environment {
        variables: Some(variables),
    })
}

fn snap_start(function: &Function) -> Option<SnapStart> {
    Some(SnapStart {
        apply_on: Some(function.snap_start),
    })
}

fn architectures(function: &Function) -> Option<Vec<lambkin_wire::shapes::Architecture>> {
    (!function.architectures.is_empty()).then(|| function.architectures.clone())
}

/// Whether the deployed configuration is another than the described one.
fn differs(function: &Function, deployed: &Configuration) -> bool {
    deployed.runtime != function.runtime
        || deployed.handler != function.handler
        || deployed.role != function.role
        || deployed.description != function.description
        || deployed.timeout != function.timeout_s
        || deployed.memory_size != function.memory_mb
        || deployed.ephemeral_storage.size != function.ephemeral_mb
        || deployed.environment.variables != function.variables
        || deployed.snap_start.apply_on != function.snap_start.as_str()
        || !logs_as(&function.logging, &deployed.logging_config)
}

/// The server fills in what the template leaves open; that is no difference.
fn logs_as(described: &LoggingConfig, deployed: &client::LoggingConfig) -> bool {
    let agrees = |described: Option<&str>, deployed: &str| {
        described.is_none_or(|described| described == deployed)
    };
    agrees(
        described.log_format.map(|format| format.as_str()),
        &deployed.log_format,
    ) && agrees(
        described.application_log_level.map(|level| level.as_str()),
        &deployed.application_log_level,
    ) && agrees(
        described.system_log_level.map(|level| level.as_str()),
        &deployed.system_log_level,
    ) && agrees(described.log_group.as_deref(), &deployed.log_group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::dev::template::Source;
    use lambkin_wire::shapes::{LogFormat, SnapStartApplyOn};

    fn function() -> Function {
        Function {
            logical_id: "F".into(),
            name: "f".into(),
            runtime: Some("python3.11".into()),
            handler: Some("app.handler".into()),
            source: Source::Inline(String::new()),
            role: "arn:aws:iam::000000000000:role/any".into(),
            description: String::new(),
            timeout_s: 3,
            memory_mb: 128,
            ephemeral_mb: 512,
            variables: BTreeMap::new(),
            architectures: Vec::new(),
            logging: LoggingConfig {
                log_format: Some(LogFormat::Text),
                ..Default::default()
            },
            snap_start: SnapStartApplyOn::None,
            tags: BTreeMap::new(),
            events: "events".into(),
        }
    }

    /// As the server states it: with its own defaults filled in.
    fn deployed() -> serde_json::Value {
        serde_json::json!({
            "FunctionName": "f",
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Description": "",
            "Timeout": 3,
            "MemorySize": 128,
            "EphemeralStorage": {"Size": 512},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        })
    }

    fn differs_with(name: &str, value: serde_json::Value) -> bool {
        let mut deployed = deployed();
        deployed[name] = value;
        differs(&function(), &serde_json::from_value(deployed).unwrap())
    }

    #[test]
    fn the_servers_defaults_are_no_difference() {
        assert!(!differs_with("Version", "$LATEST".into()));
    }

    #[test]
    fn what_the_template_no_longer_says_is_a_difference() {
        assert!(differs_with(
            "Environment",
            serde_json::json!({"Variables": {"OLD": "1"}})
        ));
        assert!(differs_with(
            "LoggingConfig",
            serde_json::json!({"LogFormat": "JSON"})
        ));
        assert!(differs_with("Timeout", 4.into()));
        assert!(differs_with(
            "SnapStart",
            serde_json::json!({"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"})
        ));
        let request = configuration_request(&function());
        assert_eq!(
            request.environment.unwrap().variables,
            Some(BTreeMap::new())
        );
        let snap_start = request
            .snap_start
            .and_then(|snap_start| snap_start.apply_on);
        assert_eq!(snap_start, Some(SnapStartApplyOn::None));
    }
}
