//! The rules of the house that no compiler knows: who may know whom, where SQL stands, and that each
//! file says what it is for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files of a folder that are part of a program, as path from the top and text; what follows
/// their tests is left out.
fn sources(folder: &str) -> Vec<(String, String)> {
    let files = WalkDir::new(top(folder)).sort_by_file_name().into_iter();
    let files = files.map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let name = |path: &Path| path.strip_prefix(top("")).unwrap().display().to_string();
    let source = |path: PathBuf| (name(&path), fs::read_to_string(&path).unwrap());
    let sources = files.map(source).filter(|(name, _)| !name.contains("tests"));
    let own = |(name, text): (String, String)| {
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
        (name, text)
    };
    sources.map(own).collect()
}

/// `src/store/log.rs` is of the part `store`.
fn part(name: &str) -> &str {
    name.trim_start_matches("src/").split(['/', '.']).next().unwrap()
}

/// The parts that a text imports: `crate::store::Tx`, or `crate::{store, text}` on one level.
fn known(text: &str) -> BTreeSet<&str> {
    let is_end = |c: char| !c.is_alphanumeric() && c != '_';
    let mut known = BTreeSet::new();
    for path in text.split("crate::").skip(1) {
        match path.strip_prefix('{') {
            Some(list) => {
                let list = list.split('}').next().unwrap();
                known.extend(list.split(',').filter_map(|path| path.trim().split(is_end).next()));
            }
            None => known.extend(path.split(is_end).next()),
        }
    }
    known.remove("");
    known
}

/// The lines of `src/lib.rs`, the topmost first.
fn floors() -> Vec<Vec<String>> {
    let text = fs::read_to_string(top("src/lib.rs")).unwrap();
    let (_, text) = text.split_once("# Who may know whom").unwrap();
    let table = text.split("```").nth(1).unwrap();
    let lines = table.lines().map(|line| line.trim_start_matches("//!").trim());
    let lines = lines.filter(|line| !line.is_empty() && *line != "text");
    lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

#[test]
fn every_part_knows_only_those_below_it() {
    let floors = floors();
    let floor = |part: &str| {
        let is_here = |line: &Vec<String>| line.iter().any(|one| one.split('+').any(|p| p == part));
        floors.iter().position(is_here)
    };
    let are_one = |one: &str, other: &str| {
        let both = |names: &String| {
            [one, other].iter().all(|part| names.split('+').any(|name| name == *part))
        };
        floors.iter().flatten().any(both)
    };
    let mut wrong = Vec::new();
    for (name, text) in sources("src") {
        let part = part(&name);
        if part == "main" || part == "lib" {
            continue;
        }
        let Some(own) = floor(part) else {
            wrong.push(format!("{name}: `{part}` is on no line of src/lib.rs"));
            continue;
        };
        for other in known(&text) {
            let is_below = floor(other).is_none_or(|other| other > own);
            if other != part && !is_below && !are_one(part, other) {
                wrong.push(format!("{name}: `{part}` is not to know `{other}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_plugin_knows_the_sdk_and_no_other_crate_of_ours() {
    for crate_name in ["sdk", "file", "email", "webhook", "process"] {
        let text = fs::read_to_string(top(&format!("plugins/{crate_name}/Cargo.toml"))).unwrap();
        let ours = text.lines().filter(|line| line.starts_with("seatwatch"));
        let ours: Vec<_> = ours.filter(|line| !line.starts_with("seatwatch-sdk")).collect();
        assert!(ours.is_empty(), "plugins/{crate_name}: {ours:?}");
        assert!(crate_name != "sdk" || !text.contains("\nseatwatch"), "the sdk stands alone");
    }
}

#[test]
fn sql_stands_in_the_store_only() {
    let is_sql = |line: &&str| {
        ["SELECT ", "INSERT INTO ", "DELETE FROM ", "PRAGMA ", ".prepare_cached(", ".query_row("]
            .iter()
            .any(|word| line.contains(word))
    };
    for (name, text) in sources("src") {
        let found = text.lines().find(is_sql).filter(|_| part(&name) != "store");
        assert_eq!(found, None, "{name}");
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "plugins", "tests/it", "benches"] {
        for (name, text) in sources(folder) {
            assert!(text.starts_with("//! "), "{name} does not begin with `//! `");
        }
    }
}
