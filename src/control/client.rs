//! The command line's end of the socket.

use std::io;
use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::{Answer, Envelope, LONGEST_LINE, Question, VERSION, socket};

/// Why a daemon did not answer to the end.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The connection broke.
    #[error("the daemon broke the connection off")]
    Broken(#[source] io::Error),
    /// It ended in the middle.
    #[error("the daemon ended before it had answered")]
    Ended,
    /// What came is no answer.
    #[error("the daemon's answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

/// Connects to the daemon of a state directory; none where no daemon listens.
///
/// # Errors
///
/// There is a socket, and we may not use it; or too many others wait for the daemon already.
pub fn connect(state_dir: &Path) -> io::Result<Option<UnixStream>> {
    match socket::connect(state_dir) {
        Ok(stream) => UnixStream::from_std(stream).map(Some),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether a daemon listens in a state directory, also one that would not hear us.
pub fn is_up(state_dir: &Path) -> bool {
    match socket::connect(state_dir) {
        Ok(_) => true,
        Err(error) => {
            matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::WouldBlock)
        }
    }
}

/// Asks the daemon.
///
/// # Errors
///
/// The connection broke.
pub async fn ask(mut stream: UnixStream, question: Question) -> Result<Answers, ControlError> {
    let envelope = Envelope { version: VERSION.to_owned(), question };
    let mut line = serde_json::to_vec(&envelope).map_err(ControlError::Unreadable)?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(ControlError::Broken)?;
    Ok(Answers(BufReader::new(stream)))
}

/// The parts of an answer, as they come.
pub struct Answers(BufReader<UnixStream>);

impl Answers {
    /// The next part; none after the last. Not cancel-safe.
    ///
    /// # Errors
    ///
    /// The daemon ended or broke off.
    pub async fn next(&mut self) -> Result<Option<Answer>, ControlError> {
        let mut line = Vec::new();
        let mut limited = (&mut self.0).take(LONGEST_LINE as u64);
        limited.read_until(b'\n', &mut line).await.map_err(ControlError::Broken)?;
        if line.is_empty() {
            return Err(ControlError::Ended);
        }
        match serde_json::from_slice(&line).map_err(ControlError::Unreadable)? {
            Answer::Done => Ok(None),
            answer => Ok(Some(answer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;

    /// One that is stopped listens and takes nobody in. Whoever comes last is not to wait for ever.
    #[tokio::test]
    async fn a_daemon_that_is_stopped_holds_nobody_up() {
        let directory = tempfile::TempDir::new().unwrap();
        let _control = Control::bind(directory.path(), None).unwrap();
        let mut waiting = Vec::new();
        let refused = loop {
            match connect(directory.path()) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        assert!(is_up(directory.path()));
    }
}
