//! What a plugin's result means for a delivery.
//!
//! Pure: the result and how much was sent in, an outcome out.

use std::time::Duration;

use seatwatch_sdk::{Failure, Outcome};

use crate::heard::excerpt;
use crate::protocol::{Because, RetryLater};

/// A `result`, of the delivery that was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) accepted: u64,
    pub(crate) retry: Option<RetryLater>,
    pub(crate) reject: Option<Because>,
    pub(crate) disable: Option<Because>,
}

impl Verdict {
    /// The outcome of a delivery of which the first `sent` events were sent, of `all`.
    ///
    /// # Errors
    ///
    /// The result contradicts itself, or what was sent.
    pub(crate) fn outcome(self, sent: usize, all: usize) -> Result<Outcome, String> {
        let accepted = usize::try_from(self.accepted).unwrap_or(usize::MAX);
        if accepted > sent {
            return Err(format!("accepted {accepted} events of a delivery of {sent}"));
        }
        let failure = self.failure()?;
        Ok(match failure {
            // That nothing more will be accepted, it can know; of an event that comes after those
            // that it was given, it knows nothing.
            Some(then @ Failure::Disable { .. }) => Outcome::Partial { accepted, then },
            _ if accepted == all => Outcome::Accepted,
            _ if accepted == sent => Outcome::Prefix { accepted },
            Some(then) => Outcome::Partial { accepted, then },
            None if accepted > 0 => Outcome::Prefix { accepted },
            None => Failure::retry("took nothing and gave no reason").into(),
        })
    }

    fn failure(self) -> Result<Option<Failure>, String> {
        Ok(match (self.retry, self.reject, self.disable) {
            (None, None, None) => None,
            (Some(RetryLater { after_ms, reason }), None, None) => {
                let after = after_ms.map(Duration::from_millis);
                Some(Failure::Retry { after, reason: given(&reason) })
            }
            (None, Some(Because { reason }), None) => {
                Some(Failure::Reject { reason: given(&reason) })
            }
            (None, None, Some(Because { reason })) => {
                Some(Failure::Disable { reason: given(&reason) })
            }
            _ => return Err("sent a result with more than one of retry, reject, disable".into()),
        })
    }
}

/// What it did, as the end of a sentence about it.
fn given(reason: &str) -> String {
    if reason.trim().is_empty() {
        "gave no reason".to_owned()
    } else {
        format!("says: {}", excerpt(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a delivery of 5 events, 3 were sent.
    fn outcome(result: &str) -> String {
        #[derive(serde::Deserialize)]
        struct Fields {
            accepted: u64,
            retry: Option<RetryLater>,
            reject: Option<Because>,
            disable: Option<Because>,
        }
        let Fields { accepted, retry, reject, disable } = serde_json::from_str(result).unwrap();
        match (Verdict { accepted, retry, reject, disable }).outcome(3, 5) {
            Ok(outcome) => format!("{outcome:?}"),
            Err(broken) => broken,
        }
    }

    #[test]
    fn a_result_is_believed_as_far_as_it_can_be_true() {
        let cases = [
            r#"{"accepted":3}"#,
            r#"{"accepted":2}"#,
            r#"{"accepted":0}"#,
            r#"{"accepted":4}"#,
            r#"{"accepted":1,"retry":{"after_ms":5000,"reason":"busy"}}"#,
            r#"{"accepted":0,"retry":{"after_ms":18446744073709551615}}"#,
            r#"{"accepted":1,"reject":{"reason":"no such \u001b[31muser"}}"#,
            r#"{"accepted":1,"disable":{"reason":" "}}"#,
            r#"{"accepted":3,"disable":{"reason":"the last ones"}}"#,
            r#"{"accepted":3,"retry":{"reason":"of what?"}}"#,
            r#"{"accepted":1,"reject":{},"disable":{}}"#,
        ];
        insta::assert_snapshot!(cases.map(outcome).join("\n"), @r#"
        Prefix { accepted: 3 }
        Prefix { accepted: 2 }
        Partial { accepted: 0, then: Retry { after: None, reason: "took nothing and gave no reason" } }
        accepted 4 events of a delivery of 3
        Partial { accepted: 1, then: Retry { after: Some(5s), reason: "says: busy" } }
        Partial { accepted: 0, then: Retry { after: Some(18446744073709551.615s), reason: "gave no reason" } }
        Partial { accepted: 1, then: Reject { reason: "says: no such \\u{1b}[31muser" } }
        Partial { accepted: 1, then: Disable { reason: "gave no reason" } }
        Partial { accepted: 3, then: Disable { reason: "says: the last ones" } }
        Prefix { accepted: 3 }
        sent a result with more than one of retry, reject, disable
        "#);
    }

    #[test]
    fn a_whole_delivery_is_accepted() {
        let verdict = Verdict { accepted: 3, ..Verdict::default() };
        assert_eq!(verdict.outcome(3, 3), Ok(Outcome::Accepted));
    }
}
