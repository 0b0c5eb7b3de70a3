//! Puts a pack into a folder: whole, or not at all.
//!
//! The files are written aside, and get their place when they are all on the disk: as a folder that
//! gets its name, or, where an empty one is there, one by one, the manifest last. Nothing that is
//! there already is touched.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::json;

use super::digest::digest;
use super::sheets::sheets;
use super::workplace::{self, Workplace};
use super::{Evidence, page};
use crate::rows::utc;

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its name in the folder.
    pub name: String,
    /// How large it is.
    pub bytes: u64,
    /// SHA-256 of what is in it, in hexadecimal digits.
    pub sha256: String,
}

/// Writes a pack into a folder that is not there yet, or is empty. Nobody else can read what is in
/// it: it is full of names. `is_stopped` is asked now and then whether it is still wanted.
///
/// # Errors
///
/// There is something in the folder, it cannot be written, or it is not wanted any more; then
/// nothing is left of it.
pub fn write(
    evidence: &Evidence<'_>,
    folder: &Path,
    is_stopped: impl Fn() -> bool,
) -> io::Result<Vec<Written>> {
    workplace::clear(folder);
    let is_there = is_there(folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    workplace::clear(parent);
    // One that is there may be a mount, which nothing can take the place of.
    let work = Workplace::make(if is_there { folder } else { parent })?;
    let files = fill(&work, evidence, is_stopped)?;
    File::open(work.path())?.sync_all()?;
    if is_there {
        move_all(&work, &files, folder)?;
        return Ok(files);
    }
    work.become_folder(folder)?;
    // The pack is there. That its name outlives a power failure cannot be helped where the folder
    // around it cannot be opened.
    drop(File::open(parent).and_then(|parent| parent.sync_all()));
    Ok(files)
}

/// Writes all files of a pack; the manifest is the last.
fn fill(
    work: &Workplace,
    evidence: &Evidence<'_>,
    is_stopped: impl Fn() -> bool,
) -> io::Result<Vec<Written>> {
    let go_on = || if is_stopped() { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) };
    let mut names = Vec::new();
    for sheet in sheets(evidence) {
        go_on()?;
        let [csv, json] = ["csv", "json"].map(|ending| format!("{}.{ending}", sheet.name));
        let [mut csv_file, mut json_file] = [create(work, &csv)?, create(work, &json)?];
        sheet.write(evidence, go_on, &mut csv_file, &mut json_file)?;
        finish(csv_file)?;
        finish(json_file)?;
        names.extend([csv, json]);
    }
    go_on()?;
    let mut file = create(work, PAGE)?;
    page::write(evidence, &mut file)?;
    finish(file)?;
    names.push(PAGE.to_owned());
    names.sort();
    let files = names.into_iter().map(|name| hash(work, name)).collect::<io::Result<Vec<_>>>();
    let mut files = files?;
    let mut file = create(work, MANIFEST)?;
    serde_json::to_writer_pretty(&mut file, &manifest(evidence, &files))?;
    file.write_all(b"\n")?;
    finish(file)?;
    files.push(hash(work, MANIFEST.to_owned())?);
    crash_point!("report:written");
    go_on()?;
    Ok(files)
}

/// Moves the files into a folder, the manifest last; none of them where one cannot be moved.
fn move_all(work: &Workplace, files: &[Written], folder: &Path) -> io::Result<()> {
    for (moved, file) in files.iter().enumerate() {
        if let Err(error) = fs::rename(work.path().join(&file.name), folder.join(&file.name)) {
            for file in files.iter().take(moved) {
                drop(fs::remove_file(folder.join(&file.name)));
            }
            return Err(error);
        }
    }
    File::open(folder)?.sync_all()
}

/// The page that needs nothing else.
const PAGE: &str = "report.html";

/// What the pack is of, and the digest of each file.
const MANIFEST: &str = "manifest.json";

/// Whether there is a folder, which must be empty.
fn is_there(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(true),
            Some(_) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn create(work: &Workplace, name: &str) -> io::Result<BufWriter<File>> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(work.path().join(name))?;
    Ok(BufWriter::new(file))
}

fn finish(file: BufWriter<File>) -> io::Result<()> {
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn hash(work: &Workplace, name: String) -> io::Result<Written> {
    let (bytes, sha256) = digest(&work.path().join(&name))?;
    Ok(Written { name, bytes, sha256 })
}

fn manifest(evidence: &Evidence<'_>, files: &[Written]) -> serde_json::Value {
    let organizations = evidence.organizations.iter().map(|chapter| chapter.id.to_string());
    let compared = evidence
        .compared
        .as_ref()
        .map(|compared| json!({ "list": compared.list, "sha256": compared.sha256 }));
    let files = files
        .iter()
        .map(|file| json!({ "name": file.name, "bytes": file.bytes, "sha256": file.sha256 }));
    json!({
        "seatwatch": env!("CARGO_PKG_VERSION"),
        "instance": evidence.instance,
        "config_sha256": evidence.config_sha256,
        "from": utc(Some(evidence.from)),
        "to": utc(Some(evidence.to)),
        "organizations": organizations.collect::<Vec<_>>(),
        "compared_with": compared,
        "files": files.collect::<Vec<_>>(),
    })
}
