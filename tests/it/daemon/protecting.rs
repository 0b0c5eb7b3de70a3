//! A daemon whose endpoints other machines may reach: TLS, passwords, and what becomes of both
//! while it runs.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use nix::sys::signal::Signal;
use regex::Regex;

use super::process::Running;
use crate::tls::{Authority, Caller, Leaf, TLS, basic, users, write_secret};
use crate::world::World;

/// A daemon on every address, and one who calls it.
struct Guarded {
    // Before the directory that it writes to, which goes with the world.
    daemon: Running,
    world: World,
    address: SocketAddr,
    authority: Authority,
    caller: Caller,
}

/// The world's config, on every address.
fn everywhere(world: &World) -> String {
    world.config().replace("listen: 127.0.0.1:0", "listen: 0.0.0.0:0")
}

impl Guarded {
    fn start(passwords: &[(&str, &str)]) -> Self {
        let world = World::start("ann* bob!").rarely();
        let world = world.with_config("http: { web_config_file: web.yml }");
        let authority = Authority::new();
        authority.issue(2040).write_to(&world.path(""));
        write_secret(&world.path("web.yml"), &format!("{TLS}{}", users(passwords)));
        let daemon = world.daemon_of(&everywhere(&world));
        let pattern = Regex::new(r"started .*listen=0.0.0.0:(\d+)").unwrap();
        let port: u16 = daemon.until("told where it listens", || {
            pattern.captures(&daemon.log())?.get(1)?.as_str().parse().ok()
        });
        let (address, caller) = (([127, 0, 0, 1], port).into(), Caller::new(&authority));
        Self { daemon, world, address, authority, caller }
    }

    /// The status of an answer to somebody who says that this is who they are.
    fn ask(&self, path: &str, (user, password): (&str, &str)) -> u16 {
        self.caller.get(self.address, path, &basic(user, password)).unwrap().status()
    }

    /// The certificate that is served now.
    fn shown(&self) -> Vec<u8> {
        self.caller.get(self.address, "/-/healthy", "").unwrap().certificate
    }

    fn is_shown(&self, leaf: &Leaf) -> Option<()> {
        (self.shown() == leaf.certificate.der().to_vec()).then_some(())
    }

    /// The year in which the metrics say that it is over.
    fn expiry(&self) -> String {
        let reply = self.caller.get(self.address, "/metrics", &basic("ann", "right")).unwrap();
        let pattern =
            Regex::new(r"(?m)^seatwatch_http_certificate_expiry_timestamp_seconds (\S+)$").unwrap();
        let seconds: f64 = pattern.captures(&reply.text).unwrap()[1].parse().unwrap();
        // It is its first day, and no year is far from the mean.
        format!("{:.0}", 1970.0 + seconds / (365.2425 * 86_400.0))
    }

    fn write(&self, leaf: &Leaf) {
        leaf.write_to(&self.world.path(""));
    }

    fn reload(&self) -> String {
        fs::write(self.world.path("seatwatch.yaml"), everywhere(&self.world)).unwrap();
        let mut command = self.world.command_with(&everywhere(&self.world), &["reload"]);
        self.world.ran(&mut command).shown()
    }
}

#[test]
fn pages_are_shown_to_whoever_has_a_password() {
    let guarded = Guarded::start(&[("ann", "right")]);
    let page = guarded.caller.get(guarded.address, "/", &basic("ann", "right")).unwrap();
    assert!(page.status() == 200 && page.text.contains("github/acme"), "{}", page.text);
    assert_eq!(guarded.ask("/metrics", ("ann", "right")), 200);
    for _ in 0..5 {
        assert_eq!(guarded.ask("/", ("ann", "hunter2")), 401);
        assert_eq!(guarded.ask("/metrics", ("hunter2", "right")), 401);
    }
    let log = guarded.daemon.stop();
    assert!(!log.contains("hunter2"), "{log}");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("wrong user or")).collect();
    assert!(told.len() == 1 && told[0].contains("peer=127.0.0.1"), "{told:?}");
}

