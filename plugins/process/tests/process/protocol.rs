//! The messages, against their own schema and as the documentation shows them.

use seatwatch_process::protocol::{FromPlugin, ToPlugin, schema};
use serde_json::{Map, Value, json};

fn fits(message: &Value) -> bool {
    jsonschema::validator_for(&schema()).unwrap().is_valid(message)
}

#[test]
fn what_we_say_is_as_documented() {
    let config = Map::new();
    let messages = [
        ToPlugin::Hello { protocol: 1, instance: "prod", sink: "chat", config: &config },
        ToPlugin::Deliver { id: "1", attempt: 1, deadline_ms: 30_000, events: &[] },
        ToPlugin::Check {},
        ToPlugin::Ping { n: 7 },
        ToPlugin::Shutdown {},
    ];
    let lines = messages.map(|message| {
        assert!(fits(&serde_json::to_value(&message).unwrap()));
        serde_json::to_string(&message).unwrap()
    });
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"type":"hello","protocol":1,"instance":"prod","sink":"chat","config":{}}
    {"type":"deliver","id":"1","attempt":1,"deadline_ms":30000,"events":[]}
    {"type":"check"}
    {"type":"ping","n":7}
    {"type":"shutdown"}
    "#);
}

#[test]
fn what_the_documentation_shows_is_understood() {
    for message in [
        json!({"type":"ready","protocol":1,"name":"apprise","version":"1.2.0","max_events":50}),
        json!({"type":"ready","protocol":1}),
        json!({"type":"error","path":"urls[0]","message":"not a URL"}),
        json!({"type":"error","message":"no"}),
        json!({"type":"result","id":"1","accepted":3}),
        json!({"type":"result","id":"1","accepted":1,"retry":{"after_ms":5000,"reason":"busy"}}),
        json!({"type":"result","id":"1","accepted":1,"reject":{"reason":"no"}}),
        json!({"type":"result","id":"1","accepted":1,"disable":{"reason":"no"}}),
        json!({"type":"checked"}),
        json!({"type":"checked","error":"no route"}),
        json!({"type":"pong","n":7,"of_a_later_version":1}),
    ] {
        assert!(fits(&message), "{message}");
        assert!(serde_json::from_value::<FromPlugin>(message.clone()).is_ok(), "{message}");
    }
    for message in [json!({"type":"ready"}), json!({"type":"result","id":"1"}), json!({})] {
        assert!(!fits(&message), "{message}");
        assert!(serde_json::from_value::<FromPlugin>(message).is_err());
    }
}
