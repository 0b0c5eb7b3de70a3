"""A machine on which seatwatch has just been installed, for one page: over files of its own, with a
made-up Codecov, receivers on loopback, and a past of some months.

Everything here is gone with the namespaces in which it runs.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

import commands

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = pathlib.Path("/srv/work")
CONFIG = pathlib.Path("/etc/seatwatch/seatwatch.yaml")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


CODECOV = f"127.0.0.1:{free_port()}"
MAIL, RECEIVER = free_port(), free_port()

# What stands in for systemd, which does not run here; tests/package.sh has the real one. It knows one
# unit, and does with the daemon what systemd does by it.
SYSTEMCTL = """#!/bin/bash
running() { [ -f /run/daemon.pid ] && readlink "/proc/$(cat /run/daemon.pid)/exe" >/dev/null; }
case $1 in
    start|enable) if running; then exit 0; fi ;;&
    stop|restart) [ ! -f /run/daemon.pid ] || { kill "$(cat /run/daemon.pid)"
        while running; do sleep 0.1; done; } ;;&
    start|restart|enable)
        mkdir -p /run/seatwatch && chown seatwatch: /run/seatwatch
        export RUNTIME_DIRECTORY=/run/seatwatch
        setpriv --reuid=seatwatch --regid=seatwatch --clear-groups /usr/bin/seatwatch run \\
            >>/tmp/daemon.log 2>&1 </dev/null &
        echo $! >/run/daemon.pid
        for _ in $(seq 200); do
            if (exec 3<>/dev/tcp/127.0.0.1/9642) 2>/dev/null; then exit 0; fi
            kill -0 $! || { cat /tmp/daemon.log >&2; exit 1; }
            sleep 0.1
        done
        exit 1 ;;
    reload) exec /usr/bin/seatwatch reload ;;
    status|stop|edit|daemon-reload) ;;
    *) echo "systemctl: the stand-in knows no $1" >&2; exit 1 ;;
esac
"""

# Who is in the documents.
STORY = """
steps:
  - { at: 0s, change: { organization: github/acme, username: emil-eklund, action: { rename: octocat } } }
  - { at: 0s, change: { organization: github/acme, username: dana-dubois, action: { rename: dan } } }
  - { after_request: 12, change: { organization: github/acme, username: dan, action: { rename: Daniel } } }
  - { after_request: 12, change: { organization: github/acme, username: Daniel, action: seat } }
  - { after_request: 12, change: { organization: github/acme, username: octocat, action: grant_admin } }
"""

BASICS = f"""
instance: prod
schedule: "0 * * * *"
codecov:
  base_url: http://{CODECOV}
  token_file: codecov-token
  requests_per_second: 1000
organizations:
  - github/acme
  - {{ service: gitlab, owner: example-group, token_file: gitlab-token }}
"""

AUDIT = """
sinks:
  audit: { type: file, path: /var/log/seatwatch/events.ndjson }
"""


def hide(scratch):
    """From here on, what is written anywhere is written for us alone."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", scratch], check=True)
    places = ["/etc", "/var", "/run", "/opt", "/usr", "/srv", "/tmp", os.environ.get("HOME", "/root")]
    if not any(ROOT.is_relative_to(place) for place in places):
        places.append(str(ROOT))
    for number, place in enumerate(places):
        upper, work = (pathlib.Path(scratch, f"{name}-{number}") for name in ("upper", "work"))
        for directory in (upper, work):
            directory.mkdir()
        shutil.copystat(place, upper)
        options = f"lowerdir={place},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)


