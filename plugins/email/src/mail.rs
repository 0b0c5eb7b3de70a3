//! A delivery as a mail: its headers, its two bodies and its table.
//!
//! What makes a mail one of a delivery stands in its headers, and all of it is the same on each
//! attempt, but for `Date`: that is the time of the attempt, when the mail was ready to be sent
//! (RFC 5322 section 3.6.1). When things happened stands in the mail itself.
//!
//! Pure but for that clock, which lettre reads, and the template files. Knows no server.

use lettre::Message;
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
};
use lettre::message::{MultiPart, SinglePart};
use seatwatch_sdk::{Event, write_table_header, write_table_row};
use sha2::{Digest as _, Sha256};

use crate::config::{Mailbox, Whose};
use crate::story::Story;
use crate::{EmailConfig, template};

/// What the table is called.
const TABLE: &str = "seatwatch-events.csv";

/// Writes the mail of a delivery. May block, on the files of templates.
///
/// # Errors
///
/// A template cannot be used; the text says which one and why.
pub(crate) fn write(
    config: &EmailConfig,
    recipient: &Mailbox,
    delivery: &str,
    events: &[Event],
) -> Result<Message, String> {
    let story = Story::of(events, &config.whose, config.attach_above);
    let rendered = template::render(&story, &config.templates).map_err(|error| {
        format!("{error}; correct it, or leave `templates` out to use the built-in one")
    })?;
    let domain = config.from.email().domain();
    let thread = thread(&config.whose, events, domain);
    let mut builder = Message::builder()
        .from(config.from.header())
        .to(recipient.header())
        .subject(rendered.subject)
        .message_id(Some(message_id(delivery, recipient, domain)))
        .in_reply_to(thread.clone())
        .references(thread)
        .header(ListId(list_id(&config.whose, domain)))
        // RFC 3834 section 5: nobody's answering machine answers.
        .header(AutoSubmitted)
        // The same to Exchange, which does not know the above ([MS-OXCMAIL] 2.2.3.2.14).
        .header(AutoResponseSuppress);
    if let Some(reply_to) = &config.reply_to {
        builder = builder.reply_to(reply_to.header());
    }
    let bodies = MultiPart::alternative()
        .singlepart(SinglePart::plain(line_ends(&rendered.text)))
        .singlepart(SinglePart::html(line_ends(&rendered.html)));
    let parts = if story.attached {
        MultiPart::mixed().multipart(bodies).singlepart(table(events))
    } else {
        bodies
    };
    builder.multipart(parts).map_err(|error| format!("the mail cannot be put together: {error}"))
}

/// All events as a table for spreadsheets.
///
/// In base64 whatever is in it: a server could take its bare line feeds for something else.
fn table(events: &[Event]) -> SinglePart {
    let mut table = Vec::new();
    write_table_header(&mut table);
    for event in events {
        write_table_row(event, &mut table);
    }
    SinglePart::builder()
        .header(ContentType::parse("text/csv; charset=utf-8; header=present").expect("a MIME type"))
        .header(ContentDisposition::attachment(TABLE))
        .header(ContentTransferEncoding::Base64)
        .body(table)
}

/// A template may have any line ends; lettre makes CRLF of a line feed alone.
fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Names the mail: the same on each attempt, so that whoever has it already can drop it, and
/// another one for each recipient, whose mails differ.
fn message_id(delivery: &str, recipient: &Mailbox, domain: &str) -> String {
    let is_atom = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_fit = delivery.chars().all(is_atom) && (1..=100).contains(&delivery.len());
    let delivery = if is_fit { delivery.to_owned() } else { digest(&[delivery]) };
    format!("<{delivery}.{}@{domain}>", digest(&[&recipient.lane()]))
}

/// Names a mail that was never sent and that all mails about an organization answer: so a reader's
/// program shows them as one thread. What is about several organizations is a thread of its own,
/// for it would tie theirs together.
fn thread(whose: &Whose, events: &[Event], domain: &str) -> String {
    let mut organizations = events.iter().map(|event| event.data.organization.as_ref());
    let first = organizations.next().flatten();
    let only = first.filter(|_| organizations.all(|it| it == first));
    let about = only.map_or_else(String::new, ToString::to_string);
    format!("<thread.{}@{domain}>", digest(&[&whose.instance, &whose.sink, &about]))
}

/// Names all mails of a sink, for filters (RFC 2919): `ops-mail.prod.seatwatch.example.com`.
fn list_id(whose: &Whose, domain: &str) -> String {
    let label = |text: &str| {
        let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let label: String = text.chars().take(60).map(fit).collect();
        if label.is_empty() { "-".to_owned() } else { label }
    };
    // An address in place of a name is no part of a name.
    let domain = if domain.starts_with('[') { "localhost" } else { domain };
    format!("<{}.{}.seatwatch.{domain}>", label(&whose.sink), label(&whose.instance))
}

/// 64 bits of a digest of the parts, in hexadecimal.
fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    let head = hasher.finalize().first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
    format!("{head:016x}")
}

/// `Auto-Submitted: auto-generated`.
#[derive(Clone)]
struct AutoSubmitted;

/// `X-Auto-Response-Suppress: All`.
#[derive(Clone)]
struct AutoResponseSuppress;

/// `List-Id`, whose value is made of letters, digits, dots and hyphens.
#[derive(Clone)]
struct ListId(String);

/// Gives a header of ours the trait by which lettre knows it.
macro_rules! header {
    ($type:ty, $name:literal, $self:ident => $value:expr) => {
        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Err("this header is only written".into())
            }

            fn display(&$self) -> HeaderValue {
                HeaderValue::new(Self::name(), $value)
            }
        }
    };
}

header!(AutoSubmitted, "Auto-Submitted", self => "auto-generated".to_owned());
header!(AutoResponseSuppress, "X-Auto-Response-Suppress", self => "All".to_owned());
header!(ListId, "List-Id", self => self.0.clone());
