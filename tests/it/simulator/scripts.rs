//! What a script can say: all of it stands in the documents and in the help, as it is written.

use std::fs;
use std::process::Command;

use itertools::Itertools as _;
use seatwatch::simulator::Script;

const PAGE: &str = include_str!("../../../docs/simulator.md");

/// A script whose only step is this.
fn script(step: &str) -> Result<Script, String> {
    Script::parse(&format!("steps:\n- {{ at: 1s, {step} }}\n"))
}

fn change(action: &str) -> String {
    format!("change: {{ organization: github/acme, username: ann, action: {action} }}")
}

fn fault(fault: &str) -> String {
    format!("fault: {fault}")
}

/// The words that could stand in the place of one that nobody knows.
fn known(of: fn(&str) -> String) -> Vec<String> {
    let error = script(&of("nonsense")).unwrap_err();
    let (_, known) = error.split_once("expected one of ").unwrap();
    known.split(", ").map(str::to_owned).collect()
}

/// The first column of the table under a heading of the page.
fn examples(heading: &str) -> impl Iterator<Item = &'static str> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section.lines().filter_map(|line| line.strip_prefix("| `")?.split("` |").next())
}

fn word(example: &str) -> &str {
    example.trim_start_matches("{ ").split(':').next().unwrap()
}

#[test]
fn each_action_and_fault_has_an_example_that_can_be_read() {
    for (heading, of) in [("Changes", change as fn(&str) -> String), ("Faults", fault)] {
        for example in examples(heading) {
            script(&of(example)).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
        assert_eq!(
            examples(heading).map(word).sorted().collect_vec(),
            known(of).into_iter().sorted().collect_vec()
        );
    }
    let (_, whole) = PAGE.split_once("```yaml\n").unwrap();
    Script::parse(whole.split("```").next().unwrap()).unwrap();
}

/// Whoever has the program alone can write a script, too.
#[test]
fn the_help_has_them_all_as_they_are_written() {
    let help = Command::new(env!("CARGO_BIN_EXE_seatwatch")).args(["simulate", "--help"]).output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    let help = help.split_whitespace().join(" ");
    for (begin, of) in [("Actions: `", change as fn(&str) -> String), ("Faults: `", fault)] {
        let (_, list) = help.split_once(begin).unwrap();
        let list = list.split("`.").next().unwrap();
        for word in known(of) {
            assert!(list.split([' ', ',', '{', ':']).contains(&word.as_str()), "{word}: {list}");
        }
        // Between two of them stands a comma outside of all braces.
        let mut depth = 0;
        let examples = list.split(|char| {
            depth += i32::from(char == '{') - i32::from(char == '}');
            char == ',' && depth == 0
        });
        for example in examples {
            script(&of(example.trim())).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
}

#[test]
fn what_is_wrong_with_a_script_is_one_line_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("story.yaml");
    let mut said = String::new();
    for step in [
        change("rename"),
        change("leve"),
        fault("reset, wen: {}"),
        fault("{ status: { status: many } }"),
        "at: 2s".to_owned(),
        "fault: [".to_owned(),
    ] {
        fs::write(&path, format!("steps:\n- {{ at: 1s, {step} }}\n")).unwrap();
        let mut simulate = Command::new(env!("CARGO_BIN_EXE_seatwatch"));
        let ran = simulate.args(["simulate", "--listen", "127.0.0.1:0", "--script"]).arg(&path);
        let ran = ran.output().unwrap();
        assert_eq!(ran.status.code(), Some(64));
        said += &String::from_utf8(ran.stderr).unwrap();
    }
    let said = said.replace(&directory.path().display().to_string(), "[DIR]");
    insta::assert_snapshot!(said, @"
    error: [DIR]/story.yaml:2:80: a text is missing, as in `{ rename: bobby }`
    hint: `seatwatch simulate --help` lists actions and faults, each as it is written
    error: [DIR]/story.yaml:2:73: unknown variant `leve`, expected one of join, leave, leave_and_unseat, seat, unseat, grant_admin, revoke_admin, rename, name, email, take_over, delete, queue_deletion
    hint: `seatwatch simulate --help` lists actions and faults, each as it is written
    error: [DIR]/story.yaml:2:27: unknown field `wen`, expected one of at, after_request, between_count_and_rows, change, fault, when
    hint: `seatwatch simulate --help` lists actions and faults, each as it is written
    error: [DIR]/story.yaml:2:40: invalid u16
    hint: `seatwatch simulate --help` lists actions and faults, each as it is written
    error: [DIR]/story.yaml:2:13: `at` stands twice
    hint: `seatwatch simulate --help` lists actions and faults, each as it is written
    error: [DIR]/story.yaml:2:20: mismatched bracket '[' closed by '}'
    hint: `seatwatch simulate --help` lists actions and faults, each as it is written
    ");
}
