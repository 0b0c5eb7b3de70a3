//! One connection to a server, step by step.
//!
//! lettre speaks the protocol; its own way to send a mail in one go does not tell at which step it
//! was refused. Dropped at any step, a session is a closed connection: the server forgets a mail
//! that was not handed over to its end (RFC 5321 section 4.1.1.4).

use std::fmt;
use std::time::{Duration, Instant};

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use seatwatch_sdk::Secret;
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use super::failed::{Failed, Step, Why};
use super::stream::{self, Allowance};
use super::trust;
use crate::{ServerConfig, Tls};

/// How long a farewell may take, which changes nothing any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a connection that was kept may take to say that it is still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// A connection over which mails may be sent.
pub(crate) struct Session {
    connection: AsyncSmtpConnection,
    allowance: Allowance,
    /// What the server may repeat, and nobody else must.
    secrets: Vec<Secret>,
}

impl Session {
    /// Connects, encrypts as configured, and logs in. Nothing goes on after `until`.
    pub(crate) async fn open(server: &ServerConfig, until: Instant) -> Result<Self, Failed> {
        let prepared = prepare(server).await?;
        let secrets = prepared.secrets.clone();
        let opened = Self::open_with(prepared, server, until).await;
        opened.map_err(|failed| failed.hiding(&secrets))
    }

    async fn open_with(
        prepared: Prepared,
        server: &ServerConfig,
        until: Instant,
    ) -> Result<Self, Failed> {
        let Prepared { tls, credentials, secrets } = prepared;
        let hello = ClientId::default();
        let (wrapped, upgrade) = match server.tls() {
            Tls::Tls => (tls, None),
            Tls::Starttls => (None, tls),
            Tls::None => (None, None),
        };
        let allowance = Allowance::new();
        let connecting = stream::connect(server, &allowance);
        let stream = step(&allowance, Step::Connect, until, connecting).await?;
        let stream: Box<dyn AsyncTokioStream> = match wrapped {
            None => Box::new(stream),
            Some(tls) => {
                let encrypting = stream::encrypt(stream, tls);
                Box::new(step(&allowance, Step::Connect, until, encrypting).await?)
            }
        };
        let greeting = AsyncSmtpConnection::connect_with_transport(stream, &hello);
        let connection = step(&allowance, Step::Connect, until, greeting).await?;
        let mut session = Self { connection, allowance, secrets };
        if server.tls() == Tls::Starttls {
            session.encrypt(upgrade, &hello, until).await?;
        }
        if let Some(credentials) = credentials {
            session.log_in(&credentials, until).await?;
        }
        Ok(session)
    }

    async fn encrypt(
        &mut self,
        tls: Option<TlsParameters>,
        hello: &ClientId,
        until: Instant,
    ) -> Result<(), Failed> {
        let Some(tls) = tls.filter(|_| self.connection.can_starttls()) else {
            self.quit().await;
            return Err(Failed::new(Step::Encrypt, Why::NotOffered));
        };
        step(&self.allowance, Step::Encrypt, until, self.connection.starttls(tls, hello)).await
    }