def run(*command, **options):
    """Something that has to work."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=40, **options)
    assert ran.returncode == 0, f"{command}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def start(*command, log="/tmp/background.log", **options):
    """Something that goes on until the page ends."""
    with open(log, "ab") as file:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, **options)


def until(done, what, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"{what}: it never came"
        time.sleep(0.05)


def answers(address):
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False


def secret(name, text):
    """A secret as the documents say that it is put there."""
    path = CONFIG.parent / name
    path.write_text(text + "\n")
    path.chmod(0o640)
    shutil.chown(path, "root", "seatwatch")


def install():
    """What the package puts there, as far as a page needs it."""
    shutil.copy2(ROOT / "target/debug/seatwatch", "/usr/bin/seatwatch")
    shutil.copy2(ROOT / "systemd/seatwatch.sysusers", "/usr/lib/sysusers.d/seatwatch.conf")
    run("systemd-sysusers")
    for name, owner, mode in (("/etc/seatwatch", "root", 0o755), ("/var/lib/seatwatch", "seatwatch", 0o700),
                              ("/var/log/seatwatch", "seatwatch", 0o750), (WORK, "seatwatch", 0o755)):
        # What the machine itself has of a seatwatch is nothing of ours.
        shutil.rmtree(name, ignore_errors=True)
        path = pathlib.Path(name)
        path.mkdir(parents=True)
        path.chmod(mode)
        shutil.chown(path, owner, owner)
    credentials = CONFIG.parent / "credentials"
    credentials.mkdir(mode=0o700)
    stand_in = pathlib.Path("/usr/bin/systemctl")
    stand_in.unlink(missing_ok=True)
    stand_in.write_text(SYSTEMCTL)
    stand_in.chmod(0o755)


def codecov():
    story = pathlib.Path("/tmp/story.yaml")
    story.write_text(STORY)
    start("seatwatch", "simulate", "--listen", CODECOV, "--change-every", "300ms", "--script", story,
          "--organization", "github/acme=42", "--organization", "gitlab/example-group=8",
          "--organization", "github/umbrella=16", "--organization", "github/acme-labs=5")
    until(lambda: answers(CODECOV), "the made-up Codecov")
    secrets()


def secrets():
    secret("codecov-token", "5ea70000-0000-4000-8000-000000000001")
    secret("gitlab-token", "5ea70000-0000-4000-8000-000000000003")


def configure(more=AUDIT):
    # The made-up Codecov changes more in a second than others do in a month.
    CONFIG.write_text(BASICS + "guard: { min_leavers: 1000000 }\n" + more)


def past():
    """Syncs of the last months, as far as the documents look back."""
    for day in ("2026-01-05 10:00", "2026-02-02 11:00", "2026-02-02 13:00", "2026-03-02 11:00",
                "2026-03-31 10:00"):
        # Not by its wrapper, which leaves something behind when it is killed.
        faketime, = pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        run("seatwatch", "sync", env=os.environ | {
            "LD_PRELOAD": str(faketime), "FAKETIME": f"@{day}:00", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
        time.sleep(0.6)
    run("seatwatch", "sync")


def daemon(order):
    run("systemctl", order, "seatwatch")


def first_config(page="README.md", path=ROOT / "seatwatch.yaml"):
    """The config that a page begins with, which reads from the made-up Codecov here."""
    text = commands.sample((ROOT / page).read_text(), f"# {path.name}")
    path.write_text(text.replace("codecov:\n", f"codecov:\n  base_url: http://{CODECOV}\n"))


def people():
    """A list as HR would give it."""
    pathlib.Path(WORK, "people.csv").write_text(
        "Mail,GitHub login,Full Name\nada@example.com,ada-albers,Ada Albers\n,octocat,Mona\n")


def packages():
    """The package that was built last, and the same as if it were the next."""
    package = ROOT / "seatwatch_0.1.0-1_amd64.deb"
    shutil.copy2(ROOT / "target/dist" / package.name, package)
    run("dpkg-deb", "--raw-extract", package, "/tmp/next")
    control = pathlib.Path("/tmp/next/DEBIAN/control")
    control.write_text(control.read_text().replace("Version: 0.1.0-1", "Version: 0.2.0-1"))
    run("dpkg-deb", "--build", "-Zgzip", "-z1", "/tmp/next", ROOT / "seatwatch_0.2.0-1_amd64.deb")


def lose_the_machine():
    """All that is left is a copy of the database, and the config."""
    daemon("stop")
    backups = pathlib.Path("/var/backups/seatwatch")
    shutil.copy2(backups / "before-update.db", backups / "2026-11-25.db")
    shutil.chown(backups / "2026-11-25.db", "seatwatch", "seatwatch")
    shutil.rmtree("/var/lib/seatwatch")


def install_again():
    """After it was removed with all that it had."""
    daemon("stop")
    install()
    secrets()
    configure()
    daemon("start")


def expose():
    """Lets the daemon listen where everybody is, unless it does."""
    text = CONFIG.read_text()
    if "listen:" not in text:
        CONFIG.write_text(text.replace("instance: prod", "instance: prod\nlisten: 0.0.0.0:9642"))


def web():
    """What the page about HTTP adds to the config, and the file beside it."""
    page = (ROOT / "docs/http.md").read_text()
    edited = CONFIG.read_text().replace("listen: 0.0.0.0:9642\n", commands.sample(page, "web_config_file"))
    CONFIG.write_text(edited)
    CONFIG.with_name("web.yml").write_text(commands.sample(page, "tls_server_config"))


def receivers():
    """Those who take mails, webhooks and messages, and the plugin for the latter."""
    environment = pathlib.Path("/opt/seatwatch-apprise")
    run("/usr/bin/python3", "-m", "venv", environment)
    pip = [environment / "bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--require-hashes", "-r", ROOT / "plugins/apprise/requirements.txt")
    run(*pip, "aiosmtpd==1.4.6")
    plugin = pathlib.Path("/usr/lib/seatwatch/plugins/seatwatch-sink-apprise")
    plugin.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(ROOT / "plugins/apprise/seatwatch-sink-apprise", plugin)
    start(environment / "bin/python3", ROOT / "tests/docs/receiver.py", str(MAIL), str(RECEIVER))
    for port in (MAIL, RECEIVER):
        until(lambda port=port: answers(f"127.0.0.1:{port}"), f"the receiver on {port}")


def sinks():
    """The sinks that a page sets up, with the receivers here."""
    sample = commands.sample((ROOT / "docs/sinks.md").read_text(), "sinks:")
    sample = sample.replace("host: smtp.example.com", f"host: 127.0.0.1, port: {MAIL}, tls: none")
    sample = sample.replace("https://siem.example.com", f"http://127.0.0.1:{RECEIVER}")
    configure(AUDIT + sample.removeprefix("sinks:\n"))
