//! What to write instead of what is not there: data for [`explain`](super::explain).
//!
//! Names that are merely near need no line: clap finds them.

/// Words that are no commands, and where to find what they probably mean.
pub(super) const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["start", "daemon", "serve", "server", "watch", "service"],
        "`seatwatch run` is the daemon; under systemd, start it with `systemctl start seatwatch`",
    ),
    (&["stop", "kill", "quit"], "send the daemon TERM; under systemd, `systemctl stop seatwatch`"),
    (
        &["restart"],
        "`seatwatch reload` is enough for a new config; under systemd, `systemctl restart seatwatch`",
    ),
    (
        &["list", "ls", "orgs", "organizations", "sinks", "show", "info", "health"],
        "`seatwatch status` lists the organizations and the sinks",
    ),
    (
        &["members", "member", "users", "user", "seats", "admins", "people"],
        "`seatwatch roster ORG` lists the members of an organization, `--seats` who has a seat",
    ),
    (
        &["log", "logs", "events", "changes", "audit", "timeline"],
        "`seatwatch history` tells what changed; what the daemon says is in `journalctl -u seatwatch`",
    ),
    (&["version"], "write `seatwatch --version`"),
    (
        &["init", "setup", "install", "configure", "config"],
        "start from `config.example.yaml`, which a package has as \
         `/usr/share/doc/seatwatch/examples/complete.yaml`; `seatwatch discover` says what to add, \
         `seatwatch check` what is wrong",
    ),
    (
        &["validate", "verify", "lint", "doctor", "preflight", "ping"],
        "write `seatwatch check`, or `seatwatch check --online`",
    ),
    (&["fetch", "pull", "update", "refresh", "poll", "scan"], "write `seatwatch sync`"),
    (
        &["restore", "recover"],
        "stop the daemon and put the copy back as the file that it was: `install -m 600 -o seatwatch \
         -g seatwatch FILE /var/lib/seatwatch/seatwatch.db`",
    ),
    (&["dump", "save", "snapshot"], "`seatwatch backup FILE` copies the database"),
    (&["export"], "every list can be written for machines: `seatwatch roster --all --format csv`"),
    (
        &["queue", "pending", "dead-letters", "deadletters", "retry", "skip"],
        "`seatwatch outbox list` shows what waits and what was given up",
    ),
    (&["test", "pause", "resume"], "write `seatwatch sink test NAME`, `sink pause`, `sink resume`"),
    (&["forget", "remove", "delete", "purge"], "write `seatwatch org forget ORG`"),
    (
        &["add", "new", "create", "enable", "set"],
        "organizations and sinks are named in the config: edit it, then write `seatwatch reload`",
    ),
    (
        &["token", "tokens", "login", "auth", "secret"],
        "the token stands in the file that `codecov.token_file` of the config names; \
         `seatwatch check --online` tries it",
    ),
    (&["plugins", "types"], "write `seatwatch plugin list`"),
    (&["completion", "complete"], "write `seatwatch completions SHELL`"),
    (&["manual", "docs"], "write `seatwatch man`"),
];

/// The same for commands below others, with the way to them.
pub(super) const BELOW: &[(&[&str], &str)] = &[
    (
        &["sink list", "sink ls", "sink show", "sink status", "org list", "org ls", "org show"],
        "`seatwatch status` lists the organizations and the sinks",
    ),
    (
        &["sink add", "sink remove", "org add"],
        "organizations and sinks are named in the config: edit it, then write `seatwatch reload`",
    ),
    (&["org remove", "org delete", "org rm"], "write `seatwatch org forget ORG`"),
];

/// Words that are no options, and what to write instead.
pub(super) const OPTIONS: &[(&[&str], &str)] = &[
    (&["-c", "--conf", "--config-file", "-C"], "write `--config FILE`, or set `$SEATWATCH_CONFIG`"),
    (
        &["-v", "--verbose", "--debug", "--trace", "--log-level", "-q", "--quiet", "--silent"],
        "`RUST_LOG` says how much is logged: `RUST_LOG=seatwatch=debug`, or `RUST_LOG=off`",
    ),
    (
        &["-d"],
        "`seatwatch run` stays in the foreground, and `systemctl start seatwatch` puts it elsewhere; \
         `RUST_LOG=seatwatch=debug` logs more",
    ),
    (&["--json", "-j"], "write `--format json`"),
    (&["--csv"], "write `--format csv`"),
    (
        &["-f", "-o", "--output", "--out", "--output-format"],
        "for machines, write `--format json` or `--format csv`",
    ),
    (
        &["--org", "--organization", "--orgs", "--owner", "--repo"],
        "name the organization without an option: `github/acme`",
    ),
    (&["--sink"], "name the sink without an option, as `seatwatch status` shows it"),
    (
        &["--user", "--username", "--name", "--login"],
        "one member: `seatwatch history ORG --member USERNAME`",
    ),
    (&["--no-color", "--no-colour", "--color", "--colour"], "set `NO_COLOR=1` for no colours"),
    (&["--dry", "-n", "--check", "--noop"], "`seatwatch sync --dry-run` shows what would change"),
    (
        &["--daemon", "--daemonize", "--detach", "--background", "--foreground", "-D"],
        "`seatwatch run` stays in the foreground; systemd, or your shell's `&`, puts it elsewhere",
    ),
    (
        &["--token", "--api-token", "--password"],
        "secrets stand in files that the config names, such as `codecov.token_file`",
    ),
    (
        &[
            "--state-dir",
            "--data-dir",
            "--db",
            "--database",
            "--listen",
            "--port",
            "--interval",
            "--schedule",
        ],
        "that is for the config: `state_dir`, `listen`, `schedule`; `seatwatch man seatwatch.yaml`",
    ),
    (
        &["--date", "--at", "--when", "--on"],
        "a roster as of a time: `seatwatch roster ORG --as-of TIME`",
    ),
    (&["--last", "--days", "--past"], "write `--since \"3d ago\"`"),
    (
        &["--start", "--begin", "--after"],
        "write `--since TIME` for history, `--from TIME` for a report",
    ),
    (
        &["--force", "-y", "--assume-yes"],
        "only `seatwatch org forget` asks first; there, write `--yes`",
    ),
];

/// What stands for a value, and where to find one.
pub(super) const VALUES: &[(&str, &str)] = &[
    (
        "ORG",
        "name an organization, such as `github/acme`; `seatwatch status` lists those of the config",
    ),
    ("SINK", "name a sink of the config; `seatwatch status` lists them"),
    ("NAME", "name a sink of the config; `seatwatch status` lists them"),
    (
        "USERNAME",
        "name a member, now or then, by a username; `seatwatch roster ORG` lists those of now",
    ),
    ("LANE", "name a lane, such as one recipient of a mail sink; `seatwatch status` lists them"),
    (
        "SINK|ID",
        "name a sink, or dead letters by the numbers that `seatwatch outbox list` shows; `--all` for all",
    ),
    ("TIME", TIMES),
    ("FROM", TIMES),
    ("TO", TIMES),
    ("FILE", "name a file"),
    ("DIR", "name a directory to write to, such as `./pack`"),
    ("PATH", "name a program, or a plugin that `seatwatch plugin list` shows"),
    ("DURATION", "write a time such as `20s` or `5m`"),
];

const TIMES: &str = "write a day such as `2026-11-23`, a time such as `\"2026-11-23 09:00\"`, \
                     `today`, `yesterday`, or `\"3d ago\"`";
