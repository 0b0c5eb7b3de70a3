//! Where the socket is.
//!
//! It lies in `$RUNTIME_DIRECTORY` where systemd gives one, else in the state directory. Commands
//! do not see the daemon's environment, so a symbolic link in the state directory always leads
//! there.

use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};
use tokio::net::UnixListener;

const NAME: &str = "control.sock";

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the control socket `{}`", path.display())]
pub struct SocketError {
    path: PathBuf,
    source: io::Error,
}

/// A socket that is listened on; taken away when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    paths: Vec<PathBuf>,
}

impl Socket {
    /// Makes the socket. The caller holds the lock of the state directory, so what lies there is
    /// nobody's any more.
    pub(super) fn bind(state_dir: &Path, runtime_dir: Option<&Path>) -> Result<Self, SocketError> {
        let link = state_dir.join(NAME);
        let path = runtime_dir.map_or_else(|| link.clone(), |directory| directory.join(NAME));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| SocketError { path, source }
        };
        remove(&path).map_err(failed(&path))?;
        let listener = bind(&path).map_err(failed(&path))?;
        let mut paths = vec![path.clone()];
        if path != link {
            remove(&link).map_err(failed(&link))?;
            std::os::unix::fs::symlink(&path, &link).map_err(failed(&link))?;
            paths.push(link);
        }
        Ok(Self { listener, paths })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        for path in &self.paths {
            // The next daemon takes away what is left.
            drop(remove(path));
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = within(path, |short| UnixListener::bind(short))?;
    // Between the two lines only the directory's mode protects it; whoever connects is looked at.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the daemon of a state directory; the stream does not block.
///
/// Nor does this: a daemon that is stopped takes nobody in, and where as many wait for it as the
/// kernel lets wait, that is an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock)
/// (`connect(2)`, `EAGAIN`).
pub(super) fn connect(state_dir: &Path) -> io::Result<UnixStream> {
    let path = fs::canonicalize(state_dir.join(NAME))?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    within(&path, |short| Ok(socket::connect(socket.as_raw_fd(), &UnixAddr::new(short)?)?))?;
    Ok(socket.into())
}

/// The address of a socket has room for some 100 bytes; the way through the directory's descriptor
/// is always short.
fn within<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let directory = fs::File::open(path.parent().unwrap_or(Path::new("/")))?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(NAME))
}
