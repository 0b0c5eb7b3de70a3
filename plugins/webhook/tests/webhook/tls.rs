//! Certificates, the receiver's and ours.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use seatwatch_sdk::samples::{event, events};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::world::World;

/// An authority that nobody trusts by themselves.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::with_key(name, KeyPair::generate().unwrap())
    }

    fn with_key(name: &str, key: KeyPair) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        Leaf::new(change, Some(&self.0))
    }
}

pub(crate) struct Leaf {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Leaf {
    /// For `127.0.0.1`, unless it is changed.
    fn new(
        change: impl FnOnce(&mut CertificateParams),
        issuer: Option<&Issuer<'static, KeyPair>>,
    ) -> Self {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = match issuer {
            Some(issuer) => params.signed_by(&key, issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        Self { certificate, key }
    }

    /// A receiver with this certificate, which asks for one of `clients` if there are any.
    pub(crate) fn acceptor(&self, clients: Option<&Authority>) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.server_config(clients)))
    }

    fn server_config(&self, clients: Option<&Authority>) -> ServerConfig {
        rustls::crypto::ring::default_provider().install_default().ok();
        let builder = match clients {
            None => ServerConfig::builder().with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
                ServerConfig::builder().with_client_cert_verifier(verifier)
            }
        };
        let chain = vec![self.certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        builder.with_single_cert(chain, key).unwrap()
    }
}

/// A receiver with such a certificate, whose authority is in `ca_file`.
fn trusted(change: impl FnOnce(&mut CertificateParams)) -> World {
    let authority = Authority::new("ours");
    let mut world = World::with_tls(authority.issue(change).acceptor(None));
    let ca_file = world.file("ca.pem", &authority.pem());
    world.set(json!({ "ca_file": ca_file }));
    world
}

async fn told(mut world: World) -> String {
    let told = world.told(&[event()]).await;
    assert_eq!(world.check().await, told, "`check` and a delivery disagree");
    assert!(world.server.requests().is_empty(), "something was sent");
    told.replace("retry: cannot reach `https://127.0.0.1:[PORT]/in`: ", "")
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_if_it_is_named() {
    let mut world = trusted(|_| {});
    world.accepts(&[event()]).await;
    assert_eq!(world.check().await, "accepted");
    world.set(json!({ "ca_file": null }));
    insta::assert_snapshot!(world.told(&[event()]).await, @"retry: cannot reach `https://127.0.0.1:[PORT]/in`: the certificate of `127.0.0.1` comes from an authority that is not trusted; if the authority is your own, name its certificate in `ca_file`");
}

/// As where a certificate was made anew, or the machine trusts another one of its name.
#[tokio::test]
async fn an_authority_of_the_same_name_is_told_apart_whatever_its_key() {
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let mut world = World::with_tls(Authority::new("ours").issue(|_| {}).acceptor(None));
        let namesake = Authority::with_key("ours", KeyPair::generate_for(kind).unwrap());
        world.set(json!({ "ca_file": world.file("ca.pem", &namesake.pem()) }));
        let told = told(world).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @"the certificate of `127.0.0.1` is not signed by the authority of that name that is trusted; name the certificate of the one that signed it in `ca_file`");
        }
    }
}

/// What the advice about a certificate of `openssl req -x509` leads to.
#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_trusted_if_it_is_named() {
    let leaf = Leaf::new(|params| params.is_ca = IsCa::ExplicitNoCa, None);
    let mut world = World::with_tls(leaf.acceptor(None));
    world.set(json!({ "ca_file": world.file("self.pem", &leaf.certificate.pem()) }));
    world.accepts(&[event()]).await;
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered() {
    let authority = Authority::new("ours");
    let mut server = authority.issue(|_| {}).server_config(None);
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let versions = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&versions);
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let answer = service_fn(|request: Request<Incoming>| {
            log.lock().unwrap().push(request.version());
            ready(Ok::<_, Infallible>(Response::new(String::new())))
        });
        let connection = http2::Builder::new(TokioExecutor::new());
        connection.serve_connection(TokioIo::new(stream), answer).await.unwrap();
    });
    let mut world = World::new();
    let ca_file = world.file("ca.pem", &authority.pem());
    world.set(json!({ "url": format!("https://{address}/in"), "ca_file": ca_file }));
    world.accepts(&[event()]).await;
    world.accepts(&[event()]).await;
    assert_eq!(*versions.lock().unwrap(), [Version::HTTP_2; 2]);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_is_told_with_its_fault() {
    let expired = trusted(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = trusted(|params| params.not_before = date_time_ymd(2100, 1, 1));
    let other = trusted(|params| {
        *params = CertificateParams::new(["other.test".to_owned()]).unwrap();
    });
    let self_signed = World::with_tls(Leaf::new(|_| {}, None).acceptor(None));
    let leaf = Leaf::new(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), None);
    let mut of_openssl = World::with_tls(leaf.acceptor(None));
    let ca_file = of_openssl.file("self.pem", &leaf.certificate.pem());
    of_openssl.set(json!({ "ca_file": ca_file }));
    let mut told_all = Vec::new();
    for world in [expired, early, other, self_signed, of_openssl] {
        told_all.push(told(world).await);
    }
    insta::assert_snapshot!(told_all.join("\n"), @"
    the certificate of `127.0.0.1` has expired; its owner must renew it
    the certificate of `127.0.0.1` is not valid yet; check the clocks
    the certificate of `127.0.0.1` is not for that name but for other.test; use the name in the certificate in `url`
    the certificate of `127.0.0.1` comes from an authority that is not trusted; if the authority is your own, name its certificate in `ca_file`
    the certificate of `127.0.0.1` is that of an authority, which no server may use for its own; `openssl req -x509` makes such a one: add `-addext basicConstraints=critical,CA:FALSE`, and name the new one in `ca_file`
    ");
}

#[tokio::test]
async fn what_speaks_no_tls_is_told() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
    });
    world.set(json!({ "url": format!("https://{address}/in") }));
    let told = world.told(&[event()]).await.replace(&address.to_string(), "[ADDRESS]");
    insta::assert_snapshot!(told, @"retry: cannot reach `https://[ADDRESS]/in`: what answers at `127.0.0.1` does not speak TLS; check the scheme in `url`");
}

