//! Which server a command speaks with. Never AWS itself, whatever the environment says.

use std::fmt;
use std::num::NonZeroU16;

use anyhow::{Context, bail, ensure};
use http::Uri;

const DEFAULT: &str = "http://127.0.0.1:9550";
const VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"];
/// Ends of the host names that are AWS's.
const AWS: [&str; 5] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "api.aws",
    "on.aws",
    "amazon.com",
];

/// Scheme, host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(String);

impl Endpoint {
    /// The flag's, else the environment's, else the default.
    pub(crate) fn resolve(flag: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = flag {
            return Self::parse(url).context("--endpoint cannot be used");
        }
        for name in VARIABLES {
            if let Some(url) = std::env::var(name).ok().filter(|url| !url.is_empty()) {
                return Self::parse(&url).with_context(|| format!("{name} cannot be used"));
            }
        }
        Self::parse(DEFAULT)
    }

    pub(crate) fn parse(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url:?} is no URL"))?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let is_aws = |end: &&str| host == **end || host.ends_with(&format!(".{end}"));
        if AWS.iter().any(is_aws) {
            bail!(
                "{host} is AWS itself; Lambkin's commands speak with Lambkin's servers only, for instance {DEFAULT}"
            );
        }
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => bail!(
                "{url} wants TLS, which Lambkin's commands do not speak yet; use http://, through a tunnel if the server is far"
            ),
            _ => bail!("{url:?} does not begin with http://; write it as {DEFAULT}"),
        }
        ensure!(
            matches!(uri.path(), "" | "/") && uri.query().is_none(),
            "{url} has a path; an endpoint is scheme, host and port, for instance {DEFAULT}"
        );
        let authority = uri
            .authority()
            .with_context(|| format!("{url:?} has no host"))?;
        ensure!(
            !authority.as_str().contains('@'),
            "an endpoint holds no user name"
        );
        let port = authority.as_str().strip_prefix(authority.host());
        if let Some(port) = port.and_then(|port| port.strip_prefix(':')) {
            ensure!(
                port.parse::<NonZeroU16>().is_ok(),
                "{port:?} of {url} is no port; ports are 1 to 65535"
            );
        }
        Ok(Self(format!("http://{authority}")))
    }

    /// The address of a path below it.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_taken() {
        for url in [
            "http://127.0.0.1:9550",
            "http://127.0.0.1:9550/",
            "http://box.local",
            "http://[::1]:9550",
        ] {
            assert_eq!(
                Endpoint::parse(url).unwrap().to_string(),
                url.trim_end_matches('/')
            );
        }
    }

    #[test]
    fn aws_itself_is_refused_by_name() {
        for host in [
            "lambda.us-east-1.amazonaws.com",
            "AmazonAWS.com",
            "lambda.cn-north-1.amazonaws.com.cn:80",
        ] {
            let error = Endpoint::parse(&format!("http://{host}/"))
                .unwrap_err()
                .to_string();
            assert!(error.contains("AWS itself"), "{error}");
        }
        assert!(Endpoint::parse("http://not-amazonaws.com").is_ok());
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_the_reason() {
        let cases = [
            ("https://box", "TLS"),
            ("box:9550", "http://"),
            ("", "no URL"),
            ("http://box/api", "path"),
            ("http://a:b@box", "user name"),
            (
                "http://127.0.0.1:99999",
                "\"99999\" of http://127.0.0.1:99999 is no port",
            ),
            ("http://[::1]:0", "no port"),
        ];
        for (url, reason) in cases {
            let error = format!("{:#}", Endpoint::parse(url).unwrap_err());
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
