//! What the configuration accepts, what it says about mistakes, and that example, schema and
//! reference page say the same as the types.

mod reference;
mod web;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use seatwatch::config::{self, Config, SecretSource, WarnAt};
use serde_json::Value;

const EXAMPLE: &str = include_str!("../../config.example.yaml");

fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[track_caller]
fn parse(text: &str) -> Config {
    match config::parse(text, Path::new("/etc/seatwatch/config.yaml")) {
        Ok(config) => config,
        Err(problems) => panic!("{problems}"),
    }
}

/// Compares with the file, or writes it with `UPDATE_DOCS=1`.
#[track_caller]
fn matches(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, text).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == text,
        "{} is out of date; `UPDATE_DOCS=1 cargo test --test it config` rewrites it. Now:\n{text}",
        path.display()
    );
}

/// Not all problems of a file can be shown, and what is shown is what matters: many warnings before
/// an error do not make the file right.
#[test]
fn an_error_behind_many_warnings_is_told() {
    let idle: Vec<String> = (0..150).map(|index| format!("\"none{index}/*\"")).collect();
    let sink = format!("{{ type: file, path: e, organizations: [{}] }}", idle.join(", "));
    let text = format!(
        "codecov: {{ token_env: T }}\norganizations: [github/acme]\nsinks:\n  a: {sink}\n  b: {{ type: file }}\n"
    );
    let problems = config::parse(&text, Path::new("c.yaml")).unwrap_err().to_string();
    assert_eq!(problems.matches("warning: ").count(), 99, "{problems}");
    let last = problems.rsplit("\n\n").next().unwrap();
    assert!(last.starts_with("error: c.yaml:5:"), "{last}");
}