    async fn log_in(&mut self, credentials: &Credentials, until: Instant) -> Result<(), Failed> {
        if self.connection.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
            self.quit().await;
            return Err(Failed::new(Step::LogIn, Why::NotOffered));
        }
        let answer = self.connection.auth(DEFAULT_MECHANISMS, credentials);
        let answer = step(&self.allowance, Step::LogIn, until, answer).await?;
        expect(235, Step::LogIn, &answer)
    }

    /// Hands a mail over. Once this is `Ok`, the server answers for it.
    ///
    /// Each answer must be the very one that the step asks for: were there one too many, all later
    /// ones would be one off, and the answer to an earlier step would be taken for that to the mail.
    pub(crate) async fn send(&mut self, mail: &Message, until: Instant) -> Result<(), Failed> {
        self.hand_over(mail, until).await.map_err(|failed| failed.hiding(&self.secrets))
    }

    async fn hand_over(&mut self, mail: &Message, until: Instant) -> Result<(), Failed> {
        let envelope = mail.envelope();
        let sender = Mail::new(envelope.from().cloned(), Vec::new());
        let answer = self.say(Step::Sender, sender, until).await?;
        expect(250, Step::Sender, &answer)?;
        for recipient in envelope.to() {
            let recipient = Rcpt::new(recipient.clone(), Vec::new());
            let answer = self.say(Step::Recipient, recipient, until).await?;
            // 251 and 252: the server passes it on, or will see whether it can.
            if !["250", "251", "252"].contains(&answer.code().to_string().as_str()) {
                expect(250, Step::Recipient, &answer)?;
            }
        }
        let answer = self.say(Step::Data, Data, until).await?;
        expect(354, Step::Data, &answer)?;
        let content = mail.formatted();
        let answer = self.connection.message(&content);
        let answer = step(&self.allowance, Step::Content, until, answer).await?;
        expect(250, Step::Content, &answer)
    }

    async fn say(
        &mut self,
        at: Step,
        command: impl fmt::Display,
        until: Instant,
    ) -> Result<Response, Failed> {
        step(&self.allowance, at, until, self.connection.command(command)).await
    }

    /// Asks whether the server is still there.
    pub(crate) async fn is_alive(&mut self, until: Instant) -> bool {
        self.answers(Noop, until.min(Instant::now() + SIGN_OF_LIFE)).await
    }

    /// After a mail was refused: makes ready for another one, if the server still listens.
    pub(crate) async fn reset(&mut self) -> bool {
        self.answers(Rset, Instant::now() + FAREWELL).await
    }

    async fn answers(&mut self, command: impl fmt::Display, until: Instant) -> bool {
        self.allowance.renew();
        let answer = timeout_at(until.into(), self.connection.command(command)).await;
        matches!(answer, Ok(Ok(answer)) if answer.has_code(250))
    }

    /// Closes the connection as is proper.
    pub(crate) async fn quit(&mut self) {
        self.allowance.renew();
        // Whether the server bids farewell too makes no difference.
        drop(tokio::time::timeout(FAREWELL, self.connection.command(Quit)).await);
    }
}

/// What is read from files before anything is said.
struct Prepared {
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    /// Those in the credentials.
    secrets: Vec<Secret>,
}

/// Reads certificates and password anew, so that a rotated one is taken up.
async fn prepare(server: &ServerConfig) -> Result<Prepared, Failed> {
    let server = server.clone();
    let prepared = spawn_blocking(move || {
        let tls = match server.tls() {
            Tls::None => None,
            Tls::Tls | Tls::Starttls => {
                let ca_file = server.ca_file.as_deref();
                Some(trust::parameters(server.host.name(), ca_file)?)
            }
        };
        let (Some(username), Some(password)) = (&server.username, &server.password_file) else {
            return Ok(Prepared { tls, credentials: None, secrets: Vec::new() });
        };
        let password =
            password.read_line().map_err(|error| format!("{error}; {}", error.hint()))?;
        let credentials =
            Credentials::new(username.text().to_owned(), password.expose().to_owned());
        Ok(Prepared { tls, credentials: Some(credentials), secrets: vec![password] })
    });
    let prepared = prepared.await.unwrap_or_else(|error| Err(error.to_string()));
    prepared.map_err(|what| Failed::new(Step::Prepare, Why::Unusable(what)))
}

/// Takes one step, unless it lasts too long.
async fn step<T>(
    allowance: &Allowance,
    step: Step,
    until: Instant,
    taken: impl Future<Output = Result<T, impl Into<Why>>>,
) -> Result<T, Failed> {
    allowance.renew();
    match timeout_at(until.into(), taken).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failed::new(step, error.into())),
        Err(_) => Err(Failed::new(step, Why::TimedOut)),
    }
}

fn expect(code: u16, step: Step, answer: &Response) -> Result<(), Failed> {
    if answer.has_code(code) {
        return Ok(());
    }
    Err(Failed::new(step, Why::Unexpected(answer.code().into())))
}
