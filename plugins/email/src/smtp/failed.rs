//! What a failure at a step means for the mail: try again, or give it up.
//!
//! RFC 5321 section 4.2.1: 4yz may succeed later, 5yz will not. But what will not succeed is said
//! of different things. At the banner, the greeting, the login and the sender, it is said of us:
//! a password that expired, an address that must not send. That concerns every mail, and a person
//! sets it right; were each mail given up at once, all events would be dead letters by then. So
//! these are tried again, and so is what is said to the recipient or the mail but meant for us,
//! which servers do that check everything at one step. Only what is said of the recipient or of the
//! mail itself gives the mail up.

use std::error::Error as _;
use std::io;

use lettre::transport::smtp::Error;
use seatwatch_sdk::{CertificateKeys, Failure, Secret, Untrusted, io_reason, quote};

use super::stream::Endless;
use crate::ServerConfig;

/// The steps on the way of a mail, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Reading certificates and password.
    Prepare,
    /// To the answer to EHLO; with TLS from the start, that too.
    Connect,
    /// STARTTLS, and EHLO once more.
    Encrypt,
    /// AUTH.
    LogIn,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The mail and its final dot.
    Content,
}

#[derive(Debug)]
pub(super) enum Why {
    /// Something of ours cannot be used.
    Unusable(String),
    /// The server does not have what the step needs.
    NotOffered,
    /// None of its addresses can be connected to.
    Unreached(io::Error),
    /// No answer in time.
    TimedOut,
    /// An answer that is not one to this step.
    Unexpected(u16),
    /// A refusal, or no sensible answer at all.
    Error(Error),
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        Self::Unreached(error)
    }
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Where a mail got stuck, and why.
#[derive(Debug)]
pub(crate) struct Failed {
    step: Step,
    why: Why,
    /// What the server may repeat, and nobody else must.
    secrets: Vec<Secret>,
}

impl Failed {
    pub(super) fn new(step: Step, why: Why) -> Self {
        Self { step, why, secrets: Vec::new() }
    }

    /// The same, told without the secrets that the server knows.
    pub(super) fn hiding(self, secrets: &[Secret]) -> Self {
        Self { secrets: secrets.to_vec(), ..self }
    }

    /// Whether the server answered, so that the connection may be as good as before.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(&self.why, Why::Error(error) if error.status().is_some())
    }

    /// What the dispatcher does about it, and what it tells people.
    pub(crate) fn into_failure(self, server: &ServerConfig) -> Failure {
        let reason = self.reason(server);
        if self.is_final() { Failure::Reject { reason } } else { Failure::retry(reason) }
    }

    /// Whether this mail will never be accepted.
    fn is_final(&self) -> bool {
        let Why::Error(error) = &self.why else { return false };
        error.is_permanent()
            && match self.step {
                Step::Recipient => !is_about_us(error),
                Step::Data | Step::Content => !is_about_login(error) && !is_about_sender(error),
                _ => false,
            }
    }

    fn reason(&self, server: &ServerConfig) -> String {
        let command = self.step.command();
        match &self.why {
            Why::Unusable(what) => what.clone(),
            Why::NotOffered if self.step == Step::Encrypt => format!(
                "`{server}` does not offer STARTTLS; nothing was sent, for it would have gone \
                 unencrypted: use another `server.port`, `server.tls: tls`, or, on loopback, `none`"
            ),
            Why::NotOffered => format!(
                "`{server}` offers no login by PLAIN or LOGIN; nothing was sent: use the port \
                 that is meant for submission, or leave `server.username` out"
            ),
            Why::Unreached(error) => format!("cannot connect to `{server}`: {}", io_reason(error)),
            Why::TimedOut if self.step == Step::Content => format!(
                "`{server}` took the mail but did not confirm it in time; it may have arrived, \
                 and comes again under the same Message-ID"
            ),
            Why::TimedOut if self.step == Step::Connect => {
                format!("`{server}` did not answer in time")
            }
            Why::TimedOut => format!("`{server}` did not answer {command} in time"),
            Why::Unexpected(code) => {
                format!("`{server}` answered {command} with {code}, which is no answer to that")
            }
            Why::Error(error) => self.told(server, error),
        }
    }

    fn told(&self, server: &ServerConfig, error: &Error) -> String {
        if let Some(code) = error.status() {
            let asked = self.step.asked();
            let answer = match self.step {
                // An answer to a login could quote it.
                Step::LogIn => enhanced(error).map_or_else(String::new, |it| format!(" {it}")),
                _ => self.said(error),
            };
            let advice = self.advice(error);
            return format!("`{server}` refused {asked}: {code}{answer}{advice}");
        }
        if find::<Endless>(error).is_some() {
            return self.endless(server);
        }
        if let Some(tls) = find(error) {
            let (fault, advice) = tls_fault(tls, self.step, server);
            let fault = self.quote(&fault);
            return format!("no encrypted connection to `{server}`: {fault}{advice}");
        }
        let cause = self.cause(error);
        match self.step {
            Step::Connect => format!("cannot connect to `{server}`: {cause}"),
            Step::Content => format!(
                "the connection to `{server}` ended before the mail was confirmed: {cause}; it \
                 may have arrived, and comes again under the same Message-ID"
            ),
            step => {
                let command = step.command();
                format!(
                    "the connection to `{server}` ended before the answer to {command}: {cause}"
                )
            }
        }
    }

    /// What is told of an answer that was longer than any can be.
    fn endless(&self, server: &ServerConfig) -> String {
        match self.step {
            Step::Connect => format!(
                "`{server}` answered the connection without end; check that `server.host` and \
                 `server.port` are those of a mail server"
            ),
            Step::Content => format!(
                "`{server}` took the mail and answered without end; it may have arrived, and \
                 comes again under the same Message-ID"
            ),
            step => format!("`{server}` answered {} without end", step.command()),
        }
    }

    /// What the server said.
    fn said(&self, error: &Error) -> String {
        let answer = error.source().map(ToString::to_string).unwrap_or_default();
        quote(&answer, &self.secrets).map_or_else(String::new, |answer| format!(" {answer}"))
    }

    /// The innermost of what went wrong with the connection.
    fn cause(&self, error: &Error) -> String {
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let cause = cause.downcast_ref().map_or_else(|| cause.to_string(), io_reason);
        let what = if error.is_response() { "no sensible answer: " } else { "" };
        format!("{what}{}", self.quote(&cause))
    }

    /// What somebody else may have had a hand in, fit for eyes.
    fn quote(&self, text: &str) -> String {
        quote(text, &self.secrets).unwrap_or_default()
    }

    /// What to do about a refusal.
    fn advice(&self, error: &Error) -> &'static str {
        let permanent = error.is_permanent();
        match self.step {
            Step::LogIn if permanent => "; check `server.username` and the password's file",
            Step::Sender if permanent => {
                "; check `from`, and whether the server wants a login to send as that"
            }
            Step::Connect | Step::Encrypt if permanent => {
                "; check with the server's operator whether this machine may send through it"
            }
            Step::Recipient if permanent && is_about_us(error) => {
                "; that is about us rather than the recipient: check `from`, the login and \
                 whether the server may pass mails on"
            }
            Step::Recipient if permanent => "; check the recipient in `to`",
            Step::Data | Step::Content if permanent && is_about_sender(error) => {
                "; that is about us rather than the mail: check `from`, and SPF, DKIM and DMARC of \
                 its domain"
            }
            _ => "",
        }
    }
}

