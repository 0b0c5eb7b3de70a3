use proptest::prelude::*;

use super::*;

/// The lines of a family, without the prefix that all have.
fn lines(metrics: &Metrics, family: &str) -> String {
    let text = metrics.render(&Snapshot::default());
    let lines = text.lines().filter_map(|line| line.strip_prefix("seatwatch_"));
    lines.filter(|line| line.starts_with(family)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_series_of_a_sink_come_and_go_with_the_config() {
    let metrics = Metrics::new();
    assert_eq!(lines(&metrics, "sink_"), "");
    metrics.set_sinks(["audit", "mail"]);
    metrics.delivered("audit");
    metrics.delivery_failed("mail", NotAccepted::Retry);
    metrics.delivery_failed("mail", NotAccepted::Disable);
    insta::assert_snapshot!(lines(&metrics, "sink_"), @r#"
    sink_deliveries_total{sink="audit"} 1
    sink_deliveries_total{sink="mail"} 0
    sink_delivery_failures_total{reason="disable",sink="audit"} 0
    sink_delivery_failures_total{reason="disable",sink="mail"} 1
    sink_delivery_failures_total{reason="reject",sink="audit"} 0
    sink_delivery_failures_total{reason="reject",sink="mail"} 0
    sink_delivery_failures_total{reason="retry",sink="audit"} 0
    sink_delivery_failures_total{reason="retry",sink="mail"} 1
    "#);
    metrics.set_sinks(["audit", "chat"]);
    // The last delivery to a sink that is gone ends after the reload.
    metrics.delivered("mail");
    metrics.delivery_failed("mail", NotAccepted::Retry);
    insta::assert_snapshot!(lines(&metrics, "sink_deliveries"), @r#"
    sink_deliveries_total{sink="audit"} 1
    sink_deliveries_total{sink="chat"} 0
    "#);
    assert!(!lines(&metrics, "sink_").contains("mail"));
    metrics.set_sinks(["mail"]);
    assert_eq!(lines(&metrics, "sink_deliveries"), r#"sink_deliveries_total{sink="mail"} 0"#);
}

#[test]
fn a_reload_that_failed_leaves_the_time_of_the_last_good_one() {
    let metrics = Metrics::new();
    let at = |seconds| DateTime::from_timestamp(seconds, 250_000_000).unwrap();
    metrics.reloaded(true, at(1000));
    metrics.reloaded(false, at(2000));
    insta::assert_snapshot!(lines(&metrics, "config_"), @r"
    config_last_reload_success_timestamp_seconds 1000.25
    config_last_reload_successful 0
    ");
    metrics.reloaded(true, at(3000));
    insta::assert_snapshot!(lines(&metrics, "config_"), @r"
    config_last_reload_success_timestamp_seconds 3000.25
    config_last_reload_successful 1
    ");
}

#[test]
fn requests_are_counted_by_status() {
    let metrics = Metrics::new();
    for status in [Some(200), None, Some(429), Some(200)] {
        metrics.asked(status, Duration::from_millis(50));
    }
    insta::assert_snapshot!(lines(&metrics, "api_requests_total"), @r#"
    api_requests_total{code="200"} 2
    api_requests_total{code="429"} 1
    api_requests_total{code="error"} 1
    "#);
    assert!(lines(&metrics, "api_request_duration").contains("_count 4"));
}

/// The sum of a family's values.
fn sum(metrics: &Metrics, family: &str) -> usize {
    let lines = lines(metrics, family);
    let values = lines.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    values.sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens, every run has one outcome, every failed one a reason, every event a kind.
    #[test]
    fn sums_hold(runs in prop::collection::vec((0..5_usize, 0..12_usize, 0..9_usize), 0..20)) {
        let metrics = Metrics::new();
        let (mut failed, mut events) = (0, 0);
        let unrecorded = [Unrecorded::Store, Unrecorded::Internal, Unrecorded::Store];
        for why in unrecorded {
            metrics.unrecorded(why);
        }
        for (outcome, reason, told) in &runs {
            let outcome = Outcome::ALL[*outcome];
            let reason = (outcome == Outcome::Failed).then(|| Reason::ALL[*reason]);
            let told = EventKind::ALL.iter().copied().take(*told);
            (failed, events) = (failed + usize::from(reason.is_some()), events + told.len());
            metrics.synced(outcome, reason, told, Duration::from_secs(1));
        }
        prop_assert_eq!(sum(&metrics, "sync_runs_total{"), runs.len() + unrecorded.len());
        prop_assert_eq!(sum(&metrics, "sync_duration_seconds_count"), runs.len());
        prop_assert_eq!(sum(&metrics, "sync_failures_total{"), failed + unrecorded.len());
        prop_assert_eq!(sum(&metrics, "events_total{"), events);
    }
}
