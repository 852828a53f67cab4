//! Which operation a method and path mean.
//!
//! Segments are compared as they came and decoded after: an encoded `/` or `:` inside a name stays
//! part of that name. A trailing slash means nothing.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::OperationId;
use crate::generated::routes;

/// Longer than any path of the API.
const SEGMENTS_MAX: usize = 8;

/// Member names and the index of the segment that holds each.
pub(crate) type Labels = &'static [(&'static str, usize)];

/// What a request line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The operation.
    pub operation: OperationId,
    /// Members that travel in the path, percent-decoded.
    pub labels: Vec<(&'static str, String)>,
}

impl Route {
    /// The label of a member.
    pub fn label(&self, member: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(name, _)| *name == member)
            .map(|(_, value)| value.as_str())
    }
}

/// Finds the operation; `None` for an unknown path, or a known one with another method.
///
/// `path` and `query` are as they came, percent-encoded.
pub fn route(method: &Method, path: &str, query: Option<&str>) -> Option<Route> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = [""; SEGMENTS_MAX];
    let mut count = 0;
    for segment in path.split('/') {
        *segments.get_mut(count)? = segment;
        count += 1;
    }
    let segments = segments.get(..count)?;
    let (operation, labels) = routes::find(method, segments, query)?;
    let labels = labels
        .iter()
        .map(|&(member, index)| (member, decoded(segments[index])))
        .collect();
    Some(Route { operation, labels })
}

/// Bytes that are not UTF-8 become U+FFFD, which no pattern of a label takes.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// Whether a query has a parameter with this very value.
pub(crate) fn has_parameter(query: Option<&str>, name: &str, value: &str) -> bool {
    query.is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair.split_once('=') == Some((name, value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, operation: Option<OperationId>, labels: &[&str]) {
        let (method, target) = line.split_once(' ').expect("method and target");
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(p, q)| (p, Some(q)));
        let route = route(&method.parse().expect("a method"), path, query);
        assert_eq!(
            route.as_ref().map(|route| route.operation),
            operation,
            "{line}"
        );
        let found: Vec<String> = route
            .into_iter()
            .flat_map(|r| r.labels)
            .map(|l| l.1)
            .collect();
        assert_eq!(found, labels, "{line}");
    }

    #[test]
    fn lines_find_their_operation() {
        use OperationId::*;
        check("GET /2015-03-31/functions", Some(ListFunctions), &[]);
        check("GET /2015-03-31/functions/", Some(ListFunctions), &[]);
        check("POST /2015-03-31/functions/?x=y", Some(CreateFunction), &[]);
        check(
            "GET /2015-03-31/functions/a%3Ab",
            Some(GetFunction),
            &["a:b"],
        );
        check(
            "POST /2015-03-31/functions/f/invocations",
            Some(Invoke),
            &["f"],
        );
        check("GET /2018-10-31/layers", Some(ListLayers), &[]);
        check(
            "GET /2018-10-31/layers?find=LayerVersion&Arn=x",
            Some(GetLayerVersionByArn),
            &[],
        );
        check("GET /2018-10-31/layers?find=Layer", Some(ListLayers), &[]);
        let concurrency = "/2019-09-30/functions/f/provisioned-concurrency";
        check(
            &format!("GET {concurrency}?List=ALL"),
            Some(ListProvisionedConcurrencyConfigs),
            &["f"],
        );
        check(
            &format!("GET {concurrency}"),
            Some(GetProvisionedConcurrencyConfig),
            &["f"],
        );
        let arn = "arn%3Aaws%3Alambda%3A%2Fx";
        check(
            &format!("DELETE /2017-03-31/tags/{arn}?tagKeys=a"),
            Some(UntagResource),
            &["arn:aws:lambda:/x"],
        );
        check(
            "DELETE /2015-03-31/functions/f/policy/s",
            Some(RemovePermission),
            &["f", "s"],
        );
    }

    #[test]
    fn what_is_not_there_has_no_operation() {
        for line in [
            "PATCH /2015-03-31/functions",
            "GET /",
            "GET //",
            "GET *",
            "GET /2015-03-31",
            "GET /2015-03-31/functions/f/invocations",
            "GET /2015-03-31//functions",
            "GET /a/b/c/d/e/f/g/h/i/j",
        ] {
            check(line, None, &[]);
        }
    }

    #[test]
    fn an_empty_label_is_left_to_validation() {
        check(
            "GET /2015-03-31/functions//configuration",
            Some(OperationId::GetFunctionConfiguration),
            &[""],
        );
    }
}
