//! Texts as people may see them, also those that others chose: on a terminal and in the daemon's
//! log.
//!
//! Machines get names as they are; this is for eyes only.

/// `1 member`, `2 members`.
pub(crate) fn count(number: u64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {singular}{plural}")
}

/// `10,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name of a lane for people: that of the sink where it has only one.
pub(crate) fn lane_name(sink: &str, lane: &str) -> String {
    match lane {
        "main" => sink.to_owned(),
        lane => format!("{sink} ({})", shown(lane)),
    }
}

pub(crate) use seatwatch_sdk::shown;
