//! So many at a time from one address: nobody takes all places alone.
//!
//! Whoever has a network of IPv6 has more addresses than there are places, so that a network of 64
//! bits counts as one address. On loopback there is no telling clients apart, and no limit.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of all addresses.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Of one address.
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One place. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: Option<IpAddr>,
}

impl Places {
    /// Each address may take `most` at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A place for a client, unless those of its address are taken.
    pub(super) fn take(&self, client: IpAddr) -> Option<Place> {
        let address = client.to_canonical();
        if address.is_loopback() {
            return Some(Place { places: self.clone(), address: None });
        }
        let address = network(address);
        let mut taken = self.lock();
        let number = taken.entry(address).or_default();
        if *number >= self.most {
            return None;
        }
        *number += 1;
        drop(taken);
        Some(Place { places: self.clone(), address: Some(address) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        if let Entry::Occupied(mut number) = self.places.lock().entry(address) {
            *number.get_mut() -= 1;
            if *number.get() == 0 {
                number.remove();
            }
        }
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets these come one after the other, each twice allowed; says who got no place.
    fn refused(clients: &[&str]) -> Vec<String> {
        let places = Places::new(2);
        let taken: Vec<_> =
            clients.iter().map(|client| (client, places.take(client.parse().unwrap()))).collect();
        let refused = taken.iter().filter(|(_, place)| place.is_none());
        refused.map(|(client, _)| (**client).to_owned()).collect()
    }

    #[test]
    fn an_address_has_its_share_and_no_more() {
        assert!(refused(&["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2"]).is_empty());
        assert_eq!(refused(&["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"]), ["10.0.0.1"]);
        // The same, written as IPv6.
        assert_eq!(refused(&["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1"]), ["10.0.0.1"]);
        assert_eq!(refused(&["fd00::1", "fd00::2", "fd00::3", "fd00:0:0:1::3"]), ["fd00::3"]);
        assert!(refused(&["127.0.0.1"; 9]).is_empty() && refused(&["::1"; 9]).is_empty());
    }

    #[test]
    fn a_place_is_free_again_and_nothing_is_kept() {
        let places = Places::new(1);
        let client = "10.0.0.1".parse().unwrap();
        let place = places.take(client);
        assert!(place.is_some() && places.take(client).is_none());
        drop(place);
        assert!(places.lock().is_empty());
        assert!(places.take(client).is_some());
    }
}
