//! External plugins by name: which are found, and which are refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use seatwatch_process::discover::{find, list};
use tempfile::TempDir;

struct Directories {
    directory: TempDir,
}

impl Directories {
    fn new() -> Self {
        let directories = Self { directory: tempfile::tempdir().unwrap() };
        for name in ["first", "second", "elsewhere"] {
            fs::create_dir(directories.path(name)).unwrap();
            directories.mode(name, 0o755);
        }
        directories
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn program(&self, name: &str, mode: u32) {
        fs::write(self.path(name), "#!/bin/sh\n").unwrap();
        self.mode(name, mode);
    }

    fn all(&self) -> Vec<PathBuf> {
        vec![self.path("missing"), self.path("first"), self.path("second")]
    }

    fn shorten(&self, text: &str) -> String {
        text.replace(self.directory.path().to_str().unwrap(), "[DIR]")
    }

    fn find(&self, name: &str) -> String {
        match find(name, &self.all()) {
            Ok(path) => self.shorten(path.to_str().unwrap()),
            Err(error) => self.shorten(&format!("{error} | {}", error.hint())),
        }
    }
}

#[test]
fn the_first_directory_that_has_a_plugin_decides() {
    let world = Directories::new();
    world.program("first/seatwatch-sink-a", 0o755);
    world.program("second/seatwatch-sink-a", 0o755);
    world.program("second/seatwatch-sink-b", 0o755);
    world.program("second/other", 0o755);
    assert_eq!(world.find("a"), "[DIR]/first/seatwatch-sink-a");
    assert_eq!(world.find("b"), "[DIR]/second/seatwatch-sink-b");
    world.mode("first/seatwatch-sink-a", 0o775);
    let texts = ["a", "c", "../b", "", "b\n"].map(|name| world.find(name));
    insta::assert_snapshot!(texts.join("\n"), @"
    the program `[DIR]/first/seatwatch-sink-a` can be changed by its group (mode 0775) | `chmod go-w [DIR]/first/seatwatch-sink-a`
    there is no program `seatwatch-sink-c` in `[DIR]/missing` or `[DIR]/first` or `[DIR]/second` | install the plugin there, or name its directory in `plugin_dirs`
    `../b` cannot be the name of a plugin | a name is letters, digits, `-`, `_` and `.`
    `` cannot be the name of a plugin | a name is letters, digits, `-`, `_` and `.`
    `b
    ` cannot be the name of a plugin | a name is letters, digits, `-`, `_` and `.`
    ");

    let found = list(&world.all()).into_iter().map(|found| {
        let problem = found.problem.unwrap_or_default();
        world.shorten(&format!("{} {} {problem}", found.name, found.path.display()))
    });
    insta::assert_snapshot!(found.collect::<Vec<_>>().join("\n"), @"
    a [DIR]/first/seatwatch-sink-a the program `[DIR]/first/seatwatch-sink-a` can be changed by its group (mode 0775): `chmod go-w [DIR]/first/seatwatch-sink-a`
    a [DIR]/second/seatwatch-sink-a hidden by `[DIR]/first/seatwatch-sink-a`
    b [DIR]/second/seatwatch-sink-b
    ");
}

#[test]
fn a_plugin_that_somebody_else_may_change_is_refused() {
    let world = Directories::new();
    for (name, mode) in [("group", 0o775), ("all", 0o757), ("no-program", 0o644)] {
        world.program(&format!("first/seatwatch-sink-{name}"), mode);
    }
    fs::create_dir(world.path("first/seatwatch-sink-directory")).unwrap();
    world.program("elsewhere/program", 0o755);
    symlink(world.path("elsewhere/program"), world.path("first/seatwatch-sink-link")).unwrap();
    symlink("nowhere", world.path("first/seatwatch-sink-broken")).unwrap();
    assert_eq!(world.find("link"), "[DIR]/first/seatwatch-sink-link");
    let mut texts =
        ["group", "all", "no-program", "directory", "broken"].map(|name| world.find(name)).to_vec();
    world.mode("elsewhere/program", 0o777);
    texts.push(world.find("link"));
    world.mode("elsewhere/program", 0o755);
    world.mode("elsewhere", 0o1777);
    texts.push(world.find("link"));
    world.mode("elsewhere", 0o755);
    world.mode("first", 0o775);
    texts.push(world.find("link"));
    insta::assert_snapshot!(texts.join("\n"), @"
    the program `[DIR]/first/seatwatch-sink-group` can be changed by its group (mode 0775) | `chmod go-w [DIR]/first/seatwatch-sink-group`
    the program `[DIR]/first/seatwatch-sink-all` can be changed by everybody (mode 0757) | `chmod go-w [DIR]/first/seatwatch-sink-all`
    the program `[DIR]/first/seatwatch-sink-no-program` is not executable for us | `chmod a+x [DIR]/first/seatwatch-sink-no-program`
    the program `[DIR]/first/seatwatch-sink-directory` is not a regular file | name the program itself
    the program `[DIR]/first/seatwatch-sink-broken` does not exist | install the program there, or name another one
    the program `[DIR]/elsewhere/program` can be changed by everybody (mode 0777) | `chmod go-w [DIR]/elsewhere/program`
    the directory `[DIR]/elsewhere` can be changed by everybody (mode 1777) | `chmod go-w [DIR]/elsewhere`
    the directory `[DIR]/first` can be changed by its group (mode 0775) | `chmod go-w [DIR]/first`
    ");
}

#[test]
fn a_plugin_of_another_user_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        return; // Only root can give files away.
    }
    let world = Directories::new();
    world.program("first/seatwatch-sink-a", 0o755);
    let give = |path: &Path, uid| chown(path, Some(uid), None).unwrap();
    give(&world.path("first/seatwatch-sink-a"), 4711);
    let mut texts = vec![world.find("a")];
    give(&world.path("first/seatwatch-sink-a"), 0);
    give(&world.path("first"), 4711);
    texts.push(world.find("a"));
    give(&world.path("first"), 0);
    texts.push(world.find("a"));
    insta::assert_snapshot!(texts.join("\n"), @"
    the program `[DIR]/first/seatwatch-sink-a` belongs to user 4711, who is neither root nor us | `chown root [DIR]/first/seatwatch-sink-a`
    the directory `[DIR]/first` belongs to user 4711, who is neither root nor us | `chown root [DIR]/first`
    [DIR]/first/seatwatch-sink-a
    ");
}
