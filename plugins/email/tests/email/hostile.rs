//! Names that others chose, to no effect but their own look.

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use seatwatch_sdk::{Event, EventKind, Profile};
use serde_json::json;

use crate::mails::mail;
use crate::samples::Log;
use crate::server::Setup;
use crate::world::World;

const HOSTILE: [&str; 10] = [
    "x\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>",
    "\u{202e}moc.elpmaxe@nimda",
    "<img src=x onerror=alert(1)>&amp;\"'`",
    "=HYPERLINK(\"https://evil.example\",\"click\")",
    "{{ 7 * 7 }}{% for x in y %}",
    "\r\n.\r\nQUIT\r\n",
    "=?utf-8?q?=0D=0ABcc:_x?=",
    "\u{0}\u{7}\u{1b}[31mred",
    "\u{feff}\u{200b}",
    "Visit http://evil.example/ or www.evil.example or evil.example/a",
];

fn events() -> Vec<Event> {
    let endless = "w\u{202e}".repeat(500);
    let names = HOSTILE.into_iter().chain([endless.as_str()]);
    let log = names.enumerate().fold(Log::new().totals(38, 31, 3), |log, (index, name)| {
        let text = Some(name.to_owned());
        // Usernames are Codecov's own, but who knows.
        let username = if index % 2 == 0 { name.to_owned() } else { format!("member-{index}") };
        let old = Profile { username, name: text.clone(), email: text, seat: true, admin: false };
        let kind = [EventKind::Left, EventKind::Renamed, EventKind::Updated][index % 3];
        log.change(kind, old.clone(), Profile { name: None, ..old })
    });
    log.events()
}

#[tokio::test]
async fn names_do_no_harm() {
    let mail = mail(&events()).await;
    let heads: Vec<_> = mail
        .head()
        .lines()
        .filter_map(|line| line.split_once(": ").map(|it| it.0.to_owned()))
        .collect();
    assert!(!heads.iter().any(|head| head.eq_ignore_ascii_case("bcc")), "{heads:?}");
    let (text, html) = (mail.text(), mail.html());
    for body in [&text, &html] {
        assert!(!body.chars().any(|c| c != '\n' && seatwatch_sdk::is_unseen(c)), "{body}");
        assert!(!body.contains(&"w\\u{202e}".repeat(20)), "a name fills the mail");
    }
    for tag in ["<script", "<img"] {
        assert!(!html.contains(tag), "{html}");
    }
    assert!(html.contains("&lt;script&gt;"), "{html}");
    // Many mail programs make a link of what looks like one.
    for body in [&text, &html] {
        assert!(!body.contains("://") && !body.contains("evil.example"), "{body}");
    }
    assert_eq!(mail.subject(), "[acme] 4 members left, 4 members renamed, 3 members updated");
    assert_snapshot!(text);
}

/// What a machine may read is not changed: no program makes links in a table.
#[tokio::test]
async fn the_table_has_links_as_they_are() {
    let mut world =
        World::with(Setup::default(), json!({"server": {"tls": "none"}, "attach_above": 1}));
    world.accepts(&events()).await;
    let (_, table) = world.mail().table().unwrap();
    assert!(table.contains("Visit http://evil.example/ or www.evil.example"), "{table}");
}

/// A subject of one's own may hold a name: it stays one line, and short.
#[tokio::test]
async fn names_in_a_subject_stay_there() {
    let keys = json!({"server": {"tls": "none"}, "templates": {"subject": "subject"}});
    let mut world = World::with(Setup::default(), keys);
    world.write("subject", "{{ organizations[0].people|map(attribute='username')|join('\\n') }}");
    world.accepts(&events()).await;
    let mail = world.mail();
    assert!(!mail.head().contains("\nBcc:"), "{}", mail.head());
    assert_eq!(mail.subject().chars().count(), 200);
    assert_snapshot!(mail.subject());
}

/// Another program's parser finds nothing to complain about: no defect, and all parts decode.
#[tokio::test]
async fn pythons_parser_finds_no_defect() {
    const SCRIPT: &str = r"
import sys, email, email.policy
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
for part in mail.walk():
    assert not part.defects, (part.get_content_type(), part.defects)
    for name, value in part.items():
        assert not value.defects, (name, value, value.defects)
    if not part.is_multipart():
        print(part.get_content_type(), part.get_content_charset(), part.get_filename(), len(part.get_content()) > 0)
";
    let mut many = events();
    many.extend((0..60).flat_map(|_| events()));
    let attached = mail(&many).await;
    let plain = mail(&events()).await;
    let mut told = Vec::new();
    for mail in [plain, attached] {
        let python = Command::new("python3")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        // Where there is no Python, there is nobody to ask.
        let Ok(mut python) = python else { return };
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), &mail.0).unwrap();
        let output = python.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        told.push(String::from_utf8(output.stdout).unwrap());
    }
    assert_snapshot!(told.join("\n"), @"
    text/plain utf-8 None True
    text/html utf-8 None True

    text/plain utf-8 None True
    text/html utf-8 None True
    text/csv utf-8 seatwatch-events.csv True
    ");
}
