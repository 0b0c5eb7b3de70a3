//! The endpoints over TLS.

use std::fs;

use rcgen::SanType;
use rustls::crypto::ring::{self, cipher_suite, kx_group};

use super::*;
use crate::tls::{Authority, Caller, Leaf, TLS, write_secret};

/// A site with a web configuration, and the authority of its certificate.
struct Guarded {
    site: Site,
    authority: Authority,
}

impl Guarded {
    fn open(web: &str) -> Self {
        Self::open_with(web, Limits::default())
    }

    fn open_with(web: &str, limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        authority.issue(2040).write_to(directory.path());
        fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();
        let protection = protection(directory.path(), web);
        Self { site: Site::open_as(limits, protection), authority }
    }

    fn caller(&self) -> Caller {
        Caller::new(&self.authority)
    }

    /// The status of an answer to this client, or why there is none.
    fn ask(&self, caller: &Caller) -> Result<u16, String> {
        caller.get(self.site.address, "/metrics", "").map(|reply| reply.status())
    }
}

#[test]
fn tls_is_spoken_and_whoever_does_not_is_told() {
    let guarded = Guarded::open(TLS);
    assert_eq!(guarded.ask(&guarded.caller()), Ok(200));
    let site = &guarded.site;
    let answer = site.answer("GET /metrics HTTP/1.1\nHost: HOST");
    assert_snapshot!(answer, @"
    HTTP/1.1 400 Bad Request
    content-type: text/plain; charset=utf-8
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    referrer-policy: no-referrer
    content-length: 48
    connection: close

    this port speaks TLS: ask again with `https://`
    ");
    assert_eq!(status(&site.answer("hello")), 400);
    assert_eq!(site.daemon.scrapes.load(Ordering::SeqCst), 1);

    let plain = Site::open();
    let error = guarded.caller().get(plain.address, "/metrics", "").unwrap_err();
    assert!(error.contains("InvalidContentType"), "{error}");
    assert_eq!(status(&plain.get("/metrics")), 200);
}

#[test]
fn versions_are_limited() {
    use rustls::version::{TLS12, TLS13};

    let check = |limits: &str, twelve: bool, thirteen: bool| {
        let guarded = Guarded::open(&format!("{TLS}{limits}"));
        for (version, expected) in [(&TLS12, twelve), (&TLS13, thirteen)] {
            let provider = ring::default_provider();
            let caller = Caller::with(&guarded.authority, provider, &[version], None);
            let asked = guarded.ask(&caller);
            assert_eq!(asked.is_ok(), expected, "{limits} {:?}: {asked:?}", version.version);
        }
    };
    check("", true, true);
    check("  min_version: TLS13\n", false, true);
    check("  max_version: TLS12\n", true, false);
    check("  min_version: TLS12\n  max_version: TLS13\n", true, true);
    // As with Go, the list is about TLS 1.2.
    check("  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n", true, true);
}

#[test]
fn ciphers_and_curves_are_those_of_the_file() {
    let guarded = Guarded::open(&format!(
        "{TLS}  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256]\n  \
         curve_preferences: [CurveP256]\n"
    ));
    let check = |suite, group, expected: bool| {
        let mut provider = ring::default_provider();
        provider.cipher_suites = vec![suite];
        provider.kx_groups = vec![group];
        let versions = [suite.version()];
        let caller = Caller::with(&guarded.authority, provider, &versions, None);
        let asked = guarded.ask(&caller);
        assert_eq!(asked.is_ok(), expected, "{suite:?}: {asked:?}");
    };
    let p256 = kx_group::SECP256R1;
    check(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, p256, true);
    check(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, p256, false);
    check(cipher_suite::TLS13_AES_128_GCM_SHA256, p256, true);
    check(cipher_suite::TLS13_AES_256_GCM_SHA384, p256, false);
    check(cipher_suite::TLS13_AES_128_GCM_SHA256, kx_group::X25519, false);
}

/// The client likes the shorter key, the file the longer one.
#[test]
fn the_order_of_the_file_counts_unless_it_says_otherwise() {
    use rustls::CipherSuite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 as SHORT,
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 as LONG,
    };

    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| [SHORT, LONG].contains(&suite.suite()));
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != SHORT);
    for (more, expected) in [
        ("", LONG),
        ("  prefer_server_cipher_suites: true\n", LONG),
        ("  prefer_server_cipher_suites: false\n", SHORT),
    ] {
        let guarded = Guarded::open(&format!(
            "{TLS}  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n  \
             - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\n{more}"
        ));
        let versions = [&rustls::version::TLS12];
        let caller = Caller::with(&guarded.authority, provider.clone(), &versions, None);
        let reply = caller.get(guarded.site.address, "/metrics", "").unwrap();
        assert_eq!(reply.cipher_suite, expected, "{more}");
    }
}

