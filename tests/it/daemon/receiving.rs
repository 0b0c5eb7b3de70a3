//! Mail, webhook and a program beside the file: the same changes arrive in all of them, late where
//! a receiver was away, and each under the id that it was first tried with.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::process::Running;
use crate::receivers::{Hook, Post, Says, install_plugin};
use crate::world::{World, in_words, whole_lines};

/// The sample of the documentation.
const LINES: &str = include_str!("../../../docs/samples/seatwatch-sink-lines");

/// A secret of the specification's examples.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Names as events tell them, one a line.
fn told(events: &[Value]) -> String {
    events.iter().map(|event| in_words(event) + "\n").collect()
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

/// The ids that the sample plugin has written.
fn lines(path: &Path) -> Vec<String> {
    let id = |line: &String| serde_json::from_str::<Value>(line).unwrap()[1].clone();
    whole_lines(path).iter().map(|line| id(line).as_str().unwrap().to_owned()).collect()
}

pub(super) fn siem(hook: &Hook, more: &str) -> String {
    format!("siem: {{ type: webhook, url: \"{}\"{more} }}", hook.url())
}

/// A new user's three receivers: a trial reaches each, and so do the same three changes.
#[test]
fn the_same_changes_arrive_in_mail_webhook_and_plugin() {
    let world = World::start("ann* bob!").rarely();
    let (hook, post) = (Hook::start(&world.runtime), Post::start(&world.runtime));
    let plugins = install_plugin(&world.path(""), "lines", LINES);
    world.write_token_to("siem-token", SECRET);
    let (smtp, out) = (post.port(), world.path("lines"));
    let world = world
        .with_config(&format!("plugin_dirs: [\"{}\"]", plugins.display()))
        .with_other_sink(&format!(
            "mail: {{ type: email, wait: 0s, server: {{ host: 127.0.0.1, port: {smtp}, tls: none }}, \
             from: seatwatch@example.com, to: [ops@example.com] }}"
        ))
        .with_other_sink(&siem(&hook, ", secret_file: siem-token"))
        .with_other_sink(&format!("chat: {{ type: lines, path: \"{}\" }}", out.display()));
    world.run(&["check", "--online"]).ok();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    for sink in ["events", "mail", "siem", "chat"] {
        world.run(&["sink", "test", sink]).ok();
    }
    let have = |count: usize| {
        (hook.events().len() == count && post.mails().len() == count && lines(&out).len() == count)
            .then_some(())
    };
    daemon.until("baseline and trial in all of them", || have(2));

    world.members("ann bob! cat*").sync().ok();
    let changes = "seat_lost ann\njoined cat\nseat_gained cat\n";
    daemon.until("three changes", || {
        (hook.events().len() == 5 && lines(&out).len() == 5).then_some(())
    });
    daemon.until("a mail", || (post.mails().len() == 3).then_some(()));
    daemon.stop();
    let file = world.events();
    let of_sync = |events: &[Value]| events.iter().skip(2).cloned().collect::<Vec<_>>();
    let (file, hooked) = (of_sync(&file), of_sync(&hook.events()));
    assert_eq!(told(&file), changes);
    assert_eq!(file, hooked, "the same objects");
    assert_eq!(ids(&file), lines(&out)[2..]);
    let subject = post.subjects().remove(2);
    assert!(subject.starts_with("[acme]") && subject.contains("seat"), "{subject}");
    let (id, headers) = hook.attempts().pop().unwrap();
    assert_eq!(id, file[2]["id"].as_str().unwrap());
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
}

/// The webhook's receiver is away for fifty changes, and then has all of them, in order, each once
/// by its id.
#[test]
fn a_receiver_that_was_away_gets_everything_in_order() {
    let world = World::start("ann*").rarely();
    let hook = Hook::start(&world.runtime);
    let world = world.with_other_sink(&siem(&hook, ""));
    let daemon = world.daemon();
    daemon.until("the baseline", || (hook.events().len() == 1).then_some(()));
    hook.says(Says::Status(503));
    let mut members = "ann*".to_owned();
    for number in 0..50 {
        write!(members, " m{number}").unwrap();
        world.members(&members).sync().ok();
    }
    assert_eq!(hook.events().len(), 1);
    let lag = world.run(&["status", "--format", "json"]).ok().rows();
    let lag = lag.iter().find(|row| row["sink"] == "siem").unwrap().clone();
    assert_eq!((&lag["state"], &lag["queued"]), (&"failing".into(), &50.into()));
    let failed_attempts = || {
        let metrics = metrics(&daemon);
        let gauge = "seatwatch_sink_failed_attempts{sink=\"siem\"} ";
        metrics.lines().find_map(|line| line.strip_prefix(gauge)).unwrap().parse::<u32>().unwrap()
    };
    assert!(failed_attempts() > 0);
    hook.says(Says::Status(200));
    world.sync().ok();
    daemon.until("all of it", || (hook.once().len() == 51).then_some(()));
    daemon.until("no failed attempt", || (failed_attempts() == 0).then_some(()));
    daemon.stop();
    assert_eq!(hook.events(), world.events(), "each once, in order");
}

/// Ten times the daemon is killed in the middle, once while a receiver has an event and has not
/// answered: none is lost, and in the file none stands twice.
#[test]
fn kills_in_the_middle_lose_nothing() {
    let world = World::start("ann*").rarely();
    let hook = Hook::start(&world.runtime);
    let world = world.with_other_sink(&siem(&hook, ", batch: 5"));
    let mut members = "ann*".to_owned();
    for round in 0..10 {
        hook.says(if round % 3 == 0 { Says::KeepsAndHangs } else { Says::Status(200) });
        let daemon = world.daemon();
        daemon.until("the baseline", || world.told_so_far().contains("baselined").then_some(()));
        for number in 0..3 {
            write!(members, " m{round}x{number}").unwrap();
            world.members(&members);
            // A hanging receiver does not keep the sync waiting for longer than its answer.
            let mut sync = world.command(&["sync"]);
            let mut sync = sync.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let joined = format!("joined m{round}x{number}");
            daemon.until(&joined, || world.told_so_far().contains(&joined).then_some(()));
            sync.kill().ok();
            sync.wait().unwrap();
        }
        daemon.kill();
    }
    hook.says(Says::Status(200));
    let daemon = world.daemon();
    world.sync().ok();
    daemon.until("everything", || (hook.once().len() == 31).then_some(()));
    daemon.stop();
    let file = world.events();
    assert_eq!(file.len(), 31);
    assert_eq!(hook.once(), file, "all of them, in order, under the same ids");
}

/// TERM waits for `shutdown_grace`, and no longer, for a receiver that has the event and does not
/// answer; the next daemon tries it again under its id.
#[test]
fn a_receiver_that_hangs_holds_the_end_up_for_the_grace_only() {
    let world = World::start("ann*").rarely().with_config("shutdown_grace: 1s");
    let hook = Hook::start(&world.runtime);
    hook.says(Says::KeepsAndHangs);
    let world = world.with_other_sink(&siem(&hook, ""));
    let daemon = world.daemon();
    daemon.until("the baseline", || (hook.events().len() == 1).then_some(()));
    let start = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.end().success());
    assert!(start.elapsed() >= Duration::from_secs(1), "it had its time");
    hook.says(Says::Status(200));
    let daemon = world.daemon();
    world.sync().ok();
    daemon.until("the repeat", || (hook.events().len() == 2).then_some(()));
    daemon.stop();
    let events = hook.events();
    assert_eq!(events[0], events[1]);
}

