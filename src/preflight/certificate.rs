//! Whether the certificate that is served would be trusted today, and soon.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::Found;
use crate::config::{Certificate, CertificateFiles};
use crate::exit::Exit;

/// With less, whatever renews it should have done so.
const SOON: TimeDelta = TimeDelta::days(14);

/// Reads the certificate as the daemon does; its times are told in `zone`.
pub(super) fn look(files: &CertificateFiles, now: DateTime<Utc>, zone: Tz) -> Found {
    match files.read() {
        Ok(Certificate { not_before, not_after, .. }) => {
            judge(&files.certificate.to_string(), not_before, not_after, now, zone)
        }
        Err(error) => Found::bad(Exit::Config, error.to_string(), error.hint),
    }
}

fn judge(
    file: &str,
    not_before: DateTime<Utc>,
    not_after: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Tz,
) -> Found {
    let on = |time: DateTime<Utc>| time.with_timezone(&zone).format("%F %R %Z").to_string();
    let hint = "renew it: the daemon takes a new one up without a reload";
    if now < not_before {
        let message = format!("`{file}` is not valid before {}", on(not_before));
        Found::bad(Exit::Config, message, "wait until then, or look at this machine's clock")
    } else if now > not_after {
        Found::bad(Exit::Config, format!("`{file}` has expired on {}", on(not_after)), hint)
    } else if not_after - now < SOON {
        Found::warning(format!("`{file}` expires on {}", on(not_after)), hint)
    } else {
        Found::Good(format!("valid until {}", on(not_after)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now: &str, expected: &str) {
        check_in(Tz::UTC, now, expected);
    }

    #[track_caller]
    fn check_in(zone: Tz, now: &str, expected: &str) {
        let [not_before, not_after, now] =
            ["2026-01-01T00:00:00Z", "2026-03-31T12:00:00Z", now].map(|it| it.parse().unwrap());
        let shown = match judge("cert.pem", not_before, not_after, now, zone) {
            Found::Good(text) => text,
            Found::Warning { message, .. } => format!("warning: {message}"),
            Found::Bad(failure) => format!("{}: {}", failure.exit as u8, failure.message),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn two_weeks_are_soon_and_outside_its_time_it_is_of_no_use() {
        check("2025-12-31T23:59:59Z", "78: `cert.pem` is not valid before 2026-01-01 00:00 UTC");
        check("2026-01-01T00:00:00Z", "valid until 2026-03-31 12:00 UTC");
        check("2026-03-17T12:00:00Z", "valid until 2026-03-31 12:00 UTC");
        check("2026-03-17T12:00:01Z", "warning: `cert.pem` expires on 2026-03-31 12:00 UTC");
        check("2026-03-31T12:00:00Z", "warning: `cert.pem` expires on 2026-03-31 12:00 UTC");
        check("2026-03-31T12:00:01Z", "78: `cert.pem` has expired on 2026-03-31 12:00 UTC");
    }

    #[test]
    fn its_times_are_told_in_the_zone_of_the_config() {
        let zone = Tz::Europe__Berlin;
        check_in(zone, "2026-02-01T00:00:00Z", "valid until 2026-03-31 14:00 CEST");
        let early = "78: `cert.pem` is not valid before 2026-01-01 01:00 CET";
        check_in(zone, "2025-12-31T23:59:59Z", early);
    }
}
