//! The disk is full in the middle of a line. A limit on the size of files stands in for the disk:
//! the kernel writes what fits and refuses the rest, as it does on a full one.

use std::fs;

use seatwatch_file::Format;
use seatwatch_sdk::samples::events;
use seatwatch_sdk::{Failure, Outcome};

use crate::world::{World, ids, ids_in, in_a_process};

/// Files end after 16 KiB, and the signal that would kill the process is ignored.
const LIMIT: &str = "trap '' XFSZ; ulimit -f 32";
const LIMIT_BYTES: u64 = 32 * 512;

#[tokio::test]
async fn whole_events_count_and_half_a_line_goes() {
    if !in_a_process("full::whole_events_count_and_half_a_line_goes", LIMIT, None) {
        return;
    }
    let events = events(100);
    for format in [Format::Ndjson, Format::Csv] {
        let mut world = World::new(format);
        let (accepted, reason) = match world.deliver(&events, 1).await {
            Outcome::Partial { accepted, then: Failure::Retry { reason, .. } } => {
                (accepted, reason)
            }
            outcome => panic!("{outcome:?}"),
        };
        assert!(accepted > 5, "{accepted} events fit into {LIMIT_BYTES} bytes");
        assert_eq!(world.ids(), ids(&events[..accepted]));
        assert!(world.length() < LIMIT_BYTES, "the half line is still there");
        let path = world.path().display();
        assert_eq!(
            reason,
            format!(
                "cannot write the next event to `{path}`: file too large; rotate \
                 the file, or raise the limit on file sizes; the next attempt goes on from there"
            )
        );

        // As long as it is full, nothing gets lost and nothing in.
        let rest = &events[accepted..];
        assert!(world.refuses(rest).await.contains("file too large"));
        assert_eq!(world.ids(), ids(&events[..accepted]));

        // A repeat of the whole delivery: what is there counts.
        world.restart();
        match world.deliver(&events, 2).await {
            Outcome::Partial { accepted: again, .. } => assert_eq!(again, accepted),
            outcome => panic!("it is still full: {outcome:?}"),
        }

        let rotated = world.directory().join("rotated");
        fs::rename(world.path(), &rotated).unwrap();
        world.accepts(&rest[..5]).await;
        let both = [ids_in(&rotated, format), world.ids()].concat();
        assert_eq!(both, ids(&events[..accepted + 5]));
    }
}