/// Waits until the store has it that nothing waits for a sink any more.
#[track_caller]
fn until_written_down(daemon: &Running, world: &World, sink: &str) {
    daemon.until("an empty queue", || {
        let rows = world.run(&["status", "--format", "json"]).ok().rows();
        let queued = rows.iter().find(|row| row["sink"] == sink).map(|row| row["queued"].clone());
        (queued == Some(0.into())).then_some(())
    });
}

/// A plugin that ends neither at its end of input nor at TERM is no delivery that was broken off.
#[test]
fn a_plugin_that_does_not_end_is_told_as_such() {
    let world = World::start("ann*").rarely().with_config("shutdown_grace: 1s");
    let stubborn = r#"#!/bin/sh
        trap '' TERM
        read -r hello; echo '{"type":"ready","protocol":1}'
        read -r deliver; id=${deliver#*'"id":"'}; id=${id%%'"'*}
        echo "{\"type\":\"result\",\"id\":\"$id\",\"accepted\":1}"
        : > "$0.answered"
        exec sleep 600"#;
    let plugins = install_plugin(&world.path(""), "stubborn", stubborn);
    let world = world
        .with_config(&format!("plugin_dirs: [\"{}\"]", plugins.display()))
        .with_other_sink("it: { type: stubborn }");
    let daemon = world.daemon();
    let answered = plugins.join("seatwatch-sink-stubborn.answered");
    daemon.until("its answer", || answered.exists().then_some(()));
    until_written_down(&daemon, &world, "it");
    let log = daemon.stop();
    let late = "the sink did not end within shutdown_grace, and is not waited for";
    assert!(log.contains(late) && !log.contains("broken off"), "{log}");
}

/// 410 says that there is nobody any more: the sink stops, over restarts too, until a person acts.
#[test]
fn a_receiver_that_is_gone_stops_the_sink_until_it_is_resumed() {
    let world = World::start("ann*").rarely();
    let hook = Hook::start(&world.runtime);
    hook.says(Says::Status(410));
    let world = world.with_other_sink(&siem(&hook, ""));
    let daemon = world.daemon();
    daemon.until_logged(&["ERROR", "siem", "sink stopped"]);
    daemon.stop();
    hook.says(Says::Status(200));
    let daemon = world.daemon();
    let synced = world.members("ann* bob").sync().ok().stderr;
    assert!(synced.contains("sink resume siem`") && synced.contains("reload`"), "{synced}");
    let shown = world.run(&["status"]).ok().stdout;
    assert!(shown.contains("stopped") && shown.contains("seatwatch sink resume siem"), "{shown}");
    assert_eq!(hook.events(), [] as [Value; 0]);
    // What is done about it meanwhile does not let it go on, and says so.
    let orders = ["outbox skip siem", "replay siem --since yesterday", "sink test siem"];
    let said = orders.map(|order| {
        let words: Vec<&str> = order.split(' ').collect();
        world.run(&words).ok().shown().replace(&hook.url(), "[SIEM]")
    });
    insta::assert_snapshot!(said.concat(), @"
    sink siem: gave up baselined github/acme (sequence 1): `[SIEM]` answered 410 Gone; the receiver wants no more events: set another `url`, or resume the sink once it is back
    hint: it is stopped: 1 event waits until `seatwatch sink resume siem`
    sink siem: 1 event since [TIME] again, 2 events queued
    hint: it is stopped: 2 events wait until `seatwatch sink resume siem`
    sink siem: delivered
    hint: it is stopped: 2 events wait until `seatwatch sink resume siem`
    ");
    let metrics = metrics(&daemon);
    assert!(metrics.contains("seatwatch_sink_stopped{sink=\"siem\"} 1"), "{metrics}");
    world.run(&["sink", "resume", "siem"]).ok();
    daemon.until("the test and both", || (hook.events().len() == 3).then_some(()));
    daemon.stop();
}

pub(super) fn metrics(daemon: &Running) -> String {
    get(daemon, "/metrics")
}

/// What it answers.
pub(super) fn get(daemon: &Running, path: &str) -> String {
    let listen = daemon.until("where it listens", || {
        let log = daemon.log();
        let line = log.lines().rev().find(|line| line.contains("listen="))?.to_owned();
        Some(line.split_once("listen=")?.1.split_whitespace().next()?.to_owned())
    });
    let mut stream = TcpStream::connect(listen).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// What a receiver refuses is put aside, and the next has its turn; a person can try it again.
#[test]
fn what_a_receiver_refuses_is_a_dead_letter() {
    let world = World::start("ann*").rarely();
    let hook = Hook::start(&world.runtime);
    hook.says(Says::Status(422));
    let world = world.with_other_sink(&siem(&hook, ""));
    let daemon = world.daemon();
    daemon.until_logged(&["WARN", "siem", "dead letter"]);
    hook.says(Says::Status(200));
    world.members("ann* bob").sync().ok();
    daemon.until("the next", || (hook.events().len() == 1).then_some(()));
    let listed = world.run(&["outbox", "list"]).ok().stdout;
    assert!(listed.contains("baselined github/acme") && listed.contains("422"), "{listed}");
    world.run(&["outbox", "retry", "siem"]).ok();
    assert_eq!(told(&hook.events()), "joined bob\nbaselined\n");
    daemon.stop();
}

/// A plugin that a crash of the daemon leaves behind, with all that it has started, ends.
#[test]
fn a_crash_leaves_no_plugin_behind() {
    const FORKS: &str = "#!/bin/sh\nsetsid sleep 600 &\necho $! >> \"$PIDS\"\necho $$ >> \"$PIDS\"\n\
        read hello\necho '{\"type\":\"ready\",\"protocol\":1}'\ntrap '' TERM\nwhile :; do sleep 1; done\n";
    let world = World::start("ann*").rarely();
    let plugins = install_plugin(&world.path(""), "forks", FORKS);
    let pids = world.path("pids");
    let world =
        world.with_config(&format!("plugin_dirs: [\"{}\"]", plugins.display())).with_other_sink(
            &format!("it: {{ type: forks, env: {{ PIDS: \"{}\" }} }}", pids.display()),
        );
    let daemon = world.daemon();
    let started = daemon.until("a plugin", || {
        let text = fs::read_to_string(&pids).unwrap_or_default();
        let pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        (pids.len() == 2).then_some(pids)
    });
    daemon.kill();
    let start = Instant::now();
    let is_there = |pid: &u32| {
        let about = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !about.is_empty() && !about.contains(") Z ")
    };
    while started.iter().any(is_there) {
        assert!(start.elapsed() < Duration::from_secs(30), "left behind: {started:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What waits goes where the new config says, under the ids that it was first tried with; and what
/// is the same in both configs is not disturbed.
#[test]
fn a_reload_with_another_url_keeps_the_queue() {
    let world = World::start("ann*").rarely();
    let (old, new) = (Hook::start(&world.runtime), Hook::start(&world.runtime));
    let world = world.with_other_sink(&siem(&old, ""));
    let daemon = world.daemon();
    daemon.until("the baseline", || (old.events().len() == 1).then_some(()));
    old.says(Says::Status(503));
    world.members("ann* bob").sync().ok();
    world.members("ann* bob cat").sync().ok();
    let tried = old.attempts().pop().unwrap().0;
    let world = world.without_other_sinks().with_other_sink(&siem(&new, ""));
    world.run(&["reload"]).ok();
    daemon.until("both", || (new.events().len() == 2).then_some(()));
    daemon.stop();
    assert_eq!(told(&new.events()), "joined bob\njoined cat\n");
    assert_eq!(new.attempts()[0].0, tried, "the same delivery");
    assert_eq!(old.events().len(), 1);
}

/// A recipient who is new gets what happens from then on; one who is gone costs the others nothing;
/// and other words are used from the next mail on.
#[test]
fn recipients_and_templates_change_while_mails_wait() {
    let world = World::start("ann*").rarely();
    let post = Post::start(&world.runtime);
    fs::write(world.path("subject"), "{{ label }}: {{ headline }} (1)\n").unwrap();
    let mail = |to: &str, template: &str| {
        format!(
            "mail: {{ type: email, wait: 0s, server: {{ host: 127.0.0.1, port: {}, tls: none }}, \
             from: seatwatch@example.com, to: [{to}], templates: {{ subject: {template} }} }}",
            post.port()
        )
    };
    let world = world.with_other_sink(&mail("a@example.com", "subject"));
    let daemon = world.daemon();
    daemon.until("the baseline", || (post.mails().len() == 1).then_some(()));
    fs::write(world.path("subject-2"), "{{ label }}: {{ headline }} (2)\n").unwrap();
    let world = world
        .without_other_sinks()
        .with_other_sink(&mail("a@example.com, b@example.com", "subject-2"));
    world.run(&["reload"]).ok();
    world.members("ann* bob").sync().ok();
    daemon.until("two more", || (post.mails().len() == 3).then_some(()));
    let mut subjects = post.subjects();
    subjects.sort();
    assert_eq!(
        subjects,
        ["acme: 1 member joined (2)", "acme: 1 member joined (2)", "acme: baseline stored (1)"]
    );
    // A template with a mistake is refused, and the old one stays.
    fs::write(world.path("subject-3"), "{{ labell }}\n").unwrap();
    let world = world.without_other_sinks().with_other_sink(&mail("b@example.com", "subject-3"));
    let refused = world.run(&["reload"]);
    assert_eq!(refused.code, Some(78), "{}", refused.shown());
    assert!(refused.stderr.contains("labell"), "{}", refused.shown());
    world.members("ann*").sync().ok();
    daemon.until("two more", || (post.mails().len() == 5).then_some(()));
    daemon.stop();
}

/// An order waits for the delivery that is under way, however short the grace at an end is: what a
/// receiver is about to take is not broken off for a word about the sink.
#[test]
fn an_order_does_not_break_a_delivery_off() {
    let world = World::start("ann*").rarely().with_config("shutdown_grace: 0s");
    let hook = Hook::start(&world.runtime);
    hook.says(Says::WhenLetGo);
    let world = world.with_other_sink(&siem(&hook, ""));
    let daemon = world.daemon();
    daemon.until("an attempt", || (hook.attempts().len() == 1).then_some(()));
    let mut pausing =
        world.command(&["sink", "pause", "siem"]).stdout(Stdio::null()).spawn().unwrap();
    daemon.until("the order to be there", || {
        let rows = world.run(&["status", "--format", "json"]).ok().rows();
        rows.iter().any(|row| row["sink"] == "siem" && row["state"] == "paused").then_some(())
    });
    hook.let_go();
    assert!(pausing.wait().unwrap().success());
    assert_eq!((hook.attempts().len(), hook.events().len()), (1, 1), "it ended first");
    hook.says(Says::Status(200));
    world.members("ann* bob").sync().ok();
    assert_eq!(hook.attempts().len(), 1, "it is paused");
    let retry = world.run(&["outbox", "retry"]).ok();
    assert_eq!(retry.stdout, "there are no dead letters to try again\n");
    world.run(&["sink", "resume", "siem"]).ok();
    daemon.until("the next", || (hook.events().len() == 2).then_some(()));
    daemon.stop();
}

/// Of a recipient who is gone, dead letters are named and can be dropped; nobody can take them.
#[test]
fn dead_letters_of_somebody_who_is_no_recipient_any_more_are_named() {
    let world = World::start("ann*");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mail = |to: &str| {
        format!(
            "mail: {{ type: email, wait: 0s, give_up_after: 0s, from: a@example.com, to: [{to}], \
             server: {{ host: 127.0.0.1, port: {closed}, tls: none }} }}"
        )
    };
    let world = world.with_other_sink(&mail("old@example.com"));
    world.sync().ok();
    let world = world.without_other_sinks().with_other_sink(&mail("new@example.com"));
    let status = world.run(&["status"]).ok().stdout;
    insta::assert_snapshot!(status.split_once("\n\n").unwrap().1, @"
    SINK                    TYPE   STATE  QUEUED  OLDEST  DEAD LETTERS
    events                  file   ok          0  –                  0
    mail (new@example.com)  email  ok          0  –                  0

    sink mail (old@example.com): not in the config any more, 1 dead letter
    hint: seatwatch outbox list mail

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    let gone = rows.iter().find(|row| row["lane"] == "old@example.com").unwrap();
    assert_eq!((&gone["state"], &gone["dead_letters"]), (&"gone".into(), &1.into()));
    let ran = world.run(&["outbox", "retry", "mail"]);
    insta::assert_snapshot!(ran.shown(), @"
    sink mail (old@example.com): 0 dead letters delivered
    error: sink mail (old@example.com): 1 dead letter not delivered: `old@example.com` is no receiver of the sink any more; `seatwatch replay mail --since [TIME]` delivers what happened since then to those that it has, `seatwatch outbox drop mail` forgets them
    exit code 69
    ");
    insta::assert_snapshot!(world.run(&["outbox", "drop", "mail"]).shown(), @"sink mail: 1 dead letter dropped");
}

/// Whoever reloads a config hears of what waits for receivers that it does not have any more.
#[test]
fn a_reload_names_what_it_leaves_behind() {
    let world = World::start("ann*").rarely();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mail = |name: &str, to: &str, more: &str| {
        format!(
            "{name}: {{ type: email, wait: 0s, from: a@example.com, to: [{to}]{more}, \
             server: {{ host: 127.0.0.1, port: {closed}, tls: none }} }}"
        )
    };
    let world = world
        .with_other_sink(&mail("mail", "old@example.com, both@example.com", ""))
        .with_other_sink(&mail("hasty", "old@example.com", ", give_up_after: 0s"));
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    for sink in ["mail", "hasty"] {
        daemon.until_logged(&["WARN", sink, "old@example.com"]);
    }
    daemon.until_logged(&["WARN", "mail", "both@example.com"]);
    let world = world
        .without_other_sinks()
        .with_other_sink(&mail("mail", "both@example.com, new@example.com", ""))
        .with_other_sink(&mail("hasty", "new@example.com", ", give_up_after: 0s"));
    insta::assert_snapshot!(world.run(&["reload"]).ok().stdout, @"
    reloaded: sinks: changed hasty, mail
    reloaded: sinks: hasty: `old@example.com` is no receiver any more and leaves 1 dead letter; `seatwatch outbox retry hasty` says what can be done
    reloaded: sinks: mail: `old@example.com` is no receiver any more and leaves 1 event queued; `seatwatch replay mail --since [TIME]` delivers what happened since then to those that it has
    ");
    daemon.until_heard("STATUS=1 organization: 1 connected; 1 event queued, 1 dead letter");
    let world = world
        .without_other_sinks()
        .with_other_sink(&mail("post", "both@example.com", ", formerly: mail"))
        .with_other_sink(&mail("slow", "new@example.com", ", formerly: hsaty"));
    // A typo is told before it matters, and again where nobody asked before.
    insta::assert_snapshot!(world.run(&["check"]).ok().stderr, @"warning: sink slow: was hsaty (`formerly`), of which nothing is known: it starts at the end of the log");
    insta::assert_snapshot!(world.run(&["reload"]).ok().stdout, @"
    reloaded: sinks: mail is called post now
    reloaded: sinks: added slow; removed hasty
    reloaded: sinks: slow starts at the end of the log: nothing is known of a sink hsaty, as `formerly` has it
    ");
    let world = world.without_other_sinks().with_other_sink(&mail(
        "slow",
        "new@example.com",
        ", formerly: hasty",
    ));
    insta::assert_snapshot!(world.run(&["reload"]).ok().stdout, @"
    reloaded: sinks: removed post; changed slow
    reloaded: sinks: post leaves 1 event queued; put back, it goes on there
    reloaded: sinks: slow has a place in the log of its own, and nothing of hasty is carried over; take the line `formerly` out; `seatwatch replay slow --since TIME` goes back
    ");
    daemon.stop();
}

/// What a receiver has taken is written down as soon as that can be done again: a store that fails
/// meanwhile is no reason to give it the same once more.
#[test]
fn a_store_that_fails_after_a_delivery_repeats_nothing() {
    let world = World::start("ann*").rarely();
    let hook = Hook::start(&world.runtime);
    let world = world.with_other_sink(&siem(&hook, ""));
    let daemon = world.daemon();
    daemon.until("the baseline", || (hook.events().len() == 1).then_some(()));
    world.members("ann* bob").sync().ok();
    hook.says(Says::WhenLetGo);
    world.members("ann* bob cat");
    let mut sync = world.command(&["sync"]);
    let mut sync = sync.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    daemon.until("an attempt", || (hook.attempts().len() == 3).then_some(()));
    let other = rusqlite::Connection::open(world.state_dir().join("seatwatch.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    hook.let_go();
    daemon.until_logged(&["ERROR", "siem", "the store failed, will try again"]);
    other.execute_batch("ROLLBACK").unwrap();
    sync.wait().unwrap();
    hook.says(Says::Status(200));
    until_written_down(&daemon, &world, "siem");
    daemon.stop();
    assert_eq!(told(&hook.events()), "baselined\njoined bob\njoined cat\n");
    assert_eq!(hook.attempts().len(), 3, "each once");
}
