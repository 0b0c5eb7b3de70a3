//! The page of the configuration file, from the same reference as `docs/configuration.md`.

use std::io::{self, Write};

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::text::{inlines, literal, paragraph, see_also};
use super::{CONFIG_PAGE, MANUAL, NO_DATE, SOURCE, TOP};
use crate::config::{self, Key, LeftOut, Section};

/// A file that works, once the token is there.
const EXAMPLE: &str = "\
codecov:
  token_file: /etc/seatwatch/codecov-token
organizations:
  - github/acme
  - owner: example-group
    service: gitlab
    schedule: \"*/15 7-19 * * 1-5\"
sinks:
  audit: { type: file, path: /var/log/seatwatch/events.ndjson }";

/// The page.
///
/// # Errors
///
/// None, where `out` takes all.
pub(super) fn write(out: &mut dyn Write) -> io::Result<()> {
    let mut page = Roff::new();
    page.control("TH", [CONFIG_PAGE, "5", NO_DATE, SOURCE, MANUAL]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{CONFIG_PAGE} - the configuration of seatwatch"))]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold("/etc/seatwatch/seatwatch.yaml")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text(inlines(
        "One YAML file, which `--config` or `$SEATWATCH_CONFIG` names where it is another. It is \
         strict: an unknown key or a wrong value is an error with its place, and all of them are \
         reported at once.",
    ));
    paragraph(
        &mut page,
        "Relative paths are relative to the file. Durations are written `90s`, `15m`, `24h`, \
         `14d`. `seatwatch check` says whether the file is right, `seatwatch schema config` prints \
         its JSON Schema for editors.",
    );
    for Section { title, about, keys } in config::reference(&config::schema()) {
        page.control("SH", [title.replace('`', "").to_uppercase().as_str()]);
        if let Some(about) = about.filter(|about| !about.is_empty()) {
            page.text(inlines(&about));
        }
        for key in &keys {
            page.control("TP", []).text(head(key)).text(inlines(&key.meaning));
        }
    }
    page.control("SH", ["EXAMPLES"]);
    literal(&mut page, "Two organizations, and a file of events:", EXAMPLE);
    let pages = [TOP, "seatwatch-check", "seatwatch-discover", "seatwatch-schema"];
    see_also(&mut page, &pages.map(|name| (name.to_owned(), "1")));
    page.to_writer(out)
}

/// The key, its value and its default.
fn head(key: &Key) -> Vec<Inline> {
    let mut line = vec![bold(key.name.clone()), roman(": ")];
    line.push(italic(key.value.replace('`', "")));
    line.extend(match &key.default {
        LeftOut::Required => Some(roman(" (required)")),
        LeftOut::Nothing => None,
        LeftOut::Value(value) => Some(roman(format!(" (default: {value})"))),
    });
    line
}
