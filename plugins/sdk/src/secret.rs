//! Secrets: where they come from, and how they stay secret.
//!
//! A secret is read when it is needed, so that a rotated one is taken up without a reload. It
//! comes from a file, a systemd credential or the environment, never from the configuration. A
//! file that other people can read is refused, for root too: the mode is looked at, not whether
//! opening succeeds.
//!
//! No error quotes what was read.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

use crate::{FileError, FilePath, Origin, file};

/// Secrets are short; what is longer was named by mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// What systemd puts before the names of the files in a directory that it loads as credentials,
/// `LoadCredential=seatwatch:DIRECTORY` (systemd.exec(5)): the unit's own directory of secrets.
const LOADED_AS: &str = "seatwatch_";

/// A secret in memory. `Debug` prints `***`, and it is wiped when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text as a secret, as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself, for the header or the key that it is for.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// A file that only we, root and our group may read.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A file in `$CREDENTIALS_DIRECTORY`, which systemd keeps for us.
    Credential(PathBuf),
}

/// In a configuration, the path of a file; where it lies is known once it is
/// [resolved](SecretSource::resolve).
impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        FilePath::deserialize(deserializer).map(|path| Self::File(path.into()))
    }
}

impl JsonSchema for SecretSource {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SecretSource".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        FilePath::json_schema(generator)
    }
}

impl fmt::Display for SecretSource {
    /// What an error or a log line calls it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Credential(path) if is_token(path) => f.write_str("***"),
            Self::File(path) | Self::Credential(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "${name}"),
        }
    }
}

/// Whether somebody has put the secret itself where its file belongs: Codecov's tokens are UUIDs,
/// those of Standard Webhooks begin with `whsec_`, and URLs have a scheme.
fn is_token(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let has_scheme =
        path.components().any(|part| part.as_os_str().as_encoded_bytes().ends_with(b":"));
    has_scheme
        || name
            .is_some_and(|name| name.starts_with("whsec_") || uuid::Uuid::try_parse(name).is_ok())
}

impl SecretSource {
    /// Where the secret called `name` in a configuration in `directory` is.
    ///
    /// A bare name is looked up among the credentials first, if there are any.
    pub fn locate(name: &Path, origin: &Origin<'_>) -> Self {
        let is_bare = name.components().count() == 1 && name.file_name() == Some(name.as_os_str());
        if let (true, Some(credentials)) = (is_bare, origin.credentials)
            && let Some(credential) = credential(name, credentials)
        {
            return Self::Credential(credential);
        }
        // Collected again, a path loses its `./`.
        Self::File(origin.directory.join(name).components().collect())
    }

    /// The same source, as a configuration in `origin` means it; a sink calls it for each of its
    /// secrets when its paths are resolved. Resolved again, it stays as it is.
    pub fn resolve(&mut self, origin: &Origin<'_>) {
        if let Self::File(path) = self {
            *self = Self::locate(path, origin);
        }
    }

    /// Where it lies; none for one from the environment.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Credential(path) => Some(path),
            Self::Env(_) => None,
        }
    }

    /// Reads it now.
    ///
    /// A line end after it is left out.
    ///
    /// # Errors
    ///
    /// It is not there, others can read it, or what is there cannot be a secret in one word.
    pub fn read(&self) -> Result<Secret, SecretError> {
        self.read_as(whole)
    }

    /// Reads a secret that may hold blanks, such as a password: one line.
    ///
    /// # Errors
    ///
    /// As of [`read`](Self::read), or there is more than a line.
    pub fn read_line(&self) -> Result<Secret, SecretError> {
        self.read_as(line)
    }

    /// Reads several secrets, at least one: those that stand between white space and line ends.
    /// While one is rotated, the old and the new one are both in the file.
    ///
    /// # Errors
    ///
    /// As of [`read`](Self::read).
    pub fn read_several(&self) -> Result<Vec<Secret>, SecretError> {
        self.read_as(|text| {
            let words: Vec<_> = text.split_whitespace().map(Secret::new).collect();
            if words.is_empty() { Err(Kind::Empty) } else { Ok(words) }
        })
    }

    /// Reads a secret of many lines, such as a private key in PEM form, as it is.
    ///
    /// # Errors
    ///
    /// It is not there, others can read it, it is empty or not text.
    pub fn read_lines(&self) -> Result<Secret, SecretError> {
        self.read_as(|text| match text.trim() {
            "" => Err(Kind::Empty),
            _ => Ok(Secret::new(text)),
        })
    }

    /// Makes sure that it can be read and that nobody else can, whatever is in it.
    ///
    /// # Errors
    ///
    /// It is not there, others can read it, or it is empty.
    pub fn probe(&self) -> Result<(), SecretError> {
        self.read_as(|text| if text.trim().is_empty() { Err(Kind::Empty) } else { Ok(()) })
    }

    fn read_as<T>(&self, take: impl FnOnce(&str) -> Result<T, Kind>) -> Result<T, SecretError> {
        let taken = self.read_text().and_then(|text| take(&text));
        taken.map_err(|kind| SecretError { from: self.clone(), kind })
    }

    fn read_text(&self) -> Result<String, Kind> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(text) => Ok(text),
                Err(std::env::VarError::NotPresent) => Err(Kind::Unset),
                Err(std::env::VarError::NotUnicode(_)) => Err(Kind::NotText),
            },
            Self::File(path) => read_file(path, check_mode),
            Self::Credential(path) => read_file(path, |_| Ok(())),
        }
    }
}

