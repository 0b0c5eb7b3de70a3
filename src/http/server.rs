//! Connections: how many, for how long, and their end.
//!
//! One that is slow to shake hands, to ask, to read or to leave is cut, however it spreads its
//! bytes.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::places::Places;
use super::routes::{Visit, astray, routes};
use super::{Daemon, Protection};

/// For the line and the headers of a request; the largest that a browser sends are smaller.
const LARGEST_HEAD: usize = 32 * 1024;
/// Before the next try where no connection can be taken, as with too many open files.
const PAUSE: Duration = Duration::from_millis(500);
/// For answers that are under way when the server is to stop.
const FAREWELL: Duration = Duration::from_secs(1);
/// The first byte of TLS: a handshake (RFC 8446, section 5.1). No request begins so.
const HANDSHAKE: u8 = 22;

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the same time; whoever comes after them waits.
    pub connections: usize,
    /// How many of them are left for who comes from this machine, such as a probe.
    pub for_loopback: usize,
    /// Connections of one address other than loopback; whoever comes after them is sent away.
    pub of_one_address: usize,
    /// For TLS to be agreed on, and for a request to come, each.
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
            for_loopback: 32,
            of_one_address: 32,
            request: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            connection: Duration::from_secs(30),
        }
    }
}

/// Serves until it is told to stop, each connection protected as is said when it comes. All
/// connections have ended when this returns.
///
/// # Errors
///
/// The listener has no address.
pub async fn serve(
    listener: TcpListener,
    daemon: Arc<dyn Daemon>,
    protection: watch::Receiver<Arc<Protection>>,
    limits: Limits,
    stop: CancellationToken,
) -> io::Result<()> {
    let routes = routes(daemon, listener.local_addr()?, limits.answer);
    let places = Places::new(limits.of_one_address);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept(), if connections.len() < limits.connections => {
                match accepted {
                    Ok((stream, peer)) => {
                        let is_near = peer.ip().to_canonical().is_loopback();
                        let is_full = connections.len() + limits.for_loopback >= limits.connections;
                        let place = places.take(peer.ip()).filter(|_| is_near || !is_full);
                        let Some(place) = place else {
                            tracing::debug!(%peer, "too many HTTP connections");
                            continue;
                        };
                        let protection = Arc::clone(&protection.borrow());
                        let visit = Visit { peer: peer.ip(), protection };
                        let host = Host { routes: routes.clone(), limits, stop: stop.clone() };
                        connections.spawn(async move {
                            host.receive(stream, visit).await;
                            drop(place);
                        });
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
struct Host {
    routes: Router,
    limits: Limits,
    stop: CancellationToken,
}

impl Host {
    async fn receive(self, stream: TcpStream, visit: Visit) {
        let peer = visit.peer;
        match timeout(self.limits.connection, self.greet(stream, visit)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%peer, %error, "an HTTP connection broke"),
            Err(_) => tracing::debug!(%peer, "an HTTP connection took too long"),
        }
    }

    /// Speaks TLS first, where that is spoken here.
    async fn greet(
        &self,
        stream: TcpStream,
        visit: Visit,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let shaken = async {
            let Some(acceptor) = visit.protection.acceptor().await else {
                return Ok(Greeted::Clear(stream));
            };
            let mut first = [0];
            match stream.peek(&mut first).await? {
                1 if first == [HANDSHAKE] => {
                    Ok(Greeted::Encrypted(Box::new(acceptor.accept(stream).await?)))
                }
                _ => Ok(Greeted::Astray(stream)),
            }
        };
        let greeted: io::Result<Greeted> = tokio::select! {
            greeted = timeout(self.limits.request, shaken) => greeted?,
            () = self.stop.cancelled() => return Ok(()),
        };
        match greeted? {
            Greeted::Clear(stream) => self.serve(stream, self.routes.clone(), visit).await?,
            Greeted::Encrypted(stream) => self.serve(*stream, self.routes.clone(), visit).await?,
            Greeted::Astray(stream) => {
                self.serve(stream, astray(), visit).await?;
            }
        }
        Ok(())
    }

    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        routes: Router,
        visit: Visit,
    ) -> hyper::Result<()> {
        let routes = TowerToHyperService::new(routes);
        let answer = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(visit.clone());
            routes.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.request)
            .keep_alive(false)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), answer);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        }
    }
}

/// A connection whose client has made itself known.
enum Greeted {
    /// Where HTTP is spoken in the clear.
    Clear(TcpStream),
    /// Where TLS is, and the client speaks it.
    Encrypted(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// Where TLS is, and the client speaks something else.
    Astray(TcpStream),
}
