//! What stands at the other end of sinks, on loopback: an HTTP server, a mail server, and a
//! directory of plugins. Each keeps what it has taken.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How a [`Hook`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// With this status; what is answered with 2xx is kept.
    Status(u16),
    /// It keeps the event, and never answers.
    KeepsAndHangs,
    /// It answers well, each time once it is [let go](Hook::let_go).
    WhenLetGo,
}

/// An HTTP server that is posted to.
#[derive(Clone)]
pub(crate) struct Hook(Arc<Kept>);

struct Kept {
    address: SocketAddr,
    says: Mutex<Says>,
    events: Mutex<Vec<Value>>,
    attempts: Mutex<Vec<(String, HeaderMap)>>,
    /// How many answers may go.
    let_go: Semaphore,
}

impl Hook {
    pub(crate) fn start(runtime: &Runtime) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let hook = Self(Arc::new(Kept {
            address: listener.local_addr().unwrap(),
            says: Mutex::new(Says::Status(204)),
            events: Mutex::default(),
            attempts: Mutex::default(),
            let_go: Semaphore::new(0),
        }));
        let router = Router::new().fallback(take).with_state(hook.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        hook
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/in", self.0.address)
    }

    /// Answers so from now on.
    pub(crate) fn says(&self, says: Says) {
        *self.0.says.lock().unwrap() = says;
    }

    /// Lets one answer go.
    pub(crate) fn let_go(&self) {
        self.0.let_go.add_permits(1);
    }

    /// What it has taken, repeats too.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.0.events.lock().unwrap().clone()
    }

    /// The `webhook-id` and all headers of every request.
    pub(crate) fn attempts(&self) -> Vec<(String, HeaderMap)> {
        self.0.attempts.lock().unwrap().clone()
    }

    /// What it has taken, each event once by its id.
    pub(crate) fn once(&self) -> Vec<Value> {
        let mut seen = std::collections::HashSet::new();
        let mut events = self.events();
        events.retain(|event| seen.insert(event["id"].clone()));
        events
    }
}

async fn take(State(hook): State<Hook>, headers: HeaderMap, body: String) -> Response {
    let id = headers.get("webhook-id").map_or("", |id| id.to_str().unwrap());
    hook.0.attempts.lock().unwrap().push((id.to_owned(), headers.clone()));
    let says = *hook.0.says.lock().unwrap();
    let status = match says {
        Says::Status(status) => StatusCode::from_u16(status).unwrap(),
        Says::KeepsAndHangs | Says::WhenLetGo => StatusCode::OK,
    };
    if says == Says::WhenLetGo {
        hook.0.let_go.acquire().await.unwrap().forget();
    }
    // What is asked for its options has no body.
    if status.is_success()
        && let Ok(event) = serde_json::from_str(&body)
    {
        let events = match event {
            Value::Array(events) => events,
            event => vec![event],
        };
        hook.0.events.lock().unwrap().extend(events);
    }
    if says == Says::KeepsAndHangs {
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    status.into_response()
}

/// A mail server that takes everything.
#[derive(Clone)]
pub(crate) struct Post {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Post {
    pub(crate) fn start(runtime: &Runtime) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let post = Self { address: listener.local_addr().unwrap(), mails: Arc::default() };
        let mails = Arc::clone(&post.mails);
        runtime.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mails = Arc::clone(&mails);
                clients.spawn(async move { converse(stream, &mails).await });
            }
        });
        post
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The mails, each with its headers.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }

    /// The subjects of the mails.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let subject = |mail: &String| {
            let line = mail.lines().find_map(|line| line.strip_prefix("Subject: "));
            line.unwrap_or_default().trim_end().to_owned()
        };
        self.mails().iter().map(subject).collect()
    }
}

/// The server's side of RFC 5321, as far as a client that only sends needs it.
async fn converse(mut stream: TcpStream, mails: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer = match line.split([' ', ':']).next().unwrap().to_uppercase().as_str() {
            "EHLO" | "HELO" => "250 test",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.push_str(line.strip_prefix("..").unwrap_or(&line));
                    mail.push('\n');
                }
                mails.lock().unwrap().push(mail);
                "250 taken"
            }
            "QUIT" => {
                return write.write_all(b"221 bye\r\n").await;
            }
            _ => "250 ok",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// Puts a program where a plugin called `name` is looked for; returns the directory.
pub(crate) fn install_plugin(directory: &Path, name: &str, program: &str) -> PathBuf {
    let plugins = directory.join("plugins");
    fs::create_dir_all(&plugins).unwrap();
    fs::set_permissions(&plugins, Permissions::from_mode(0o755)).unwrap();
    let path = plugins.join(format!("seatwatch-sink-{name}"));
    fs::write(&path, program).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    plugins
}
