"""A daemon is watched for real, while Codecov and its receivers fail it and recover.

The rules, the examples and the dashboard are those of docs/monitoring, as they are but for `for`,
intervals and addresses: the right alerts fire, and no others; each comes as a mail to the right
people, and once more when it is over; every query of the dashboard has an answer.

Usage: live.py SEATWATCH
"""

import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.error

import dashboard
from world import ADMIN, MEMBER, NOBODY, PASSWORD, World, until

ORGANIZATIONS = ["github/acme=12", "github/umbrella=30", "github/broken=6", "github/flaky=6",
                 "gitlab/example-group=8"]
SCRIPT = [
    # All have their baseline by then; of umbrella, whose guard is strict, the next roster is held.
    {"after_request": 40, "change": {"organization": "github/umbrella", "username": "chidi-castillo",
                                     "action": "leave_and_unseat"}},
    {"after_request": 40, "fault": {"status": {"status": 500}},
     "when": {"organization": "github/flaky", "route": "users", "times": 6}},
    {"after_request": 40, "fault": {"status": {"status": 429, "retry_after": {"seconds": 1}}},
     "when": {"organization": "gitlab/example-group", "route": "users", "times": 2}},
]
# What is wrong, as Alertmanager has it.
WRONG = {("SeatwatchOrganizationFailing", "broken"), ("SeatwatchRosterHeld", "umbrella"),
         ("SeatwatchSeatsAtLimit", "umbrella"), ("SeatwatchSinkStopped", "gone"),
         ("SeatwatchDeadLetters", "picky"), ("SeatwatchReloadFailed", None)}
CRITICAL, OTHERS = "on-call@example.com", "it-ops@example.com"


def start(world):
    world.start_codecov(ORGANIZATIONS, SCRIPT)
    receiver = world.start_receiver()
    sinks = {"events": {"type": "file", "path": "events.ndjson"},
             "asleep": {"type": "file", "path": "asleep.ndjson"}}
    for name, status in {"slow": 503, "gone": 410, "picky": 422}.items():
        sinks[name] = {"type": "webhook", "url": f"{receiver}/{status}", "secret_file": "secret",
                       "organizations": ["gitlab/*"]}
    world.write_token("secret", "whsec_" + "c2VhdHdhdGNo" * 4)
    world.write_token("broken-token", ADMIN)
    github = lambda owner, **more: {"service": "github", "owner": owner, **more}
    world.configure(
        schedule="*/2 * * * * *", heartbeat="* * * * * *", sinks=sinks,
        # Changes come faster than a guard would have it.
        guard={"min_leavers": 1000},
        discover=[{"service": "github", "match": "none-*"}],
        organizations=[
            github("acme"), github("flaky"), github("broken", token_file="broken-token"),
            github("umbrella", seats={"limit": 5},
                   guard={"min_leavers": 0, "max_leave_percent": 1, "max_leavers": 1}),
            {"service": "gitlab", "owner": "example-group", "token_file": "codecov-token-gitlab"},
        ])
    world.start_mailbox()
    world.start_alertmanager()
    world.protect()
    daemon = world.start_daemon()
    world.start_prometheus()
    return daemon


def is_well_formed(world):
    with world.get("/metrics", PASSWORD) as response:
        text = response.read()
    said = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert not said.stdout + said.stderr, said


def is_protected(world):
    for password in (None, "another"):
        try:
            world.get("/metrics", password).close()
        except urllib.error.HTTPError as error:
            assert error.code == 401, error
        else:
            raise AssertionError(f"/metrics is there for whoever has {password}")


def becomes_wrong(world, daemon):
    """The token of an organization is revoked, and the configuration gets a mistake."""
    until("all have a baseline", lambda: len(world.ask("seatwatch_org_members")) == 5)
    until("seats change", lambda: world.ask("changes(seatwatch_org_seats_used[5m]) > 0"))
    until("seats are told of",
          lambda: world.ask('increase(seatwatch_events_total{event=~"seat_(gained|lost)"}[5m]) > 0'))
    assert world.run("sink", "pause", "asleep").returncode == 0
    world.write_token("broken-token", NOBODY)
    right = world.config.read_text()
    world.config.write_text(right + "\nsplay: [")
    daemon.child.send_signal(signal.SIGHUP)
    until("all alerts", lambda: world.alerts("active") >= WRONG,
          shown=lambda: f"{WRONG - world.alerts('active')}")
    world.config.write_text(right)