#[test]
fn clients_show_certificates_where_they_have_to() {
    let check = |kind: &str, none: bool, stranger: bool| {
        let guarded =
            Guarded::open(&format!("{TLS}  client_ca_file: ca.pem\n  client_auth_type: {kind}\n"));
        let ask = |own: Option<Leaf>| {
            let (provider, versions) = (ring::default_provider(), rustls::ALL_VERSIONS);
            let caller = Caller::with(&guarded.authority, provider, versions, own.as_ref());
            guarded.ask(&caller).is_ok()
        };
        let expected = (none, true, stranger);
        let asked = (
            ask(None),
            ask(Some(guarded.authority.issue(2040))),
            ask(Some(Authority::new().issue(2040))),
        );
        assert_eq!(asked, expected, "{kind}");
    };
    check("RequireAndVerifyClientCert", false, false);
    check("VerifyClientCertIfGiven", true, false);
}

#[test]
fn certificates_of_clients_are_for_the_names_in_the_file() {
    let guarded = Guarded::open(&format!(
        "{TLS}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n  \
         client_allowed_sans: [ann.example.com, ops@example.com, 10.0.0.7, 'fd00::7', \
         'spiffe://example.com/prometheus']\n"
    ));
    let ask = |authority: &Authority, name: SanType| {
        let own = authority.issue_for(name, 2040);
        let (provider, versions) = (ring::default_provider(), rustls::ALL_VERSIONS);
        guarded.ask(&Caller::with(&guarded.authority, provider, versions, Some(&own))).is_ok()
    };
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let uri = |name: &str| SanType::URI(name.try_into().unwrap());
    let mail = |name: &str| SanType::Rfc822Name(name.try_into().unwrap());
    let ip = |address: &str| SanType::IpAddress(address.parse().unwrap());
    for (name, expected) in [
        (dns("ann.example.com"), true),
        (mail("ops@example.com"), true),
        (ip("10.0.0.7"), true),
        (ip("fd00::7"), true),
        (uri("spiffe://example.com/prometheus"), true),
        (dns("bob.example.com"), false),
        (dns("a.ann.example.com"), false),
        (ip("10.0.0.8"), false),
        (uri("spiffe://example.com/other"), false),
    ] {
        assert_eq!(ask(&guarded.authority, name.clone()), expected, "{name:?}");
        assert!(!ask(&Authority::new(), name), "another authority's");
    }
    assert!(guarded.ask(&guarded.caller()).is_err(), "none at all");
}

#[test]
fn http_1_1_is_what_is_spoken() {
    let guarded = Guarded::open(TLS);
    let speak = |protocols: &[&str]| {
        let caller = guarded.caller().offering(protocols);
        let reply = caller.get(guarded.site.address, "/metrics", "");
        reply.map(|reply| (reply.status(), reply.protocol))
    };
    assert_eq!(speak(&[]), Ok((200, None)));
    assert_eq!(speak(&["h2", "http/1.1"]), Ok((200, Some("http/1.1".to_owned()))));
    assert!(speak(&["h2"]).unwrap_err().contains("NoApplicationProtocol"));
}

