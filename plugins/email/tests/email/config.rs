//! The keys: what they may be, what they are by default, and what is said of a wrong one.

use insta::assert_snapshot;
use seatwatch_email::EmailConfig;
use seatwatch_sdk::{BuiltIn as _, Origin, SinkConfig as _, shown};
use serde_json::{Value, json};

const DEFAULTS: &str =
    r#"{"server":{"host":"smtp.example.com"},"from":"a@example.com","to":["b@example.com"]}"#;

/// The smallest configuration with another value at a path; null takes the key out.
fn with(path: &str, value: Value) -> Result<EmailConfig, String> {
    let mut keys: Value = serde_json::from_str(DEFAULTS).unwrap();
    let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = if parent.is_empty() { &mut keys } else { &mut keys[parent] };
    parent[key] = value;
    serde_json::from_value(keys).map_err(|error| error.to_string())
}

/// What is wrong with it, as it is read or afterwards.
fn told(path: &str, value: Value) -> String {
    match with(path, value) {
        Err(error) => error.replace('\n', " | "),
        Ok(config) => {
            let problems = config.problems();
            let told = problems.iter().map(|it| format!("{}: {}", it.keys.join("."), it.text));
            told.collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn a_wrong_value_is_told_where_it_stands() {
    let cases = [
        ("from", json!("nobody")),
        ("from", json!("a@example.com\r\nBcc: c@example.com")),
        ("from", json!("\u{202e}moc <a@example.com>")),
        ("from", json!("zo\u{eb}@example.com")),
        ("from", json!("a@ex\u{e4}mple.com")),
        ("to", json!([])),
        ("to", json!("b@example.com")),
        ("to", json!(["b@example.com", "c@example.com", "Bea <B@Example.COM>"])),
        ("reply_to", json!("<>")),
        ("attach_above", json!(-1)),
        ("server.host", json!("smtp.example.com:587")),
        ("server.host", json!("https://smtp.example.com")),
        ("server.host", json!("")),
        ("server.port", json!(0)),
        ("server.port", json!(65536)),
        ("server.tls", json!("ssl")),
        ("server.tls", json!("none")),
        ("server.username", json!("a\u{0}b")),
        ("server.username", json!("seatwatch")),
        ("server.password_file", json!("password")),
        ("server.password", json!("secret")),
        ("templates", json!({ "markdown": "x" })),
    ];
    let told = cases.map(|(path, value)| {
        format!("{path} = {} → {}", shown(&value.to_string()), told(path, value.clone()))
    });
    assert_snapshot!(told.join("\n"), @r#"
    from = "nobody" → `nobody` is not a mail address | write `it-ops@example.com`, or `"IT Ops <it-ops@example.com>"`
    from = "a@example.com\r\nBcc: c@example.com" → `a@example.com\r\nBcc: c@example.com` holds characters that cannot be seen | write `it-ops@example.com`, or `"IT Ops <it-ops@example.com>"`
    from = "\u{202e}moc <a@example.com>" → `\u{202e}moc <a@example.com>` holds characters that cannot be seen | write `it-ops@example.com`, or `"IT Ops <it-ops@example.com>"`
    from = "zoë@example.com" → `zoë@example.com` has letters that are not ASCII in its address | write the domain in its ASCII form, which begins with `xn--`; few servers take other letters before the `@`
    from = "a@exämple.com" → `a@exämple.com` has letters that are not ASCII in its address | write the domain in its ASCII form, which begins with `xn--`; few servers take other letters before the `@`
    to = [] → to: found nobody, expected at least one recipient
    to = "b@example.com" → invalid type: string "b@example.com", expected a sequence
    to = ["b@example.com","c@example.com","Bea <B@Example.COM>"] → to.2: `B@Example.COM` is a recipient already, in `to[0]`
    reply_to = "<>" → `<>` is not a mail address | write `it-ops@example.com`, or `"IT Ops <it-ops@example.com>"`
    attach_above = -1 → invalid value: integer `-1`, expected usize
    server.host = "smtp.example.com:587" → `smtp.example.com:587` is not a host name | give the name alone, such as `smtp.example.com`; the port has a key of its own
    server.host = "https://smtp.example.com" → `https://smtp.example.com` is not a host name | give the name alone, such as `smtp.example.com`; the port has a key of its own
    server.host = "" → `` is not a host name | give the name alone, such as `smtp.example.com`; the port has a key of its own
    server.port = 0 → `0` is not a port from 1 to 65535 | 465 is for `tls`, 587 for `starttls`
    server.port = 65536 → `65536` is not a port from 1 to 65535 | 465 is for `tls`, 587 for `starttls`
    server.tls = "ssl" → unknown variant `ssl`, expected one of `tls`, `starttls`, `none`
    server.tls = "none" → server.tls: `none` would send names and addresses to `smtp.example.com` as anybody can read them; it is for loopback only
    server.username = "a\u0000b" → `a\0b` is not a user name
    server.username = "seatwatch" → server.username: a `username` needs a `password_file`
    server.password_file = "password" → server.password_file: a `password_file` needs a `username`
    server.password = "secret" → unknown field `password`, expected one of `host`, `port`, `tls`, `username`, `password_file`, `ca_file`
    templates = {"markdown":"x"} → unknown field `markdown`, expected one of `subject`, `text`, `html`
    "#);
}

/// `none` is for this machine alone, by whatever name.
#[test]
fn what_is_not_encrypted_stays_on_this_machine() {
    let check = |host: &str| {
        let keys = json!({"server": {"host": host, "tls": "none"}, "from": "a@example.com", "to": ["b@example.com"]});
        serde_json::from_value::<EmailConfig>(keys).unwrap().problems().len()
    };
    for host in
        ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1", "[::1]", "::ffff:127.0.0.1"]
    {
        assert_eq!(check(host), 0, "{host}");
    }
    for host in [
        "smtp.example.com",
        "10.0.0.1",
        "0.0.0.0",
        "::",
        "localhost.example.com",
        "127.0.0.1.example.com",
    ] {
        assert_eq!(check(host), 1, "{host}");
    }
}

#[test]
fn debug_tells_configurations_apart() {
    let debug = |path: &str, value: Value| format!("{:?}", with(path, value).unwrap());
    let changes = [
        ("from", json!("a@example.com")),
        ("from", json!("A <a@example.com>")),
        ("to", json!(["c@example.com"])),
        ("reply_to", json!("a@example.com")),
        ("attach_above", json!(51)),
        ("templates", json!({"html": "x"})),
        ("server.host", json!("smtp2.example.com")),
        ("server.port", json!(2525)),
        ("server.tls", json!("tls")),
        ("server.username", json!("u")),
        ("server.password_file", json!("p")),
        ("server.ca_file", json!("c")),
    ];
    let shown: std::collections::BTreeSet<_> =
        changes.iter().map(|(path, value)| debug(path, value.clone())).collect();
    assert_eq!(shown.len(), changes.len());
}

#[test]
fn paths_start_at_the_config_file() {
    let mut config = with("server.ca_file", json!("ca.pem")).unwrap();
    config.resolve(&Origin { directory: "/etc/seatwatch".as_ref(), ..Origin::default() });
    let shown = format!("{config:?}");
    assert!(shown.contains("/etc/seatwatch/ca.pem"), "{shown}");
    let before = shown;
    config.resolve(&Origin { directory: "/elsewhere".as_ref(), ..Origin::default() });
    assert_eq!(format!("{config:?}"), before);
}

#[test]
fn files_that_cannot_be_used_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut config: EmailConfig = serde_json::from_value(json!({
        "server": {"host": "smtp.example.com", "username": "u", "password_file": "password", "ca_file": "ca"},
        "from": "a@example.com", "to": ["b@example.com"], "templates": {"text": "template"},
    }))
    .unwrap();
    config.resolve(&Origin { directory: directory.path(), ..Origin::default() });
    let told = |config: &EmailConfig| {
        let problems = config.file_problems();
        let told = problems.iter().map(|it| format!("{}: {}", it.keys.join("."), it.text));
        told.collect::<Vec<_>>().join("\n").replace(directory.path().to_str().unwrap(), "[DIR]")
    };
    let missing = told(&config);
    for name in ["password", "ca", "template"] {
        std::fs::write(directory.path().join(name), "").unwrap();
    }
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let empty = told(&config);
    std::fs::write(directory.path().join("ca"), pem).unwrap();
    assert_snapshot!([missing, empty, told(&config)].join("\n\n"), @"
    server.password_file: the secret `[DIR]/password` does not exist
    server.ca_file: `[DIR]/ca` cannot be read: no such file or directory
    templates.text: the template `[DIR]/template` cannot be read: no such file or directory

    server.password_file: the secret `[DIR]/password` can be read by everybody (mode 0644)
    server.ca_file: `[DIR]/ca` holds no certificate

    server.password_file: the secret `[DIR]/password` can be read by everybody (mode 0644)
    server.ca_file: `[DIR]/ca` holds a certificate of no use: invalid peer certificate: BadEncoding
    ");
}

/// The reference page is made of the schema: it has the keys and nothing else.
#[test]
fn the_schema_has_the_keys() {
    let schema = schemars::schema_for!(EmailConfig);
    let keys = |value: &Value| value["properties"].as_object().unwrap().keys().cloned().collect();
    let found: Vec<String> = keys(schema.as_value());
    assert_eq!(found.join(" "), "server from to reply_to attach_above templates");
    assert_eq!(schema.as_value()["required"], json!(["server", "from", "to"]));
    let found: Vec<String> = keys(&schema.as_value()["$defs"]["ServerConfig"]);
    assert_eq!(found.join(" "), "host port tls username password_file ca_file");
}

#[test]
fn it_waits_for_what_else_comes() {
    assert_eq!((EmailConfig::TYPE, EmailConfig::WAIT.as_secs()), ("email", 30));
}
