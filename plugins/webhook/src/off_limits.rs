//! Addresses to which nothing is ever sent: those at which a cloud tells a machine its secrets.
//!
//! Whoever may choose a URL, or answers for its name in the DNS, could otherwise have us talk to
//! services that trust every process of this machine. A name is looked at after it was resolved,
//! at every connection, because its answer may change. Private networks are allowed: that is
//! where collectors of events live.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Metadata services outside the link-local ranges.
const METADATA: [IpAddr; 5] = [
    // Alibaba Cloud.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Oracle Cloud.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // AWS.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    // Google Cloud.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Their names, for where a proxy resolves them and no address is seen here.
const METADATA_NAMES: [&str; 4] =
    ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "instance-data"];

/// Whether nothing is sent to the address.
pub(crate) fn is_off_limits(address: IpAddr) -> bool {
    METADATA.contains(&address)
        || match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => {
                let is_off_limits = |embedded: Ipv4Addr| is_off_limits(embedded.into());
                address.is_unicast_link_local() || embedded(address).any(is_off_limits)
            }
        }
}

/// The IPv4 addresses that an IPv6 one may stand for: mapped (RFC 4291 section 2.5.5.2) or
/// translated by NAT64.
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    /// The octets of an IPv4 address after a prefix of 48, 56, 64 and 96 bits (RFC 6052 section
    /// 2.2).
    const PLACES: [[usize; 4]; 4] =
        [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]];
    let places = match address.segments() {
        // What everybody uses has 96 bits (section 2.1).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => &PLACES[3..],
        // Of a network's own (RFC 8215), only that network knows how many it has.
        [0x64, 0xff9b, 1, ..] => &PLACES[..],
        _ => &[],
    };
    let translated =
        places.iter().map(move |place| Ipv4Addr::from(place.map(|at| address.octets()[at])));
    address.to_ipv4_mapped().into_iter().chain(translated)
}

/// Whether the host of a URL, as it is written there, is one to which nothing is sent.
pub(crate) fn names_off_limits(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_off_limits(address.into()),
        Some(Host::Ipv6(address)) => is_off_limits(address.into()),
        Some(Host::Domain(name)) => METADATA_NAMES.contains(&name.trim_end_matches('.')),
        None => false,
    }
}

/// Resolves as the system does, and leaves out what is off limits.
#[derive(Debug)]
pub(crate) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0 stands for the one in the URL.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(|error| {
                // What is before the colon, every error of a resolver begins with.
                error.to_string().replace("failed to lookup address information: ", "")
            })?;
            allowed(found.collect()).map(|allowed| Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Those that something may be sent to; an error if there are others only.
fn allowed(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let (refused, allowed): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| is_off_limits(address.ip()));
    match (allowed.first(), refused.first()) {
        (None, Some(address)) => Err(Box::new(OffLimits(address.ip()))),
        (None, None) => Err("the name has no address".into()),
        (Some(_), _) => Ok(allowed),
    }
}

/// That a name leads nowhere else.
#[derive(Debug)]
pub(crate) struct OffLimits(pub(crate) IpAddr);

impl fmt::Display for OffLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, a link-local or metadata address", self.0)
    }
}

impl Error for OffLimits {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_cannot_be_reached_however_they_are_written() {
        for host in [
            "169.254.169.254",
            "169.254.0.1",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "[fe80::1]",
            "[febf::1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[64:ff9b:1::169.254.169.254]",
            "[64:ff9b:1:a9fe:a9:fe00::]",
            "[64:ff9b:1:a9:fe:a9fe::]",
            "[64:ff9b:1:0:a9:fea9:fe00:0]",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "metadata.google.internal",
            "Metadata.Google.Internal.",
        ] {
            assert!(names_off_limits(&format!("https://{host}/").parse().unwrap()), "{host}");
        }
        for host in [
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "[::1]",
            "[fd00::1]",
            "[fec0::1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::10.0.0.1]",
            "google.internal",
        ] {
            assert!(!names_off_limits(&format!("https://{host}/").parse().unwrap()), "{host}");
        }
    }

    #[test]
    fn a_name_that_leads_to_both_leads_to_what_is_allowed() {
        let addresses = |texts: &[&str]| texts.iter().map(|it| it.parse().unwrap()).collect();
        let both = addresses(&["169.254.169.254:0", "10.0.0.1:0"]);
        assert_eq!(allowed(both).unwrap(), [SocketAddr::from(([10, 0, 0, 1], 0))]);
        let error = allowed(addresses(&["[fe80::1]:0"])).unwrap_err();
        assert_eq!(error.to_string(), "fe80::1, a link-local or metadata address");
        assert!(allowed(Vec::new()).is_err());
    }

    #[tokio::test]
    async fn names_are_looked_at_after_they_were_resolved() {
        let resolve = |name: &str| Resolver.resolve(name.parse().unwrap());
        let error = resolve("169.254.169.254").await.err().unwrap();
        assert!(error.is::<OffLimits>(), "{error}");
        assert!(resolve("localhost").await.unwrap().all(|address| address.ip().is_loopback()));
    }
}
