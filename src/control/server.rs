//! The daemon's end of the socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nix::unistd::Uid;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::socket::Socket;
use super::{Answer, Envelope, LONGEST_LINE, Question, SocketError, Trouble, VERSION};
use crate::exit::Exit;

/// Who asks says so at once.
const TIME_TO_ASK: Duration = Duration::from_secs(5);
/// A question is short.
const LONGEST_QUESTION: u64 = 1024 * 1024;
/// So many may ask at the same time.
const CLIENTS: usize = 32;

/// Where the parts of an answer go.
pub type Asked = mpsc::Sender<Answer>;

/// Who can do what is asked.
#[async_trait]
pub trait Daemon: Send + Sync + 'static {
    /// Does it, and sends the parts of the answer, all but the last. When who asked is gone,
    /// nobody takes them: what was begun is done all the same.
    async fn answer(&self, question: Question, asked: Asked);
}

/// The socket of a daemon.
#[derive(Debug)]
pub struct Control {
    socket: Socket,
}

impl Control {
    /// Makes the socket, for our user alone.
    ///
    /// # Errors
    ///
    /// The directory cannot be written.
    pub fn bind(state_dir: &Path, runtime_dir: Option<&Path>) -> Result<Self, SocketError> {
        Socket::bind(state_dir, runtime_dir).map(|socket| Self { socket })
    }

    /// Answers until it is told to stop; then those who still wait are left alone.
    pub async fn serve(self, daemon: Arc<dyn Daemon>, stop: CancellationToken) {
        let mut clients = JoinSet::new();
        let places = Arc::new(Semaphore::new(CLIENTS));
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = clients.join_next() => continue,
                accepted = self.socket.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of descriptors, mostly: some will be free again.
                        warn!(%error, "cannot answer on the control socket");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let (daemon, places) = (Arc::clone(&daemon), Arc::clone(&places));
            clients.spawn(async move {
                let Ok(_place) = places.acquire().await else { return };
                if let Err(error) = serve(stream, &*daemon).await {
                    debug!(%error, "a command went away");
                }
            });
        }
    }
}

async fn serve(stream: UnixStream, daemon: &dyn Daemon) -> io::Result<()> {
    let peer = Uid::from_raw(stream.peer_cred()?.uid());
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(LONGEST_QUESTION));
    // Also of whoever is not heard: with something unread, closing would break the connection
    // before they have read why.
    tokio::time::timeout(TIME_TO_ASK, read.read_line(&mut line)).await??;
    if !peer.is_root() && peer != Uid::effective() {
        let text =
            format!("error: the daemon runs as user #{} and hears nobody else", Uid::effective());
        return send(&mut write, &Answer::Failed(Trouble { exit: Exit::NoPermission, text })).await;
    }
    let question = match understand(&line) {
        Ok(question) => question,
        Err(trouble) => return send(&mut write, &Answer::Failed(trouble)).await,
    };
    let (asked, mut answers) = mpsc::channel(16);
    let answering = daemon.answer(question, asked);
    // It takes the answers along when it ends early: who has gone holds up nobody who sends more.
    let sending = async move {
        while let Some(answer) = answers.recv().await {
            send(&mut write, &answer).await?;
        }
        send(&mut write, &Answer::Done).await
    };
    let ((), sent) = tokio::join!(answering, sending);
    sent
}

fn understand(line: &str) -> Result<Question, Trouble> {
    let version = serde_json::from_str::<serde_json::Value>(line)
        .ok()
        .and_then(|asked| asked.get("version")?.as_str().map(str::to_owned));
    match version {
        Some(version) if version == VERSION => {}
        _ => {
            let theirs = version.as_deref().unwrap_or("another version");
            let text = format!(
                "error: the daemon is seatwatch {VERSION}, this command is {theirs}\n\
                 hint: restart the daemon: `systemctl restart seatwatch`"
            );
            return Err(Trouble { exit: Exit::Config, text });
        }
    }
    let envelope: Result<Envelope, _> = serde_json::from_str(line);
    envelope.map(|envelope| envelope.question).map_err(|error| Trouble {
        exit: Exit::Internal,
        text: format!("error: the daemon did not understand the command: {error}"),
    })
}

async fn send(write: &mut tokio::net::unix::OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    debug_assert!(line.len() < LONGEST_LINE, "a report fits into a line");
    line.push(b'\n');
    write.write_all(&line).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{self, Reloaded};

    /// Has a lot to say, and notes when it has said it.
    struct Talker(Arc<Semaphore>);

    #[async_trait]
    impl Daemon for Talker {
        async fn answer(&self, _: Question, asked: Asked) {
            for _ in 0..1000 {
                let reloaded = Reloaded { changes: vec!["x".repeat(1000)], warnings: None };
                drop(asked.send(Answer::Reloaded(reloaded)).await);
            }
            self.0.add_permits(1);
        }
    }

    #[tokio::test]
    async fn who_asks_and_goes_away_holds_nothing_up() {
        let directory = tempfile::TempDir::new().unwrap();
        let control = Control::bind(directory.path(), None).unwrap();
        let (said, stop) = (Arc::new(Semaphore::new(0)), CancellationToken::new());
        let asking = async {
            let daemon = control::connect(directory.path()).unwrap().unwrap();
            drop(control::ask(daemon, Question::Reload).await.unwrap());
            said.acquire().await.unwrap().forget();
            stop.cancel();
        };
        let serving = control.serve(Arc::new(Talker(Arc::clone(&said))), stop.clone());
        let both = async { tokio::join!(serving, asking) };
        tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    }
}
