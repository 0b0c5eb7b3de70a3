//! The way to a server, on which only so much comes back at a time.
//!
//! lettre keeps a line until it ends, however long it is; a server that never ends one would fill
//! the memory of the whole daemon. So what comes is counted below lettre, from the first byte on,
//! and encrypted or not.
//!
//! The count starts anew when we take a step, and not whenever something is written: over TLS a
//! server can make us write (RFC 8446 section 4.6.3), as often as it likes.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lettre::transport::smtp::Error;
#[expect(deprecated, reason = "nothing else encrypts a connection before the server speaks")]
use lettre::transport::smtp::client::AsyncNetworkStream;
use lettre::transport::smtp::client::{AsyncTokioStream, TlsParameters};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_util::compat::FuturesAsyncReadCompatExt as _;

use super::by_line::ByLine;
use crate::ServerConfig;

/// How long one address of a server may take to answer: it may have others that do.
const CONNECT: Duration = Duration::from_secs(10);

/// How much a server may say at one step. A line of an answer has up to 512 bytes (RFC 5321 section
/// 4.5.3.1.5), a server's part of a handshake some thousand. For each line that comes, lettre
/// parses all lines of the answer anew, so that the time that an answer can cost grows with its
/// square.
const STEP_BYTES: usize = 32 * 1024;

/// How much the server may still say. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    pub(super) fn new() -> Self {
        Self(Arc::new(STEP_BYTES.into()))
    }

    /// Lets the server answer to the next step.
    pub(super) fn renew(&self) {
        self.0.store(STEP_BYTES, Relaxed);
    }

    fn is_spent(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    fn spend(&self, bytes: usize) {
        self.0.store(self.0.load(Relaxed).saturating_sub(bytes), Relaxed);
    }
}

/// The server has said more than any answer holds.
#[derive(Debug)]
pub(super) struct Endless;

impl std::error::Error for Endless {}

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server answers without end")
    }
}

/// Connects to the first address of a server that lets us.
pub(super) async fn connect(
    server: &ServerConfig,
    allowance: &Allowance,
) -> io::Result<Counted<ByLine<TcpStream>>> {
    let addresses = lookup_host((server.host.name(), server.port())).await?;
    let (stream, peer) = connect_to_any(addresses).await?;
    Ok(Counted { stream: ByLine::new(stream), peer, allowance: allowance.clone() })
}

async fn connect_to_any(
    addresses: impl Iterator<Item = SocketAddr>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(ErrorKind::TimedOut, "connection timed out"),
        }
    }
    Err(last)
}

/// Encrypts a connection over which nothing was said.
///
/// What comes over it then counts twice, as it is on the wire and as it is read.
pub(super) async fn encrypt(
    stream: Counted<ByLine<TcpStream>>,
    tls: TlsParameters,
) -> Result<Counted<impl AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin>, Error> {
    let (peer, allowance) = (stream.peer, stream.allowance.clone());
    #[expect(deprecated, reason = "nothing else encrypts a connection before the server speaks")]
    let mut stream = AsyncNetworkStream::use_existing_tokio1(Box::new(stream));
    stream.upgrade_tls(tls).await?;
    Ok(Counted { stream: stream.compat(), peer, allowance })
}

/// A stream as lettre takes it, from which no more is read than is allowed.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    peer: SocketAddr,
    allowance: Allowance,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.allowance.is_spent() {
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, Endless)));
        }
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        self.allowance.spend(buffer.filled().len() - before);
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin> AsyncTokioStream for Counted<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// A name may have addresses where nobody listens, such as those of IPv6.
    #[tokio::test]
    async fn every_address_is_tried() {
        let (dead, (_listener, alive)) = (listen().1, listen());
        let connected = connect_to_any([dead, alive].into_iter()).await;
        assert_eq!(connected.unwrap().1, alive);
        let error = connect_to_any([dead].into_iter()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = connect_to_any([].into_iter()).await.unwrap_err();
        assert_eq!(error.to_string(), "the name has no address");
    }
}