/// The credential of that name in a directory: one that was loaded by itself, or with others.
fn credential(name: &Path, directory: &Path) -> Option<PathBuf> {
    let mut loaded = OsString::from(LOADED_AS);
    loaded.push(name);
    [directory.join(name), directory.join(loaded)].into_iter().find(|path| path.exists())
}

fn read_file(path: &Path, check: impl Fn(&Metadata) -> Result<(), Kind>) -> Result<String, Kind> {
    let (file, metadata) = file::open(path).map_err(Kind::File)?;
    check(&metadata)?;
    let bytes = file::read(file, MAX_BYTES).map_err(Kind::File)?;
    String::from_utf8(bytes).map_err(|_| Kind::NotText)
}

/// Refuses a file that others than root, its owner and our group can read.
fn check_mode(metadata: &Metadata) -> Result<(), Kind> {
    let mode = metadata.mode() & 0o7777;
    let is_trusted = metadata.gid() == 0 || metadata.gid() == nix::unistd::getegid().as_raw();
    if mode & 0o004 != 0 {
        return Err(Kind::Open { mode, by: "everybody" });
    }
    if mode & 0o040 != 0 && !is_trusted {
        return Err(Kind::Open { mode, by: "a group that is neither root's nor ours" });
    }
    Ok(())
}

/// Takes off the line end and makes sure that the rest is one line.
fn line(text: &str) -> Result<Secret, Kind> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim().is_empty() {
        return Err(Kind::Empty);
    }
    if line.contains(char::is_control) {
        return Err(Kind::Space);
    }
    Ok(Secret::new(line))
}

/// Takes off the line end and makes sure that the rest is one word.
fn whole(text: &str) -> Result<Secret, Kind> {
    let word = text.strip_suffix('\n').unwrap_or(text);
    let word = word.strip_suffix('\r').unwrap_or(word);
    if word.trim().is_empty() {
        return Err(Kind::Empty);
    }
    if word.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Kind::Space);
    }
    Ok(Secret::new(word))
}

/// Why a secret cannot be used.
#[derive(Debug)]
pub struct SecretError {
    from: SecretSource,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unset,
    File(FileError),
    Open { mode: u32, by: &'static str },
    NotText,
    Empty,
    Space,
}

impl SecretError {
    /// What to do.
    pub fn hint(&self) -> String {
        let from = &self.from;
        match (&self.kind, from) {
            (Kind::Unset, _) | (Kind::Empty, SecretSource::Env(_)) => {
                format!("put the token into {from}, or name a file in `token_file`")
            }
            (Kind::File(FileError::Unreadable(error)), _)
                if error.kind() == io::ErrorKind::PermissionDenied =>
            {
                let user = nix::unistd::geteuid();
                let name = nix::unistd::User::from_uid(user).ok().flatten();
                let name = name.map_or_else(|| user.to_string(), |user| user.name);
                format!("the user that seatwatch runs as must own it: `chown {name} {from}`")
            }
            (Kind::File(FileError::Unreadable(_)) | Kind::Empty, _) => {
                format!("put the secret alone into it, and `chmod 600 {from}`")
            }
            (Kind::Open { .. }, _) => format!("`chmod 600 {from}`"),
            (Kind::File(_) | Kind::NotText, _) => {
                "name a file that holds the secret and nothing else".to_owned()
            }
            (Kind::Space, _) => "it must hold the secret and nothing else, in one line".to_owned(),
        }
    }
}

impl std::error::Error for SecretError {}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = &self.from;
        match &self.kind {
            Kind::Unset => write!(f, "the environment variable `{from}` is not set"),
            Kind::File(FileError::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "the secret `{from}` does not exist")
            }
            Kind::File(error) => write!(f, "the secret `{from}` {error}"),
            Kind::Open { mode, by } => {
                write!(f, "the secret `{from}` can be read by {by} (mode {mode:04o})")
            }
            Kind::NotText => write!(f, "the secret `{from}` is not UTF-8 text"),
            Kind::Empty => write!(f, "the secret `{from}` is empty"),
            Kind::Space => write!(f, "the secret `{from}` holds white space or control characters"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// What reading a file with this content and mode gives, without the directory's name.
    fn read(content: impl AsRef<[u8]>, mode: u32) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        show(&SecretSource::File(path), directory.path())
    }

