//! The other side of a bench: a process of its own, so that what it costs is in no figure.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;

/// The process; it ends with this.
pub(crate) struct Counterpart(Child);

impl Counterpart {
    /// Starts this bench anew in a role; also returns the line that tells where it listens.
    pub(crate) fn start(role: &[&str]) -> (Self, String) {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("--role")
            .args(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (Self(process), line)
    }
}

impl Drop for Counterpart {
    /// At the end of its stdin, it ends.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// What came to a web server of ours since it was last asked.
pub(crate) fn take_counts<T: DeserializeOwned>(address: SocketAddr) -> T {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /counts HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}
