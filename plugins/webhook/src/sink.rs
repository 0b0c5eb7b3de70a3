//! A delivery from end to end: what to send, to whom, and what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use seatwatch_sdk::{Delivery, Failure, Outcome, Problem, Sink, async_trait};
use tokio::task::spawn_blocking;

use crate::WebhookConfig;
use crate::answer::{Asked, judge, judge_check};
use crate::client::Client;
use crate::material::Material;
use crate::request::Payload;
use crate::trouble::Unanswered;

/// How long before the deadline a request must have ended, so that its outcome still counts.
const MARGIN: Duration = Duration::from_millis(500);

/// The sink that a [`WebhookConfig`] describes.
#[derive(Debug)]
pub struct WebhookSink {
    config: WebhookConfig,
    /// Kept for its connections.
    client: Option<Arc<Client>>,
    /// How many events the next request may hold: as many as are allowed, unless the receiver
    /// just refused that many. Kept between deliveries, so that a slow receiver cannot make the
    /// search for what it refuses start over at every deadline.
    size: usize,
    clock: fn() -> SystemTime,
}

impl WebhookSink {
    /// A sink that has touched nothing yet.
    pub fn new(config: WebhookConfig) -> Self {
        let size = config.request_events();
        Self { config, client: None, size, clock }
    }

    /// The same sink, which takes the times of its attempts from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> SystemTime) -> Self {
        Self { clock, ..self }
    }

    /// Reads what the configuration names, and makes a client if the last one does not fit it.
    async fn prepare(&mut self) -> Result<Exchange, Failure> {
        let (config, kept) = (self.config.clone(), self.client.clone());
        let prepared = spawn_blocking(move || prepare(&config, kept)).await;
        let prepared = prepared.map_err(|error| {
            Failure::retry(format!("reading secrets and certificates did not end: {error}"))
        })?;
        let (client, material) = prepared.map_err(|problems| Failure::retry(first(&problems)))?;
        self.client = Some(Arc::clone(&client));
        Ok(Exchange { client, material, now: (self.clock)(), patience: self.config.timeout.0 })
    }

    /// Posts the first `count` events.
    async fn post(
        &self,
        exchange: &Exchange,
        delivery: &Delivery<'_>,
        count: usize,
    ) -> Result<(), Failure> {
        let payload = match self.config.batch {
            Some(_) => Payload::batch(delivery, count),
            None => Payload::single(&delivery.events[0]),
        };
        let timestamp = exchange.now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (headers, body) = payload.sign(&exchange.material.keys, timestamp);
        let response = exchange.send(Method::POST, headers, body).await?;
        judge(response, exchange.asked()).await
    }
}

/// The blocking part of a delivery.
fn prepare(
    config: &WebhookConfig,
    kept: Option<Arc<Client>>,
) -> Result<(Arc<Client>, Material), Vec<Problem>> {
    let material = Material::read(config)?;
    let client = match kept.filter(|client| client.fits(&material.connection)) {
        Some(client) => client,
        None => Arc::new(Client::new(material.connection.clone())?),
    };
    Ok((client, material))
}

#[async_trait]
impl Sink for WebhookSink {
    /// Asks for the receiver's options: that proves the way, the certificates and the secrets,
    /// and no receiver takes it for a delivery.
    async fn check(&mut self) -> Result<(), Failure> {
        let exchange = self.prepare().await?;
        let response = exchange.send(Method::OPTIONS, HeaderMap::new(), Vec::new()).await?;
        judge_check(response, exchange.asked()).await
    }

    /// Ends with the first request that was accepted. What is refused is sent again by half, so
    /// that one event does not bury its neighbours: after at most log₂ of the batch size, it is
    /// accepted, or stands alone and is rejected. Each acceptance doubles the size again.
    async fn deliver(&mut self, delivery: &Delivery<'_>) -> Outcome {
        let mut exchange = match self.prepare().await {
            Ok(exchange) => exchange,
            Err(failure) => return failure.into(),
        };
        loop {
            let count = self.size.min(delivery.events.len());
            let time_left = delivery.deadline.saturating_duration_since(Instant::now());
            exchange.now = (self.clock)();
            exchange.patience = self.config.timeout.0.min(time_left.saturating_sub(MARGIN));
            match self.post(&exchange, delivery, count).await {
                Ok(()) => {
                    self.size = (2 * self.size).min(self.config.request_events());
                    return accepted(count, delivery);
                }
                Err(Failure::Reject { .. }) if count > 1 => self.size = count / 2,
                Err(failure) => return failure.into(),
            }
        }
    }
}

fn accepted(count: usize, delivery: &Delivery<'_>) -> Outcome {
    if count == delivery.events.len() {
        Outcome::Accepted
    } else {
        Outcome::Prefix { accepted: count }
    }
}

/// A request about to be made: with what, and when.
#[derive(Debug)]
struct Exchange {
    client: Arc<Client>,
    material: Material,
    now: SystemTime,
    /// For how long to wait for the answer.
    patience: Duration,
}

impl Exchange {
    async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response, Failure> {
        let Material { address, headers: configured, shown, .. } = &self.material;
        if self.patience.is_zero() {
            return Err(Failure::retry(format!("no time was left to post to `{shown}`")));
        }
        let request = self.client.http().request(method, address.url().clone());
        let request = request.headers(configured.clone()).headers(headers).body(body);
        let response = request.timeout(self.patience).send().await;
        response.map_err(|error| Failure::retry(self.explain(error)))
    }

    fn explain(&self, error: reqwest::Error) -> String {
        let Material { address, shown, connection, .. } = &self.material;
        let host = address.url().host_str().unwrap_or_default();
        let (route, patience) = (&connection.route, self.patience);
        let is_encrypted = address.url().scheme() == "https";
        let unanswered = Unanswered { shown, host, is_encrypted, route, patience };
        unanswered.explain(&error.without_url())
    }

    fn asked(&self) -> Asked<'_> {
        let Material { shown, connection, secrets, .. } = &self.material;
        Asked { shown, route: &connection.route, secrets, now: self.now }
    }
}

/// One problem is enough for a person who only has to look; `seatwatch check` tells all.
fn first(problems: &[Problem]) -> String {
    let Some(Problem { keys, text, hint, .. }) = problems.first() else { return String::new() };
    let hint = hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    format!("{}: {text}{hint}", keys.join("."))
}

#[expect(clippy::disallowed_methods, reason = "receivers compare the time with their own clocks")]
fn clock() -> SystemTime {
    SystemTime::now()
}
