//! Which call of the Runtime API a method and path mean. Nothing here knows an environment.

use hyper::Method;

/// The version, which begins every path.
const BASE: &str = "/2018-06-01";

/// What a runtime asks for; ids are as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call<'p> {
    /// An event.
    Next,
    /// Whether anybody is there.
    Ping,
    /// To hear that it cannot start.
    InitError,
    /// To take the answer of an invocation.
    Response(&'p str),
    /// To take its failure.
    Error(&'p str),
}

/// Why there is no such call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The path is none of ours.
    Path,
    /// The path has another method.
    Method,
}

impl<'p> Call<'p> {
    /// Other methods than GET and POST are refused on every path, as AWS does.
    pub(crate) fn of(method: &Method, path: &'p str) -> Result<Self, Unknown> {
        let post = *method == Method::POST;
        if !post && *method != Method::GET {
            return Err(Unknown::Method);
        }
        let call = Self::at(path).ok_or(Unknown::Path)?;
        if call.is_post() == post {
            Ok(call)
        } else {
            Err(Unknown::Method)
        }
    }

    fn at(path: &'p str) -> Option<Self> {
        match path.strip_prefix(BASE)? {
            "/runtime/invocation/next" => Some(Self::Next),
            "/ping" => Some(Self::Ping),
            "/runtime/init/error" => Some(Self::InitError),
            path => match path.strip_prefix("/runtime/invocation/")?.split_once('/')? {
                (id, "response") => Some(Self::Response(id)),
                (id, "error") => Some(Self::Error(id)),
                _ => None,
            },
        }
    }

    fn is_post(self) -> bool {
        !matches!(self, Self::Next | Self::Ping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods_make_calls() {
        let of = |method: Method, path: &'static str| Call::of(&method, path);
        let base = |rest: &str| format!("/2018-06-01/runtime/{rest}").leak() as &'static str;
        assert_eq!(of(Method::GET, base("invocation/next")), Ok(Call::Next));
        assert_eq!(of(Method::GET, "/2018-06-01/ping"), Ok(Call::Ping));
        assert_eq!(of(Method::POST, base("init/error")), Ok(Call::InitError));
        assert_eq!(
            of(Method::POST, base("invocation/a/response")),
            Ok(Call::Response("a"))
        );
        assert_eq!(
            of(Method::POST, base("invocation//error")),
            Ok(Call::Error(""))
        );
        assert_eq!(
            of(Method::GET, base("invocation/a/error")),
            Err(Unknown::Method)
        );
        assert_eq!(
            of(Method::POST, base("invocation/next")),
            Err(Unknown::Method)
        );
        assert_eq!(of(Method::PUT, "/"), Err(Unknown::Method));
        assert_eq!(of(Method::GET, "/"), Err(Unknown::Path));
        assert_eq!(
            of(Method::POST, base("invocation/a/b/error")),
            Err(Unknown::Path)
        );
    }
}
