//! Connections: how many, for how long, and their end.
//!
//! One that is slow to ask, to read or to leave is cut, however it spreads its bytes.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Daemon;
use super::routes::routes;

/// For the line and the headers of a request; the largest that a browser sends are smaller.
const LARGEST_HEAD: usize = 32 * 1024;
/// Before the next try where no connection can be taken, as with too many open files.
const PAUSE: Duration = Duration::from_millis(500);
/// For answers that are under way when the server is to stop.
const FAREWELL: Duration = Duration::from_secs(1);

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the same time; whoever comes after them waits.
    pub connections: usize,
    /// For a request to come.
    pub request: Duration,
    /// For its answer to be ready.
    pub answer: Duration,
    /// For a connection in all, from its first byte to its last.
    pub connection: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            request: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            connection: Duration::from_secs(30),
        }
    }
}

/// Serves until it is told to stop. All connections have ended when this returns.
///
/// # Errors
///
/// The listener has no address.
pub async fn serve(
    listener: TcpListener,
    daemon: Arc<dyn Daemon>,
    limits: Limits,
    stop: CancellationToken,
) -> io::Result<()> {
    let routes = routes(daemon, listener.local_addr()?, limits.answer);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept(), if connections.len() < limits.connections => {
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connect(stream, routes.clone(), limits, stop.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot take an HTTP connection");
                        sleep(PAUSE).await;
                    }
                }
            }
            // Finished connections are let go of as they come.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(FAREWELL, all_ended).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

/// Serves one connection, which carries one request.
async fn connect(stream: TcpStream, routes: Router, limits: Limits, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request)
        .keep_alive(false)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    let served = async {
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        }
    };
    match timeout(limits.connection, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection broke"),
        Err(_) => tracing::debug!("an HTTP connection took too long"),
    }
}
