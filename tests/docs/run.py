"""Runs the commands of the documents, and says which of them do not do what they should.

Each page has a world of its own (world.py). A command runs as it stands there, with the directory
and the variables that those before it have left. It has to succeed, or to end as `ENDS` says.

Usage: run.py [PAGE…]
"""

import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time

import commands
import world

# What is no one's to run here: another program of this repository runs it, word for word.
ELSEWHERE = {
    "cargo test --workspace --locked": ".ci/run",
}

# What cannot be run by a test at all, and why.
NEVER = {
    "ssh -L 9642:127.0.0.1:9642 seatwatch.example.com": "needs another machine",
    "cargo bench ": "takes minutes to build",
}

# The same with the profile that is built anyway: building another takes minutes.
PROFILE = [
    (re.compile(r"^cargo run --release "), "cargo run --locked "),
    (re.compile(r"^cargo build --release "), "cargo build "),
    (re.compile(r"^install -m 755 target/release/"), "install -m 755 target/debug/"),
    (re.compile(r"^cargo install "), "cargo install --debug "),
]

# Goes on until somebody ends it, which is when the next block begins. It has to be there still then.
ENDLESS = re.compile(r"^(seatwatch (run|simulate)|tail -F) ?")

# Whoever reads these has the source before them.
IN_THE_CHECKOUT = {"README.md", "docs/CONTRIBUTING.md", "docs/monitoring.md", "docs/operations.md",
                   "docs/performance.md", "docs/plugins.md", "plugins/apprise/README.md"}

# With which code a command ends that has to fail.
ENDS = {
    # Slack is not reached from here.
    ("plugins/apprise/README.md", "seatwatch check --online && seatwatch reload && seatwatch sink test chat"): 69,
    ("docs/http.md", "seatwatch check"): 78,
}

# What is typed at what asks.
TYPED = {
    "apt ": "y\n",
    "seatwatch org forget github/acme": "github/acme\n",
    "install -m 600 -o seatwatch /dev/stdin apprise-urls": f"json://127.0.0.1:{world.RECEIVER}/\n",
    "install -m 600 -o seatwatch /dev/stdin /etc/seatwatch/codecov-token":
        "5ea70000-0000-4000-8000-000000000001\n",
}


def edit(old, new):
    """Changes the config, as the text around the command tells to."""
    text = world.CONFIG.read_text()
    assert old in text, f"no `{old}` in the config:\n{text}"
    world.CONFIG.write_text(text.replace(old, new))


# What else the text around a command tells to do before it.
BEFORE = {
    ("docs/compare.md", "seatwatch report"): world.people,
    ("docs/history.md", "seatwatch org forget"): lambda: (edit("  - github/acme\n", ""),
                                                          world.daemon("restart")),
    ("docs/http.md", "seatwatch check"): world.expose,
    ("docs/http.md", "cd /etc/seatwatch"): world.web,
    ("docs/operations.md", "systemd-creds encrypt"): lambda: world.secret("credentials/codecov-token", "made up"),
    ("docs/operations.md", "install -d -m 700 -o seatwatch -g seatwatch /var/lib/seatwatch"): world.lose_the_machine,
    ("docs/operations.md", "seatwatch check --online && seatwatch reload"): world.install_again,
    ("docs/sinks.md", "seatwatch check --online"): world.sinks,
    ("plugins/apprise/README.md", "seatwatch check --online"): lambda: world.configure(
        world.AUDIT + commands.sample((world.ROOT / "plugins/apprise/README.md").read_text(), "chat:")
        .removeprefix("sinks:\n")),
}


