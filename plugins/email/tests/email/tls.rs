//! Encryption: both ways, with certificates that are trusted, and with those that are not.

use std::process::Command;
use std::sync::Arc;

use insta::assert_snapshot;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use seatwatch_sdk::samples::events;
use serde_json::json;

use crate::server::{Act, Setup};
use crate::world::World;

/// An authority of the test's own, in PEM form, and a server that it vouches for as `name`.
pub(crate) fn authority(name: &str) -> (String, Arc<rustls::ServerConfig>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (issuer.pem(), Arc::new(server))
}

/// A server with this certificate's name, and a sink that trusts its authority.
pub(crate) fn encrypted(mode: &str, name: &str) -> World {
    let (ca, tls) = authority(name);
    let setup = Setup {
        wrapped: mode == "tls",
        starttls: mode == "starttls",
        tls: Some(tls),
        ..Setup::default()
    };
    let keys = json!({ "server": { "tls": mode, "ca_file": "ca.pem" } });
    let world = World::with(setup, keys);
    world.write("ca.pem", ca);
    world
}

#[tokio::test]
async fn both_ways_get_a_mail_through() {
    for mode in ["tls", "starttls"] {
        let mut world = encrypted(mode, "127.0.0.1");
        assert_eq!(world.check().await, "", "{mode}");
        world.accepts(&events(3)).await;
        assert_eq!(world.server.taken().len(), 1, "{mode}");
    }
}

#[tokio::test]
async fn nothing_is_said_before_the_connection_is_encrypted() {
    let mut world = encrypted("starttls", "127.0.0.1");
    world.accepts(&events(1)).await;
    assert_eq!(world.server.heard(), "connect EHLO STARTTLS EHLO MAIL RCPT DATA .");
}

/// Somebody on the way could have taken the offer out: so nothing is sent without it.
#[tokio::test]
async fn a_server_without_starttls_gets_no_mail() {
    let mut world = World::with(Setup::default(), json!({ "server": { "tls": "starttls" } }));
    assert_snapshot!(world.outcome(&events(1)).await, @"retry: `127.0.0.1:[PORT]` does not offer STARTTLS; nothing was sent, for it would have gone unencrypted: use another `server.port`, `server.tls: tls`, or, on loopback, `none`");
    assert_eq!(world.server.heard(), "connect EHLO QUIT");
    assert!(world.check().await.contains("does not offer STARTTLS"));
}

#[tokio::test]
async fn a_server_that_refuses_starttls_gets_no_mail() {
    for answer in ["454 4.7.0 TLS not available", "554 5.7.3 cannot", "250 fine, go on"] {
        let mut world = encrypted("starttls", "127.0.0.1");
        world.server.once("STARTTLS", Act::Bye(answer));
        let told = world.outcome(&events(1)).await;
        assert!(told.starts_with("retry: "), "{told}");
        assert!(!world.server.heard().contains("MAIL"), "{answer}");
        world.accepts(&events(1)).await;
    }
}