impl Step {
    /// What is said to the server.
    fn command(self) -> &'static str {
        match self {
            Self::Prepare | Self::Connect => "EHLO",
            Self::Encrypt => "STARTTLS",
            Self::LogIn => "AUTH",
            Self::Sender => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the mail",
        }
    }

    /// What is refused.
    fn asked(self) -> &'static str {
        match self {
            Self::Prepare | Self::Connect => "the connection",
            Self::Encrypt => "STARTTLS",
            Self::LogIn => "the login",
            Self::Sender => "the sender",
            Self::Recipient => "the recipient",
            Self::Data => "DATA",
            Self::Content => "the mail",
        }
    }
}

/// Whether a refusal asks for a login or for encryption (RFC 4954 section 6, RFC 3207 section 4),
/// or says that a step was left out.
fn is_about_login(error: &Error) -> bool {
    let code = error.status().map_or(0, u16::from);
    matches!(code, 503 | 530 | 534 | 535 | 538)
}

/// Whether a refusal of a recipient is about who sends, and so about every mail: that is what the
/// enhanced codes for senders, protocol and policy say (RFC 3463 sections 3.2, 3.6 and 3.8).
fn is_about_us(error: &Error) -> bool {
    let code = enhanced(error);
    let code = code.as_deref().unwrap_or_default();
    let is_of_us = code.starts_with("5.5.") || code.starts_with("5.7.");
    is_of_us || is_about_login(error) || is_about_sender(error)
}

/// Whether a refusal says that whoever sends is not who they should be: a bad sender's address (RFC
/// 3463 section 3.2), or DKIM, SPF, DMARC and their like (RFC 7372 section 3 and, up to 5.7.30,
/// those that [were added](https://www.iana.org/assignments/smtp-enhanced-status-codes)). Other
/// codes for policy, 5.7.1 above all, are said of what stands in the mail as well.
fn is_about_sender(error: &Error) -> bool {
    let code = enhanced(error);
    let code = code.as_deref().unwrap_or_default();
    let detail = code.strip_prefix("5.7.").and_then(|detail| detail.parse::<u16>().ok());
    let is_unauthenticated = detail.is_some_and(|detail| (20..=30).contains(&detail));
    is_unauthenticated || ["5.1.7", "5.1.8"].contains(&code)
}

/// The enhanced code at the start of an answer (RFC 2034): `5.1.1`.
fn enhanced(error: &Error) -> Option<String> {
    let answer = error.source()?.to_string();
    let code = answer.split_whitespace().next()?;
    let is_number = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_code = code.split('.').count() == 3 && code.split('.').all(is_number);
    is_code.then(|| code.to_owned())
}

/// What went wrong with the connection, if it was this.
fn find<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    let mut source = error.source();
    while let Some(cause) = source {
        let io = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = io.and_then(|inner| inner.downcast_ref());
        if let Some(found) = found.or_else(|| cause.downcast_ref()) {
            return Some(found);
        }
        source = cause.source();
    }
    None
}

/// Why a connection is not encrypted, and what to do about it.
fn tls_fault(error: &rustls::Error, step: Step, server: &ServerConfig) -> (String, String) {
    const KEYS: CertificateKeys =
        CertificateKeys { address: "server.host", authorities: "server.ca_file" };
    match error {
        rustls::Error::InvalidCertificate(error) => {
            let Untrusted { fault, advice } = Untrusted::new(error, server.host.name(), KEYS);
            (fault, format!("; {advice}"))
        }
        rustls::Error::InvalidMessage(_) if step == Step::Encrypt => {
            let fault = "what came after the answer to STARTTLS is not encrypted";
            let advice = ", as if somebody on the way had added to it; nothing was sent";
            (fault.to_owned(), advice.to_owned())
        }
        rustls::Error::InvalidMessage(_) => {
            let advice =
                "; if it does not encrypt from the first byte on, use `server.tls: starttls`";
            (error.to_string(), advice.to_owned())
        }
        _ => (error.to_string(), String::new()),
    }
}
