//! Whom the client trusts, and by which way it goes.

use super::*;

/// A server whose certificate comes from nobody, and the file that makes it trusted.
fn self_signed(directory: &tempfile::TempDir) -> (Canned, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let accept = move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).ok()?;
        Some(rustls::StreamOwned::new(connection, stream))
    };
    (Canned::start_with(accept, |_| roster("ann*")), ca_file)
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_named() {
    let directory = tempfile::tempdir().unwrap();
    let (canned, ca_file) = self_signed(&directory);
    let base_url = format!("https://localhost:{}", canned.address.port());

    let session = Setup::at(&base_url).session();
    let error = session.read_roster(None).await.unwrap_err();
    check(&told_error(&error), "tls: no trusted connection for `https://localhost:");
    check(&error.hint(), "codecov.ca_file");
    assert_eq!(session.requests(), 1, "trying again does not help");

    let trusting = Setup { ca_file: Some(ca_file.clone()), ..Setup::at(base_url) };
    assert_eq!(trusting.read().await, "ann*");

    // Trusted, but for another name.
    let other = format!("https://127.0.0.1:{}", canned.address.port());
    check(&Setup { ca_file: Some(ca_file), ..Setup::at(other) }.read().await, "tls: ");
}

#[tokio::test]
async fn a_server_without_tls_is_no_trusted_connection() {
    let accept = |mut stream: TcpStream| {
        stream.read_exact(&mut [0; 64]).ok()?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok()?;
        stream.read_to_end(&mut Vec::new()).ok()?;
        None::<TcpStream>
    };
    let canned = Canned::start_with(accept, |_| unreachable!("nothing was asked"));
    let found = Setup::at(format!("https://{}", canned.address)).read().await;
    check(&found, "tls: no trusted connection for `https://127.0.0.1:");
}

#[test]
fn an_unusable_ca_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (content, expected) in [
        (None, "tls: ca_file: `[FILE]` cannot be read: no such file"),
        (Some(""), "tls: ca_file: `[FILE]` holds no certificate"),
        (Some("not a certificate"), "tls: ca_file: `[FILE]` holds no certificate"),
        (Some(broken), "tls: ca_file: `[FILE]` is not in PEM form"),
        (Some(garbage), "tls: no trust can be put in `[FILE]`"),
    ] {
        let file = directory.path().join("ca.pem");
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let setup = Setup { ca_file: Some(file.clone()), ..Setup::at("https://x.test") };
        let error = setup.server().err().expect("an unusable file");
        check(&told_error(&error).replace(file.to_str().unwrap(), "[FILE]"), expected);
        check(&error.hint(), "ca_file");
    }
}

// What takes an environment of its own: each such test is run again as a child process.

/// Runs an ignored test of this module in a process with that environment.
#[track_caller]
fn run_alone(test: &str, environment: &[(&str, &str)]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--ignored", "--nocapture", &format!("client::trust::{test}")]);
    let output = child.envs(environment.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
}

#[test]
fn a_machine_without_certificates_can_sync() {
    let nowhere = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    run_alone("alone_without_certificates", &nowhere);
}

#[tokio::test]
#[ignore = "its environment is made by another test"]
async fn alone_without_certificates() {
    // Without TLS, with a certificate that nobody trusts, and with one that is named.
    assert_eq!(Setup::of(&Canned::script([roster("ann")])).read().await, "ann");
    let directory = tempfile::tempdir().unwrap();
    let (canned, ca_file) = self_signed(&directory);
    let base_url = format!("https://localhost:{}", canned.address.port());
    check(&Setup::at(&base_url).read().await, "tls: ");
    let trusting = Setup { ca_file: Some(ca_file), ..Setup::at(base_url) };
    assert_eq!(trusting.read().await, "ann*");
}

#[test]
fn a_proxy_in_the_environment_is_used() {
    let proxy = Canned::script([roster("ann")]);
    let url = format!("http://{}", proxy.address);
    run_alone("alone_behind_a_proxy", &[("http_proxy", &url), ("no_proxy", "")]);
    let line = "GET http://codecov.test/api/v2/github/acme/users/?page=1&page_size=1000";
    assert_eq!(proxy.requests()[0].line, line);
}

#[tokio::test]
#[ignore = "its environment is made by another test"]
async fn alone_behind_a_proxy() {
    assert_eq!(Setup::at("http://codecov.test").read().await, "ann");
}
