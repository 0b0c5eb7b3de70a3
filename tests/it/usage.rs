//! What the program says of itself, and what it says to a wrong command line.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::world::skipped;

/// What a run without a configuration wrote to stdout and stderr, and its exit code.
fn run(arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seatwatch"));
    for variable in ["SEATWATCH_CONFIG", "RUST_LOG", "COLUMNS"] {
        command.env_remove(variable);
    }
    let done = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(done.stdout), text(done.stderr), done.status.code())
}

/// What goes to stdout, of a run that ends well and says nothing else.
#[track_caller]
fn told(arguments: &[&str]) -> String {
    let (stdout, stderr, code) = run(arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    stdout
}

/// Each line is a wrong command line, as it would be typed.
const WRONG: &str = r"
seatwatch syncc
seatwatch check --onlin
seatwatch roster github/acme --seat
seatwatch roster acme
seatwatch --as-of yesterday roster github/acme
seatwatch history github/acme --as-of yesterday
seatwatch roster github/acme --as-of tomorow
seatwatch diff github/acme
seatwatch diff github/acme 2026-13-01
seatwatch approve
seatwatch approve github/acme github/beta
seatwatch replay siem
seatwatch replay --since yesterday
seatwatch status extra
seatwatch status --json
seatwatch status --output json
seatwatch status --format xml
seatwatch status --format
seatwatch -c seatwatch.yaml status
seatwatch status -f json
seatwatch --verbose sync
seatwatch sync -v
seatwatch sync --debug
seatwatch sync --quiet
seatwatch sync --org github/acme
seatwatch outbox list --sink siem
seatwatch roster github/acme --user octocat
seatwatch run --daemonize
seatwatch run --token 5ea70000
seatwatch run --listen 127.0.0.1:1
seatwatch start
seatwatch stop
seatwatch restart
seatwatch daemon
seatwatch list
seatwatch members
seatwatch users
seatwatch log
seatwatch version
seatwatch validate
seatwatch outbox retyr
seatwatch outbox purge
seatwatch outbox drop
seatwatch outbox drop 17 --all
seatwatch sink test
seatwatch sink mute siem
seatwatch org forget
seatwatch discover --service svn
seatwatch report github/acme
seatwatch report github/acme --all --output pack
seatwatch report github/acme --output pack --columns email=Mail
seatwatch roster github/acme --seats --seats
seatwatch backup
seatwatch demo --for ever
seatwatch schema sink
seatwatch completions tcsh
seatwatch man seatwatch-snyc
seatwatch check --config
seatwatch man nonsense
seatwatch frobnicate
seatwatch help syncc
seatwatch history github/acme --member
seatwatch outbox skip siem --lane
seatwatch completions
seatwatch schema
seatwatch check seatwatch.yaml
seatwatch run ./seatwatch.yaml
seatwatch check online
seatwatch check --online=yes
seatwatch run -d
seatwatch chek
seatwatch init
seatwatch restore x.db
seatwatch add github/acme
seatwatch token
seatwatch sink list
seatwatch history --since 3days
seatwatch history --member -dash
seatwatch history --since '9999999999d ago'
seatwatch history --last 3d
seatwatch --config run check --onlin
";

#[test]
fn a_wrong_command_line_is_told_what_to_write_instead() {
    let mut shown = String::new();
    for line in WRONG.lines().filter(|line| !line.is_empty()) {
        let words = shlex::split(line).unwrap();
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let (stdout, stderr, code) = run(&words);
        assert_eq!((stdout.as_str(), code), ("", Some(64)), "{line}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains("\nhint: "), "{line}: {stderr}");
        assert_eq!(stderr.lines().count(), 2, "{line}: {stderr}");
        writeln!(shown, "$ {line}\n{stderr}").unwrap();
    }
    assert_snapshot!(shown);
}

/// A name in a command line may be anything, also what would move a terminal's cursor.
#[test]
fn nothing_of_a_command_line_reaches_the_terminal_raw() {
    for word in ["\u{1b}[31mred", "--\u{1b}[2J", "\u{202e}yenom"] {
        let (_, stderr, code) = run(&[word]);
        assert_eq!(code, Some(64));
        assert!(!stderr.contains(['\u{1b}', '\u{202e}']), "{stderr:?}");
    }
}

#[test]
fn without_a_command_there_is_the_help_and_a_wrong_end() {
    for arguments in [&[][..], &["sink"], &["outbox"], &["org"], &["plugin"]] {
        let (stdout, stderr, code) = run(arguments);
        assert_eq!((stdout.as_str(), code), ("", Some(64)), "{arguments:?}");
        assert!(stderr.contains("\nUsage: seatwatch"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn the_overview_has_the_commands_by_purpose_and_the_exit_codes() {
    assert_snapshot!("help", told(&["--help"]));
    let short = told(&["-h"]);
    assert!(short.contains("Decide about a held roster:") && !short.contains("Exit codes:"));
    assert_eq!(told(&["help"]), told(&["--help"]));
}

#[test]
fn the_help_of_a_command_has_examples() {
    for command in ["sync", "check", "roster", "report", "completions", "man"] {
        assert_snapshot!(format!("help_{command}"), told(&[command, "--help"]));
        assert!(!told(&[command, "-h"]).contains("Examples:"));
    }
    assert_snapshot!("help_outbox_retry", told(&["outbox", "retry", "--help"]));
}

#[test]
fn a_shell_completes_commands_options_and_words() {
    let script = told(&["completions", "bash"]);
    let complete = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let ask = format!(
            "{script}\ncompopt() {{ :; }}\nCOMP_WORDS=({}) COMP_CWORD={}\n_seatwatch seatwatch '{}' '{}'\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let done = Command::new("bash").args(["-c", &ask]).output().unwrap();
        assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(complete("seatwatch ro"), "roster");
    assert_eq!(complete("seatwatch outbox re"), "retry");
    assert_eq!(complete("seatwatch roster --a"), "--all --as-of --admins");
    assert_eq!(complete("seatwatch status --format "), "table json csv");
    assert_eq!(complete("seatwatch man seatwatch-out").split(' ').count(), 5);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seatwatch.yaml");
    fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        complete(&format!("seatwatch check --config {}", file.trim_end_matches(".yaml"))),
        file
    );
}

/// Every shell reads its script without a word. Those that are not here are tried in CI.
#[test]
fn every_shell_understands_its_script() {
    let directory = tempfile::tempdir().unwrap();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let path = directory.path().join(shell);
        fs::write(&path, told(&["completions", shell])).unwrap();
        match Command::new(shell).arg(check).arg(&path).output() {
            Ok(done) => {
                let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
                assert!(done.status.success() && stderr.is_empty(), "{shell}: {stderr}");
            }
            Err(error) => skipped(&format!("{shell}: {error}")),
        }
    }
    for shell in ["elvish", "powershell"] {
        assert!(told(&["completions", shell]).contains("seatwatch"));
    }
}

/// The pages in a directory, by file name.
fn pages(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn there_is_a_manual_page_for_every_command_and_for_the_config() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("deep/man1");
    assert_eq!(told(&["man", "--output", output.to_str().unwrap()]), "");
    let names = pages(&output);
    assert_snapshot!(names.join("\n"));
    for name in &names {
        let (page, _) = name.rsplit_once('.').unwrap();
        assert_eq!(told(&["man", page]), fs::read_to_string(output.join(name)).unwrap());
    }
    assert_eq!(told(&["man"]), told(&["man", "seatwatch"]));
    assert_eq!(told(&["man", "outbox-retry"]), told(&["man", "seatwatch-outbox-retry"]));

    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let (_, stderr, code) = run(&["man", "--output", file.to_str().unwrap()]);
    let stderr = stderr.replace(directory.path().to_str().unwrap(), "[DIR]");
    assert_snapshot!(stderr, @"error: cannot write `[DIR]/file`: file exists");
    assert_eq!(code, Some(73));
}

/// On a terminal, a page is not what somebody wants to see.
#[test]
fn on_a_terminal_it_is_told_how_to_read_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let typed = format!("{} man check", env!("CARGO_BIN_EXE_seatwatch"));
    let mut terminal = Command::new("script");
    terminal.current_dir(directory.path()).args(["-qec", &typed, "typed"]);
    match terminal.env("NO_COLOR", "1").output() {
        Ok(done) => {
            let shown = String::from_utf8(done.stdout).unwrap();
            let last = shown.trim_end().lines().next_back().unwrap();
            assert_eq!(last, "hint: to read it, `seatwatch man check | man -l -`");
        }
        Err(error) => skipped(&format!("script: {error}")),
    }
}

/// Who has just installed it has no config yet.
#[test]
fn without_a_config_it_is_told_how_to_make_one() {
    if Path::new("/etc/seatwatch/seatwatch.yaml").exists() {
        return skipped("needs a machine without a config");
    }
    for command in ["check", "status", "sync", "run"] {
        let (stdout, stderr, code) = run(&[command]);
        assert_eq!((stdout.as_str(), code), ("", Some(78)), "{command}: {stderr}");
        let has_example = stderr.contains(
            "\nhint: `install -m 640 -g seatwatch /usr/share/doc/seatwatch/examples/seatwatch.yaml \
             /etc/seatwatch/seatwatch.yaml` makes one",
        );
        let says_where = stderr.contains("\nhint: write one after `config.example.yaml`; or name");
        assert!(has_example || says_where, "{command}: {stderr}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_with_one_that_is_not() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (stdout, stderr, code) = run(&["simulate", "--listen", &address]);
    assert_eq!((stdout.as_str(), code), ("", Some(69)), "{stderr}");
    assert_snapshot!(stderr.replace(&address, "[ADDRESS]"), @"
    error: cannot listen on [ADDRESS]: Address already in use (os error 98)
    hint: another program is there: `--listen 127.0.0.1:0` takes a free port
    ");
}

#[test]
fn groff_and_mandoc_have_nothing_to_say_about_the_pages() {
    let directory = tempfile::tempdir().unwrap();
    told(&["man", "--output", directory.path().to_str().unwrap()]);
    let tools: [(&str, &[&str]); 2] =
        [("groff", &["-man", "-Tutf8", "-ww"]), ("mandoc", &["-man", "-Tlint", "-Werror"])];
    for (tool, arguments) in tools {
        for name in pages(directory.path()) {
            let page = directory.path().join(&name);
            match Command::new(tool).args(arguments).arg(page).output() {
                Ok(done) => {
                    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
                    assert!(done.status.success() && stderr.is_empty(), "{tool} {name}: {stderr}");
                }
                Err(error) => {
                    skipped(&format!("{tool}: {error}"));
                    break;
                }
            }
        }
    }
}

/// As a reader sees them.
#[test]
fn a_page_reads_well() {
    for page in ["seatwatch", "seatwatch-outbox-retry", "seatwatch.yaml"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(page);
        fs::write(&path, told(&["man", page])).unwrap();
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tascii", "-P-cbou", "-rLL=80n"]).arg(path);
        match groff.output() {
            // The configuration has a page of its own in the docs, with the same words.
            Ok(_) if page == "seatwatch.yaml" => {}
            Ok(done) => {
                let text = String::from_utf8(done.stdout).unwrap();
                assert_snapshot!(format!("page_{page}"), text.trim_end());
            }
            Err(error) => return skipped(&format!("groff: {error}")),
        }
    }
}
