//! Rows for machines: JSON objects and CSV lines with the same keys.
//!
//! Machines get names as they are, except that no CSV cell is a formula. Knows no particular row;
//! those are in `tables`.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer as _;
use serde::ser::SerializeSeq as _;
use serde_json::Value;

/// One row: keys in the order in which CSV has its columns.
pub(crate) type Row = serde_json::Map<String, Value>;

/// Makes a row of its cells.
macro_rules! row {
    ($($key:tt: $value:expr),* $(,)?) => {
        [$((stringify!($key).to_owned(), serde_json::json!($value))),*]
            .into_iter()
            .collect::<$crate::rows::Row>()
    };
}
pub(crate) use row;

/// Writes rows as one array of objects.
pub(crate) fn write_json(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, rows)?;
    writeln!(out)
}

/// Writes rows as CSV; the header stands there also where there are none.
pub(crate) fn write_csv(header: &[&str], rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(header).map_err(as_io)?;
    for row in rows {
        writer.write_record(cells(header, row)).map_err(as_io)?;
    }
    writer.flush()
}

/// Writes rows as both, one after the other, up to the first that is none: there may be too many to
/// have them all at once.
pub(crate) fn write_both(
    header: &[&str],
    rows: impl Iterator<Item = io::Result<Row>>,
    csv: &mut dyn Write,
    json: &mut dyn Write,
) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(csv);
    table.write_record(header).map_err(as_io)?;
    let mut serializer = serde_json::Serializer::pretty(&mut *json);
    let mut array = serializer.serialize_seq(None)?;
    for row in rows {
        let row = row?;
        table.write_record(cells(header, &row)).map_err(as_io)?;
        array.serialize_element(&row)?;
    }
    array.end()?;
    table.flush()?;
    writeln!(json)
}

/// The cells of a row in CSV.
pub(crate) fn cells(header: &[&str], row: &Row) -> impl Iterator<Item = String> {
    header.iter().map(|key| row.get(*key).map(cell).unwrap_or_default())
}

/// Keeps the kind, by which a closed pipe is known.
pub(crate) fn as_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => seatwatch_sdk::formula_safe(text).into_owned(),
        // Several in one cell.
        Value::Array(values) if values.iter().all(|value| !value.is_object()) => {
            let text =
                |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let texts: Vec<String> = values.iter().map(text).collect();
            seatwatch_sdk::formula_safe(&texts.join("; ")).into_owned()
        }
        other => other.to_string(),
    }
}

/// A time as machines get it.
pub(crate) fn utc(time: Option<DateTime<Utc>>) -> Option<String> {
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
