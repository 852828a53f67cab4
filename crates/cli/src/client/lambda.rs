//! Lambda's operations, as far as the commands call them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use lambkin_wire::shapes::{
    CreateFunctionRequest, TagResourceRequest, UpdateFunctionCodeRequest,
    UpdateFunctionConfigurationRequest,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::encode;
use super::{Answer, Call, Client, Configuration, FoundFunction, ServiceError};

const FUNCTIONS: &str = "/2015-03-31/functions";
const TAGS: &str = "/2017-03-31/tags";
/// A function runs 900 s at the longest; a cold start and the way come on top.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(960);
/// 6 MB of payload, with room for what a runtime streams over it.
const PAYLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// 250 MB of code go through the unpacker in seconds.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(120);
const SETTLE_POLL: Duration = Duration::from_millis(10);
/// Pages of 50: more functions than any machine here holds.
const PAGES_MAX: usize = 2_000;

/// What to invoke, and with what.
#[derive(Debug, Default)]
pub(crate) struct Invocation<'a> {
    pub(crate) function: &'a str,
    pub(crate) qualifier: Option<&'a str>,
    /// Empty stands for `{}`.
    pub(crate) payload: Bytes,
    /// JSON.
    pub(crate) client_context: Option<&'a str>,
}

/// What a function answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) executed_version: Option<String>,
    /// Set when the function failed.
    pub(crate) function_error: Option<String>,
    pub(crate) payload: Bytes,
    /// The last 4 KB of its log.
    pub(crate) log: String,
}

impl Client {
    pub(crate) async fn invoke(&self, invocation: Invocation<'_>) -> anyhow::Result<Answered> {
        let call = Call::new(
            Method::POST,
            format!("{}/invocations", path(invocation.function)),
        )
        .query("Qualifier", invocation.qualifier)
        .header("x-amz-log-type", Some("Tail"))
        .header(
            "x-amz-client-context",
            invocation.client_context.map(|json| STANDARD.encode(json)),
        )
        .body(invocation.payload)
        .limits(INVOKE_TIMEOUT, PAYLOAD_BYTES_MAX);
        let answer = self.send(call).await?;
        let log = header(&answer, "x-amz-log-result").map(|log| STANDARD.decode(log));
        let log = log
            .transpose()
            .context("the log tail is not base64")?
            .unwrap_or_default();
        Ok(Answered {
            status: answer.status.as_u16(),
            request_id: header(&answer, "x-amzn-requestid"),
            executed_version: header(&answer, "x-amz-executed-version"),
            function_error: header(&answer, "x-amz-function-error"),
            log: String::from_utf8_lossy(&log).into_owned(),
            payload: answer.body,
        })
    }

    /// All functions, as the server's own JSON.
    pub(crate) async fn list_functions(&self) -> anyhow::Result<Vec<Value>> {
        let (mut all, mut marker) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let page = self
                .send(Call::get(FUNCTIONS).query("Marker", marker))
                .await?;
            let page: Page = json(&page)?;
            all.extend(page.functions);
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(all);
            }
        }
        bail!("the server's list of functions has no end");
    }

    /// The function as it stands, as the server's own JSON.
    pub(crate) async fn get_function_json(
        &self,
        name: &str,
        qualifier: Option<&str>,
    ) -> anyhow::Result<Bytes> {
        Ok(self
            .send(Call::get(path(name)).query("Qualifier", qualifier))
            .await?
            .body)
    }

    /// The function as it stands; `None` if there is none.
    pub(crate) async fn find_function(&self, name: &str) -> anyhow::Result<Option<FoundFunction>> {
        match self.get_function_json(name, None).await {
            Ok(body) => Ok(Some(serde_json::from_slice(&body)?)),
            Err(error) if ServiceError::is(&error, "ResourceNotFoundException") => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn create_function(
        &self,
        request: &CreateFunctionRequest,
    ) -> anyhow::Result<()> {
        self.send(Call::new(Method::POST, FUNCTIONS).json(request)?)
            .await
            .map(drop)
    }

    pub(crate) async fn update_function_code(
        &self,
        request: &UpdateFunctionCodeRequest,
    ) -> anyhow::Result<()> {
        let path = format!("{}/code", path(&request.function_name));
        self.send(Call::new(Method::PUT, path).json(request)?)
            .await
            .map(drop)
    }

    pub(crate) async fn update_function_configuration(
        &self,
        request: &UpdateFunctionConfigurationRequest,
    ) -> anyhow::Result<()> {
        let path = format!("{}/configuration", path(&request.function_name));
        self.send(Call::new(Method::PUT, path).json(request)?)
            .await
            .map(drop)
    }

    pub(crate) async fn tag_resource(
        &self,
        arn: &str,
        tags: BTreeMap<String, String>,
    ) -> anyhow::Result<()> {
        let request = TagResourceRequest {
            resource: arn.to_owned(),
            tags,
        };
        let path = format!("{TAGS}/{}", encode(arn));
        self.send(Call::new(Method::POST, path).json(&request)?)
            .await
            .map(drop)
    }

    pub(crate) async fn delete_function(&self, name: &str) -> anyhow::Result<()> {
        self.send(Call::new(Method::DELETE, path(name)))
            .await
            .map(drop)
    }

    /// Waits until nothing of a function is under way, and says how it came out.
    pub(crate) async fn settled(&self, name: &str) -> anyhow::Result<Configuration> {
        let settled = async {
            loop {
                let answer = self
                    .send(Call::get(format!("{}/configuration", path(name))))
                    .await?;
                let function: Configuration = json(&answer)?;
                if !function.is_under_way() {
                    return function.or_failure();
                }
                tokio::time::sleep(SETTLE_POLL).await;
            }
        };
        let waited = tokio::time::timeout(SETTLE_TIMEOUT, settled).await;
        waited
            .with_context(|| format!("{name} was not ready after {} s", SETTLE_TIMEOUT.as_secs()))?
    }
}

/// A page of functions.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    functions: Vec<Value>,
    next_marker: Option<String>,
}

fn path(name: &str) -> String {
    format!("{FUNCTIONS}/{}", encode(name))
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.get(name)?.to_str().ok().map(str::to_owned)
}

pub(super) fn json<T: DeserializeOwned>(answer: &Answer) -> anyhow::Result<T> {
    serde_json::from_slice(&answer.body).context("the server's answer is not what it should be")
}