/// Somebody on the way puts words into the server's mouth while all is still in the clear: an
/// answer, by which all later ones are one off; a login that the server does not offer; a whole
/// session in which the mail is taken. Nothing of it is believed to have come over TLS.
#[tokio::test]
async fn what_was_said_before_the_encryption_is_not_believed() {
    const SESSION: &str = "220 go ahead\r\n250-mail.example.com\r\n250 AUTH PLAIN\r\n235 welcome\r\n\
                           250 ok\r\n250 ok\r\n354 go ahead\r\n250 taken";
    let injected = [
        ("STARTTLS", "220 go ahead\r\n250 mail.example.com"),
        ("STARTTLS", "220 go ahead\r\n250-mail.example.com\r\n250 AUTH PLAIN LOGIN"),
        ("STARTTLS", SESSION),
        // Already before it is asked for STARTTLS.
        ("EHLO", "250-mail.example.com\r\n250 STARTTLS\r\n220 go ahead\r\n250 mail.example.com"),
    ];
    let mut told = Vec::new();
    for (verb, said) in injected {
        let mut world = encrypted("starttls", "127.0.0.1");
        world.write("password", "secret");
        world.set(json!({ "server": { "username": "us", "password_file": "password" } }));
        world.server.once(verb, Act::Say(said));
        told.push(world.outcome(&events(1)).await);
        // Whoever has the answer before the question may be gone before that is read.
        let heard = world.server.heard();
        assert!("connect EHLO STARTTLS".starts_with(&heard), "{said}: {heard}");
    }
    told.dedup();
    assert_snapshot!(told.join("\n"), @"retry: no encrypted connection to `127.0.0.1:[PORT]`: what came after the answer to STARTTLS is not encrypted, as if somebody on the way had added to it; nothing was sent");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_it() {
    let mut told = Vec::new();
    for mode in ["tls", "starttls"] {
        let mut world = encrypted(mode, "mail.example.com");
        told.push(format!("{mode}, other name: {}", world.outcome(&events(1)).await));
        let mut world = encrypted(mode, "127.0.0.1");
        world.write("ca.pem", authority("127.0.0.1").0);
        told.push(format!("{mode}, other authority: {}", world.outcome(&events(1)).await));
        assert!(!world.server.heard().contains("MAIL"));
    }
    assert_snapshot!(told.join("\n"), @"
    tls, other name: retry: no encrypted connection to `127.0.0.1:[PORT]`: the certificate of `127.0.0.1` is not for that name but for mail.example.com; use the name in the certificate in `server.host`
    tls, other authority: retry: no encrypted connection to `127.0.0.1:[PORT]`: the certificate of `127.0.0.1` is not signed by the authority of that name that is trusted; name the certificate of the one that signed it in `server.ca_file`
    starttls, other name: retry: no encrypted connection to `127.0.0.1:[PORT]`: the certificate of `127.0.0.1` is not for that name but for mail.example.com; use the name in the certificate in `server.host`
    starttls, other authority: retry: no encrypted connection to `127.0.0.1:[PORT]`: the certificate of `127.0.0.1` is not signed by the authority of that name that is trusted; name the certificate of the one that signed it in `server.ca_file`
    ");
}

/// Another authority is taken up without a reload, as another password is.
#[tokio::test]
async fn a_ca_file_is_read_anew() {
    let mut world = encrypted("tls", "127.0.0.1");
    let ca = world.path("ca.pem");
    let right = std::fs::read_to_string(&ca).unwrap();
    std::fs::write(&ca, authority("127.0.0.1").0).unwrap();
    assert!(world.outcome(&events(1)).await.starts_with("retry: no encrypted connection"));
    std::fs::remove_file(&ca).unwrap();
    assert_snapshot!(world.outcome(&events(1)).await, @"retry: `[DIR]/ca.pem` cannot be read: no such file or directory");
    std::fs::write(&ca, right).unwrap();
    world.accepts(&events(1)).await;
}

/// Speaking in the clear to a server that waits for a handshake, or the other way round.
#[tokio::test]
async fn a_mode_that_does_not_fit_the_server_is_told() {
    let mut world = World::with(Setup::default(), json!({ "server": { "tls": "tls" } }));
    assert_snapshot!(world.outcome(&events(1)).await, @"retry: no encrypted connection to `127.0.0.1:[PORT]`: received corrupt message of type InvalidContentType; if it does not encrypt from the first byte on, use `server.tls: starttls`");
}

/// Without a store of certificates, those that are built in are what a server is checked with. The
/// store is found by the environment, so the test goes on in a process of its own.
#[tokio::test]
async fn a_machine_without_a_store_checks_all_the_same() {
    const INNER: &str = "SEATWATCH_EMAIL_TEST_INNER";
    if std::env::var_os(INNER).is_none() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tls::a_machine_without_a_store_checks_all_the_same", "--nocapture"])
            .envs([(INNER, "1"), ("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")])
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
        return;
    }
    let (_, tls) = authority("127.0.0.1");
    let setup = Setup { wrapped: true, tls: Some(tls), ..Setup::default() };
    let mut world = World::with(setup, json!({ "server": { "tls": "tls" } }));
    let told = world.outcome(&events(1)).await;
    assert!(told.contains("from an authority that is not trusted"), "{told}");
}
