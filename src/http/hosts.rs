//! By which names the server may be called.
//!
//! A web page that lets its own name point to our address (DNS rebinding) makes a visitor's
//! browser read us in its name. The browser then sends that name as `Host`, which we refuse: it
//! is neither our address nor `localhost` nor in the config.
//!
//! Pure: knows headers and an address.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, Version, header};

/// Says with which status a request is refused because of the name that it calls us, if it is.
pub(super) fn refusal(
    (version, uri, headers): (Version, &Uri, &HeaderMap),
    address: SocketAddr,
    names: &[String],
) -> Option<StatusCode> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let called = match (uri.authority(), hosts.next(), hosts.next()) {
        (_, _, Some(_)) => return Some(StatusCode::BAD_REQUEST),
        // RFC 9112, section 3.2.2: what stands in the request line counts.
        (Some(authority), ..) => Some(authority.clone()),
        (None, Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        // Only what is no browser speaks HTTP/1.0 or leaves the name out.
        (None, None, None) if version < Version::HTTP_11 => return None,
        (None, None, None) => return Some(StatusCode::BAD_REQUEST),
    };
    let is_ours = called.is_some_and(|called| is_ours(&called, address, names));
    (!is_ours).then_some(StatusCode::MISDIRECTED_REQUEST)
}

fn is_ours(called: &Authority, address: SocketAddr, names: &[String]) -> bool {
    if called.as_str().contains('@') {
        return false;
    }
    let host = called.host().trim_start_matches('[').trim_end_matches([']', '.']);
    let ip: Option<IpAddr> = host.parse().ok();
    let is_named = |name: &String| match ip {
        Some(ip) => name.parse() == Ok(ip),
        None => name.eq_ignore_ascii_case(host),
    };
    let is_here = match ip {
        Some(ip) => {
            address.ip().is_unspecified() || ip.to_canonical() == address.ip().to_canonical()
        }
        None => host.eq_ignore_ascii_case("localhost"),
    };
    // Whatever the port: behind a proxy or a mapped port it is another, and whoever rebinds a name
    // cannot do without the name.
    is_here || names.iter().any(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a request with this `Host` where the server listens on `address`.
    #[track_caller]
    fn check(address: &str, host: &str, status: u16) {
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        let names = ["watch.example.com".to_owned(), "10.1.2.3".to_owned(), "fd00::7".to_owned()];
        let request = (Version::HTTP_11, &Uri::from_static("/metrics"), &headers);
        let refusal = refusal(request, address.parse().unwrap(), &names);
        assert_eq!(refusal.map_or(200, |status| status.as_u16()), status, "{address} {host}");
    }

    #[test]
    fn the_address_localhost_and_the_names_in_the_config_are_ours() {
        for host in ["127.0.0.1:9642", "localhost:9642", "LOCALHOST:9642", "localhost.:9642"] {
            check("127.0.0.1:9642", host, 200);
        }
        // A tunnel or a container shows us at another port.
        for host in ["127.0.0.1", "localhost", "127.0.0.1:80", "localhost:9999"] {
            check("127.0.0.1:9642", host, 200);
        }
        for host in ["watch.example.com", "Watch.Example.com:443", "10.1.2.3:80", "[fd00:0::7]"] {
            check("127.0.0.1:9642", host, 200);
        }
        check("[::1]:9642", "[::1]:9642", 200);
        check("[::1]:9642", "[0:0::1]:9642", 200);
        check("127.0.0.1:80", "127.0.0.1", 200);
        check("127.0.0.1:80", "localhost", 200);
    }

    #[test]
    fn every_other_name_is_somebody_elses() {
        for host in [
            "evil.example:9642",
            "127.0.0.2:9642",
            "[::1]:9642",
            "localhost.evil.example:9642",
            "evil.example@127.0.0.1:9642",
            "a.watch.example.com",
            "",
            "a b",
        ] {
            check("127.0.0.1:9642", host, 421);
        }
    }

    #[test]
    fn where_every_address_is_listened_on_each_is_ours() {
        for host in ["10.9.9.9:9642", "127.0.0.1:9642", "[fe80::1]:9642", "localhost:9642"] {
            check("0.0.0.0:9642", host, 200);
            check("[::]:9642", host, 200);
        }
        check("0.0.0.0:9642", "10.9.9.9:80", 200);
        check("[::]:9642", "evil.example:9642", 421);
    }

    #[test]
    fn a_request_without_a_name_is_for_who_knows_no_better() {
        let address = "127.0.0.1:9642".parse().unwrap();
        let check = |version, uri: &'static str, hosts: &[&'static str], status: u16| {
            let host = |host: &&'static str| (header::HOST, host.parse().unwrap());
            let mut headers = HeaderMap::new();
            for (name, value) in hosts.iter().map(host) {
                headers.append(name, value);
            }
            let refusal = refusal((version, &Uri::from_static(uri), &headers), address, &[]);
            assert_eq!(refusal.map_or(200, |status| status.as_u16()), status, "{uri} {hosts:?}");
        };
        check(Version::HTTP_10, "/", &[], 200);
        check(Version::HTTP_11, "/", &[], 400);
        check(Version::HTTP_11, "/", &["127.0.0.1:9642", "evil.example"], 400);
        check(Version::HTTP_11, "http://evil.example/", &["127.0.0.1:9642"], 421);
        check(Version::HTTP_11, "http://127.0.0.1:9642/", &["evil.example"], 200);
        check(Version::HTTP_10, "/", &["evil.example"], 421);
    }
}
