//! What was found on the machine, for people and for machines.

use std::io::{self, Write};

use crate::cli::exit::Exit;
use crate::cli::output::{self, Row, row, shown, table};
use crate::preflight::{Finding, Found};

/// A line for each thing that was looked at; what is wrong stands below all tables.
pub(super) fn write_table(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let mut checks = table(&["CHECK", "RESULT"]);
    for Finding { check, result } in findings {
        let result = match result {
            Found::Good(text) => shown(text),
            Found::Warning { .. } => "a warning, see below".to_owned(),
            Found::Bad(_) => "see below".to_owned(),
        };
        checks.add_row([(*check).to_owned(), result]);
    }
    output::write_table(&checks, out)?;
    writeln!(out)
}

/// What is wrong, and what to do.
pub(super) fn write_troubles(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    for Finding { check, result } in findings {
        let (message, hint) = match result {
            Found::Good(_) => continue,
            Found::Warning { message, hint } => (format!("warning: {message}"), Some(hint)),
            Found::Bad(failure) => (failure.message.clone(), failure.hint.as_ref()),
        };
        writeln!(out, "\n{check}: {}", shown(&message))?;
        if let Some(hint) = hint {
            writeln!(out, "hint: {}", shown(hint))?;
        }
    }
    Ok(())
}

/// How the command ends because of it, if it does.
pub(super) fn exit(finding: &Finding) -> Option<Exit> {
    match &finding.result {
        Found::Bad(failure) => Some(failure.exit),
        Found::Good(_) | Found::Warning { .. } => None,
    }
}

pub(super) fn is_warning(finding: &Finding) -> bool {
    matches!(finding.result, Found::Warning { .. })
}

/// A row for machines: `result` is `ok`, `warning` or `error`; only the last is not `ok: true`.
pub(super) fn row(finding: &Finding) -> Row {
    let (result, message, hint) = match &finding.result {
        Found::Good(text) => ("ok", text, None),
        Found::Warning { message, hint } => ("warning", message, Some(hint)),
        Found::Bad(failure) => ("error", &failure.message, failure.hint.as_ref()),
    };
    row! {
        check: finding.check,
        result: result,
        ok: result != "error",
        message: message,
        hint: hint,
    }
}