#[tokio::test]
async fn a_receiver_may_ask_who_we_are() {
    let (authority, strangers) = (Authority::new("ours"), Authority::new("theirs"));
    let server = authority.issue(|_| {});
    let mut world = World::with_tls(server.acceptor(Some(&authority)));
    world.set(json!({ "ca_file": world.file("ca.pem", &authority.pem()) }));
    let mut told = vec![world.told(&[event()]).await];
    for issuer in [&strangers, &authority] {
        let client = issuer.issue(|_| {});
        world.set(json!({
            "client_cert_file": world.file("client.pem", &client.certificate.pem()),
            "client_key_file": world.file("client.key", &client.key.serialize_pem()),
        }));
        assert_eq!(world.problems(), "");
        told.push(world.told(&[event()]).await);
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    retry: cannot reach `https://127.0.0.1:[PORT]/in`: the receiver asks for a client certificate; name one in `client_cert_file` and `client_key_file`
    retry: cannot reach `https://127.0.0.1:[PORT]/in`: the receiver does not accept the client certificate (UnknownCA); check `client_cert_file`
    accepted
    ");
    assert_eq!(world.server.requests().len(), 1);
}

/// Both certificates can be replaced under the running sink, whose connections are kept else.
#[tokio::test]
async fn certificates_are_taken_up_without_a_reload() {
    let (authority, others) = (Authority::new("ours"), Authority::new("theirs"));
    let mut world = World::with_tls(authority.issue(|_| {}).acceptor(Some(&authority)));
    let client = authority.issue(|_| {});
    world.set(json!({
        "ca_file": world.file("ca.pem", &others.pem()),
        "client_cert_file": world.file("client.pem", &client.certificate.pem()),
        "client_key_file": world.file("client.key", &client.key.serialize_pem()),
    }));
    let told = world.told(&[event()]).await;
    assert!(told.contains("is not trusted"), "{told}");
    world.file("ca.pem", &format!("{}{}", others.pem(), authority.pem()));
    for event in events(2) {
        world.accepts(&[event]).await;
    }
    let client = others.issue(|_| {});
    world.file("client.pem", &client.certificate.pem());
    world.file("client.key", &client.key.serialize_pem());
    let told = world.told(&[event()]).await;
    assert!(told.contains("does not accept the client certificate"), "{told}");
    let connections: Vec<_> = world.server.requests().iter().map(|it| it.connection).collect();
    assert_eq!(connections.len(), 2);
    assert_eq!(connections[0], connections[1]);
}

#[tokio::test]
async fn a_key_must_belong_to_its_certificate() {
    let authority = Authority::new("ours");
    let (client, other) = (authority.issue(|_| {}), authority.issue(|_| {}));
    let mut world = World::new();
    let certificate = world.file("client.pem", &client.certificate.pem());
    let mut problems = Vec::new();
    for key in [other.key.serialize_pem(), "no key".to_owned(), client.certificate.pem()] {
        world.set(json!({
            "client_cert_file": certificate,
            "client_key_file": world.file("client.key", &key),
        }));
        problems.push(world.problems());
    }
    insta::assert_snapshot!(problems.join("\n"), @r"
    client_cert_file: no TLS client can be made: keys may not be consistent: KeyMismatch (`client_key_file` must hold the key of the certificate in `client_cert_file`)
    client_cert_file: there is no certificate with its private key (`client_cert_file` holds certificates and `client_key_file` one key without a password, both in PEM form)
    client_cert_file: there is no certificate with its private key (`client_cert_file` holds certificates and `client_key_file` one key without a password, both in PEM form)
    ");
}