/// Each `NAME.yaml` in the fixtures is wrong in the ways that `NAME.txt` tells.
#[test]
fn mistakes_are_explained() {
    let mut cases = 0;
    for entry in fs::read_dir(top("tests/fixtures/config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        cases += 1;
        let result = match fs::read_to_string(&path) {
            Ok(text) => config::parse(&text, &path),
            Err(_) => config::load(&path),
        };
        let text = match result {
            Ok(config) => config.warnings.to_string(),
            Err(problems) => problems.to_string(),
        };
        let text = text.replace(path.parent().unwrap().to_str().unwrap(), "[DIR]");
        matches(&path.with_extension("txt"), &format!("{text}\n"));
    }
    assert!(cases > 20, "the fixtures are gone");
}

/// Loads a file of this content in a fresh directory, with a good secret beside it.
fn load(text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    fs::write(&path, text).unwrap();
    let token = directory.path().join("token");
    fs::write(&token, "t0ken\n").unwrap();
    fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    show(&path).replace(directory.path().to_str().unwrap(), "[DIR]")
}

fn show(path: &Path) -> String {
    match config::load(path) {
        Ok(config) => format!("{} organizations", config.organizations.len()),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    insta::assert_snapshot!(show(Path::new("/nowhere/config.yaml")), @r"
    error: /nowhere/config.yaml: cannot be read: no such file or directory
    hint: name another file with `--config FILE` or `$SEATWATCH_CONFIG`
    ");
    insta::assert_snapshot!(show(Path::new("/etc")), @r"
    error: /etc: is a directory, expected a file
    hint: try `/etc/seatwatch.yaml`
    ");
    insta::assert_snapshot!(show(Path::new("/dev/null")), @r"
    error: /dev/null: is not a regular file
    hint: it is read more than once: write it to a file
    ");
}

/// A daemon that reads its config again must not wait for somebody to write one.
#[test]
fn a_pipe_in_the_place_of_the_file_is_refused_without_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("config.yaml");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(show(&pipe).contains("is not a regular file"));
}

#[test]
fn secrets_are_tried_when_loading() {
    let good = "organizations: [github/acme]\ncodecov: { token_file: token }\n";
    assert_eq!(load(good), "1 organizations");
    let bad = "organizations: [github/acme, { service: gh, owner: b, token_file: ./missing }]\n\
               codecov: { token_env: SEATWATCH_TEST_UNSET }\n";
    insta::assert_snapshot!(load(bad), @r"
    error: [DIR]/config.yaml:1:67: organizations[1].token_file: the secret `[DIR]/missing` does not exist
    hint: put the secret alone into it, and `chmod 600 [DIR]/missing`

    error: [DIR]/config.yaml:2:23: codecov.token_env: the environment variable `$SEATWATCH_TEST_UNSET` is not set
    hint: put the token into $SEATWATCH_TEST_UNSET, or name a file in `token_file`
    ");
}

#[test]
fn everything_left_out_has_its_default() {
    let config = parse("organizations: [GH/Acme]\ncodecov: { token_file: token }\n");
    assert_eq!(config.state_dir, Path::new("/var/lib/seatwatch"));
    assert_eq!(config.sync_timeout, Duration::from_secs(900));
    assert_eq!(config.max_concurrent_syncs, 4);
    assert_eq!(config.codecov.page_size, 10_000);
    let [organization] = config.organizations.as_slice() else { panic!("one is expected") };
    assert_eq!(organization.id.to_string(), "github/acme");
    assert_eq!(organization.schedule.as_str(), "0 * * * *");
    assert_eq!(organization.timezone, chrono_tz::UTC);
    assert_eq!(organization.token, SecretSource::File("/etc/seatwatch/token".into()));
    assert_eq!(organization.base_url.as_str(), "https://api.codecov.io/");
    assert!(organization.require_admin);
    assert_eq!(organization.guard, config::GuardConfig::default());
    assert_eq!(organization.seats.limit, None);
    assert!(config.sinks.is_empty());
    assert!(config.warnings.problems.is_empty());
}

#[test]
fn organizations_override_key_by_key() {
    let config = parse(
        "codecov: { token_env: TOP, base_url: https://codecov.test/api/v2 }\n\
         guard: { min_leavers: 7, max_leavers: 70 }\n\
         seats: { limit: 50 }\n\
         organizations:\n\
         - github/one\n\
         - service: github\n  \
           owner: \"007\"\n  \
           token_env: OWN\n  \
           base_url: https://codecov.test/prefix/\n  \
           guard: { max_leavers: 8 }\n  \
           seats: { warn_at: 40 }\n",
    );
    let [one, two] = config.organizations.as_slice() else { panic!("two are expected") };
    assert_eq!(one.base_url.as_str(), "https://codecov.test/");
    assert_eq!(one.seats.warn_at, WarnAt::Percent(90));
    assert_eq!(two.id.to_string(), "github/007");
    assert_eq!(two.token, SecretSource::Env("OWN".into()));
    assert_eq!(two.base_url.as_str(), "https://codecov.test/prefix/");
    assert_eq!((two.guard.min_leavers, two.guard.max_leavers), (7, 8));
    assert_eq!(two.guard.max_leave_percent, 30);
    assert_eq!((two.seats.limit, two.seats.warn_at), (Some(50), WarnAt::Seats(40)));
}

#[test]
fn only_what_yaml_takes_for_something_else_needs_quotes() {
    let config = parse(
        "instance: no\nstate_dir: '5'\norganizations: [github/acme]\n\
         codecov: { token_env: TOKEN, requests_per_second: 1 }\nsinks:\n",
    );
    assert_eq!(config.instance, "no");
    assert_eq!(config.state_dir, Path::new("/etc/seatwatch/5"));
}

/// What an editor shows red after the schema is what the program refuses, and the other way round.
#[test]
fn the_schema_is_as_strict_about_types_as_the_program() {
    let schema = config::schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let post =
        |more: &str| format!("sinks: {{ a: {{ type: webhook, url: 'https://a.test', {more} }} }}");
    let run =
        |more: &str| format!("sinks: {{ a: {{ type: process, command: [/bin/cat], {more} }} }}");
    for (lines, is_right) in [
        ("instance: 2024", false),
        ("instance: '2024'", true),
        ("state_dir: 5", false),
        ("state_dir: ''", false),
        ("plugin_dirs: [plugins, '']", false),
        ("sinks: { a: { type: 5 } }", false),
        ("sinks: { a: { type: file, path: '' } }", false),
        ("splay: 0", true),
        ("seats: { limit: 5, warn_at: 4, price_per_seat: 12.50, currency: USD }", true),
        (&post("headers: { X-Tenant: 7, X-Trial: true }"), true),
        (&post("headers: { X-Tenant: ~ }"), false),
        (&post("secret_file: ''"), false),
        (&run("env: { PORT: 8080, DEBUG: true, NAME: a }"), true),
        (&run("env: { PORT: [8080] }"), false),
        (&run("env: { PORT: ~ }"), false),
    ] {
        let text = format!("organizations: [github/acme]\ncodecov: {{ token_env: T }}\n{lines}\n");
        let is_read = config::parse(&text, Path::new("/etc/seatwatch/config.yaml")).is_ok();
        let fits = validator.is_valid(&serde_yaml::from_str(&text).unwrap());
        assert_eq!((is_read, fits), (is_right, is_right), "{lines}");
    }
}

#[test]
fn sinks_see_what_their_filters_let_pass() {
    let config = parse(
        "codecov: { token_env: TOKEN }\norganizations: [github/acme, gitlab/grp/sub]\nsinks:\n  \
         all: { path: a, type: file, give_up_after: never }\n  \
         some: { type: file, path: b, organizations: [gl/grp/sub], events: [left, left] }\n",
    );
    let acme = "github/acme".parse().unwrap();
    let [all, some] = config.sinks.as_slice() else { panic!("two are expected") };
    assert_eq!((all.name.as_str(), all.kind.as_str()), ("all", "file"));
    assert_eq!(all.give_up_after, None);
    assert!(all.organizations.matches(&acme));
    assert!(!some.organizations.matches(&acme));
    assert!(some.organizations.matches(&"gitlab/grp:sub".parse().unwrap()));
    assert_eq!(some.give_up_after, Some(Duration::from_secs(14 * 24 * 3600)));
    assert_eq!(some.events.as_ref().map(BTreeSet::len), Some(1));
}

/// A large file loads, and one in which everything is wrong says so, up to a point.
#[test]
fn ten_thousand_organizations_are_no_burden() {
    let mut good = "codecov: { token_env: TOKEN }\norganizations:\n".to_owned();
    let mut bad = good.clone();
    for number in 0..10_000 {
        writeln!(good, "- {{ service: github, owner: o{number}, schedule: \"5 * * * *\" }}")
            .unwrap();
        writeln!(bad, "- {{ service: github, owner: o{number}, schedul: daily }}").unwrap();
    }
    assert_eq!(parse(&good).organizations.len(), 10_000);
    let problems = config::parse(&bad, Path::new("config.yaml")).unwrap_err();
    assert_eq!(problems.problems.len(), 100);
}

#[test]
fn the_example_parses_without_a_warning() {
    let config = parse(EXAMPLE);
    assert_eq!(config.warnings.to_string(), "");
}

fn example() -> Value {
    serde_yaml::from_str(EXAMPLE).unwrap()
}

#[test]
fn the_example_fits_the_schema() {
    let schema = config::schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&example()).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let wrong: Value = serde_yaml::from_str("{organizations: [github/a], colour: red}").unwrap();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn the_example_names_every_key() {
    for (path, _) in reference::keys(&config::schema()) {
        let key = path.rsplit('.').next().unwrap();
        let is_named = EXAMPLE.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ', '-']);
            line.starts_with(&format!("{key}:")) || line.contains(&format!(" {key}: "))
        });
        assert!(is_named, "config.example.yaml does not show `{path}`");
    }
}

/// A line that ends in `# default` shows the default.
#[test]
fn the_defaults_of_the_example_are_the_defaults() {
    let mut shown = 0;
    let schema = config::schema();
    let keys = reference::keys(&schema);
    for line in EXAMPLE.lines().filter(|line| line.ends_with("# default")) {
        let Value::Object(entry) = serde_yaml::from_str(line).unwrap() else { panic!("{line}") };
        for (key, value) in entry {
            let suffix = format!(".{key}");
            let found = keys.iter().any(|(path, schema)| {
                (path == &key || path.ends_with(&suffix))
                    && schema.get("default").is_some_and(|default| is_same(default, &value))
            });
            assert!(found, "`{line}` does not show the default");
            shown += 1;
        }
    }
    let all = keys.iter().filter(|(_, schema)| schema.get("default").is_some_and(|d| !d.is_null()));
    assert!(shown > 15, "{shown} of {}", all.count());
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON,
        _ => one == other,
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    matches(&top("docs/configuration.md"), &reference::page(&config::schema()));
}

/// The certificates are looked at with the secrets: a wrong file is a matter of configuration.
#[test]
fn a_file_without_certificates_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seatwatch.yaml");
    let text = "organizations: [github/acme]\ncodecov: { token_env: PATH, ca_file: ca.pem }\n";
    fs::write(&path, text).unwrap();
    for (content, reason) in [
        (None, "cannot be read: no such file or directory"),
        (Some("junk"), "holds no certificate"),
        (Some("-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n"), "is not in PEM form"),
    ] {
        if let Some(content) = content {
            fs::write(directory.path().join("ca.pem"), content).unwrap();
        }
        let problems = config::load(&path).unwrap_err().to_string();
        let problems = problems.replace(&format!("{}/", directory.path().display()), "");
        assert!(
            problems.starts_with(&format!(
                "error: seatwatch.yaml:2:38: codecov.ca_file: `ca.pem` {reason}\n"
            )),
            "{problems}"
        );
    }
}
