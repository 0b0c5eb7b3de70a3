//! A port that refuses every connection, for as long as a test holds it.
//!
//! One that was merely free a moment ago may be anybody's by now: all tests run at once.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A socket that has its address and never listens.
pub(crate) struct ClosedPort {
    pub(crate) address: SocketAddr,
    _socket: TcpSocket,
}

impl ClosedPort {
    pub(crate) fn hold() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { address: socket.local_addr().unwrap(), _socket: socket }
    }
}
