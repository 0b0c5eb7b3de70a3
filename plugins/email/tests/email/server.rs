//! A mail server that does what a test tells it to, and remembers what it was told.
//!
//! Threads and blocking sockets: the sink's runtime cannot be what makes it work.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use rustls::{ServerConnection, StreamOwned};

/// What the server does in place of its usual answer.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers this.
    Say(&'static str),
    /// Answers this and hangs up.
    Bye(&'static str),
    /// Hangs up without an answer.
    Close,
    /// Never answers, and keeps the connection.
    Hang,
    /// Answers a byte at a time, without an end.
    Trickle,
    /// Answers this over and over, as fast as somebody reads it.
    Flood(&'static str),
    /// Answers as usual and hangs up.
    CloseAfter,
}

/// How the server is protected, and whom it lets in.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    /// Encrypts from the first byte on.
    pub(crate) wrapped: bool,
    /// Offers STARTTLS.
    pub(crate) starttls: bool,
    /// Its certificate.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// What follows AUTH in the answer to EHLO.
    pub(crate) auth: &'static str,
    /// Those who may log in.
    pub(crate) users: Vec<(String, String)>,
}

/// A mail that the server has taken over.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: Vec<u8>,
}

#[derive(Default)]
struct State {
    /// The next answers to a verb, in order.
    once: Vec<(&'static str, Act)>,
    setup: Setup,
    taken: Vec<Taken>,
    /// All that was said, by its first word.
    verbs: Vec<String>,
    connections: usize,
    flooded_bytes: usize,
    sockets: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
    is_closing: bool,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    listening: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { setup, ..State::default() }));
        let shared = Arc::clone(&state);
        let listening = thread::spawn(move || listen(&listener, &shared));
        Self { address, state, listening: Some(listening) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Does this the next time that it hears the verb; `connect` is the banner, `.` the end of a
    /// mail.
    pub(crate) fn once(&self, verb: &'static str, act: Act) {
        self.state().once.push((verb, act));
    }

    pub(crate) fn set_users(&self, users: &[(&str, &str)]) {
        let own = |(name, password): &(&str, &str)| (String::from(*name), String::from(*password));
        self.state().setup.users = users.iter().map(own).collect();
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    /// How much of its floods somebody has taken, at least into a buffer.
    pub(crate) fn flooded_bytes(&self) -> usize {
        self.state().flooded_bytes
    }

    /// What it heard so far, by verbs.
    pub(crate) fn heard(&self) -> String {
        self.state().verbs.join(" ")
    }

    /// Hangs up on everybody.
    pub(crate) fn hang_up(&self) {
        for socket in self.state().sockets.drain(..) {
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state().is_closing = true;
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            listening.join().unwrap();
        }
        self.hang_up();
        let threads = std::mem::take(&mut self.state().threads);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

fn listen(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    for socket in listener.incoming() {
        let socket = socket.unwrap();
        let mut locked = state.lock().unwrap();
        if locked.is_closing {
            return;
        }
        locked.connections += 1;
        locked.sockets.push(socket.try_clone().unwrap());
        let shared = Arc::clone(state);
        // A client that hangs up ends the conversation; that is no failure of the server.
        locked.threads.push(thread::spawn(move || drop(Talk::open(socket, &shared))));
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One conversation.
struct Talk<'a> {
    stream: Box<dyn Stream>,
    socket: TcpStream,
    state: &'a Mutex<State>,
    setup: Setup,
    buffer: Vec<u8>,
}

impl<'a> Talk<'a> {
    fn open(socket: TcpStream, state: &'a Mutex<State>) -> io::Result<()> {
        let setup = state.lock().unwrap().setup.clone();
        let stream = Box::new(socket.try_clone()?);
        let mut talk = Talk { stream, socket, state, setup, buffer: Vec::new() };
        if talk.setup.wrapped {
            talk.encrypt()?;
        }
        let ended = talk.run();
        talk.socket.shutdown(Shutdown::Both).ok();
        ended
    }

    fn encrypt(&mut self) -> io::Result<()> {
        let tls = Arc::clone(self.setup.tls.as_ref().unwrap());
        let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
        self.stream = Box::new(StreamOwned::new(connection, self.socket.try_clone()?));
        self.setup.starttls = false;
        Ok(())
    }

    fn run(&mut self) -> io::Result<()> {
        if !self.answer("connect", "220 mail.example.com ESMTP")? {
            return Ok(());
        }
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let line = self.line()?;
            let verb = line.split(' ').next().unwrap().to_ascii_uppercase();
            let argument = line.split_once(':').map_or("", |(_, it)| it).trim().to_owned();
            let is_open = match verb.as_str() {
                "EHLO" => {
                    let offer = self.offer();
                    self.answer("EHLO", &offer)?
                }
                "STARTTLS" => {
                    let is_open = self.answer("STARTTLS", "220 go ahead")?;
                    if is_open {
                        self.encrypt()?;
                    }
                    is_open
                }
                "AUTH" => self.log_in(&line)?,
                "MAIL" => {
                    (from, to) = (argument, Vec::new());
                    self.answer("MAIL", "250 2.1.0 ok")?
                }
                "RCPT" => {
                    to.push(argument);
                    self.answer("RCPT", "250 2.1.5 ok")?
                }
                "DATA" => {
                    let is_usual = self.planned("DATA").is_none();
                    let is_open = self.answer("DATA", "354 go ahead")?;
                    if is_usual { self.take(from.clone(), to.clone())? } else { is_open }
                }
                "RSET" => self.answer("RSET", "250 ok")?,
                "NOOP" => self.answer("NOOP", "250 ok")?,
                "QUIT" => {
                    self.answer("QUIT", "221 bye")?;
                    false
                }
                _ => self.answer("?", "500 5.5.1 what")?,
            };
            if !is_open {
                return Ok(());
            }
        }
    }

    fn offer(&self) -> String {
        let mut lines = vec!["mail.example.com".to_owned(), "8BITMIME".to_owned()];
        if self.setup.starttls {
            lines.push("STARTTLS".to_owned());
        }
        if !self.setup.auth.is_empty() && !self.setup.starttls {
            lines.push(format!("AUTH {}", self.setup.auth));
        }
        let last = lines.pop().unwrap();
        format!("250-{}\r\n250 {last}", lines.join("\r\n250-"))
    }

    fn log_in(&mut self, line: &str) -> io::Result<bool> {
        if self.planned("AUTH").is_some() {
            return self.answer("AUTH", "");
        }
        let words: Vec<_> = line.split(' ').collect();
        let login = if words[1] == "PLAIN" {
            let parts = decode(words[2]);
            let mut parts = parts.split('\0').skip(1).map(str::to_owned);
            (parts.next().unwrap(), parts.next().unwrap())
        } else {
            self.write("334 VXNlcm5hbWU6\r\n")?;
            let user = decode(&self.line()?);
            self.write("334 UGFzc3dvcmQ6\r\n")?;
            (user, decode(&self.line()?))
        };
        let is_known = self.state.lock().unwrap().setup.users.contains(&login);
        let answer = if is_known { "235 2.7.0 welcome" } else { "535 5.7.8 who are you" };
        self.answer("AUTH", answer)
    }

    /// Reads a mail to its end and takes it over, if nothing else is planned.
    fn take(&mut self, from: String, to: Vec<String>) -> io::Result<bool> {
        let mut data = Vec::new();
        loop {
            let line = self.line()?;
            if line == "." {
                break;
            }
            data.extend_from_slice(line.strip_prefix('.').unwrap_or(&line).as_bytes());
            data.extend_from_slice(b"\r\n");
        }
        // A server that dies before its answer may have taken the mail over or not.
        let usual = matches!(self.planned("."), None | Some(Act::CloseAfter));
        if usual {
            self.state.lock().unwrap().taken.push(Taken { from, to, data });
        }
        self.answer(".", "250 2.0.0 taken")
    }

    fn planned(&self, verb: &str) -> Option<Act> {
        let state = self.state.lock().unwrap();
        state.once.iter().find(|(planned, _)| *planned == verb).map(|(_, act)| act.clone())
    }

    /// Answers as usual or as planned; whether the conversation goes on.
    fn answer(&mut self, verb: &str, usual: &str) -> io::Result<bool> {
        let planned = self.planned(verb);
        {
            let mut state = self.state.lock().unwrap();
            state.verbs.push(verb.to_owned());
            if let Some(place) = state.once.iter().position(|(planned, _)| *planned == verb) {
                state.once.remove(place);
            }
        }
        let (answer, goes_on) = match planned {
            None => (usual, true),
            Some(Act::Say(answer)) => (answer, true),
            Some(Act::Bye(answer)) => (answer, false),
            Some(Act::CloseAfter) => (usual, false),
            Some(Act::Close) => return Ok(false),
            Some(Act::Hang) => return self.until_hung_up(),
            Some(Act::Trickle) => return self.trickle(),
            Some(Act::Flood(text)) => return self.flood(text),
        };
        self.write(&format!("{answer}\r\n"))?;
        Ok(goes_on)
    }

    fn until_hung_up(&mut self) -> io::Result<bool> {
        while self.stream.read(&mut [0; 1024])? > 0 {}
        Ok(false)
    }

    /// Sends what could become an answer, slowly, until the client has had enough.
    fn trickle(&mut self) -> io::Result<bool> {
        loop {
            self.write("250-")?;
            self.write(&"x".repeat(20))?;
            self.write("\r\n")?;
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn flood(&mut self, text: &str) -> io::Result<bool> {
        let block = text.repeat(16 * 1024 / text.len());
        loop {
            self.write(&block)?;
            self.state.lock().unwrap().flooded_bytes += block.len();
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.flush()
    }

    /// A line without its end. A bare CR or LF is none of ours (RFC 5321 section 2.3.8).
    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|it| it == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let line = String::from_utf8(line[..end].to_vec()).unwrap();
                assert!(!line.contains(['\r', '\n']), "a bare line end in {line:?}");
                assert!(line.len() <= 998, "a line of {} bytes", line.len());
                assert!(line.is_ascii(), "not ASCII: {line:?}");
                return Ok(line);
            }
            let mut block = [0; 16 * 1024];
            let count = self.stream.read(&mut block)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer.extend_from_slice(&block[..count]);
        }
    }
}

/// Base64, as mail-parser reads it.
fn decode(text: &str) -> String {
    let bytes = mail_parser::decoders::base64::base64_decode(text.as_bytes()).unwrap();
    String::from_utf8(bytes).unwrap()
}
