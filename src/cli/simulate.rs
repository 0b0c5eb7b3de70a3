//! `seatwatch simulate`: a Codecov of one's own to try things on.
//!
//! Makes a world of made-up people, serves it on loopback until a signal comes, and tells every
//! change that it makes. What the answers are is decided in [`crate::simulator`].

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures_util::StreamExt as _;
use itertools::Itertools as _;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use super::say;
use crate::organization::{OrganizationId, Service};
use crate::simulator::{Churn, Options, Script, Simulator, World};

/// Arguments of `simulate`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Simulate {
    /// Where to listen: a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8642", value_parser = loopback)]
    pub listen: SocketAddr,

    /// An organization to serve, and how many members it has; can be repeated
    #[arg(
        long = "organization",
        value_name = "SERVICE/OWNER[=MEMBERS]",
        default_values = ["github/acme=12", "gitlab/example-group=8"]
    )]
    pub organizations: Vec<Cast>,

    /// Let something happen to somebody every so often, such as 10s
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    pub change_every: Option<Duration>,

    /// What decides who that is: the same seed makes the same changes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Changes and faults at given times, as YAML
    ///
    /// `steps:` is a list, each with a time (`at: 5s`, or `after_request: 20`) and either a
    /// change (`change: {organization: github/acme, username: ann, action: leave}`) or a fault
    /// (`fault: {status: {status: 429, retry_after: {seconds: 2}}}`, `fault: reset`), which
    /// happens to the next request or to those that a `when: {route: users, times: 3}` matches.
    /// With `between_count_and_rows: 20` as its time, a change happens in the middle of a request,
    /// where Codecov's own answers go wrong.
    ///
    /// Actions: `join, leave, leave_and_unseat, seat, unseat, grant_admin, revoke_admin,
    /// {rename: bobby}, {name: Bob}, {email: bob@example.com}, take_over, delete, queue_deletion`.
    ///
    /// Faults: `{status: {status: 503}}, reset, {reset_in_body: 100}, hang, {hang_in_body: 100},
    /// {late: 5s}, {slow: {bytes: 100, every: 1s}}, {cut_off: 100}, {torn_json: 100}, html,
    /// {body: "[]"}, {redirect: {status: 302, location: "https://example.com/"}}, endless,
    /// gzip_bomb, invalid_page, empty_list, {capped_page_size: 5}, {short_page: 1}, double_row,
    /// {shifted_count: 1}, {wrong_field: {field: is_admin, value: 1}}, {missing_field: email},
    /// {git_host: forbidden}, {wrong_date: {ahead: 10m}}`.
    ///
    /// What each does: docs/simulator.md.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub script: Option<PathBuf>,

    /// Write a configuration that reads from here, and its token files, into this directory
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub write_config: Option<PathBuf>,
}

/// An organization and the number of its members, written `github/acme=12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cast {
    /// Which one.
    pub organization: OrganizationId,
    /// How many.
    pub members: usize,
}

impl FromStr for Cast {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (organization, members) = text.split_once('=').unwrap_or((text, "12"));
        Ok(Self {
            organization: organization.parse().map_err(|error| format!("{error}"))?,
            members: members.parse().map_err(|_| format!("`{members}` is not a number"))?,
        })
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}"))?;
    if !address.ip().is_loopback() {
        return Err("anybody could reach it there: expected a loopback address".to_owned());
    }
    Ok(address)
}

fn some_time(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("expected more than no time".to_owned()) } else { Ok(duration) }
}

/// A token of one service, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuedToken {
    service: Service,
    /// Whose.
    pub username: String,
    role: &'static str,
    /// The token itself.
    pub token: String,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
