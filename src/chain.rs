//! Tells an error with all its causes: one sentence for terminals, events and the store alike.

/// What happened and why, cause by cause; a cause that its effect has named already is left out.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        // SQLite's errors have a cause that says the same after a number.
        if !text.ends_with(&reason) && !reason.ends_with(&last) {
            text = format!("{text}: {reason}");
        }
        last = reason;
        cause = error.source();
    }
    text
}