/// Whoever renews a certificate tells nobody.
#[test]
fn a_renewed_certificate_is_served_without_a_reload() {
    let guarded = Guarded::start(&[("ann", "right")]);
    assert_eq!(guarded.expiry(), "2040");
    let renewed = guarded.authority.issue(2050);
    guarded.write(&renewed);
    guarded.daemon.until("the renewed certificate", || guarded.is_shown(&renewed));
    assert_eq!(guarded.expiry(), "2050");
    guarded.daemon.until_logged(&["the certificate has been renewed", "cert.pem"]);

    // A key that is not its own, and then no certificate at all: the last good one stays.
    let other = guarded.authority.issue(2060);
    // Of the renewal, a look may have seen one file and not the other yet.
    let told = || guarded.daemon.log().matches("the new certificate cannot be used").count();
    let before = told();
    write_secret(&guarded.world.path("key.pem"), &other.key.serialize_pem());
    guarded.daemon.until("the mistake is told", || {
        guarded.is_shown(&renewed).unwrap();
        (told() == before + 1).then_some(())
    });
    guarded.daemon.until_logged(&["is not the key of", "the old one stays"]);
    fs::write(guarded.world.path("cert.pem"), "half of a cer").unwrap();
    guarded.daemon.until("the next is told", || {
        guarded.is_shown(&renewed).unwrap();
        (told() == before + 2).then_some(())
    });
    assert_eq!(guarded.expiry(), "2050");
    let ran = guarded.reload();
    assert!(
        ran.contains("cert.pem` holds no certificate") && ran.contains("exit code 78"),
        "{ran}"
    );
    guarded.is_shown(&renewed).unwrap();

    // A reload takes up what is right at once.
    guarded.write(&other);
    assert_snapshot!(guarded.reload(), @"reloaded: nothing changed");
    guarded.is_shown(&other).unwrap();
    assert_eq!(guarded.expiry(), "2060");
    guarded.daemon.stop();
}

/// A mix-up of files ends no service that works.
#[test]
fn a_certificate_that_has_ended_takes_no_others_place() {
    let guarded = Guarded::start(&[("ann", "right")]);
    let ended = guarded.authority.issue(2020);
    guarded.write(&ended);
    guarded.daemon.until("the mistake is told", || {
        assert!(guarded.is_shown(&ended).is_none());
        guarded.daemon.log().contains("is not valid any more: the old one stays").then_some(())
    });
    assert_eq!(guarded.expiry(), "2040");
    let renewed = guarded.authority.issue(2050);
    guarded.write(&renewed);
    guarded.daemon.until("the renewed certificate", || guarded.is_shown(&renewed));
    guarded.daemon.stop();
}

#[test]
fn who_is_taken_out_is_not_known_any_more() {
    let (ann, bob) = (("ann", "right"), ("bob", "long"));
    let guarded = Guarded::start(&[ann, bob]);
    assert_eq!((guarded.ask("/metrics", ann), guarded.ask("/metrics", bob)), (200, 200));
    let web = |passwords: &[_]| {
        write_secret(&guarded.world.path("web.yml"), &format!("{TLS}{}", users(passwords)));
    };
    web(&[bob]);
    assert_snapshot!(guarded.reload(), @"reloaded: settings: changed http.web_config_file");
    assert_eq!((guarded.ask("/metrics", ann), guarded.ask("/metrics", bob)), (401, 200));

    // What is wrong changes nothing.
    for wrong in [TLS.to_owned(), "basic_auth_users: { ann: right }\n".to_owned(), "{".to_owned()] {
        write_secret(&guarded.world.path("web.yml"), &wrong);
        let ran = guarded.reload();
        assert!(ran.ends_with("exit code 78\n") && !ran.contains("right"), "{ran}");
        assert_eq!((guarded.ask("/", ann), guarded.ask("/", bob)), (401, 200));
    }
    web(&[ann]);
    guarded.daemon.signal(Signal::SIGHUP);
    guarded.daemon.until("ann is back", || (guarded.ask("/", ann) == 200).then_some(()));
    assert_eq!(guarded.ask("/", bob), 401);
    guarded.daemon.stop();
}