/// What a large cookie, a smuggled request or a body does in the clear, it does under TLS.
#[test]
fn limits_hold_under_tls_too() {
    let guarded = Guarded::open(TLS);
    let (site, caller) = (&guarded.site, guarded.caller());
    let cookie = format!("Cookie: {}\r\n", "a".repeat(1 << 20));
    // It is cut off while it still sends.
    let large = caller.get(site.address, "/metrics", &cookie);
    assert!(large.as_ref().map_or(true, |reply| reply.status() == 431), "{large:?}");
    let two = caller.get(site.address, "/metrics", "Host: evil.example\r\n").unwrap();
    assert_eq!(two.status(), 400);
    for smuggled in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
    ] {
        let more = format!("{smuggled}\r\n0\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: localhost\r\n");
        if let Ok(reply) = caller.get(site.address, "/-/healthy", &more) {
            assert_eq!(reply.text.matches("HTTP/1.1 ").count(), 1, "{smuggled}: {}", reply.text);
        }
    }
    assert_eq!(guarded.ask(&caller), Ok(200));
}

/// Some say nothing, some begin to shake hands, some trickle; they have taken all the places.
#[test]
fn slow_handshakes_are_cut_and_whoever_comes_after_them_is_served() {
    let request = Duration::from_secs(3);
    let limits = Limits { connections: 8, request, ..Limits::default() };
    let guarded = Guarded::open_with(TLS, limits);
    let slow: Vec<TcpStream> = (0..8)
        .map(|number| {
            let mut stream = guarded.site.connect();
            let beginnings: [&[u8]; 3] =
                [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"];
            stream.write_all(beginnings[number % 3]).unwrap();
            stream
        })
        .collect();
    assert_eq!(guarded.ask(&guarded.caller()), Ok(200));
    for stream in slow {
        rest(stream);
    }
    let mut trickling = guarded.site.connect();
    trickling.write_all(b"\x16\x03\x01\x02\x00").unwrap();
    // Ends because the server closes the connection: writing to it fails in the end.
    while trickling.write_all(b"\x01").is_ok() {
        assert_eq!(guarded.ask(&guarded.caller()), Ok(200));
    }
}

/// Having shaken hands keeps nobody's place either.
#[test]
fn who_trickles_under_tls_is_cut_while_others_are_served() {
    let limits = Limits { request: Duration::from_secs(3), ..Limits::default() };
    let guarded = Guarded::open_with(TLS, limits);
    let caller = guarded.caller();
    let mut slow = caller.open(guarded.site.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    // Ends because the server closes the connection: writing to it fails in the end.
    while slow.write_all(b"a: b\r\n").is_ok() {
        assert_eq!(guarded.ask(&caller), Ok(200));
    }
}

#[test]
fn a_stop_waits_for_no_handshake() {
    let guarded = Guarded::open(TLS);
    let idle = guarded.site.connect();
    assert_eq!(guarded.ask(&guarded.caller()), Ok(200));
    guarded.site.end();
    assert_eq!(rest(idle), "");
}

/// Those of the file take the place of ours; a policy stands beside it, and both hold.
#[test]
fn headers_are_added_to_every_answer() {
    let guarded = Guarded::open(&format!(
        "{TLS}http_server_config:\n  http2: false\n  headers:\n    \
         Strict-Transport-Security: max-age=31536000\n    X-Frame-Options: deny\n    \
         X-XSS-Protection: ''\n    X-Content-Type-Options: nosniff\n    \
         Content-Security-Policy: style-src 'none'\n"
    ));
    let get = |path| guarded.caller().get(guarded.site.address, path, "").unwrap().text;
    assert_snapshot!(get("/metrics"), @"
    HTTP/1.1 200 OK
    content-type: text/plain; version=0.0.4; charset=utf-8
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-security-policy: style-src 'none'
    referrer-policy: no-referrer
    x-frame-options: deny
    strict-transport-security: max-age=31536000
    content-length: 5
    connection: close

    up 1
    ");
    assert!(get("/nowhere").contains("\nstrict-transport-security: max-age=31536000\n"));
}

/// The files are read when it is made, and by whoever shakes hands.
#[test]
fn secrets_are_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    Authority::new().issue(2040).write_to(directory.path());
    write_secret(&directory.path().join("web.yml"), TLS);
    let web = web(directory.path(), TLS);
    assert!(!format!("{web:?}").contains("PRIVATE"), "{web:?}");
}