class Page:
    """Runs the commands of one page, one after the other."""

    def __init__(self, name):
        self.name, self.directory = name, world.ROOT if name in IN_THE_CHECKOUT else world.WORK
        self.state = pathlib.Path(tempfile.mkdtemp())
        self.endless, self.block = [], None

    def run(self, command):
        """What is wrong with it, if anything is."""
        if command.block != self.block:
            self.block = command.block
            if trouble := self.end():
                return trouble
        for (page, beginning), prepare in BEFORE.items():
            if page == self.name and command.text.startswith(beginning):
                prepare()
        text = command.text
        for pattern, instead in PROFILE:
            text = pattern.sub(instead, text)
        if ENDLESS.match(text):
            return self.go_on(command, text)
        script = f"""
            cd "$(cat {self.state}/directory)"; [ ! -f {self.state}/variables ] || . {self.state}/variables
            {text}
            code=$?
            pwd >{self.state}/directory; export -p >{self.state}/variables; exit $code"""
        typed = (typed for beginning, typed in TYPED.items() if text.startswith(beginning))
        code, said = self.shell(script, next(typed, "made up\n"))
        expected = ENDS.get((self.name, text), 0)
        if code != expected:
            return f"ended with {code} instead of {expected}:\n{said}"
        return None

    def shell(self, script, typed):
        """With a terminal, for some ask only there."""
        (self.state / "directory").exists() or (self.state / "directory").write_text(str(self.directory))
        leader, follower = pty.openpty()
        os.write(leader, typed.encode())
        log = self.state / "said"
        with log.open("wb") as said:
            process = subprocess.Popen(["bash", "-c", script], stdin=follower, stdout=said, stderr=said,
                                       start_new_session=True)
        os.close(follower)
        if "/dev/stdin" in script:
            os.write(leader, b"\x04")
        try:
            code = process.wait(900 if "cargo" in script else 60)
        except subprocess.TimeoutExpired:
            process.kill()
            code = "a time-out"
        os.close(leader)
        return code, log.read_text(errors="replace")

    def go_on(self, command, text):
        log = self.state / f"endless-{command.line}"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f'cd "$(cat {self.state}/directory)"; '
                 f"[ ! -f {self.state}/variables ] || . {self.state}/variables; exec {text}"],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.endless.append((command, process))
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            if log.stat().st_size:
                return None
            time.sleep(0.1)
        said = log.read_text(errors="replace")
        return f"ended with {process.poll()}, or said nothing:\n{said}"

    def end(self):
        """Ends what went on until here. Says what is not there any more."""
        gone = [f"{command}: ended with {process.poll()}"
                for command, process in self.endless if process.poll() is not None]
        for _, process in self.endless:
            process.terminate()
            process.wait(30)
        self.endless = []
        return "\n".join(gone)


def elsewhere(text):
    """What runs the command instead of us, where something does."""
    for known, where in ELSEWHERE.items():
        if text.startswith(known):
            assert known in (world.ROOT / where).read_text(), f"`{known}` is not in {where}"
            return where
    return next((why for known, why in NEVER.items() if text.startswith(known)), None)


def look_at(name):
    """One page, in the namespaces that have been made for it. Says whether all is well."""
    found = list(commands.of(name, (world.ROOT / name).read_text()))
    mine = [command for command in found if not elsewhere(command.text)]
    world.hide("/mnt")
    world.install()
    prepare(name)
    page, bad = Page(name), 0
    for command in mine:
        if trouble := page.run(command):
            bad += 1
            print(f"{command}\n  {trouble}".replace("\n", "\n  "), flush=True)
    if trouble := page.end():
        bad += 1
        print(trouble, flush=True)
    print(f"{name}: {len(mine)} run, {len(found) - len(mine)} elsewhere", flush=True)
    return not bad


# Writes what a person would: a config, or a token.
EDITOR = """#!/bin/sh
case $1 in
    *.yaml) cp /tmp/edited.yaml "$1" ;;
    *) echo 5ea70000-0000-4000-8000-000000000001 >"$1" ;;
esac
"""


def prepare(name):
    os.environ.update(LANG="C.UTF-8", EDITOR="/tmp/editor", SHELL="/bin/bash",
                      DEBIAN_FRONTEND="noninteractive")
    editor = pathlib.Path("/tmp/editor")
    editor.write_text(EDITOR)
    editor.chmod(0o755)
    WORLDS.get(name, usual)(name)


def usual(_name):
    world.codecov()
    world.configure()
    world.past()
    world.daemon("start")


def bare(_name):
    """Nothing is configured yet, and no daemon runs."""
    world.codecov()
    world.first_config()


def with_receivers(name):
    usual(name)
    world.receivers()


def packaged(name):
    """As it is before the daemon is started, with packages to install."""
    world.codecov()
    world.configure()
    shutil.copy2(world.CONFIG, "/tmp/edited.yaml")
    world.past()
    world.packages()


def first(name):
    bare(name)
    world.packages()


WORLDS = {
    "docs/operations.md": packaged,
    "docs/sinks.md": with_receivers,
    "README.md": first,
    "docs/CONTRIBUTING.md": bare,
    "docs/performance.md": bare,
}


def pages():
    found = [world.ROOT / "README.md", *world.ROOT.glob("docs/**/*.md"), *world.ROOT.glob("plugins/**/README.md")]
    return sorted(str(path.relative_to(world.ROOT)) for path in found)


def main():
    if sys.argv[1:2] == ["--look-at"]:
        sys.exit(not look_at(sys.argv[2]))
    bad = []
    for name in sys.argv[1:] or pages():
        if not any(commands.of(name, (world.ROOT / name).read_text())):
            continue
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        looked = subprocess.run([*namespaces, sys.executable, __file__, "--look-at", name])
        if looked.returncode:
            bad.append(name)
    if bad:
        sys.exit(f"not as the documents say: {', '.join(bad)}")


if __name__ == "__main__":
    main()
