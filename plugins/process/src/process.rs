//! A running plugin: its pipes, and what comes out of them.
//!
//! Two threads read its output from start to end, also when nobody asks it anything: a plugin
//! never stands still because its log is not read. Answers wait in a short queue; where it is full,
//! the plugin waits.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::pin::pin;
use std::process::{ChildStderr, ChildStdout, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::guard;
use crate::heard::{Ear, Heard, excerpt};
use crate::life::{Life, describe};
use crate::lines::{End, read_line};
use crate::plugin::Plugin;
use crate::protocol::{self, EXIT_CONFIG, FromPlugin, MAX_LINE_BYTES, Said, ToPlugin};

/// How long the end of a plugin is waited for once it has closed its output.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// How much of a line on standard error is kept in one piece.
const MAX_STDERR_LINE_BYTES: usize = 8 * 1024;

/// How many answers may wait for somebody to ask.
const QUEUE: usize = 16;

/// Why nothing more is to be had from a running plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A person has to act first: its configuration is wrong, or it is too old or too new.
    Unfit(String),
    /// It has ended in peace, without an answer: it may have been leaving before it was asked.
    Left(String),
    /// It may go better after another start.
    Broken(String),
}

/// A plugin that was started. Dropping it lets it end in peace.
pub(crate) struct Process {
    stdin: Option<pipe::Sender>,
    /// The same pipe, to write to it without waiting.
    last_words: Option<File>,
    answers: mpsc::Receiver<Result<FromPlugin, String>>,
    stderr: watch::Receiver<String>,
    life: Life,
    ear: Arc<dyn Ear>,
}

impl Process {
    /// Starts the program at `path`, which is the plugin's.
    pub(crate) fn start(plugin: &Plugin, path: &Path, ear: Arc<dyn Ear>) -> io::Result<Self> {
        let (mut command, guarded) = guard::command(path);
        command
            .args(&plugin.arguments)
            .env_clear()
            .envs(plugin.environment.all())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            unreachable!("all three are piped");
        };
        let life = Life::of(child, guarded)?;
        let attached = Self::attach(OwnedFd::from(stdin), stdout, stderr, life.clone(), ear);
        attached.inspect_err(|_| life.kill())
    }

    fn attach(
        stdin: OwnedFd,
        stdout: ChildStdout,
        stderr: ChildStderr,
        life: Life,
        ear: Arc<dyn Ear>,
    ) -> io::Result<Self> {
        let last_words = Some(File::from(stdin.try_clone()?));
        let (answer, answers) = mpsc::channel(QUEUE);
        let (last_line, stderr_lines) = watch::channel(String::new());
        let (first, second) = (Arc::clone(&ear), Arc::clone(&ear));
        in_a_thread("plugin-stdout", move || listen(stdout, &answer, &*first))?;
        in_a_thread("plugin-stderr", move || log(stderr, &last_line, &*second))?;
        let stdin = Some(pipe::Sender::from_owned_fd(stdin)?);
        Ok(Self { stdin, last_words, answers, stderr: stderr_lines, life, ear })
    }

    /// Its end.
    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    /// Says something and waits for the answer that is `wanted`; others are skipped.
    ///
    /// Dropped half-way, half a line may be written: nothing can be said after that.
    pub(crate) async fn ask<T>(
        &mut self,
        message: &ToPlugin<'_>,
        wanted: impl FnMut(FromPlugin) -> Result<T, FromPlugin>,
    ) -> Result<T, Trouble> {
        self.ask_line(&protocol::line(message), wanted).await
    }

    /// The same with any line.
    pub(crate) async fn ask_line<T>(
        &mut self,
        line: &[u8],
        mut wanted: impl FnMut(FromPlugin) -> Result<T, FromPlugin>,
    ) -> Result<T, Trouble> {
        match self.exchange(line, &mut wanted).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(broken)) => Err(Trouble::Broken(broken)),
            None => Err(self.end().await),
        }
    }

    /// The answer, what it is instead, or nothing at the end of all answers.
    async fn exchange<T>(
        &mut self,
        line: &[u8],
        wanted: &mut impl FnMut(FromPlugin) -> Result<T, FromPlugin>,
    ) -> Option<Result<T, String>> {
        let mut writing = pin!(self.stdin.as_mut()?.write_all(line));
        let mut written = false;
        let answer = loop {
            tokio::select! {
                // An error here means that it reads no more; what it has said is still to come.
                _ = &mut writing, if !written => written = true,
                said = self.answers.recv() => match said?.map(&mut *wanted) {
                    Ok(Ok(answer)) => break answer,
                    Ok(Err(other)) => self.ear.hear(Heard::Unasked(other.type_name())),
                    Err(broken) => return Some(Err(broken)),
                },
            }
        };
        if !written {
            // It has answered what it has not read to the end; it gets the rest all the same.
            let _reads_no_more = writing.await;
        }
        Some(Ok(answer))
    }

    /// Why it has stopped answering.
    async fn end(&mut self) -> Trouble {
        match timeout(LAST_MOMENT, self.life.ended()).await {
            Ok(status) => self.end_of(status).await,
            Err(_) => Trouble::Broken("closed its standard output without being asked to".into()),
        }
    }

    /// What its end means.
    pub(crate) async fn end_of(&mut self, status: ExitStatus) -> Trouble {
        let at_end = async { while self.stderr.changed().await.is_ok() {} };
        // Something that it has forked may still write there: then it is the last line so far.
        let _still_open = timeout(LAST_MOMENT, at_end).await;
        let how = format!("{}{}", describe(status), self.stderr_so_far());
        match status.code() {
            Some(EXIT_CONFIG) => {
                Trouble::Unfit(format!("{how}; that code says that its configuration is wrong"))
            }
            Some(0) => Trouble::Left(how),
            _ => Trouble::Broken(how),
        }
    }

    /// Its last words, to be put after what happened to it.
    pub(crate) fn stderr_so_far(&self) -> String {
        match &*self.stderr.borrow() {
            line if line.is_empty() => String::new(),
            line => format!("; its last words: {line}"),
        }
    }

    /// Closes its standard input, after a last line.
    pub(crate) fn close(&mut self, last: Option<&ToPlugin<'_>>) {
        if let (Some(last), Some(file)) = (last, &mut self.last_words) {
            // Where the pipe is full or nobody reads, its end has to tell it all.
            let _unheard = file.write_all(&protocol::line(last));
        }
        self.last_words = None;
        self.stdin = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.close(Some(&ToPlugin::Shutdown {}));
        self.life.let_end();
    }
}

