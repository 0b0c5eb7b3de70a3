//! What may pass is tried again, as long as there is time.

use super::*;

/// For an answer that comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// For one that never does.
const SHORT: Duration = Duration::from_millis(500);

/// The first bytes of a whole answer: it breaks off within the roster.
fn broken_off() -> Reply {
    let Reply::Bytes(mut bytes) = roster("ann* bob") else { unreachable!() };
    bytes.truncate(bytes.len() - 50);
    Reply::Bytes(bytes)
}

fn slow() -> Reply {
    let Reply::Bytes(bytes) = broken_off() else { unreachable!() };
    Reply::ThenHang(bytes)
}

/// The roster if the third attempt brings it, and the reason with its end if none does.
async fn is_tried_five_times(reply: Reply, timeout: Duration, reason: &str) {
    let canned = Canned::script([reply.clone(), reply.clone(), roster("ann* bob")]);
    let setup = Setup { timeout, ..Setup::of(&canned) };
    assert_eq!(setup.read().await, "ann* bob");

    let canned = Canned::script([reply]);
    let found = Setup { timeout, ..Setup::of(&canned) }.read().await;
    check(&found, reason);
    check(&found, " after 5 attempts");
    assert_eq!(canned.requests().len(), 5);
}

#[tokio::test]
async fn what_may_pass_is_tried_five_times() {
    for (reply, reason) in [
        (status(429), "rate_limited: "),
        (status(500), "server_error: "),
        (status(502), "server_error: "),
        (status(503), "server_error: "),
        (Reply::Bytes(vec![]), "unreachable: the connection broke before the end of "),
        (Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()), "unreachable: "),
        (broken_off(), "unreachable: the connection broke before the end of "),
        (with_headers(429, "Retry-After: 0\r\n", b""), "rate_limited: "),
        (
            with_headers(503, "Retry-After: Mon, 23 Nov 2026 09:00:00 GMT\r\n", b""),
            "server_error: ",
        ),
    ] {
        is_tried_five_times(reply, PATIENCE, reason).await;
    }
}

#[tokio::test]
async fn what_does_not_come_in_time_is_tried_five_times() {
    let reason = "timeout: no whole answer within 500ms to ";
    tokio::join!(
        is_tried_five_times(Reply::ThenHang(vec![]), SHORT, reason),
        is_tried_five_times(slow(), SHORT, reason),
    );
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let closed = ClosedPort::hold();
    let session = Setup::at(format!("http://{}", closed.address)).session();
    let error = session.read_roster(None).await.unwrap_err();
    let found = told_error(&error);
    check(&found, "unreachable: no connection for `http://127.0.0.1:");
    check(&found, "after 5 attempts");
    check(&found, "connection refused");
    assert_eq!(session.requests(), 5);
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_kept() {
    for retry_after in ["1", "Mon, 23 Nov 2026 10:00:01 GMT"] {
        let busy = with_headers(429, &format!("Retry-After: {retry_after}\r\n"), b"");
        let canned = Canned::script([busy, roster("ann")]);
        let started = Instant::now();
        assert_eq!(Setup::of(&canned).read().await, "ann");
        assert!(started.elapsed() >= Duration::from_secs(1), "{retry_after}");
    }
}

#[tokio::test]
async fn a_wait_past_the_end_of_the_sync_postpones_the_next() {
    for (status, retry_after, until) in [
        (429, "3600", "2026-11-23T11:00:00Z"),
        (503, "61", "2026-11-23T10:01:01Z"),
        (429, "Mon, 23 Nov 2026 12:30:00 GMT", "2026-11-23T12:30:00Z"),
        (429, "99999999999999999999", "2026-11-24T10:00:00Z"), // A day, not the end of time.
    ] {
        let busy = with_headers(status, &format!("Retry-After: {retry_after}\r\n"), b"");
        let canned = Canned::script([busy]);
        let error = Setup::of(&canned).session().read_roster(None).await.unwrap_err();
        check(&told_error(&error), "rate_limited: ");
        check(&told_error(&error), "longer than the time that is left");
        assert_eq!(error.postpone_until(), Some(until.parse().unwrap()));
        assert_eq!(canned.requests().len(), 1);
    }
}

#[tokio::test]
async fn nothing_goes_on_after_the_deadline() {
    let hour = Duration::from_secs(3600);
    let patient = Policy { attempts: 5, min_delay: hour, max_delay: hour };
    let late = "timeout: the time for this sync was up before the answer";
    for (reply, policy, deadline, expected) in [
        // A pause would outlast it: the reason is what the pause was for.
        (status(500), Some(patient), PATIENCE, "server_error: "),
        (status(429), Some(patient), PATIENCE, "rate_limited: "),
        (Reply::ThenHang(vec![]), None, SHORT, late),
        (slow(), None, SHORT, late),
    ] {
        let canned = Canned::script([reply]);
        let usual = Setup::of(&canned);
        let policy = policy.unwrap_or(usual.policy);
        let found = Setup { deadline, policy, ..usual }.read().await;
        check(&found, expected);
        assert_eq!(canned.requests().len(), 1);
    }
}

#[tokio::test]
async fn all_sessions_of_a_server_share_its_rate() {
    let canned = Canned::script([roster("ann")]);
    let server = Setup { requests_per_second: 10.0, ..Setup::of(&canned) }.server().unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let session = |organization: &str| {
        let organization = organization.parse().unwrap();
        server.session(&organization, TOKEN.into(), Arc::new(Frozen), deadline)
    };
    let (one, other) = (session("github/one"), session("github/other"));
    let started = Instant::now();
    for _ in 0..6 {
        tokio::try_join!(one.still_listed(), other.still_listed()).unwrap();
    }
    // The first comes at once, the other eleven take a tenth of a second each.
    assert!(started.elapsed() >= Duration::from_millis(1090), "{:?}", started.elapsed());
    assert_eq!((one.requests(), other.requests()), (6, 6));
}

// The other questions.

#[tokio::test]
async fn a_sync_may_move_between_threads() {
    fn sendable(future: impl Future<Output = ()> + Send) -> impl Future<Output = ()> {
        future
    }
    let canned = Canned::script([roster("ann")]);
    let session = Setup::of(&canned).session();
    sendable(async {
        session.read_roster(None).await.unwrap();
        session.still_listed().await.unwrap();
    })
    .await;
}

/// Reads the roster and returns what an observer of the server saw.
async fn observed(setup: &Setup) -> Vec<Option<u16>> {
    let seen = Arc::<Mutex<Vec<Option<u16>>>>::default();
    let log = Arc::clone(&seen);
    let observer = Arc::new(move |status, _| log.lock().unwrap().push(status));
    let session = setup.session_with(&setup.server().unwrap().observed_by(observer));
    drop(session.read_roster(None).await);
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len() as u64, session.requests());
    seen
}

/// Each attempt once: its status, or nothing where the answer did not come to its end.
#[tokio::test]
async fn every_request_is_told_to_who_observes_the_server() {
    let canned = Canned::script([status(503), broken_off(), slow(), roster("ann* bob")]);
    let setup = Setup { timeout: Duration::from_secs(2), ..Setup::of(&canned) };
    assert_eq!(observed(&setup).await, [Some(503), None, None, Some(200)]);
}

#[tokio::test]
async fn a_request_that_is_dropped_when_time_is_up_had_no_answer() {
    let canned = Canned::script([Reply::ThenHang(vec![])]);
    let setup = Setup { deadline: SHORT, ..Setup::of(&canned) };
    assert_eq!(observed(&setup).await, [None]);
}
