//! The keys of the sink, and what the program gets of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use seatwatch_process::{ExternalConfig, ExternalSettings, ProcessConfig};
use seatwatch_sdk::{Origin, Outcome, SinkConfig};
use serde_json::{Value, json};

use crate::world::{World, plugin};

fn parse(config: &Value) -> Result<ProcessConfig, String> {
    serde_json::from_str(&config.to_string()).map_err(|error| error.to_string())
}

#[test]
fn the_keys_are_strict() {
    let refused = [
        json!({}),
        json!({"command": []}),
        json!({"command": [""]}),
        json!({"command": "notify"}),
        json!({"command": ["a\0b"]}),
        json!({"command": ["x"], "comand": 1}),
        json!({"command": ["x"], "config": [1]}),
        json!({"command": ["x"], "env": {"1X": "y"}}),
        json!({"command": ["x"], "env": {"A=B": "y"}}),
        json!({"command": ["x"], "env": {"": "y"}}),
        json!({"command": ["x"], "env": {"X": 1}}),
        json!({"command": ["x"], "env": {"X": "a\0b"}}),
    ];
    let texts = refused.map(|config| {
        let error = parse(&config).unwrap_err();
        error.split(" at line").next().unwrap().to_owned()
    });
    insta::assert_snapshot!(texts.join("\n"), @r#"
    missing field `command`
    there is no program to start
    a list: the program, then its arguments: `[/usr/local/bin/notify, --quiet]`
    there is no program to start
    a list: the program, then its arguments: `[/usr/local/bin/notify, --quiet]`
    invalid type: string "notify", expected a sequence
    no argument can hold a NUL character
    unknown field `comand`, expected one of `command`, `env`, `config`
    invalid type: sequence, expected a map
    `1X` cannot be the name of an environment variable
    letters, digits and `_`, and no digit first
    `A=B` cannot be the name of an environment variable
    letters, digits and `_`, and no digit first
    `` cannot be the name of an environment variable
    letters, digits and `_`, and no digit first
    invalid type: integer `1`, expected the value of an environment variable
    no environment variable can hold a NUL character
    "#);
    assert!(
        parse(&json!({"command": ["x"], "env": {"_X1": ""}, "config": {"any": [1, null]}})).is_ok()
    );
}

/// Neither a value nor an argument shows, and still every difference does.
#[test]
fn debug_output_differs_and_shows_nothing() {
    let base = json!({"command": ["/bin/x", "--key=t0ken"], "env": {"A": "t0ken"}, "config": {"url": "https://t0ken@example.com"}});
    let changed = [
        ("/command/0", json!("/bin/y")),
        ("/command/1", json!("--key=other")),
        ("/env/A", json!("other")),
        ("/config/url", json!("other")),
    ];
    let debug = |config: &Value| format!("{:?}", parse(config).unwrap());
    let mut all = vec![debug(&base)];
    for (pointer, value) in changed {
        let mut config = base.clone();
        *config.pointer_mut(pointer).unwrap() = value;
        all.push(debug(&config));
    }
    assert!(all.iter().all(|text| !text.contains("t0ken") && text.contains("sha256:")), "{all:#?}");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
    assert_eq!(debug(&base), debug(&base));

    let external = |settings: Value| {
        let settings: ExternalSettings = serde_json::from_value(settings).unwrap();
        format!("{:?}", ExternalConfig::new("chat", "/bin/x".into(), settings))
    };
    assert_ne!(external(json!({"url": "t0ken"})), external(json!({"url": "t0ken2"})));
    assert_ne!(external(json!({"env": {"A": "1"}})), external(json!({"env": {"A": "2"}})));
    assert!(!external(json!({"url": "t0ken", "env": {"A": "t0ken"}})).contains("t0ken"));
}

/// The program gets the variables that are listed, its own, and no others of ours.
#[tokio::test]
async fn the_environment_is_cleared() {
    let mut world = World::of(|directory| {
        json!({
            "command": [plugin("environment.sh")],
            "env": {"WORLD": directory, "LANG": "C.UTF-8"},
        })
    });
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    let lines = world.lines("environment");
    let names: Vec<_> = lines.iter().map(|line| line.split_once('=').unwrap().0).collect();
    // Cargo gives its tests dozens of variables.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let allowed = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "WORLD"];
    assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
    assert!(names.contains(&"PATH") && names.contains(&"WORLD"));
    assert!(lines.contains(&"LANG=C.UTF-8".to_owned()));
}

#[tokio::test]
async fn a_plugin_is_told_whose_it_is_and_leads_a_group_of_its_own() {
    let mut world = World::bad("tell");
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    let told: Value = serde_json::from_str(&world.lines("told")[0]).unwrap();
    let [hello, directory, leads] = &told.as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!(hello["instance"], "test");
    assert_eq!(hello["sink"], world.directory().file_name().unwrap().to_str().unwrap());
    assert_eq!(hello["config"], json!({}));
    assert_eq!((directory, leads), (&json!("/"), &json!(true)));
}

fn secret(directory: &Path, name: &str, mode: u32) {
    fs::write(directory.join(name), "t0ken").unwrap();
    fs::set_permissions(directory.join(name), Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn secrets_are_found_checked_and_passed_on_by_path() {
    let mut world = World::of(|directory| {
        fs::create_dir(directory.join("credentials")).unwrap();
        secret(directory, "open", 0o644);
        secret(directory, "fine", 0o600);
        json!({
            "command": ["python3", plugin("bad.py"), "tell"],
            "env": {"WORLD": directory},
            "config": {
                "password_file": "fine",
                "urls": [{"url_file": "./open"}, {"url_file": "/nowhere"}],
                "certs_file": ["fine", ["missing"], {"name": "fine", "key_file": "fine"}, 5],
                "_file": 5,
                "file": "fine",
            },
        })
    });
    let keys: Vec<_> =
        world.config.file_problems().iter().map(|problem| problem.keys.join(".")).collect();
    assert_eq!(keys, ["config.urls.0.url_file", "config.urls.1.url_file", "config.certs_file.1.0"]);
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    let told: Value = serde_json::from_str(&world.lines("told")[0]).unwrap();
    let directory = world.directory().display();
    assert_eq!(
        told[0]["config"],
        json!({
            "password_file": format!("{directory}/fine"),
            "urls": [{"url_file": format!("{directory}/open")}, {"url_file": "/nowhere"}],
            "certs_file": [
                format!("{directory}/fine"),
                [format!("{directory}/missing")],
                {"name": "fine", "key_file": format!("{directory}/fine")},
                5,
            ],
            "_file": 5,
            "file": "fine",
        })
    );
}

#[test]
fn a_bare_name_is_a_credential_if_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = directory.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    secret(&credentials, "token", 0o644);
    let origin = Origin {
        directory: directory.path(),
        credentials: Some(&credentials),
        ..Origin::default()
    };
    let settings = json!({"token_file": "token", "other_file": "other"});
    let settings: ExternalSettings = serde_json::from_value(settings).unwrap();
    let mut config = ExternalConfig::new("chat", "/bin/true".into(), settings);
    // Resolved again, it stays the same.
    config.resolve(&origin);
    config.resolve(&origin);
    let texts: Vec<_> =
        config.file_problems().iter().map(|it| format!("{:?} {}", it.keys, it.text)).collect();
    assert_eq!(
        texts,
        [format!(
            "[\"other_file\"] the secret `{}/other` does not exist",
            directory.path().display()
        )]
    );
}

#[test]
fn a_program_is_looked_for_where_it_was_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let problems = |program: &str| {
        let mut config = parse(&json!({"command": [program]})).unwrap();
        config.resolve(&Origin { directory: directory.path(), ..Origin::default() });
        let problems = config.file_problems();
        let texts = problems.iter().map(|it| {
            format!(
                "{}: {} | {}",
                it.keys.join("."),
                it.text,
                it.hint.as_deref().unwrap_or_default()
            )
        });
        texts.collect::<Vec<_>>().join("\n").replace(directory.path().to_str().unwrap(), "[DIR]")
    };
    let write = |name: &str, mode| {
        fs::write(directory.path().join(name), "#!/bin/sh\n").unwrap();
        fs::set_permissions(directory.path().join(name), Permissions::from_mode(mode)).unwrap();
    };
    write("fine", 0o775);
    write("everybodys", 0o777);
    write("no-program", 0o644);
    assert_eq!(problems("sh"), "");
    assert_eq!(problems("./fine"), "");
    let texts = ["no-such-program", "./missing", "./everybodys", "./no-program", "/"].map(problems);
    insta::assert_snapshot!(texts.join("\n"), @"
    command.0: no directory of `PATH` has a program `no-such-program` | install it in a directory of `PATH`, or name its path
    command.0: the program `[DIR]/missing` does not exist | install the program there, or name another one
    command.0: the program `[DIR]/everybodys` can be changed by everybody (mode 0777) | `chmod go-w [DIR]/everybodys`
    command.0: the program `[DIR]/no-program` is not executable for us | `chmod a+x [DIR]/no-program`
    command.0: the program `/` is not a regular file | name the program itself
    ");
}
