//! The web configuration: when there must be one, and what it says about mistakes.

use super::*;
use crate::tls::{Authority, TLS, users, write_secret};

/// A directory with a certificate and its key, those of another, and a file that is neither.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let other = authority.issue(2040);
    write_secret(&directory.path().join("other.pem"), &other.key.serialize_pem());
    authority.issue(2040).write_to(directory.path());
    fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();
    let open = directory.path().join("open.pem");
    fs::write(&open, other.key.serialize_pem()).unwrap();
    fs::set_permissions(open, Permissions::from_mode(0o644)).unwrap();
    directory
}

/// What loading says where the config has these lines, and the web configuration beside it those.
fn load_in(directory: &tempfile::TempDir, lines: &str, web: &str) -> String {
    let path = directory.path().join("config.yaml");
    let config = format!("{lines}\norganizations: [github/acme]\ncodecov: {{ token_env: PATH }}\n");
    fs::write(&path, config).unwrap();
    write_secret(&directory.path().join("web.yml"), web);
    let told = match config::load(&path) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    };
    told.replace(directory.path().to_str().unwrap(), "[DIR]")
}

/// The same on loopback, where anything is allowed that is right.
fn told(web: &str) -> String {
    load_in(&directory(), "http: { web_config_file: web.yml }", web)
}

