//! What is said about a configuration, and what it says about itself.

use std::path::Path;

use seatwatch_sdk::{BuiltIn as _, Origin, SinkConfig as _};
use seatwatch_webhook::WebhookConfig;
use serde_json::{Value, json};

use crate::world::{World, read};

const URL: &str = "https://siem.test/in";

fn parse(keys: Value) -> String {
    match serde_json::from_value::<WebhookConfig>(keys) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string().replace('\n', " / "),
    }
}

#[test]
fn values_are_checked_while_they_are_read() {
    let with = |key: &str, value: Value| {
        let mut keys = json!({ "url": URL });
        keys[key] = value;
        format!("{key}: {}", parse(keys))
    };
    let told = [
        with("url", json!("siem.test/in?t0ken")),
        with("url", json!("t0ken:pass@siem.test")),
        with("url", json!("ftp://siem.test")),
        with("url", json!("https://")),
        with("url", json!("https://user:t0ken@siem.test")),
        with("url", json!("https://t0ken@siem.test")),
        with("url", json!("https://siem.test/#t0ken")),
        with("url", json!(7)),
        with("batch", json!(0)),
        with("batch", json!(1001)),
        with("batch", json!("ten")),
        with("batch", json!(1000)),
        with("timeout", json!("0s")),
        with("timeout", json!("26s")),
        with("timeout", json!("15")),
        with("timeout", json!("25s")),
        with("headers", json!({ "Content-Type": "text/plain" })),
        with("headers", json!({ "webhook-id": "t0ken" })),
        with("headers", json!({ "Authorization": "Splunk t0ken" })),
        with("headers", json!({ "cookie": "session=t0ken" })),
        with("headers", json!({ "PROXY-AUTHORIZATION": "Basic t0ken" })),
        with("headers", json!({ "a b": "t0ken" })),
        with("headers", json!({ "a": "t0ken\n" })),
        with("headers", json!({ "a": "1", "A": "2" })),
        with("headers", json!(["a"])),
        with("proxy", json!("http://user:t0ken@proxy.test")),
        with("proxy", json!("socks5://proxy.test")),
        with("proxy", json!("http://proxy.test/path")),
        with("proxy", json!("http://169.254.169.254:80")),
        with("proxy", json!("http://proxy.test:3128")),
        with("secret", json!("t0ken")),
    ];
    let told = told.join("\n");
    assert!(!told.contains("t0ken"), "{told}");
    insta::assert_snapshot!(told, @r#"
    url: not a URL: relative URL without a base / expected a URL such as `https://siem.example.com/in`
    url: the URL begins with neither `https://` nor `http://` / expected a URL such as `https://siem.example.com/in`
    url: the URL begins with neither `https://` nor `http://` / expected a URL such as `https://siem.example.com/in`
    url: not a URL: empty host / expected a URL such as `https://siem.example.com/in`
    url: a URL with user name or password is refused / put `authorization: Basic …` into a file and name it in `headers_file`
    url: a URL with user name or password is refused / put `authorization: Basic …` into a file and name it in `headers_file`
    url: a URL with `#` is refused / what follows `#` is never sent
    url: invalid type: integer `7`, expected a URL such as `https://siem.example.com/in`
    batch: invalid value: integer `0`, expected a whole number from 1 to 1000
    batch: invalid value: integer `1001`, expected a whole number from 1 to 1000
    batch: invalid type: string "ten", expected a whole number from 1 to 1000
    batch: fine
    timeout: `0s` is out of bounds, expected a duration from 1s to 25s / a delivery has 30 seconds in all
    timeout: `26s` is out of bounds, expected a duration from 1s to 25s / a delivery has 30 seconds in all
    timeout: `15` is not a duration: time unit needed, for example 15sec or 15ms / write a number and a unit, such as `15s`
    timeout: fine
    headers: the header `content-type` is set by the sink itself / leave it out
    headers: the header `webhook-id` is set by the sink itself / leave it out
    headers: the header `authorization` holds a secret, and secrets do not stand in this file / put the line into a file and name that in `headers_file`
    headers: the header `cookie` holds a secret, and secrets do not stand in this file / put the line into a file and name that in `headers_file`
    headers: the header `proxy-authorization` comes from the URL of the proxy / put that with user name and password into a file and name it in `proxy_file`
    headers: `a b` cannot name a header / letters, digits and `-`, such as `X-Tenant`
    headers: a value that cannot stand in a header / only visible ASCII characters and blanks can
    headers: the header `a` stands here twice
    headers: invalid type: sequence, expected a mapping of headers to their values
    proxy: a URL with user name or password is refused / put the URL into a file and name it in `proxy_file`
    proxy: the URL begins with neither `https://` nor `http://` / expected the URL of a proxy such as `http://proxy.example.com:3128`
    proxy: a proxy's URL ends with its host and port / expected the URL of a proxy such as `http://proxy.example.com:3128`
    proxy: a link-local or metadata address is refused / name the proxy
    proxy: fine
    secret: unknown field `secret`, expected one of `url`, `url_file`, `secret_file`, `headers`, `headers_file`, `bearer_token_file`, `batch`, `timeout`, `ca_file`, `client_cert_file`, `client_key_file`, `proxy`, `proxy_file`, `allow_http`
    "#);
}

#[tokio::test]
async fn values_are_checked_against_each_other() {
    let mut told = Vec::new();
    for keys in [
        json!({ "url": null }),
        json!({ "url": URL }),
        json!({ "url_file": "x" }),
        json!({ "url": "http://siem.test/in" }),
        json!({ "url": "http://siem.test/in", "allow_http": true }),
        json!({ "url": "http://10.0.0.1/in" }),
        json!({ "url": "https://10.0.0.1/in" }),
        json!({ "url": "http://localhost/in" }),
        json!({ "url": "https://169.254.169.254/in", "allow_http": true }),
        json!({ "client_cert_file": "x" }),
        json!({ "client_key_file": "x" }),
        json!({ "proxy": "http://proxy.test", "proxy_file": "x" }),
    ] {
        let mut world = World::new();
        let given = keys.to_string();
        told.push(format!("{given}\n  {}", world.set(keys).problems().replace('\n', "\n  ")));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"url":null}
      url: `url` or `url_file` is required
    {"url":"https://siem.test/in"}
      
    {"url_file":"x"}
      url_file: `url` and `url_file` exclude each other
    {"url":"http://siem.test/in"}
      url: a URL without TLS is refused (use `https`, or set `allow_http: true` to have events read by others on the way)
    {"url":"http://siem.test/in","allow_http":true}
      
    {"url":"http://10.0.0.1/in"}
      url: a URL without TLS is refused (use `https`, or set `allow_http: true` to have events read by others on the way)
    {"url":"https://10.0.0.1/in"}
      
    {"url":"http://localhost/in"}
      
    {"url":"https://169.254.169.254/in","allow_http":true}
      url: a link-local or metadata address is refused (name the receiver itself; no collector of events lives there)
    {"client_cert_file":"x"}
      client_cert_file: `client_cert_file` is of no use without `client_key_file`
    {"client_key_file":"x"}
      client_key_file: `client_key_file` is of no use without `client_cert_file`
    {"proxy":"http://proxy.test","proxy_file":"x"}
      proxy_file: `proxy` and `proxy_file` exclude each other
    "#);
}

#[tokio::test]
async fn files_are_looked_at() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut told = Vec::new();
    let mut world = World::new();
    let missing = Path::new("missing");
    let open = world.file("open", "t0ken");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let text = world.file("text", "t0ken");
    for (key, path) in [
        ("url_file", missing),
        ("url_file", &open),
        ("url_file", &text),
        ("url_file", &world.file("ftp", "ftp://t0ken")),
        ("url_file", &world.file("user", "https://user:t0ken@siem.test")),
        ("url_file", &world.file("plain", "http://siem.test/t0ken")),
        ("secret_file", missing),
        ("secret_file", &text),
        ("bearer_token_file", missing),
        ("bearer_token_file", &world.file("umlaut", "t0kenü\u{80}")),
        ("headers_file", missing),
        ("headers_file", &text),
        ("headers_file", &world.file("host", "Host: t0ken")),
        ("proxy_file", &text),
        ("proxy_file", &world.file("proxy", "http://user:t0ken@proxy.test:3128")),
        ("ca_file", missing),
        ("ca_file", &text),
        ("ca_file", Path::new("/dev")),
    ] {
        let mut keys = json!({});
        if key == "url_file" {
            keys["url"] = Value::Null;
        }
        keys[key] = json!(path);
        told.push(world.set(keys).problems());
        world.set(json!({ key: null, "url": URL }));
    }
    let told = told.join("\n");
    assert!(!told.contains("t0ken"), "{told}");
    insta::assert_snapshot!(told, @r"
    url_file: the secret `[DIR]/missing` does not exist (put the secret alone into it, and `chmod 600 [DIR]/missing`)
    url_file: the secret `[DIR]/open` can be read by everybody (mode 0644) (`chmod 600 [DIR]/open`)
    url_file: `[DIR]/text`: not a URL: relative URL without a base (expected a URL such as `https://siem.example.com/in`)
    url_file: `[DIR]/ftp`: the URL begins with neither `https://` nor `http://` (expected a URL such as `https://siem.example.com/in`)
    url_file: `[DIR]/user`: a URL with user name or password is refused (put `authorization: Basic …` into a file and name it in `headers_file`)
    url_file: a URL without TLS is refused (use `https`, or set `allow_http: true` to have events read by others on the way)
    secret_file: the secret `[DIR]/missing` does not exist (put the secret alone into it, and `chmod 600 [DIR]/missing`)
    secret_file: number 1 of the secrets in `[DIR]/text` does not begin with `whsec_` (write `whsec_` and the key in base64, as `openssl rand -base64 32` makes it)
    bearer_token_file: the secret `[DIR]/missing` does not exist (put the secret alone into it, and `chmod 600 [DIR]/missing`)
    bearer_token_file: the secret `[DIR]/umlaut` holds white space or control characters (it must hold the secret and nothing else, in one line)
    headers_file: the secret `[DIR]/missing` does not exist (put the secret alone into it, and `chmod 600 [DIR]/missing`)
    headers_file: `[DIR]/text`: line 1: it has no `:` (write `Name: value` lines)
    headers_file: `[DIR]/host`: line 1: the header `host` is set by the sink itself (write `Name: value` lines)
    proxy_file: `[DIR]/text`: not a URL: relative URL without a base (expected the URL of a proxy such as `http://proxy.example.com:3128`)

    ca_file: `[DIR]/missing` cannot be read: no such file or directory (name a file of certificates in PEM form that seatwatch may read)
    ca_file: `[DIR]/text` holds no certificate (name a file of certificates in PEM form that seatwatch may read)
    ca_file: `/dev` is not a regular file (name a file of certificates in PEM form that seatwatch may read)
    ");
}

#[tokio::test]
async fn all_problems_are_told_at_once() {
    let mut world = World::new();
    world.set(json!({ "secret_file": "a", "bearer_token_file": "b", "ca_file": "c" }));
    assert_eq!(world.problems().lines().count(), 3);
}

#[test]
fn debug_shows_no_secret_and_tells_configurations_apart() {
    let all = [
        json!({ "url": URL }),
        json!({ "url": format!("{URL}?t0ken") }),
        json!({ "url": format!("{URL}?t0ken2") }),
        json!({ "url_file": "x" }),
        json!({ "url": URL, "headers": { "a": "t0ken" } }),
        json!({ "url": URL, "headers": { "a": "t0ken2" } }),
        json!({ "url": URL, "batch": 1 }),
        json!({ "url": URL, "timeout": "1s" }),
        json!({ "url": URL, "allow_http": true }),
        json!({ "url": URL, "proxy": "http://proxy.test" }),
        json!({ "url": URL, "proxy": "https://proxy.test" }),
        json!({ "url": URL, "headers_file": "x" }),
        json!({ "url": URL, "proxy_file": "x" }),
        json!({ "url": URL, "secret_file": "x" }),
        json!({ "url": URL, "bearer_token_file": "x" }),
        json!({ "url": URL, "ca_file": "x" }),
        json!({ "url": URL, "client_cert_file": "x" }),
        json!({ "url": URL, "client_key_file": "x" }),
    ];
    let shown = all.each_ref().map(|keys| format!("{:?}", read(keys)));
    for (index, text) in shown.iter().enumerate() {
        assert!(!text.contains("t0ken"), "{text}");
        assert!(!shown[index + 1..].contains(text), "twice: {text}");
    }
}

#[test]
fn paths_start_where_the_config_file_is() {
    let mut config = read(&json!({
        "url_file": "url", "secret_file": "a", "headers_file": "b", "bearer_token_file": "c",
        "ca_file": "d", "client_cert_file": "e", "client_key_file": "f", "proxy_file": "g",
    }));
    config.resolve(&Origin { directory: Path::new("/etc/seatwatch"), ..Origin::default() });
    let shown = format!("{config:?}");
    assert_eq!(shown.matches("/etc/seatwatch/").count(), 8, "{shown}");
    assert_eq!(WebhookConfig::TYPE, "webhook");
    assert_eq!((config.max_events(), config.lanes().len()), (1, 1));
}

/// The reference is made from it.
#[test]
fn the_schema_names_every_key_with_its_meaning() {
    let schema = schemars::schema_for!(WebhookConfig).to_value();
    assert_eq!(schema["additionalProperties"], false);
    let keys = schema["properties"].as_object().unwrap();
    for (key, value) in keys {
        assert!(value["description"].is_string(), "{key}: {value}");
    }
    for key in ["url_file", "ca_file", "client_cert_file", "client_key_file"] {
        assert_eq!(keys[key]["title"], "a path");
    }
    assert_eq!(keys["timeout"]["default"], "15s");
    assert_eq!(keys.len(), 14);
}
