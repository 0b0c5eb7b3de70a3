//! The simulator answers as the real server was seen to answer, and misbehaves as told.

mod contract;
mod faults;
mod races;
mod recorded;
mod scripts;

use std::sync::Once;

use reqwest::{Client, RequestBuilder, Response};
use seatwatch::organization::{OrganizationId, Service};
use seatwatch::simulator::{Options, OwnerId, Simulator, World};
use serde_json::Value;

/// A running simulator with github/acme in it, and somebody to ask it.
struct Desk {
    simulator: Simulator,
    client: Client,
    acme: OwnerId,
    token: String,
}

impl Desk {
    /// acme's members are written `"ann* bob!"`: ann has a seat, bob is an admin.
    async fn open(members: &str) -> Self {
        Self::open_with(members, Options::default()).await
    }

    async fn open_with(members: &str, options: Options) -> Self {
        let mut world = World::default();
        let acme = world.add_organization(Service::Github, "acme", Some("Acme Org"));
        world.set_members(acme, members);
        let token = world.issue_token("acme", acme);
        let loopback = ([127, 0, 0, 1], 0).into();
        let simulator = Simulator::start_with(world, loopback, options).await.unwrap();
        Self { simulator, client: client(), acme, token }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.simulator.base_url());
        self.client.get(url).bearer_auth(&self.token).header("accept", "application/json")
    }

    async fn ask(&self, path: &str) -> Response {
        self.get(path).send().await.unwrap()
    }

    /// Reads one page of the list and tells it as `count: ann bob`, or says what was answered.
    async fn page(&self, page: usize, page_size: usize) -> String {
        let path = format!("/api/v2/github/acme/users/?page={page}&page_size={page_size}");
        let page: Value = self.ask(&path).await.json().await.unwrap();
        match (page.get("count"), page.get("results").and_then(Value::as_array)) {
            (Some(count), Some(rows)) => {
                let username = |row: &Value| row["username"].as_str().unwrap_or("-").to_owned();
                format!("{count}: {}", rows.iter().map(username).collect::<Vec<_>>().join(" "))
            }
            _ => page["detail"].as_str().unwrap_or("?").to_owned(),
        }
    }

    fn person(&self, username: &str) -> OwnerId {
        self.simulator.edit(|world| world.find(Service::Github, username)).unwrap()
    }
}

fn acme() -> OrganizationId {
    "github/acme".parse().unwrap()
}

fn client() -> Client {
    static PROVIDER: Once = Once::new();
    // Fails only where another test was first.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let redirect = reqwest::redirect::Policy::none();
    Client::builder().no_proxy().redirect(redirect).tls_certs_only([]).build().unwrap()
}
