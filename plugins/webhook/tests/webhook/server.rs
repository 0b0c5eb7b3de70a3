//! A receiver on loopback that does to a request whatever its script says, down to the packet.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How much a flood writes at once.
const BLOCK_BYTES: usize = 16 * 1024;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST /in HTTP/1.1`.
    pub(crate) line: String,
    /// In their order, as they were written.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The ids of its events, whether it is a batch or not.
    pub(crate) fn ids(&self) -> Vec<String> {
        let id = |event: &serde_json::Value| event["id"].as_str().unwrap().to_owned();
        let json = self.json();
        json.as_array().map_or_else(|| vec![id(&json)], |events| events.iter().map(id).collect())
    }

    fn is_post(&self) -> bool {
        self.line.starts_with("POST ")
    }
}

/// What the receiver does about a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Writes that, and waits for the next request.
    Write(String),
    /// Writes that, and then one byte every now and then.
    Trickle(String),
    /// Writes that, and then as much as it can.
    Flood(String),
    /// Writes the one, and the other so much later that both are not read at once.
    Late(String, String),
    /// Does nothing.
    Hang,
    /// Closes the connection in the rudest way.
    Reset,
}

/// A whole answer.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let length =
        if status == 204 { String::new() } else { format!("content-length: {length}\r\n") };
    Reply::Write(format!("HTTP/1.1 {status} Word\r\n{headers}{length}\r\n{body}"))
}

pub(crate) type Script = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A receiver that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    flooded_bytes: Arc<AtomicUsize>,
    _accepting: JoinSet<()>,
}

impl Server {
    /// Runs in the runtime that this is called in.
    pub(crate) fn start(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let (log, flooded_bytes) = (Arc::default(), Arc::default());
        let serving = Serving {
            script,
            log: Arc::clone(&log),
            flooded_bytes: Arc::clone(&flooded_bytes),
            connection: 0,
        };
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, tls, serving));
        Self { address, log, flooded_bytes, _accepting: accepting }
    }

    /// How much of its floods somebody has taken, at least into a buffer.
    pub(crate) fn flooded_bytes(&self) -> usize {
        self.flooded_bytes.load(Relaxed)
    }

    /// All requests, in their order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// Those that are deliveries.
    pub(crate) fn posts(&self) -> Vec<Request> {
        self.requests().into_iter().filter(Request::is_post).collect()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, serving: Serving) {
    let mut connections = JoinSet::new();
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (tls, serving) = (tls.clone(), Serving { connection, ..serving.clone() });
        connections.spawn(async move {
            // A connection ends as the client or the script wants.
            match tls {
                None => serving.serve(stream).await.ok(),
                Some(tls) => match tls.accept(stream).into_fallible().await {
                    Ok(stream) => serving.serve(stream).await.ok(),
                    Err((_, stream)) => drain(stream).await.ok(),
                },
            };
        });
    }
}

/// Lets the client read why the handshake failed: a reset could overtake it.
async fn drain(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

/// A stream that can be closed rudely.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for tokio_rustls::server::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// What all connections share, and the number of this one.
#[derive(Clone)]
struct Serving {
    script: Script,
    log: Arc<Mutex<Vec<Request>>>,
    flooded_bytes: Arc<AtomicUsize>,
    connection: usize,
}

impl Serving {
    async fn serve(&self, mut stream: impl Stream) -> io::Result<()> {
        let mut buffer = Vec::new();
        while let Some(request) = self.read(&mut stream, &mut buffer).await? {
            let reply = (self.script)(&request);
            self.log.lock().unwrap().push(request);
            match reply {
                Reply::Write(text) => stream.write_all(text.as_bytes()).await?,
                Reply::Hang => std::future::pending().await,
                Reply::Reset => return stream.tcp().set_zero_linger(),
                Reply::Trickle(text) => {
                    stream.write_all(text.as_bytes()).await?;
                    loop {
                        stream.write_all(b"x").await?;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                Reply::Flood(text) => {
                    stream.write_all(text.as_bytes()).await?;
                    loop {
                        stream.write_all(&[b'x'; BLOCK_BYTES]).await?;
                        self.flooded_bytes.fetch_add(BLOCK_BYTES, Relaxed);
                    }
                }
                Reply::Late(head, body) => {
                    stream.write_all(head.as_bytes()).await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    stream.write_all(body.as_bytes()).await?;
                }
            }
        }
        Ok(())
    }

    /// The next request; nothing once the client has closed the connection.
    async fn read(
        &self,
        stream: &mut impl Stream,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<Request>> {
        let head_end = loop {
            if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8(buffer.drain(..head_end).collect()).unwrap();
        let mut lines = head.lines();
        let line = lines.next().unwrap().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut request = Request { line, headers, body: Vec::new(), connection: self.connection };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        while buffer.len() < length {
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        }
        request.body = buffer.drain(..length).collect();
        Ok(Some(request))
    }
}