///
/// The script cannot be read, the address is taken, or the configuration cannot be written. That
/// nobody reads the output any more is not an error: it is the end.
pub(super) async fn run(args: Simulate) -> anyhow::Result<()> {
    match serve(args).await {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        ended => ended,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn serve(args: Simulate) -> anyhow::Result<()> {
    let script = args.script.as_deref().map(read_script).transpose()?;
    let (world, tokens) = world(&args.organizations);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let options = Options { remembers: false, ..Options::default() };
    let mut simulator = Simulator::start_with(world, args.listen, options)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    // Before anybody is told where it is, and can ask.
    let mut changes = simulator.watch();
    if let Some(script) = script {
        simulator.run(script);
    }
    let base_url = simulator.base_url();
    say(&introduction(&base_url, &args.organizations, &tokens))?;
    if let Some(directory) = &args.write_config {
        write_config(directory, &base_url, &args.organizations, &tokens)?;
        let config = directory.join("seatwatch.yaml");
        let (config, events) = (config.display(), directory.join("events.ndjson"));
        say(&format!(
            "\nto let the daemon watch it, in another terminal:\n  \
             seatwatch run --config {config}\n\
             then, while it runs:\n  \
             seatwatch status --config {config}\n  \
             tail -F {}\n\n",
            events.display()
        ))?;
    }

    let organizations = args.organizations.iter().map(|cast| cast.organization.clone());
    let holders = tokens.iter().map(|token| token.username.clone());
    let mut churn = Churn::new(organizations, args.seed).sparing(holders);
    let mut ticks = args
        .change_every
        .map(|every| tokio::time::interval_at(tokio::time::Instant::now() + every, every));
    loop {
        let tick = async {
            match &mut ticks {
                Some(ticks) => drop(ticks.tick().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = signals.next() => break,
            Some(recorded) = changes.recv() => {
                say(&format!("after request {}  {}\n", recorded.request, recorded.change))?;
            }
            () = tick => drop(simulator.change_once(&mut churn)),
        }
    }
    simulator.stop().await;
    Ok(())
}

fn read_script(path: &Path) -> anyhow::Result<Script> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the script `{}`", path.display()))?;
    Script::parse(&text).map_err(|error| {
        anyhow!(
            "{}:{error}\nhint: `seatwatch simulate --help` lists actions and faults, each as it is \
             written",
            path.display()
        )
    })
}

/// Fills the organizations; the first member is an admin, the second is not, and both get tokens.
pub(super) fn world(organizations: &[Cast]) -> (World, Vec<IssuedToken>) {
    let mut world = World::default();
    let mut tokens: Vec<IssuedToken> = Vec::new();
    for Cast { organization, members } in organizations {
        let service = organization.service();
        let id = world.organization(organization);
        world.populate(id, *members);
        if tokens.iter().any(|token| token.service == service) {
            // The same made-up people are in every organization of a service.
            continue;
        }
        let people = world.listed(id).to_vec();
        for (person, role) in people.into_iter().zip(["admin", "member"]) {
            let username = world.person(person).and_then(|person| person.username.clone());
            let token = world.issue_token(role, person);
            let username = username.unwrap_or_default();
            tokens.push(IssuedToken { service, username, role, token });
        }
    }
    (world, tokens)
}

fn introduction(base_url: &str, organizations: &[Cast], tokens: &[IssuedToken]) -> String {
    let organizations = organizations
        .iter()
        .map(|Cast { organization, members }| format!("  {organization}  {members} members"));
    let tokens = tokens.iter().map(|IssuedToken { service, username, role, token }| {
        format!("  {token}  {role} on {service} ({username})")
    });
    let mut lines = [base_url.to_owned()].into_iter().chain(organizations).chain(tokens);
    lines.join("\n") + "\n"
}

/// What a configuration of ours begins with; any other is not overwritten.
const WRITTEN_BY_US: &str =
    "# Written by `seatwatch simulate`, and anew each time: without this line, it is left alone.\n";

fn write_config(
    directory: &Path,
    base_url: &str,
    organizations: &[Cast],
    tokens: &[IssuedToken],
) -> anyhow::Result<()> {
    let path = directory.join("seatwatch.yaml");
    if fs::read_to_string(&path).is_ok_and(|text| !text.starts_with(WRITTEN_BY_US)) {
        bail!("`{}` is there already and was not written by `seatwatch simulate`", path.display());
    }
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create `{}`", directory.display()))?;
    write_tokens(directory, tokens)?;
    write_private(&path, &config(base_url, organizations))
}

/// Writes a file for the admin's token of each service: `codecov-token-github`.
pub(super) fn write_tokens(directory: &Path, tokens: &[IssuedToken]) -> anyhow::Result<()> {
    let mut admins = tokens.iter().filter(|token| token.role == "admin");
    admins.try_for_each(|IssuedToken { service, token, .. }| {
        write_private(&directory.join(token_file(*service)), token)
    })
}

fn token_file(service: Service) -> String {
    format!("codecov-token-{service}")
}

/// The configuration; its paths are relative to itself.
fn config(base_url: &str, organizations: &[Cast]) -> String {
    let organizations = organizations.iter().map(|cast| &cast.organization).unique();
    let first = organizations.clone().next().map_or(Service::Github, OrganizationId::service);
    let organizations = organizations.map(|organization| {
        let (service, owner) = (organization.service(), organization.owner());
        if service == first {
            return format!("  - \"{organization}\"\n");
        }
        let token_file = token_file(service);
        format!("  - service: {service}\n    owner: \"{owner}\"\n    token_file: {token_file}\n")
    });
    format!(
        "{WRITTEN_BY_US}\
         instance: simulated\n\
         state_dir: state\n\
         schedule: \"*/10 * * * * *\"   # every ten seconds\n\
         codecov:\n  \
           base_url: {base_url}\n  \
           token_file: {}\n\
         organizations:\n\
         {}\
         sinks:\n  \
           events:\n    \
             type: file\n    \
             path: events.ndjson\n",
        token_file(first),
        organizations.collect::<String>(),
    )
}

/// Writes a file that only its owner can read, whatever it was before.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        simulate: Simulate,
    }

    fn parse(flags: &[&str]) -> Result<Simulate, clap::Error> {
        let flags = [&["simulate"], flags].concat();
        Cli::try_parse_from(flags).map(|cli| cli.simulate)
    }

    #[test]
    fn what_could_be_reached_from_outside_is_refused() {
        assert_eq!(parse(&["--listen", "[::1]:0"]).unwrap().listen.port(), 0);
        for listen in ["0.0.0.0:8642", "192.0.2.1:1", "localhost"] {
            assert!(parse(&["--listen", listen]).is_err(), "{listen}");
        }
        assert!(parse(&["--change-every", "0s"]).is_err());
        assert!(parse(&["--organization", "acme=3"]).is_err());
        assert!(parse(&["--organization", "github/acme=many"]).is_err());
    }

    #[test]
    fn the_configuration_reads_every_organization_with_a_token_of_its_service() {
        let directory = tempfile::tempdir().unwrap();
        let args = parse(&[]).unwrap();
        let (_, tokens) = world(&args.organizations);
        let base_url = "http://127.0.0.1:8642";
        insta::assert_snapshot!(introduction(base_url, &args.organizations, &tokens), @r"
        http://127.0.0.1:8642
          github/acme  12 members
          gitlab/example-group  8 members
          5ea70000-0000-4000-8000-000000000001  admin on github (ada-albers)
          5ea70000-0000-4000-8000-000000000002  member on github (bela-brandt)
          5ea70000-0000-4000-8000-000000000003  admin on gitlab (ada-albers)
          5ea70000-0000-4000-8000-000000000004  member on gitlab (bela-brandt)
        ");
        for _ in 0..2 {
            write_config(directory.path(), base_url, &args.organizations, &tokens).unwrap();
        }
        let path = directory.path().join("seatwatch.yaml");
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
        # Written by `seatwatch simulate`, and anew each time: without this line, it is left alone.
        instance: simulated
        state_dir: state
        schedule: "*/10 * * * * *"   # every ten seconds
        codecov:
          base_url: http://127.0.0.1:8642
          token_file: codecov-token-github
        organizations:
          - "github/acme"
          - service: gitlab
            owner: "example-group"
            token_file: codecov-token-gitlab
        sinks:
          events:
            type: file
            path: events.ndjson
        "#);
        let token_file = directory.path().join("codecov-token-gitlab");
        assert_eq!(fs::read_to_string(&token_file).unwrap(), tokens[2].token);
        assert_eq!(token_file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        fs::write(&path, "instance: mine\n").unwrap();
        write_config(directory.path(), base_url, &args.organizations, &tokens).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "instance: mine\n");
    }
}