/// Where other machines can reach the pages, it takes TLS and passwords.
#[test]
fn pages_are_protected_or_are_not_there() {
    let directory = directory();
    let users = users(&[("ann", "right")]);
    let both = format!("{TLS}{users}");
    let webs = [
        ("none:", None),
        ("empty:", Some("")),
        ("TLS:", Some(TLS)),
        ("users:", Some(users.as_str())),
        ("both:", Some(both.as_str())),
    ];
    let mut table = String::new();
    for (name, web) in webs {
        table.push_str(name);
        for listen in ["127.0.0.1:0", "'[::1]:0'", "0.0.0.0:0", "'[::]:0'", "192.0.2.7:0"] {
            table.push(' ');
            for pages in ["", "pages: true", "pages: false"] {
                let web_key = web.map(|_| "web_config_file: web.yml");
                let keys = web_key.into_iter().chain((!pages.is_empty()).then_some(pages));
                let keys = keys.collect::<Vec<_>>().join(", ");
                let lines = format!("listen: {listen}\nhttp: {{ {keys} }}");
                let told = load_in(&directory, &lines, web.unwrap_or_default());
                assert!(told.is_empty() || told.contains("is not a loopback address"), "{told}");
                table.push(if told.is_empty() { '.' } else { 'x' });
            }
        }
        table.push('\n');
    }
    // Each group is an address: without `pages`, with `true`, with `false`.
    insta::assert_snapshot!(table, @"
    none: ... ... xx. xx. xx.
    empty: ... ... xx. xx. xx.
    TLS: ... ... xx. xx. xx.
    users: ... ... xx. xx. xx.
    both: ... ... ... ... ...
    ");
}

#[test]
fn what_is_missing_is_said_where_the_address_stands() {
    let directory = directory();
    let told = |http: &str, web: &str| {
        load_in(&directory, &format!("listen: 0.0.0.0:9642\nhttp: {{ {http} }}"), web)
    };
    insta::assert_snapshot!(told("", ""), @"
    error: [DIR]/config.yaml:1:9: listen: 0.0.0.0:9642 is not a loopback address, the pages show names, and there is neither TLS nor basic auth
    hint: listen on `127.0.0.1:9642` and reach the pages with `ssh -L`, or name a file with TLS and basic auth in `http.web_config_file`, or set `http.pages: false`, which leaves metrics and health alone
    ");
    insta::assert_snapshot!(told("web_config_file: web.yml", TLS), @"
    error: [DIR]/config.yaml:1:9: listen: 0.0.0.0:9642 is not a loopback address, the pages show names, and `[DIR]/web.yml` has no `basic_auth_users`
    hint: listen on `127.0.0.1:9642` and reach the pages with `ssh -L`, or name a file with TLS and basic auth in `http.web_config_file`, or set `http.pages: false`, which leaves metrics and health alone
    ");
    insta::assert_snapshot!(told("web_config_file: web.yml", "# nothing yet\n"), @"
    error: [DIR]/config.yaml:1:9: listen: 0.0.0.0:9642 is not a loopback address, the pages show names, and `[DIR]/web.yml` has no `tls_server_config` and no `basic_auth_users`
    hint: listen on `127.0.0.1:9642` and reach the pages with `ssh -L`, or name a file with TLS and basic auth in `http.web_config_file`, or set `http.pages: false`, which leaves metrics and health alone
    ");
    // One mistake is one problem.
    insta::assert_snapshot!(told("web_config_fil: web.yml", ""), @"
    error: [DIR]/config.yaml:2:9: http.web_config_fil: `web_config_fil` is not a known key
    hint: did you mean `web_config_file`?
    ");
    insta::assert_snapshot!(told("pages: 'no'", ""), @"error: [DIR]/config.yaml:2:16: http.pages: found the text `no`, expected `true` or `false`");
    insta::assert_snapshot!(told("web_config_file: missing.yml", ""), @"
    error: [DIR]/config.yaml:2:26: http.web_config_file: `[DIR]/missing.yml` cannot be read: no such file or directory
    hint: name a web configuration; docs/http.md shows one
    ");
}

#[test]
fn mistakes_are_told_with_their_places() {
    insta::assert_snapshot!(told(
        "tls_server_confg: {}\n\
         http_server_config:\n  http2: true\n  headers: { X-Frame-Options: allow, X-Powered-By: us, \
         Strict-Transport-Security: max-age=1 }\n\
         basic_auth_users:\n  ann: hunter2\n  b:b: $2y$04$abcdefghijklmnopqrstuuxu8HSBfKs5lJ5r1g9Rc1NO7k3MEnvFC\n  \
         dan: $2y$18$abcdefghijklmnopqrstuuxu8HSBfKs5lJ5r1g9Rc1NO7k3MEnvFC\n  eve: [hunter2]\n  fay: 12345\n\
         rate_limit: { interval: 1, burst: 0 }\n"
    ), @"
    error: [DIR]/web.yml:1:1: tls_server_confg: `tls_server_confg` is not a known key
    hint: did you mean `tls_server_config`?

    error: [DIR]/web.yml:3:10: http_server_config.http2: there is no HTTP/2 here: a connection carries one request
    hint: remove the line, or say `false`

    error: [DIR]/web.yml:4:31: http_server_config.headers.X-Frame-Options: `allow` is not one of deny, sameorigin

    error: [DIR]/web.yml:4:38: http_server_config.headers.X-Powered-By: `X-Powered-By` is not a known key
    hint: known here: Content-Security-Policy, X-Frame-Options, X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security

    error: [DIR]/web.yml:4:83: http_server_config.headers.Strict-Transport-Security: browsers pass this over where there is no TLS
    hint: add `tls_server_config`, or remove the line

    error: [DIR]/web.yml:6:8: basic_auth_users.ann: not the bcrypt hash of a password
    hint: `htpasswd -nBC 10 NAME` asks for a password and prints one

    error: [DIR]/web.yml:7:8: basic_auth_users.b:b: nobody can have this name, which is empty or holds `:`
    hint: give the user another name

    error: [DIR]/web.yml:8:8: basic_auth_users.dan: the cost of the hash is above 14, and each password would take seconds
    hint: make it anew with `htpasswd -nBC 10 NAME`

    error: [DIR]/web.yml:9:8: basic_auth_users.eve: found a list, expected the bcrypt hash of a password

    error: [DIR]/web.yml:10:8: basic_auth_users.fay: not the bcrypt hash of a password
    hint: `htpasswd -nBC 10 NAME` asks for a password and prints one

    error: [DIR]/web.yml:11:25: rate_limit.interval: `1` is not a duration: time unit needed, for example 1sec or 1ms
    hint: write a number and a unit: `90s`, `15m`, `24h`, `14d`

    error: [DIR]/web.yml:11:35: rate_limit.burst: found `0`, expected a whole number from 1 to 1000000
    ");
    insta::assert_snapshot!(told(
        "tls_server_config:\n  cert_file: cert.pem\n  key: |\n    hunter2\n  \
         min_version: TLS11\n  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n  \
         curve_preferences: [CurveP521]\n  client_auth_type: Always\n  \
         client_allowed_sans: ann\n"
    ), @"
    error: [DIR]/web.yml:2:3: tls_server_config: `key_file` is missing

    error: [DIR]/web.yml:4:5: tls_server_config.key: secrets do not stand in this file
    hint: name a file in `key_file`

    error: [DIR]/web.yml:5:16: tls_server_config.min_version: `TLS11` is not one of TLS12, TLS13
    hint: did you mean `TLS12`?

    error: [DIR]/web.yml:6:19: tls_server_config.cipher_suites[0]: `TLS_RSA_WITH_RC4_128_SHA` is not one of TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256

    error: [DIR]/web.yml:7:23: tls_server_config.curve_preferences[0]: `CurveP521` is not one of CurveP256, CurveP384, X25519
    hint: did you mean `CurveP256`?

    error: [DIR]/web.yml:8:21: tls_server_config.client_auth_type: `Always` is not one of NoClientCert, RequestClientCert, RequireAnyClientCert, RequireClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert

    error: [DIR]/web.yml:9:24: tls_server_config.client_allowed_sans: found a text, expected a list
    ");
    insta::assert_snapshot!(told("tls_server_config: [\n"), @"
    error: [DIR]/web.yml:1:20: not valid YAML: unclosed bracket '['
    hint: look for an open bracket or quote, or a `:` that needs quotes
    ");
    insta::assert_snapshot!(told("tls_server_config: {}\n"), @"error: [DIR]/web.yml:1:20: tls_server_config: `cert_file` is missing");
}

#[test]
fn values_that_do_not_go_together_are_told() {
    let tls = |more: &str| told(&format!("{TLS}{more}"));
    insta::assert_snapshot!(tls("  min_version: TLS13\n  max_version: TLS12\n"), @"
    error: [DIR]/web.yml:4:16: tls_server_config.min_version: `min_version` is above `max_version`
    hint: TLS12 is before TLS13
    ");
    insta::assert_snapshot!(tls("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"), @"
    error: [DIR]/web.yml:4:18: tls_server_config.cipher_suites: none of these is for TLSv1_2
    hint: add one, or `min_version: TLS13`
    ");
    insta::assert_snapshot!(tls("  client_ca_file: ca.pem\n"), @"
    error: [DIR]/web.yml:4:19: tls_server_config.client_ca_file: authorities of client certificates, and no client is asked for one
    hint: add `client_auth_type: RequireAndVerifyClientCert`
    ");
    insta::assert_snapshot!(tls("  client_auth_type: RequireAndVerifyClientCert\n"), @"
    error: [DIR]/web.yml:4:21: tls_server_config.client_auth_type: client certificates are to be verified, and `client_ca_file` is missing
    hint: name a file of the authorities that sign them
    ");
    insta::assert_snapshot!(tls("  client_allowed_sans: [ann]\n"), @"
    error: [DIR]/web.yml:4:24: tls_server_config.client_allowed_sans: names in client certificates, and no client is asked for one
    hint: add `client_auth_type: RequireAndVerifyClientCert`
    ");
    insta::assert_snapshot!(tls("  client_allowed_sans: []\n"), @"
    error: [DIR]/web.yml:4:24: tls_server_config.client_allowed_sans: no names, and so nobody could come in
    hint: remove the line, or name some
    ");
    insta::assert_snapshot!(tls("  client_auth_type: RequireAnyClientCert\n"), @"
    error: [DIR]/web.yml:4:21: tls_server_config.client_auth_type: takes any certificate, also one that its owner has made up
    hint: use `RequireAndVerifyClientCert` with a `client_ca_file`
    ");
    insta::assert_snapshot!(tls("  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: key.pem\n"), @"
    error: [DIR]/web.yml:5:19: tls_server_config.client_ca_file: `[DIR]/key.pem` holds no certificate
    hint: name a file of certificates in PEM form
    ");
}

#[test]
fn files_are_tried_when_loading() {
    let files = |certificate: &str, key: &str| {
        told(&format!("tls_server_config: {{ cert_file: {certificate}, key_file: {key} }}\n"))
    };
    assert_eq!(files("cert.pem", "key.pem"), "");
    insta::assert_snapshot!(files("missing.pem", "key.pem"), @"
    error: [DIR]/web.yml:1:33: tls_server_config.cert_file: `[DIR]/missing.pem` cannot be read: no such file or directory
    hint: it must be the certificate, and then those that lead to its authority, in PEM form
    ");
    insta::assert_snapshot!(files("key.pem", "key.pem"), @"
    error: [DIR]/web.yml:1:33: tls_server_config.cert_file: `[DIR]/key.pem` holds no certificate
    hint: it must be the certificate, and then those that lead to its authority, in PEM form
    ");
    insta::assert_snapshot!(files("cert.pem", "missing.pem"), @"
    error: [DIR]/web.yml:1:53: tls_server_config.key_file: the secret `[DIR]/missing.pem` does not exist
    hint: put the secret alone into it, and `chmod 600 [DIR]/missing.pem`
    ");
    insta::assert_snapshot!(files("cert.pem", "open.pem"), @"
    error: [DIR]/web.yml:1:53: tls_server_config.key_file: the secret `[DIR]/open.pem` can be read by everybody (mode 0644)
    hint: `chmod 600 [DIR]/open.pem`
    ");
    insta::assert_snapshot!(files("cert.pem", "web.yml"), @"
    error: [DIR]/web.yml:1:53: tls_server_config.key_file: the secret `[DIR]/web.yml` holds no private key
    hint: it must be in PEM form, and have no passphrase
    ");
    insta::assert_snapshot!(files("cert.pem", "other.pem"), @"
    error: [DIR]/web.yml:1:53: tls_server_config.key_file: the secret `[DIR]/other.pem` is not the key of `[DIR]/cert.pem`
    hint: name the two files that were made together
    ");
}

/// Whoever can read a hash can guess at the password.
#[test]
fn a_file_with_hashes_is_a_secret() {
    let directory = directory();
    let show = |web: &str| {
        load_in(&directory, "http: { web_config_file: web.yml }", web);
        let path = directory.path().join("web.yml");
        fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        let told = show(&directory.path().join("config.yaml"));
        told.replace(directory.path().to_str().unwrap(), "[DIR]")
    };
    assert_eq!(show(TLS), "1 organizations");
    insta::assert_snapshot!(show(&users(&[("ann", "right")])), @"
    error: [DIR]/config.yaml:1:26: http.web_config_file: the secret `[DIR]/web.yml` can be read by everybody (mode 0644)
    hint: `chmod 600 [DIR]/web.yml`
    ");
}

/// What others have written for other exporters.
#[test]
fn what_exporter_toolkit_takes_is_taken() {
    for web in [
        "",
        "# Nothing.\n",
        "tls_server_config:\nbasic_auth_users:\nhttp_server_config:\n",
        "basic_auth_users: {}\n",
        "http_server_config: { headers: { X-XSS-Protection: 0 } }\n",
        "rate_limit: { interval: 0, burst: 20 }\n",
        "rate_limit:\n  interval: 500ms\n  burst: 20\n",
        "basic_auth_users:\n  alice: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby\n  \
         bob: $2a$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n",
        &format!(
            "{TLS}  client_auth_type: NoClientCert\n  min_version: TLS12\n  max_version: TLS13\n  \
             prefer_server_cipher_suites: false\n  curve_preferences: [X25519, CurveP384]\n  \
             cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n  \
             - TLS_CHACHA20_POLY1305_SHA256\nhttp_server_config:\n  http2: false\n"
        ),
    ] {
        assert_eq!(told(web), "", "{web}");
    }
}