    fn show(source: &SecretSource, directory: &Path) -> String {
        let text = match source.read() {
            Ok(secret) => secret.expose().to_owned(),
            Err(error) => format!("{error}; {}", error.hint()),
        };
        text.replace(directory.to_str().unwrap(), "[DIR]")
    }

    #[test]
    fn a_line_end_is_no_part_of_a_token() {
        for content in ["t0ken", "t0ken\n", "t0ken\r\n"] {
            assert_eq!(read(content, 0o600), "t0ken");
        }
        assert_eq!(read("t0ken", 0o400), "t0ken");
    }

    #[test]
    fn a_secret_of_many_lines_is_read_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "-----BEGIN\nkey\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let source = SecretSource::File(path.clone());
        assert_eq!(source.read_lines().unwrap().expose(), "-----BEGIN\nkey\n");
        fs::write(&path, "\n \n").unwrap();
        assert!(source.read_lines().is_err());
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_it() {
        let big = "x".repeat(70_000);
        let cases: [(&[u8], u32); 9] = [
            (b"t0ken", 0o644),
            (b"t0ken", 0o604),
            (b"", 0o600),
            (b"\n", 0o600),
            (b"t0 ken", 0o600),
            (b"t0ken\n\n", 0o600),
            (b" t0ken", 0o600),
            (b"t0ken\xff", 0o600),
            (big.as_bytes(), 0o600),
        ];
        insta::assert_snapshot!(cases.map(|(content, mode)| read(content, mode)).join("\n"), @r"
        the secret `[DIR]/token` can be read by everybody (mode 0644); `chmod 600 [DIR]/token`
        the secret `[DIR]/token` can be read by everybody (mode 0604); `chmod 600 [DIR]/token`
        the secret `[DIR]/token` is empty; put the secret alone into it, and `chmod 600 [DIR]/token`
        the secret `[DIR]/token` is empty; put the secret alone into it, and `chmod 600 [DIR]/token`
        the secret `[DIR]/token` holds white space or control characters; it must hold the secret and nothing else, in one line
        the secret `[DIR]/token` holds white space or control characters; it must hold the secret and nothing else, in one line
        the secret `[DIR]/token` holds white space or control characters; it must hold the secret and nothing else, in one line
        the secret `[DIR]/token` is not UTF-8 text; name a file that holds the secret and nothing else
        the secret `[DIR]/token` is larger than 64 KiB; name a file that holds the secret and nothing else
        ");
    }

    #[test]
    fn what_is_not_a_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let sources = [pipe, directory.path().to_owned(), directory.path().join("missing")];
        let texts = sources.map(|path| show(&SecretSource::File(path), directory.path()));
        insta::assert_snapshot!(texts.join("\n"), @r"
        the secret `[DIR]/pipe` is not a regular file; name a file that holds the secret and nothing else
        the secret `[DIR]` is not a regular file; name a file that holds the secret and nothing else
        the secret `[DIR]/missing` does not exist; put the secret alone into it, and `chmod 600 [DIR]/missing`
        ");
    }

    #[test]
    fn a_bare_name_is_a_credential_if_there_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = directory.path();
        fs::write(credentials.join("token"), "t0ken").unwrap();
        fs::set_permissions(credentials.join("token"), Permissions::from_mode(0o644)).unwrap();
        let locate = |name: &str| {
            let directory = Path::new("/etc/seatwatch");
            let origin = Origin { directory, credentials: Some(credentials), ..Origin::default() };
            SecretSource::locate(Path::new(name), &origin)
        };
        let credential = locate("token");
        assert_eq!(credential, SecretSource::Credential(credentials.join("token")));
        assert_eq!(credential.read().unwrap().expose(), "t0ken");
        assert_eq!(locate("./token"), SecretSource::File("/etc/seatwatch/token".into()));
        assert_eq!(locate("other"), SecretSource::File("/etc/seatwatch/other".into()));
        assert_eq!(locate("/run/token"), SecretSource::File("/run/token".into()));
    }

    #[test]
    fn a_variable_must_be_set() {
        let error = SecretSource::Env("SEATWATCH_TEST_UNSET".into()).read().unwrap_err();
        insta::assert_snapshot!(format!("{error}; {}", error.hint()), @"the environment variable `$SEATWATCH_TEST_UNSET` is not set; put the token into $SEATWATCH_TEST_UNSET, or name a file in `token_file`");
        assert!(SecretSource::Env("PATH".into()).read().is_ok());
    }

    #[test]
    fn debug_output_has_no_secret() {
        assert_eq!(format!("{:?}", Secret::new("t0ken")), "***");
    }
}
