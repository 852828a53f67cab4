//! How HTTP is spoken with runtimes: the limits of heads, and the look of answers.

use hyper::server::conn::http1;

/// Most header lines; clients send about ten.
const HEADERS_MAX: usize = 64;

/// For one connection.
pub(crate) fn http(head_bytes_max: usize) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.max_buf_size(head_bytes_max)
        .max_headers(HEADERS_MAX)
        // As AWS writes them: shell bootstraps look for the exact words.
        .title_case_headers(true);
    http
}
