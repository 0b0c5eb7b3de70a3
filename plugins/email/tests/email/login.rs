//! Logging in: both ways, with the password as it is now, and without telling it to anybody.

use insta::assert_snapshot;
use seatwatch_sdk::samples::events;
use serde_json::json;

use crate::server::{Act, Setup};
use crate::world::World;

const PASSWORD: &str = "pass word ü";

fn world(auth: &'static str) -> World {
    let setup = Setup { auth, ..Setup::default() };
    let login = json!({ "tls": "none", "username": "seatwatch", "password_file": "password" });
    let world = World::with(setup, json!({ "server": login }));
    world.server.set_users(&[("seatwatch", PASSWORD)]);
    world.write("password", format!("{PASSWORD}\n"));
    world
}

#[tokio::test]
async fn plain_and_login_get_in() {
    for auth in ["PLAIN", "LOGIN", "XOAUTH2 LOGIN PLAIN"] {
        let mut world = world(auth);
        assert_eq!(world.check().await, "", "{auth}");
        world.accepts(&events(1)).await;
        assert!(world.server.heard().ends_with("connect EHLO AUTH MAIL RCPT DATA ."));
    }
}

#[tokio::test]
async fn a_password_that_was_changed_is_taken_up() {
    let mut world = world("PLAIN");
    world.server.set_users(&[("seatwatch", "another")]);
    let told = world.outcome(&events(1)).await;
    assert_snapshot!(told, @"retry: `127.0.0.1:[PORT]` refused the login: 535 5.7.8; check `server.username` and the password's file");
    assert_eq!(world.check().await, told.trim_start_matches("retry: "));
    world.write("password", "another");
    world.accepts(&events(1)).await;
}

/// An answer could quote what was said: only its codes are told.
#[tokio::test]
async fn no_reason_holds_the_password() {
    let answers = [
        "535 5.7.8 wrong: pass word \u{fc}",
        "535 c2VhdHdhdGNo",
        "454 4.7.0 pass word, later",
        "534 5.7.9 another password",
        "504 5.5.4 what",
        "250 in",
    ];
    let mut told = Vec::new();
    for answer in answers {
        let mut world = world("PLAIN");
        world.server.once("AUTH", Act::Say(answer));
        told.push(world.outcome(&events(1)).await);
        assert!(!world.server.heard().contains("MAIL"), "{answer}");
    }
    let told = told.join("\n");
    assert!(!told.contains("pass word") && !told.contains("c2VhdHdhdGNo"), "{told}");
    assert_snapshot!(told, @"
    retry: `127.0.0.1:[PORT]` refused the login: 535 5.7.8; check `server.username` and the password's file
    retry: `127.0.0.1:[PORT]` refused the login: 535; check `server.username` and the password's file
    retry: `127.0.0.1:[PORT]` refused the login: 454 4.7.0
    retry: `127.0.0.1:[PORT]` refused the login: 534 5.7.9; check `server.username` and the password's file
    retry: `127.0.0.1:[PORT]` refused the login: 504 5.5.4; check `server.username` and the password's file
    retry: `127.0.0.1:[PORT]` answered AUTH with 250, which is no answer to that
    ");
}

/// A server that logs what it hears may quote it later, too: as it is, in part, or as it was sent.
#[tokio::test]
async fn no_later_answer_shows_the_password() {
    let mut told = Vec::new();
    for (verb, answer) in [
        ("MAIL", "550 5.7.1 pass word \u{fc} is not enough"),
        ("RCPT", "550 5.1.1 after AUTH PLAIN AHNlYXR3YXRjaABwYXNzIHdvcmQgw7w="),
        ("RCPT", "550 5.1.1 after cGFzcyB3b3JkIMO8"),
        ("DATA", "451 4.3.0 see log?q=Pass%20Word"),
        ("DATA", "451 4.3.0 try again"),
        (".", "554 5.6.0 after pass+word+%c3%bc"),
        ("RCPT", "pass word \u{fc}"),
    ] {
        let mut world = world("PLAIN");
        world.server.once(verb, Act::Say(answer));
        told.push(world.outcome(&events(1)).await);
        // The second time, over a connection that was kept.
        world.accepts(&events(1)).await;
        world.server.once(verb, Act::Say(answer));
        assert_eq!(Some(&world.outcome(&events(1)).await), told.last());
    }
    assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn without_a_way_to_log_in_nothing_is_sent() {
    for auth in ["", "GSSAPI"] {
        let mut world = world(auth);
        let told = world.outcome(&events(1)).await;
        assert!(told.starts_with("retry: `127.0.0.1:[PORT]` offers no login by PLAIN or LOGIN"));
        assert_eq!(world.server.heard(), "connect EHLO QUIT");
    }
}

#[tokio::test]
async fn a_password_that_is_gone_is_told_before_anybody_is_asked() {
    let mut world = world("PLAIN");
    std::fs::remove_file(world.path("password")).unwrap();
    assert_snapshot!(world.outcome(&events(1)).await, @"retry: the secret `[DIR]/password` does not exist; put the secret alone into it, and `chmod 600 [DIR]/password`");
    assert_eq!(world.server.connections(), 0);
}
