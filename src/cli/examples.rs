//! Examples, by command: for `--help` and for the manual pages.
//!
//! Each is a command line that a test parses, so none outlives what it shows.

/// The examples of each command, by the way to it: what it is for, and the line.
pub(super) const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "",
        &[
            ("See it without a token", "seatwatch demo --for 20s"),
            ("Before the daemon starts", "seatwatch check --online"),
            ("How everything stands", "seatwatch status"),
            ("Who has a seat", "seatwatch roster github/acme --seats"),
        ],
    ),
    (
        "run",
        &[
            ("Watch", "seatwatch run"),
            ("With another config", "seatwatch run --config ./seatwatch.yaml"),
            ("Logs for a log collector", "seatwatch run --log-format json"),
        ],
    ),
    (
        "sync",
        &[
            ("What would change, without a trace", "seatwatch sync --dry-run"),
            ("Read two organizations now", "seatwatch sync github/acme gitlab/group/sub"),
        ],
    ),
    (
        "check",
        &[
            ("Before a reload", "seatwatch check"),
            ("Before the first start", "seatwatch check --online"),
            ("For a deployment", "seatwatch check --online --format json"),
        ],
    ),
    (
        "discover",
        &[
            ("What the token for it sees on GitHub", "seatwatch discover --service github"),
            ("On every service of the config", "seatwatch discover"),
        ],
    ),
    (
        "status",
        &[("For people", "seatwatch status"), ("For a script", "seatwatch status --format json")],
    ),
    (
        "roster",
        &[
            ("Who is there", "seatwatch roster github/acme"),
            ("Who had a seat on a day", "seatwatch roster github/acme --as-of 2026-10-31 --seats"),
            ("Everybody once, for a spreadsheet", "seatwatch roster --all --format csv"),
        ],
    ),
    (
        "history",
        &[
            ("The last week, everywhere", "seatwatch history --since \"7d ago\""),
            ("The life of one member", "seatwatch history github/acme --member octocat"),
        ],
    ),
    (
        "diff",
        &[
            ("What a month brought", "seatwatch diff github/acme 2026-10-01 2026-10-31"),
            ("Since yesterday", "seatwatch diff github/acme yesterday"),
        ],
    ),
    (
        "report",
        &[
            (
                "A quarter, for an auditor",
                "seatwatch report github/acme --from 2026-07-01 --to 2026-09-30 --output pack",
            ),
            (
                "Who has a seat and left the company",
                "seatwatch report --all --compare people.csv --output pack",
            ),
        ],
    ),
    (
        "approve",
        &[
            ("The hold that status shows", "seatwatch approve github/acme"),
            ("Only if it is still that one", "seatwatch approve github/acme --hold 94cc570f"),
        ],
    ),
    ("reject", &[("No more reminders", "seatwatch reject github/acme")]),
    ("reload", &[("After an edit of the config", "seatwatch reload")]),
    ("backup", &[("A copy of today", "seatwatch backup /var/backups/seatwatch.db")]),
    ("outbox", &[("What is not delivered", "seatwatch outbox list")]),
    (
        "outbox list",
        &[
            ("Of all sinks", "seatwatch outbox list"),
            ("Of one, for a script", "seatwatch outbox list siem --format json"),
        ],
    ),
    (
        "outbox retry",
        &[
            ("All dead letters", "seatwatch outbox retry"),
            ("Two of them", "seatwatch outbox retry 17 18"),
        ],
    ),
    (
        "outbox drop",
        &[
            ("Those of a sink", "seatwatch outbox drop siem"),
            ("All of them", "seatwatch outbox drop --all"),
        ],
    ),
    (
        "outbox skip",
        &[
            ("The event that siem is stuck at", "seatwatch outbox skip siem"),
            ("For one recipient", "seatwatch outbox skip ops-mail --lane it-ops@example.com"),
        ],
    ),
    ("sink", &[("Does it arrive", "seatwatch sink test ops-mail")]),
    ("sink test", &[("Does it arrive", "seatwatch sink test ops-mail")]),
    ("sink pause", &[("While the receiver is being mended", "seatwatch sink pause siem")]),
    ("sink resume", &[("Afterwards", "seatwatch sink resume siem")]),
    ("replay", &[("The last day once more", "seatwatch replay siem --since yesterday")]),
    ("plugin", &[("What types there are", "seatwatch plugin list")]),
    ("plugin list", &[("What types there are", "seatwatch plugin list")]),
    (
        "plugin test",
        &[
            ("A program of your own", "seatwatch plugin test ./seatwatch-sink-chat"),
            (
                "With settings",
                "seatwatch plugin test apprise --settings '{\"urls_file\": \"/etc/seatwatch/urls\"}'",
            ),
        ],
    ),
    ("org", &[("After it left the config", "seatwatch org forget github/old")]),
    (
        "org forget",
        &[
            ("After it left the config", "seatwatch org forget github/old"),
            ("In a script", "seatwatch org forget github/old --yes"),
        ],
    ),
    (
        "schema",
        &[
            ("For an editor", "seatwatch schema config"),
            ("For whoever reads events", "seatwatch schema event"),
        ],
    ),
    (
        "simulate",
        &[
            (
                "A Codecov that changes, and a config for it",
                "seatwatch simulate --change-every 10s --write-config try",
            ),
            (
                "A large one",
                "seatwatch simulate --organization github/acme=20000 --listen 127.0.0.1:0",
            ),
        ],
    ),
    ("demo", &[("Twenty seconds of it", "seatwatch demo --for 20s")]),
    ("completions", &[("What bash would read", "seatwatch completions bash")]),
    (
        "man",
        &[
            ("Of one command", "seatwatch man seatwatch-sync"),
            ("Of the configuration file", "seatwatch man seatwatch.yaml"),
            ("All of them, to install", "seatwatch man --output man"),
        ],
    ),
];

/// Where a shell of one user looks for such scripts.
pub(super) const INSTALLING: &[(&str, &str)] = &[
    ("bash", "seatwatch completions bash > ~/.local/share/bash-completion/completions/seatwatch"),
    ("zsh", "seatwatch completions zsh > ~/.zfunc/_seatwatch     # a directory of $fpath"),
    ("fish", "seatwatch completions fish > ~/.config/fish/completions/seatwatch.fish"),
    ("elvish", "seatwatch completions elvish >> ~/.config/elvish/rc.elv"),
    ("powershell", "seatwatch completions powershell >> $PROFILE"),
];

/// The examples of the command that `path` leads to, such as `outbox retry`.
pub(super) fn of(path: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let found = EXAMPLES.iter().filter(move |(of, _)| *of == path);
    found.flat_map(|(_, examples)| *examples).copied()
}
