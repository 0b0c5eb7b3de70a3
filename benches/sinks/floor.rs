//! What it takes at least to hand the same bytes to the same receiver, in as many pieces.
//!
//! What is handed over is ready before the clock starts. So a floor neither reads a log nor writes
//! JSON, and keeps no account of how far it came. All in this process.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use seatwatch::store::History;
use seatwatch_sdk::Event;
use serde_json::{Value, json};

use crate::cost::Cost;
use crate::instance::Instance;

/// All lines of a file, line feeds included.
pub(crate) fn lines(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(path).unwrap();
    text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Appends lines to a new file, with so many fsyncs.
pub(crate) fn append(lines: &[Vec<u8>], fsyncs: u64, path: &Path) -> Cost {
    let at_once = lines.len().div_ceil(usize::try_from(fsyncs).unwrap());
    Cost::of(|| {
        let file = File::options().create(true).append(true).open(path).unwrap();
        let mut file = BufWriter::with_capacity(1 << 16, file);
        for lines in lines.chunks(at_once) {
            for line in lines {
                file.write_all(line).unwrap();
            }
            file.flush().unwrap();
            file.get_ref().sync_data().unwrap();
        }
    })
}

/// The bodies of requests that deliver the whole log.
pub(crate) fn bodies(instance: &Instance, batch: Option<usize>) -> Vec<Vec<u8>> {
    let events = events(instance);
    match batch {
        Some(batch) => events.chunks(batch).map(|e| serde_json::to_vec(e).unwrap()).collect(),
        None => events.iter().map(|event| serde_json::to_vec(event).unwrap()).collect(),
    }
}

fn events(instance: &Instance) -> Vec<Event> {
    let all =
        |view: &seatwatch::store::View<'_>| view.history(&History::default(), 0, usize::MAX >> 1);
    instance.reader().read(all).unwrap()
}

/// Posts bodies, one after the other over one connection.
pub(crate) fn post(url: &str, batch: Option<usize>, bodies: &[Vec<u8>]) -> Cost {
    // Another one may have been installed before, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kind = if batch.is_some() { "cloudevents-batch+json" } else { "cloudevents+json" };
    let bodies = bodies.to_vec();
    Cost::of(|| {
        runtime.block_on(async {
            for body in bodies {
                let request =
                    client.post(url).header("content-type", format!("application/{kind}"));
                request.body(body).send().await.unwrap().error_for_status().unwrap();
            }
        });
    })
}

/// Sends so many mails, which have so many bytes together, over one connection.
pub(crate) fn mail(server: SocketAddr, mails: u64, bytes: u64) -> Cost {
    let line = [&[b'x'; 74][..], b"\r\n"].concat();
    let lines = usize::try_from(bytes / mails).unwrap() / line.len();
    let mail = [line.repeat(lines), b".\r\n".to_vec()].concat();
    Cost::of(|| {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut answers = BufReader::new(&stream).lines();
        let mut expect = |code: &str| {
            let answer = answers.find(|line| !line.as_ref().unwrap().starts_with("250-"));
            assert!(answer.unwrap().unwrap().starts_with(code));
        };
        expect("220");
        let mut say = |text: &[u8], code: &str| {
            (&stream).write_all(text).unwrap();
            expect(code);
        };
        say(b"EHLO localhost\r\n", "250");
        for _ in 0..mails {
            say(b"MAIL FROM:<a@example.com>\r\n", "250");
            say(b"RCPT TO:<b@example.com>\r\n", "250");
            say(b"DATA\r\n", "354");
            say(&mail, "250");
        }
        say(b"QUIT\r\n", "221");
    })
}

/// Hands the whole log to a plugin, so many events at once.
pub(crate) fn pipe(
    command: &[String],
    config: &Value,
    instance: &Instance,
    at_once: usize,
) -> Cost {
    let deliver = |events: &[Event]| {
        let deliver = json!({
            "type": "deliver", "id": "floor", "attempt": 1, "deadline_ms": 30_000, "events": events
        });
        format!("{deliver}\n")
    };
    let lines: Vec<String> = events(instance).chunks(at_once).map(deliver).collect();
    Cost::of(|| {
        let mut program = Command::new(&command[0]);
        program.args(&command[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut plugin = program.spawn().unwrap();
        let mut stdin = plugin.stdin.take().unwrap();
        let mut answers = BufReader::new(plugin.stdout.take().unwrap());
        let mut answer = String::new();
        let mut ask = |line: &str, kind: &str| {
            stdin.write_all(line.as_bytes()).unwrap();
            answer.clear();
            answers.read_line(&mut answer).unwrap();
            assert!(answer.contains(kind), "{answer}");
        };
        let hello = json!({
            "type": "hello", "protocol": 1, "instance": "bench", "sink": "floor", "config": config
        });
        ask(&format!("{hello}\n"), "ready");
        for line in &lines {
            ask(line, "result");
        }
        drop(stdin);
        answers.read_to_string(&mut answer).unwrap();
        assert!(plugin.wait().unwrap().success());
    })
}
