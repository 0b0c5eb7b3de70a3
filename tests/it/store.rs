//! A state directory that is not as it should be: each way by its name, in a message that says
//! what to do; and whatever happens, nothing that was committed is lost and nothing told twice.

use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use rusqlite::Connection;

use crate::world::{NOBODY, Ran, World, give, is_root, skipped};

impl World {
    fn database(&self) -> PathBuf {
        self.state_dir().join("seatwatch.db")
    }

    /// Runs the program as another user.
    fn run_as(&self, user: u32, arguments: &[&str]) -> Ran {
        self.ran(self.command(arguments).uid(user).gid(user))
    }

    /// A world where one sync is done.
    fn synced(members: &str) -> Self {
        let world = Self::start(members);
        world.sync().ok();
        world
    }
}

fn set_mode(path: impl AsRef<std::path::Path>, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_text_file_is_not_a_database() {
    let world = World::start("ann");
    fs::create_dir(world.state_dir()).unwrap();
    fs::write(world.database(), "important notes, ".repeat(100)).unwrap();
    assert_snapshot!(world.sync().shown(), @r"
    error: [DIR]/state/seatwatch.db: is not a seatwatch database
    hint: `state_dir` may point to the wrong place; if not, move `[DIR]/state/seatwatch.db` away
    exit code 74
    ");
    assert_snapshot!(world.run(&["status"]).shown(), @r"
    error: [DIR]/state/seatwatch.db: is not a seatwatch database
    hint: `state_dir` may point to the wrong place; if not, move `[DIR]/state/seatwatch.db` away
    exit code 74
    ");
    assert_eq!(fs::read_to_string(world.database()).unwrap(), "important notes, ".repeat(100));
}

/// It is left as it is, to the byte.
#[test]
fn another_programs_database_is_not_touched() {
    let world = World::start("ann");
    fs::create_dir(world.state_dir()).unwrap();
    let other = Connection::open(world.database()).unwrap();
    other.execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    drop(other);
    let before = fs::read(world.database()).unwrap();
    assert_snapshot!(world.sync().shown(), @r"
    error: [DIR]/state/seatwatch.db: is not a seatwatch database
    hint: `state_dir` may point to the wrong place; if not, move `[DIR]/state/seatwatch.db` away
    exit code 74
    ");
    assert_snapshot!(world.run(&["status"]).shown(), @r"
    error: [DIR]/state/seatwatch.db: is not a seatwatch database
    hint: `state_dir` may point to the wrong place; if not, move `[DIR]/state/seatwatch.db` away
    exit code 74
    ");
    assert!(before == fs::read(world.database()).unwrap(), "it was changed");
}

#[test]
fn a_directory_is_not_a_database() {
    let world = World::start("ann");
    fs::create_dir_all(world.database()).unwrap();
    assert_snapshot!(world.sync().shown(), @r"
    error: [DIR]/state/seatwatch.db: cannot be opened or created: Is a directory (os error 21)
    hint: check the owner, the mode and the mount of `[DIR]/state/seatwatch.db`
    exit code 73
    ");
    assert_snapshot!(world.run(&["status"]).shown(), @r"
    error: [DIR]/state/seatwatch.db: cannot be opened or created: is a directory
    hint: check the owner, the mode and the mount of `[DIR]/state/seatwatch.db`
    exit code 73
    ");
}

#[test]
fn a_newer_programs_database_is_refused() {
    let world = World::synced("ann");
    let newer = Connection::open(world.database()).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = fs::read(world.database()).unwrap();
    assert_snapshot!(world.sync().shown(), @"
    error: [DIR]/state/seatwatch.db: has schema version 99, and this version of seatwatch knows up to 6
    hint: install the newer seatwatch again, or restore a backup from before it
    exit code 78
    ");
    assert_snapshot!(world.run(&["status"]).shown(), @"
    error: [DIR]/state/seatwatch.db: has schema version 99, and this version of seatwatch knows up to 6
    hint: install the newer seatwatch again, or restore a backup from before it
    exit code 78
    ");
    assert!(before == fs::read(world.database()).unwrap(), "it was changed");
}

/// An empty file is what a crash before the first commit leaves.
#[test]
fn an_empty_database_is_a_new_one() {
    let world = World::start("ann");
    fs::create_dir(world.state_dir()).unwrap();
    File::create(world.database()).unwrap();
    let status = world.run(&["status", "--format", "json"]).ok();
    assert_eq!(status.rows()[0]["state"], "new");
    world.sync().ok();
}

/// A page of zeros where a table was, and a file that ends in the middle.
#[test]
fn a_damaged_database_is_said_to_be_damaged() {
    let names: Vec<String> = (0..200).map(|number| format!("user-{number}")).collect();
    let world = World::synced(&names.join(" "));
    let whole = fs::read(world.database()).unwrap();
    let page = |table: &str| -> u64 {
        let database = Connection::open(world.database()).unwrap();
        let page = database.query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?1",
            [table],
            |row| row.get(0),
        );
        page.unwrap()
    };
    let zeros = page("states");
    let file = File::options().write(true).open(world.database()).unwrap();
    file.write_all_at(&[0; 4096], (zeros - 1) * 4096).unwrap();
    world.members("ann");
    assert_snapshot!(world.run(&["roster", "github/acme"]).shown(), @r"
    error: [DIR]/state/seatwatch.db: the database is damaged
    hint: move `[DIR]/state/seatwatch.db` and the files beside it away, and restore a backup
    exit code 74
    ");
    assert_snapshot!(world.sync().shown(), @"
    error: github/acme: [DIR]/state/seatwatch.db: the database is damaged
    hint: move `[DIR]/state/seatwatch.db` and the files beside it away, and restore a backup
    exit code 74
    ");
    assert_eq!(world.told(), "baselined\n");

    fs::write(world.database(), &whole[..whole.len() / 2]).unwrap();
    assert_snapshot!(world.sync().shown(), @r"
    error: [DIR]/state/seatwatch.db: the database is damaged
    hint: move `[DIR]/state/seatwatch.db` and the files beside it away, and restore a backup
    exit code 74
    ");
    assert_snapshot!(world.run(&["status"]).shown(), @r"
    error: [DIR]/state/seatwatch.db: the database is damaged
    hint: move `[DIR]/state/seatwatch.db` and the files beside it away, and restore a backup
    exit code 74
    ");

    fs::write(world.database(), whole).unwrap();
    world.run(&["status"]).ok();
}

/// Readers do not mind; a writer waits five seconds, and later nothing is missing.
#[test]
fn another_program_may_keep_the_database_locked_for_a_while() {
    let world = World::synced("ann");
    world.members("ann bob");
    let other = Connection::open(world.database()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    world.run(&["status"]).ok();
    let start = Instant::now();
    assert_snapshot!(world.sync().shown(), @r"
    error: [DIR]/state/seatwatch.db: another program keeps it locked
    hint: find who has it open: `fuser [DIR]/state/seatwatch.db`; then run the command again
    exit code 75
    ");
    assert!(start.elapsed() >= Duration::from_secs(5));
    other.execute_batch("ROLLBACK").unwrap();
    world.sync().ok();
    assert_eq!(world.told(), "baselined\njoined bob\n");
}

/// Nothing goes into a file that the next start will not find.
#[test]
fn a_database_that_is_deleted_or_replaced_is_not_written_any_more() {
    let changes: [fn(&Path); 2] = [
        |database| fs::remove_file(database).unwrap(),
        |database| {
            let other = database.with_extension("other");
            fs::copy(database, &other).unwrap();
            fs::rename(other, database).unwrap();
        },
    ];
    for change in changes {
        let world = World::synced("ann");
        world.members("ann bob");
        let database = world.database();
        let mut once = Some(change);
        world.simulator.before_request(move |_, _| {
            if let Some(change) = once.take() {
                change(&database);
            }
        });
        insta::allow_duplicates! {
            assert_snapshot!(world.sync().shown(), @"
            error: github/acme: [DIR]/state/seatwatch.db: was deleted or replaced while it was in use
            hint: stop seatwatch, put `[DIR]/state/seatwatch.db` or a backup of it back, and start it again
            error: [DIR]/state/seatwatch.db: was deleted or replaced while it was in use
            hint: stop seatwatch, put `[DIR]/state/seatwatch.db` or a backup of it back, and start it again
            exit code 74
            ");
        }
        assert_eq!(world.told(), "baselined\n");
    }
}

#[test]
fn a_database_that_cannot_be_written_is_named() {
    if !is_root("a file of mode 0400") {
        return;
    }
    let world = World::synced("ann");
    world.give_to(NOBODY);
    set_mode(world.database(), 0o400);
    assert_snapshot!(world.run_as(NOBODY, &["sync"]).shown(), @r"
    error: [DIR]/state/seatwatch.db: cannot be opened or created: Permission denied (os error 13)
    hint: check the owner, the mode and the mount of `[DIR]/state/seatwatch.db`
    exit code 73
    ");

    set_mode(world.database(), 0o600);
    set_mode(world.state_dir(), 0o500);
    assert_snapshot!(world.run_as(NOBODY, &["sync"]).shown(), @r"
    error: [DIR]/state/seatwatch.db: cannot be opened or written: attempt to write a readonly database
    hint: check the owner, the mode and the mount of `[DIR]/state/seatwatch.db`
    exit code 73
    ");
    // To look at it, nothing has to be written.
    let roster = world.run_as(NOBODY, &["roster", "github/acme", "--format", "json"]).ok();
    assert_eq!(roster.rows()[0]["username"], "ann");
    world.run_as(NOBODY, &["status"]).ok();
    set_mode(world.state_dir(), 0o700);
    world.run_as(NOBODY, &["sync"]).ok();
}

#[test]
fn the_lock_must_be_ours() {
    if !is_root("a lock of another user") {
        return;
    }
    let world = World::synced("ann");
    world.give_to(NOBODY);
    give(&world.state_dir().join("lock"), 0);
    assert_snapshot!(world.run_as(NOBODY, &["sync"]).shown(), @r"
    error: [DIR]/state/lock: cannot be opened or created: Permission denied (os error 13)
    hint: check the owner, the mode and the mount of `[DIR]/state/lock`
    exit code 73
    ");
    world.run_as(NOBODY, &["status"]).ok();
}

#[test]
fn one_process_at_a_time_writes_and_others_read() {
    let world = World::synced("ann");
    let lock = File::open(world.state_dir().join("lock")).unwrap();
    lock.try_lock().unwrap();
    assert_snapshot!(world.sync().shown(), @r"
    error: [DIR]/state: in use by another seatwatch
    hint: a daemon has it until it is stopped, a sync until it has ended; another instance needs its own `state_dir`
    exit code 75
    ");
    assert_eq!(world.run(&["approve", "github/acme"]).code, Some(75));
    assert_eq!(world.run(&["reject", "github/acme"]).code, Some(75));
    world.run(&["status"]).ok();
    world.run(&["roster", "github/acme"]).ok();
    world.run(&["sync", "--dry-run"]).ok();
    world.run(&["check"]).ok();
}

/// `status` looks at the lock for an instant; a sync that starts just then waits for it.
#[test]
fn a_look_at_the_lock_keeps_no_sync_from_starting() {
    let world = World::synced("ann");
    let path = world.state_dir().join("lock");
    thread::scope(|scope| {
        let looks = scope.spawn(move || {
            let end = Instant::now() + Duration::from_millis(600);
            while Instant::now() < end {
                let look = File::open(&path).unwrap();
                look.lock_shared().unwrap();
                thread::sleep(Duration::from_millis(5));
                drop(look);
                thread::sleep(Duration::from_millis(5));
            }
        });
        while !looks.is_finished() {
            world.sync().ok();
        }
    });
}

#[test]
fn another_users_state_is_refused() {
    if !is_root("a state directory of another user") {
        return;
    }
    let world = World::synced("ann");
    world.give_to(NOBODY);
    give(&world.path("token"), 1);
    set_mode(world.path(""), 0o755);
    set_mode(world.state_dir(), 0o755);
    assert_snapshot!(world.run_as(1, &["sync"]).shown(), @r"
    error: [DIR]/state: belongs to user `nobody`, and this is user `daemon`
    hint: run it as that user: `sudo -u nobody seatwatch …`
    exit code 77
    ");
    assert_snapshot!(world.run_as(1, &["reject", "github/acme"]).shown(), @r"
    error: [DIR]/state: belongs to user `nobody`, and this is user `daemon`
    hint: run it as that user: `sudo -u nobody seatwatch …`
    exit code 77
    ");
}

/// Root becomes the owner first: nothing of what is there comes to belong to root.
#[test]
fn root_acts_as_the_owner_of_the_state() {
    if !is_root("to become another user") {
        return;
    }
    let world = World::synced("ann");
    fs::remove_file(world.path("events.ndjson")).unwrap();
    world.give_to(NOBODY);
    world.members("ann bob").sync().ok();
    world.run(&["status"]).ok();
    assert_eq!(world.told(), "joined bob\n");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(world.state_dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.push(world.path("events.ndjson"));
    for path in paths {
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (NOBODY, NOBODY), "{}", path.display());
    }
    // What only root can read is of no use to that user.
    give(&world.path("token"), 0);
    assert_snapshot!(world.sync().shown(), @r"
    error: github/acme: token_refused: the secret `[DIR]/token` cannot be read: permission denied; nothing was committed
    hint: the user that seatwatch runs as must own it: `chown nobody [DIR]/token`
    exit code 78
    ");
}

#[test]
fn the_state_directory_must_be_one() {
    let world = World::start("ann");
    fs::write(world.state_dir(), "").unwrap();
    assert_snapshot!(world.sync().shown(), @r"
    error: [DIR]/state: cannot be opened or created: not a directory
    hint: check the owner, the mode and the mount of `[DIR]/state`
    exit code 73
    ");
    assert_snapshot!(world.run(&["status"]).shown(), @r"
    error: [DIR]/state: cannot be opened or created: not a directory
    hint: check the owner, the mode and the mount of `[DIR]/state`
    exit code 73
    ");
}

#[test]
fn the_state_directory_is_made_for_us_alone() {
    let world = World::start("ann");
    let config = world.config().replace("state_dir: state", "state_dir: var/lib/state");
    world.ran(&mut world.command_with(&config, &["sync"])).ok();
    let mode = |path: &str| format!("{:o}", fs::metadata(world.path(path)).unwrap().mode());
    assert_eq!(mode("var/lib/state"), "40700");
    assert_eq!(mode("var"), "40700");
    assert_eq!(mode("var/lib/state/seatwatch.db"), "100600");

    // Made by somebody else, for others too: the database is not for them.
    fs::create_dir(world.state_dir()).unwrap();
    set_mode(world.state_dir(), 0o755);
    world.sync().ok();
    assert_eq!(mode("state/seatwatch.db"), "100600");
    assert_eq!(mode("state/lock"), "100600");
}

#[test]
fn a_state_directory_that_cannot_be_made_is_named() {
    if !is_root("a directory of another user") {
        return;
    }
    let world = World::start("ann");
    world.command(&[]);
    give(&world.path("token"), NOBODY);
    set_mode(world.path(""), 0o755);
    assert_snapshot!(world.run_as(NOBODY, &["sync"]).shown(), @r"
    error: [DIR]/state: cannot be opened or created: Permission denied (os error 13)
    hint: check the owner, the mode and the mount of `[DIR]/state`
    exit code 73
    ");
    assert_snapshot!(world.run_as(NOBODY, &["roster", "github/acme"]).shown(), @r"
    error: github/acme: no roster was read yet
    hint: run `seatwatch sync github/acme`
    exit code 65
    ");
}

#[test]
fn who_only_looks_creates_nothing() {
    let world = World::start("ann");
    world.run(&["check"]).ok();
    world.run(&["check", "--online"]).ok();
    world.run(&["status"]).ok();
    world.run(&["sync", "--dry-run"]).ok();
    assert_eq!(world.run(&["roster", "github/acme"]).code, Some(65));
    let mut names: Vec<_> =
        fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["seatwatch.yaml", "token"]);
}

/// The commit that was made stands in the WAL alone; whoever reads next sees it.
#[test]
fn what_a_crash_left_in_the_wal_is_read() {
    let mut world = World::synced("ann");
    world.members("ann bob");
    world.set_env("FAILPOINTS", "sync:committed=return");
    assert_eq!(world.sync().code, None, "it was to crash");
    world.set_env("FAILPOINTS", "");
    let beside = |end: &str| world.state_dir().join(format!("seatwatch.db-{end}"));
    assert!(beside("wal").exists());
    let members = || {
        let rows = world.run(&["roster", "github/acme", "--format", "json"]).ok().rows();
        rows.iter().map(|row| row["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(members(), ["ann", "bob"]);
    fs::remove_file(beside("shm")).unwrap();
    assert_eq!(members(), ["ann", "bob"]);
    assert_eq!(world.told(), "baselined\n");
    world.sync().ok();
    assert!(!beside("wal").exists());
    assert_eq!(members(), ["ann", "bob"]);
    assert_eq!(world.told(), "baselined\njoined bob\n");
}

/// A small disk that only processes in its mount namespace see, for as long as this lives.
pub(crate) struct Disk {
    holder: Child,
}

impl Disk {
    /// One of a mebibyte; none where the machine does not allow it.
    fn mount(world: &World) -> Option<Self> {
        Self::mount_with(world, "size=1m")
    }

    /// The same with other options of tmpfs.
    pub(crate) fn mount_with(world: &World, options: &str) -> Option<Self> {
        let state = world.state_dir();
        let script = format!(
            "mount -t tmpfs -o {options} tmpfs '{}' && echo up && read end",
            state.display()
        );
        let holder = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut disk = Self { holder: holder.ok()? };
        let mut line = String::new();
        BufReader::new(disk.holder.stdout.take()?).read_line(&mut line).ok()?;
        (line == "up\n").then_some(disk)
    }

    /// The same command, where the disk is.
    pub(crate) fn command(&self, inner: &Command) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.id().to_string(), "-m"]);
        command.arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
        command
    }

    /// Runs a script that has to succeed, where the disk is.
    pub(crate) fn shell(&self, script: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        assert!(self.command(&command).status().unwrap().success(), "{script}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        drop(self.holder.wait());
    }
}

/// The commit fails as a whole; once there is space again, the next sync tells all of it once.
#[test]
fn a_full_disk_loses_nothing() {
    let world = World::start("ann");
    fs::create_dir(world.state_dir()).unwrap();
    let Some(disk) = Disk::mount(&world) else {
        skipped("needs a mount namespace: a full disk");
        return;
    };
    let run = |arguments: &[&str]| world.ran(&mut disk.command(&world.command(arguments)));
    run(&["sync"]).ok();
    let state = world.state_dir().display().to_string();
    disk.shell(&format!("head -c 600000 /dev/zero > '{state}/filler'"));
    let names: Vec<String> = (0..600).map(|number| format!("user-{number}")).collect();
    world.members(&format!("ann {}", names.join(" ")));
    assert_snapshot!(run(&["sync"]).shown(), @"
    error: github/acme: [DIR]/state/seatwatch.db: the disk is full
    hint: free some space; nothing was lost, the next run goes on
    exit code 74
    ");
    assert_snapshot!(run(&["status"]).ok().stderr, @"
    warning: 0 MiB of 1 MiB are free for `[DIR]/state`
    hint: make room, or let `retention` keep less
    ");
    assert_eq!(world.told(), "baselined\n");
    assert_eq!(run(&["roster", "github/acme", "--format", "json"]).ok().rows().len(), 1);

    disk.shell(&format!("rm '{state}/filler'"));
    world.members("ann bob* cat");
    run(&["sync"]).ok();
    assert_eq!(world.told(), "baselined\njoined bob\nseat_gained bob\njoined cat\n");
}

/// Whoever opened one to read would wait for somebody to write it.
#[test]
fn named_pipes_in_the_state_directory_keep_nobody_waiting() {
    let pipe = |name: &str| {
        let world = World::synced("ann");
        let path = world.state_dir().join(name);
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR)
            .unwrap();
        let commands: [&[&str]; 3] = [&["sync"], &["status"], &["check", "--online"]];
        let codes = commands.map(|command| world.run(command).code);
        fs::remove_file(&path).unwrap();
        codes
    };
    assert_eq!(pipe("seatwatch.db"), [Some(73), Some(73), Some(73)]);
    assert_eq!(pipe("lock"), [Some(73), Some(0), Some(0)]);
}
