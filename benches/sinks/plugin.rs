//! A plugin that takes everything and only counts it.

use std::io::{BufRead as _, Write as _};

use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message<'a> {
    Hello {},
    Deliver {
        id: &'a str,
        events: Vec<IgnoredAny>,
    },
    Shutdown {},
    #[serde(other)]
    Other,
}

/// Answers until stdin ends. Takes at most so many events at once; 0 stands for any number.
pub(crate) fn serve(max_events: usize) {
    let limit = match max_events {
        0 => String::new(),
        some => format!(r#","max_events":{some}"#),
    };
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = String::new();
    while stdin.read_line(&mut line).unwrap() > 0 {
        match serde_json::from_str(&line).unwrap() {
            Message::Hello {} => writeln!(stdout, r#"{{"type":"ready","protocol":1{limit}}}"#),
            Message::Deliver { id, events } => {
                let accepted = events.len();
                writeln!(stdout, r#"{{"type":"result","id":"{id}","accepted":{accepted}}}"#)
            }
            Message::Shutdown {} => break,
            Message::Other => Ok(()),
        }
        .unwrap();
        stdout.flush().unwrap();
        line.clear();
    }
}