/// The port is the same, and nobody who comes after the reload gets what was so before it.
#[test]
fn tls_comes_and_goes_with_a_reload() {
    let mut world = World::start("ann*").rarely();
    let daemon = world.daemon();
    let pattern = Regex::new(r"started .*listen=(127.0.0.1:\d+)").unwrap();
    let address: SocketAddr = daemon.until("told where it listens", || {
        pattern.captures(&daemon.log())?.get(1)?.as_str().parse().ok()
    });
    let clear = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let authority = Authority::new();
    let caller = Caller::new(&authority);
    let encrypted = || {
        let reply = caller.get(address, "/metrics", &basic("ann", "right"));
        reply.map(|reply| reply.status())
    };
    assert!(clear() == "200" && encrypted().is_err());

    authority.issue(2040).write_to(&world.path(""));
    write_secret(&world.path("web.yml"), &format!("{TLS}{}", users(&[("ann", "right")])));
    world = world.with_config("http: { web_config_file: web.yml }");
    let reloaded = world.run(&["reload"]).ok();
    assert_snapshot!(reloaded.shown(), @"reloaded: settings: changed http.web_config_file");
    assert_eq!((clear().as_str(), encrypted()), ("400", Ok(200)));

    world.reset_config("schedule: \"0 0 29 2 *\"");
    world.run(&["reload"]).ok();
    assert!(clear() == "200" && encrypted().is_err());
    let log = daemon.stop();
    assert!(!log.contains("moved the HTTP endpoints"), "{log}");
}

/// systemd hands over what only root can read: the file, and what it names.
#[test]
fn all_of_it_may_be_credentials() {
    let mut world = World::start("ann*").with_config("http: { web_config_file: web.yml }");
    let credentials = world.path("credentials");
    fs::create_dir(&credentials).unwrap();
    let check = |world: &World| {
        let mut command = world.command_with(&everywhere(world), &["check"]);
        world.ran(&mut command).code
    };
    world.set_env("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    assert_eq!(check(&world), Some(78));
    Authority::new().issue(2040).write_to(&credentials);
    let web = credentials.join("web.yml");
    fs::write(&web, format!("{TLS}{}", users(&[("ann", "right")]))).unwrap();
    // Who may read them is systemd's business.
    fs::set_permissions(&web, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(check(&world), Some(0));
    world.set_env("CREDENTIALS_DIRECTORY", "/nowhere");
    assert_eq!(check(&world), Some(78));
}

#[test]
fn a_daemon_does_not_start_with_less_than_it_needs() {
    let world = World::start("ann*").with_config("http: { web_config_file: web.yml }");
    let run = |web: &str| {
        write_secret(&world.path("web.yml"), web);
        let mut command = world.command_with(&everywhere(&world), &["run"]);
        world.ran(&mut command).shown()
    };
    assert_snapshot!(run(&users(&[("ann", "right")])), @"
    error: [DIR]/seatwatch.yaml:15:9: listen: 0.0.0.0:0 is not a loopback address, the pages show names, and `[DIR]/web.yml` has no `tls_server_config`
    hint: listen on `127.0.0.1:9642` and reach the pages with `ssh -L`, or name a file with TLS and basic auth in `http.web_config_file`, or set `http.pages: false`, which leaves metrics and health alone
    exit code 78
    ");
    assert_snapshot!(run(TLS), @"
    error: [DIR]/web.yml:2:14: tls_server_config.cert_file: `[DIR]/cert.pem` cannot be read: no such file or directory
    hint: it must be the certificate, and then those that lead to its authority, in PEM form
    exit code 78
    ");
    let world = World::start("ann*");
    let mut command = world.command_with(&everywhere(&world), &["run"]);
    assert_snapshot!(world.ran(&mut command).shown(), @"
    error: [DIR]/seatwatch.yaml:14:9: listen: 0.0.0.0:0 is not a loopback address, the pages show names, and there is neither TLS nor basic auth
    hint: listen on `127.0.0.1:9642` and reach the pages with `ssh -L`, or name a file with TLS and basic auth in `http.web_config_file`, or set `http.pages: false`, which leaves metrics and health alone
    exit code 78
    ");
}