fn in_a_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Reads all that the plugin writes to its standard output, until its end.
fn listen(stdout: ChildStdout, answers: &mpsc::Sender<Result<FromPlugin, String>>, ear: &dyn Ear) {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    // When nobody waits for answers any more, it is still read, so that it can end in peace.
    while let Ok(Some(end)) = read_line(&mut stdout, &mut line, MAX_LINE_BYTES) {
        let text = String::from_utf8_lossy(&line);
        let said = match (end, protocol::read(&line)) {
            (End::TooLong, _) => Err(format!(
                "wrote a line of more than {MAX_LINE_BYTES} bytes to its standard output"
            )),
            (End::Whole, Said::Message(message)) => Ok(message),
            (End::Whole, Said::Malformed { r#type, why }) => {
                Err(format!("sent a `{type}` that is none: {}", excerpt(&why)))
            }
            (End::Whole, Said::Unknown { r#type }) => {
                ear.hear(Heard::Unknown(&r#type));
                continue;
            }
            (End::Whole | End::Half, _) => {
                if !text.trim().is_empty() {
                    ear.hear(Heard::Noise(&text));
                }
                continue;
            }
        };
        let _nobody_asks = answers.blocking_send(said);
    }
}

/// Reads all that the plugin writes to its standard error, until its end.
fn log(stderr: ChildStderr, last_line: &watch::Sender<String>, ear: &dyn Ear) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    while let Ok(Some(_)) = read_line(&mut stderr, &mut line, MAX_STDERR_LINE_BYTES) {
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            ear.hear(Heard::Stderr(&text));
            last_line.send_replace(excerpt(&text));
        }
    }
}