def mails_came(world):
    told = [
        (CRITICAL, r"^github/broken: \d+ syncs in a row have failed$"),
        (CRITICAL, r"^sink gone: stopped, its receiver is gone$"),
        (OTHERS, r"^github/umbrella: (a roster is held|no seat is left)"),
        (OTHERS, r"^sink picky has dead letters: \d+$"),
        (OTHERS, r"^seatwatch on .* runs with an old configuration$"),
    ]
    for to, subject in told:
        until(f"a mail: {subject}", lambda: world.mailbox.find(to, subject), shown=world.mailbox.shown)
    mail = world.mailbox.find(CRITICAL, r"^github/broken")[0]
    text = mail.get_body(("plain",)).get_content()
    assert f"On {world.listen}: `seatwatch status` says why" in text, text
    assert "`seatwatch sync github/broken` tries it" in text, text
    assert "docs/monitoring.md#seatwatchorganizationfailing" in text, text
    print(f"a mail came to {mail['to']}: {mail['subject']}\n\n{text.strip()}\n")


def dashboard_has_data(world):
    board = dashboard.read()
    for where, query, shown in dashboard.queries(board):
        query = dashboard.filled_in(query, "1m")
        for labels, _ in until(f"{where}: {query}", lambda: world.ask(query)):
            assert shown <= set(labels), f"{where} shows {shown - set(labels)}, which is not there"
    # What is chosen is all that is shown.
    chosen = {"instance": world.listen, "org": "acme", "sink": "gone"}
    for where, query, _ in dashboard.queries(board):
        for labels, _ in world.ask(dashboard.filled_in(query, "1m", **chosen)):
            if where.startswith("panel"):
                assert {**chosen, **labels}.items() >= chosen.items(), f"{where}: {labels}"


def recovers(world):
    """The token is right again, and so is the configuration, whose guards let everything pass."""
    world.write_token("broken-token", ADMIN)
    organizations = world.configured("organizations")
    for organization in organizations:
        organization.pop("guard", None)
    world.configure(organizations=organizations)
    ran = world.run("reload")
    assert ran.returncode == 0, ran
    for to, subject in ((CRITICAL, "^Resolved: github/broken: "),
                        (OTHERS, "^Resolved: seatwatch on .* runs with an old configuration$")):
        until(f"a mail: {subject}", lambda: world.mailbox.find(to, subject), shown=world.mailbox.shown)
    until("nothing but what is still wrong",
          lambda: world.alerts("active") <= {("SeatwatchSeatsAtLimit", "umbrella"),
                                             ("SeatwatchSinkStopped", "gone"),
                                             ("SeatwatchDeadLetters", "picky")},
          shown=lambda: world.alerts("active"))


def loses_its_rights(world):
    """A token that is not an admin's is the reason why syncs fail, and the only thing told."""
    world.write_token("broken-token", MEMBER)
    until("the reason", lambda: ("SeatwatchTokenNotAdmin", "broken") in world.alerts("active"))
    until("not its consequence",
          lambda: ("SeatwatchOrganizationFailing", "broken") in world.alerts("suppressed"))
    subject = "^github/broken: the token is not an admin's"
    until("a mail", lambda: world.mailbox.find(CRITICAL, subject), shown=world.mailbox.shown)
    world.write_token("broken-token", ADMIN)


def goes_down(world, daemon):
    daemon.end()
    until("it is down", lambda: ("SeatwatchDown", None) in world.alerts("active"))
    until("nothing else is told", lambda: world.alerts("active") == {("SeatwatchDown", None)},
          shown=lambda: world.alerts("active"))
    assert ("SeatwatchSinkStopped", "gone") in world.alerts("suppressed")
    until("a mail", lambda: world.mailbox.find(CRITICAL, "does not answer$"), shown=world.mailbox.shown)
    world.start_daemon()
    until("it is back", lambda: world.mailbox.find(CRITICAL, "^Resolved: .*does not answer$"),
          shown=world.mailbox.shown)


def nothing_else_was_told(world):
    fired = world.ask('count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[10m]))')
    expected = {name for name, _ in WRONG} | {"SeatwatchTokenNotAdmin", "SeatwatchDown"}
    assert {labels["alertname"] for labels, _ in fired} == expected, fired
    stopped = world.mailbox.find(CRITICAL, "^sink gone")
    assert len(stopped) == 1, f"a restart made a second mail of it:\n{world.mailbox.shown()}"


def nothing_is_doubtful(world):
    """Alertmanager has nothing to say of its configuration."""
    doubts = [line for line in world.manager.log.read_text().splitlines()
              if "level=warn component=configuration" in line]
    assert not doubts, doubts


def main(seatwatch):
    with tempfile.TemporaryDirectory() as directory, \
            World(seatwatch, pathlib.Path(directory)) as world:
        daemon = start(world)
        is_well_formed(world)
        is_protected(world)
        becomes_wrong(world, daemon)
        mails_came(world)
        dashboard_has_data(world)
        recovers(world)
        loses_its_rights(world)
        goes_down(world, daemon)
        nothing_else_was_told(world)
        nothing_is_doubtful(world)


# Everything that was started is ended then, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
main(pathlib.Path(sys.argv[1]).resolve())
