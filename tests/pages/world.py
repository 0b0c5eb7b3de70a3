"""Makes state directories for the browser to look into: through the program itself, synced from its
simulator, and then made older where there is to be a past."""

import contextlib
import datetime
import json
import signal
import socket
import sqlite3
import subprocess
import time

# Names that a page must survive. None of them may be an option of the simulator's script syntax.
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "https://evil.example/?a=b&c=d#e",
    "100%/..?x",
    "..",
    "w" * 300,
    "مرحبا بالعالم",
    "🦀 emoji 👩‍👩‍👧",
    "tab\tand\u202ebidi\u0007bell",
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def started(command, **options):
    """Runs a program as long as the block does."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(done, process, seconds=60):
    """Waits until something is so, as long as the process runs that is to make it so."""
    end = time.monotonic() + seconds
    while not done():
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        assert time.monotonic() < end, f"{process.args}: it never came"
        time.sleep(0.05)


@contextlib.contextmanager
def simulator(seatwatch, port, organizations, directory, *more):
    directory.mkdir(parents=True, exist_ok=True)
    written = directory / "seatwatch.yaml"
    written.unlink(missing_ok=True)
    command = [seatwatch, "simulate", "--listen", f"127.0.0.1:{port}", *more]
    command += ["--write-config", directory]
    for name, members in organizations.items():
        command += ["--organization", f"{name}={members}"]
    with started(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(written.exists, process)
        yield process


def sync(seatwatch, config):
    """One sync of all organizations. Some may fail: the pages show that."""
    command = [seatwatch, "sync", "--config", config]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode in (0, 65, 69, 75, 77, 78), ran.stderr
    return ran


def age(config, **by):
    """Makes everything in the store older: what was just now was so long ago."""
    milliseconds = int(datetime.timedelta(**by).total_seconds() * 1000)
    with contextlib.closing(sqlite3.connect(config.parent / "state/seatwatch.db")) as database:
        tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT%'"
        for (table,) in database.execute(tables).fetchall():
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            for column in columns:
                if column in ("at", "since", "time") or column.endswith(("_at", "_since")):
                    database.execute(f"UPDATE {table} SET {column} = {column} - {milliseconds}")
        database.commit()


def small(seatwatch, directory):
    """Ten organizations with three months behind them: one is held, one is gone, one has members
    with names that nobody should have."""
    sizes = {
        "github/acme": 42, "github/harbor": 310, "github/widgets": 64, "github/quiet": 9,
        "github/names": 6, "gitlab/grp:sub": 40, "bitbucket/northwind": 22,
        "github_enterprise/platform": 210,
    }
    directory.mkdir(parents=True)
    steps, at = [], 0.0
    for name in HOSTILE:
        for action in ("join", "seat", {"name": name}, {"email": name}):
            change = {"organization": "github/names", "username": name, "action": action}
            at += 0.02
            steps.append({"at": f"{at:.2f}s", "change": change})
    script = directory / "script.yaml"
    script.write_text(json.dumps({"steps": steps}))

    port, other = free_port(), free_port()
    config = directory / "seatwatch.yaml"
    with simulator(seatwatch, port, sizes, directory / "main", "--change-every", "40ms",
                   "--script", script) as main:
        troubled = {"github/initech": 60, "github/umbrella": 14}
        with simulator(seatwatch, other, troubled, directory / "other"):
            write_config(config, port, other, sizes, troubled)
            for _ in range(28):
                sync(seatwatch, config)
                age(config, days=3)
        with simulator(seatwatch, other, {"github/initech": 9}, directory / "other"):
            for _ in range(3):
                sync(seatwatch, config)
                age(config, hours=1)
        assert main.poll() is None
    return config


def write_config(config, port, other, sizes, troubled):
    limits = {"github/acme": 40, "github/harbor": 340, "github/widgets": 52}
    labels = {"gitlab/grp:sub": "Research, payments team", "github/harbor": "Harbor"}
    now = datetime.datetime.now(datetime.timezone.utc)
    lines = [
        "instance: prod", "state_dir: state", "timezone: Europe/Berlin",
        # Never while somebody looks: nobody serves what would be synced.
        "listen: 127.0.0.1:0", f'schedule: "17 3 {(now + datetime.timedelta(days=9)).day} * *"',
        "codecov:", f"  base_url: http://127.0.0.1:{port}", "  requests_per_second: 1000",
        f"  token_file: {config.parent}/main/codecov-token-github", "organizations:",
    ]
    for name in [*sizes, *troubled]:
        service, owner = name.split("/")
        lines += [f"  - service: {service}", f'    owner: "{owner}"']
        if name in troubled:
            lines += [f"    base_url: http://127.0.0.1:{other}",
                      f"    token_file: {config.parent}/other/codecov-token-{service}"]
        else:
            lines.append(f"    token_file: {config.parent}/main/codecov-token-{service}")
        if name in limits:
            lines.append(f"    seats: {{ limit: {limits[name]} }}")
        if name in labels:
            lines.append(f'    label: "{labels[name]}"')
    lines += [
        "sinks:", "  audit: { type: file, path: events.ndjson }",
        "  siem: { type: webhook, url: \"http://127.0.0.1:9/in\" }",
    ]
    config.write_text("\n".join(lines) + "\n")


def large(seatwatch, directory):
    """A thousand organizations, and one of them has ten thousand members."""
    sizes = {f"github/team-{number:04}": 3 for number in range(999)}
    sizes["github/giant"] = 10_000
    directory.mkdir(parents=True)
    port, config = free_port(), directory / "seatwatch.yaml"
    with simulator(seatwatch, port, sizes, directory / "main"):
        write_config(config, port, port, sizes, {})
        ran = sync(seatwatch, config)
        assert ran.returncode == 0, ran.stderr
    return config


@contextlib.contextmanager
def daemon(seatwatch, config):
    """The daemon on a port of its own; gives where it is."""
    port = free_port()
    text = config.read_text().replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}")
    served = config.with_name("served.yaml")
    served.write_text(text)
    log = (config.parent / "daemon.log").open("wb")
    command = [seatwatch, "run", "--config", served]
    with log, started(command, stdout=log, stderr=log) as process:
        def is_up():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return True
            return False

        until(is_up, process)
        yield f"http://127.0.0.1:{port}"
