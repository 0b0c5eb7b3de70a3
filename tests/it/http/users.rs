//! The endpoints where users have passwords.

use super::*;
use crate::tls::{basic, users};

fn open(more: &str) -> Site {
    let directory = tempfile::tempdir().unwrap();
    let web = format!("{}{more}", users(&[("ann", "right"), ("bob", "so: long ✓")]));
    Site::open_as(Limits::default(), protection(directory.path(), &web))
}

impl Site {
    fn get_as(&self, path: &str, headers: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
    }
}

#[test]
fn whoever_has_no_password_is_asked_for_one() {
    let site = open("");
    assert_snapshot!(site.get("/metrics"), @r#"
    HTTP/1.1 401 Unauthorized
    content-type: text/plain; charset=utf-8
    www-authenticate: Basic realm="seatwatch", charset="UTF-8"
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    referrer-policy: no-referrer
    content-length: 40
    connection: close

    user and password are needed, and right
    "#);
    for path in
        ["/", "/metrics", "/nowhere", "/org/github/acme", STYLE_PATH.as_str(), "/-/healthy/"]
    {
        assert_eq!(status(&site.get(path)), 401, "{path}");
        assert_eq!(status(&site.get_as(path, &basic("ann", "wrong"))), 401, "{path}");
    }
    // Whoever probes them has no password.
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(status(&site.get(path)), 200, "{path}");
    }
    // Who is wrong here does not learn whether there are passwords.
    assert_eq!(site.status("GET /metrics HTTP/1.1\nHost: evil.example"), 421);
    assert_eq!(site.status("GET /metrics HTTP/1.1\nX: y"), 400);
    assert_eq!(site.status("POST /metrics HTTP/1.1\nHost: localhost"), 405);
    assert_eq!(site.daemon.scrapes.load(Ordering::SeqCst), 0);
}

#[test]
fn only_the_right_password_of_a_user_will_do() {
    let site = open("");
    let check = |headers: &str, expected: u16| {
        // The second time, it is known.
        for _ in 0..2 {
            assert_eq!(status(&site.get_as("/metrics", headers)), expected, "{headers:?}");
        }
    };
    check(&basic("ann", "right"), 200);
    check(&basic("bob", "so: long ✓"), 200);
    check(&basic("ann", "right").replace("Basic", "bAsIc"), 200);
    for (user, password) in [
        ("ann", "wrong"),
        ("ann", ""),
        ("ann", "right "),
        ("ann", "so: long ✓"),
        ("bob", "right"),
        ("Ann", "right"),
        ("nobody", "right"),
        ("", ""),
        ("annright", ""),
    ] {
        check(&basic(user, password), 401);
    }
    for header in [
        "Authorization: Basic\r\n",
        "Authorization: Basic ?\r\n",
        "Authorization: Basic YW5u\r\n",
        "Authorization: Basic YW5uOv8=\r\n",
        "Authorization: Bearer YW5uOnJpZ2h0\r\n",
        "Authorization: YW5uOnJpZ2h0\r\n",
        "Proxy-Authorization: Basic YW5uOnJpZ2h0\r\n",
        "Authorization:\r\n",
    ] {
        check(header, 401);
    }
    let twice = format!("{}{}", basic("ann", "wrong"), basic("ann", "right"));
    check(&twice, 401);
    check(&basic("ann", &"a".repeat(10_000)), 401);
    assert_eq!(status(&site.get_as("/metrics", &basic("ann", &"a".repeat(1 << 20)))), 431);
    check(&basic("ann", "right"), 200);
}

/// Each guess costs time, and none of it is the time of who is known.
#[test]
fn a_flood_of_wrong_passwords_starves_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let hash = bcrypt::hash("right", 11).unwrap();
    let web = format!("basic_auth_users:\n  ann: {hash}\n");
    let site = Site::open_as(Limits::default(), protection(directory.path(), &web));
    let known = basic("ann", "right");
    assert_eq!(status(&site.get_as("/metrics", &known)), 200);
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..40 {
            let (site, answered) = (&site, &answered);
            scope.spawn(move || {
                let guess = basic("ann", &format!("guess {number}"));
                assert_ne!(status(&site.get_as("/metrics", &guess)), 200);
                answered.fetch_add(1, Ordering::SeqCst);
            });
        }
        for _ in 0..20 {
            assert_eq!(status(&site.get_as("/metrics", &known)), 200);
            assert_eq!(status(&site.get("/-/healthy")), 200);
        }
        assert!(answered.load(Ordering::SeqCst) < 40, "they were not in the way");
    });
}

#[test]
fn so_many_requests_and_no_more() {
    let site = open("rate_limit: { interval: 1h, burst: 2 }\n");
    let known = basic("ann", "right");
    let asked: Vec<u16> = (0..3).map(|_| status(&site.get_as("/metrics", &known))).collect();
    assert_eq!(asked, [200, 200, 429]);
    assert_eq!(status(&site.get("/-/healthy")), 200);
}
