//! Why an address cannot be listened on: the same words for the daemon and for who looks before.

use std::io;
use std::net::SocketAddr;

use crate::exit::{Exit, Failure};

/// Whether somebody is there already.
pub(crate) fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// Why it cannot be, and what to do.
pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error) -> Failure {
    let message = format!("cannot listen on {address}: {error}");
    match error.kind() {
        io::ErrorKind::AddrInUse => Failure::new(Exit::Unavailable, message)
            .with_hint("another program is there: give `listen` another port"),
        io::ErrorKind::PermissionDenied => Failure::new(Exit::NoPermission, message)
            .with_hint("ports below 1024 are for root: give `listen` a higher one"),
        // It may come: a lease, a tunnel, an address that the machine takes over. So this is not
        // what ends the service for good.
        io::ErrorKind::AddrNotAvailable => Failure::new(Exit::Unavailable, message)
            .with_hint("`listen` must be an address of this machine"),
        _ => Failure::new(Exit::Unavailable, message),
    }
}
