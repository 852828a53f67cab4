//! The floor of the warm path: a bare hyper echo over loopback, in a process of its own.

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::served::{self, Served};

/// A running echo; ends with this value.
pub(crate) struct Echo(Served);

impl Echo {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self(Served::start(&["echo".as_ref()])?))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }
}

/// The body of the echo process: prints its address and serves until its input ends.
pub(crate) fn serve() -> anyhow::Result<()> {
    served::until_input_ends(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(echo)),
            );
        }
    })
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request
        .into_body()
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    Ok(Response::new(Full::new(body)))
}
