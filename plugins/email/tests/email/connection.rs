//! One connection for several mails, as long as it holds.

use seatwatch_sdk::SinkConfig as _;
use seatwatch_sdk::samples::events;

use crate::server::Act;
use crate::world::World;

#[tokio::test]
async fn a_backlog_goes_over_one_connection() {
    let mut world = World::new();
    for delivery in events(6).chunks(2) {
        world.accepts(delivery).await;
    }
    assert_eq!((world.server.connections(), world.server.taken().len()), (1, 3));
}

/// Servers hang up on who says nothing. That is no failure.
#[tokio::test]
async fn a_connection_that_was_hung_up_is_opened_anew() {
    let mut world = World::new();
    world.accepts(&events(1)).await;
    world.server.hang_up();
    world.accepts(&events(1)).await;
    world.server.once("NOOP", Act::Bye("421 4.4.2 idle for too long"));
    world.accepts(&events(1)).await;
    world.server.once(".", Act::CloseAfter);
    world.accepts(&events(1)).await;
    world.accepts(&events(1)).await;
    assert_eq!((world.server.connections(), world.server.taken().len()), (4, 5));
}

/// After a refusal that left the connection whole, the next mail goes over it.
#[tokio::test]
async fn a_refused_mail_does_not_cost_the_connection() {
    let mut world = World::new();
    world.server.once("RCPT", Act::Say("550 5.1.1 no such user"));
    assert!(world.outcome(&events(1)).await.starts_with("refused: "));
    world.accepts(&events(1)).await;
    assert_eq!(world.server.heard(), "connect EHLO MAIL RCPT RSET NOOP MAIL RCPT DATA .");
}

/// Many idle lanes would use up what a server allows a client.
#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_properly() {
    let mut world = World::new();
    world.accepts(&events(1)).await;
    let closed = async {
        while !world.server.heard().ends_with("QUIT") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, closed).await.expect("an idle connection is never closed");
    world.accepts(&events(1)).await;
    assert_eq!(world.server.connections(), 2);
}

/// The next sink does not take one more of the connections that a server allows a client.
#[tokio::test]
async fn a_sink_that_is_closed_bids_farewell() {
    let mut world = World::new();
    world.sink.close().await;
    assert_eq!(world.server.heard(), "");
    world.accepts(&events(1)).await;
    world.sink.close().await;
    assert_eq!(world.server.heard(), "connect EHLO MAIL RCPT DATA . QUIT");
    // It still is as good as a new one.
    world.accepts(&events(1)).await;
    assert_eq!(world.server.connections(), 2);
}

#[tokio::test]
async fn each_lane_sends_to_its_own_recipient() {
    let mut world = World::new();
    world.set(serde_json::json!({ "to": ["It-Ops@Example.com", "Boss <boss@example.com>"] }));
    assert_eq!(world.config.lanes(), ["it-ops@example.com", "boss@example.com"]);
    world.accepts(&events(1)).await;
    world.sink = world.config.build("boss@example.com");
    world.accepts(&events(1)).await;
    let taken = world.server.taken();
    let to: Vec<_> = taken.iter().flat_map(|taken| taken.to.clone()).collect();
    assert_eq!(to, ["<It-Ops@Example.com>", "<boss@example.com>"]);
    assert!(taken.iter().all(|taken| taken.from == "<seatwatch@example.com>"));
    let headers: Vec<_> = world.mails().iter().map(|mail| mail.header("To")).collect();
    assert_eq!(headers, ["It-Ops@Example.com", "Boss <boss@example.com>"]);
}
