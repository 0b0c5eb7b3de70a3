//! How a mail gets to a server (RFC 5321): connect, encrypt, log in, hand over, keep in touch.
//!
//! Each step is taken by itself, because the same refusal means something else at each: what is
//! said of the recipient concerns one mail, what is said before that concerns all of them.
//!
//! Knows bytes and addresses, but nothing of events.

mod by_line;
mod failed;
mod parked;
mod session;
mod stream;
mod trust;

pub(crate) use failed::Failed;
pub(crate) use parked::Parked;
pub(crate) use session::Session;

use seatwatch_sdk::Problem;

use crate::ServerConfig;

/// What is wrong with the files that the server needs: password and certificates.
pub(crate) fn file_problems(server: &ServerConfig) -> Vec<Problem> {
    let password = server.password_file.as_ref().and_then(|password| {
        let error = password.read_line().err()?;
        Some(Problem::of_secret(&["server", "password_file"], &error))
    });
    let certificates = server.ca_file.as_ref().and_then(|path| {
        let text = trust::read(path).err()?;
        let hint = "name a file of certificates in PEM form";
        Some(Problem::at(&["server", "ca_file"], text).with_hint(hint))
    });
    password.into_iter().chain(certificates).collect()
}
