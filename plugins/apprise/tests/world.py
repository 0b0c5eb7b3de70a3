"""The plugin as seatwatch starts it, and a receiver that it delivers to. Both on loopback."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "seatwatch-sink-apprise"

# How long anything may take before a test says that it hangs.
PATIENCE_SECONDS = 30


class Receiver:
    """A web hook for `json://`: notes what comes and answers as it is told, by path."""

    def __init__(self):
        self.messages = []
        self.status = {}
        # Cleared, requests wait for it before they are answered.
        self.answering = threading.Event()
        self.answering.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                path = self.path.partition("?")[0]
                receiver.messages.append((path, body))
                receiver.answering.wait(PATIENCE_SECONDS)
                self.send_response(receiver.status.get(path, 200))
                self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.end_headers()

            # A redirect that is followed would come as this.
            do_GET = do_POST

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def url(self, path="/", query=""):
        return f"json://127.0.0.1:{self.port}{path}{query}"

    def paths(self):
        return sorted(path for path, _ in self.messages)

    def close(self):
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()


class Plugin:
    """The script in a process of its own, with as little environment as seatwatch gives it."""

    def __init__(self, arguments=("-I",), environment=None):
        self._log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, *arguments, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={"PATH": os.defpath, "HOME": "/nonexistent", "LANG": "C", **(environment or {})},
            start_new_session=True,
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def send(self, *messages):
        for message in messages:
            self.send_bytes(json.dumps(message).encode() + b"\n")

    def send_bytes(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def answer(self):
        """The next line of stdout, which has to be JSON; none at its end."""
        line = self._lines.get(timeout=PATIENCE_SECONDS)
        return None if line is None else json.loads(line)

    def ask(self, **message):
        self.send(message)
        return self.answer()

    def hello(self, **config):
        return self.ask(type="hello", protocol=1, instance="prod", sink="chat", config=config)

    def deliver(self, events, delivery="d-1", attempt=1, deadline_ms=20000):
        return self.ask(
            type="deliver", id=delivery, attempt=attempt, deadline_ms=deadline_ms, events=events
        )

    def end(self):
        """Closes stdin; the exit code."""
        self.process.stdin.close()
        return self.process.wait(PATIENCE_SECONDS)

    def log(self):
        self._log.seek(0)
        return self._log.read().decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._log):
            try:
                stream.close()
            except BrokenPipeError:
                pass


class Case(unittest.TestCase):
    """A test with a receiver, and plugins that are gone when it ends."""

    maxDiff = None

    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def start(self, *arguments, **environment):
        plugin = Plugin(arguments or ("-I",), environment)
        self.addCleanup(plugin.close)
        return plugin

    def ready(self, **config):
        """A plugin that has said that it is ready."""
        plugin = self.start()
        self.assertEqual(plugin.hello(**config)["type"], "ready")
        return plugin

    def assert_accepted(self, answer, count, delivery="d-1"):
        self.assertEqual(answer, {"type": "result", "id": delivery, "accepted": count})

    def assert_retry(self, answer, delivery="d-1"):
        """The reason for which nothing was accepted for now."""
        self.assertEqual(
            (answer["type"], answer["id"], answer["accepted"]), ("result", delivery, 0)
        )
        return answer["retry"]["reason"]


BEFORE = {"members": 41, "seats": 31, "admins": 3, "unnamed": {"members": 1, "seats": 0}}
AFTER = {"members": 40, "seats": 29, "admins": 3, "unnamed": {"members": 1, "seats": 0}}


def member_event(kind, username, name=None, owner="acme", before=None, subject=True):
    """An event of a member, as seatwatch sends it."""
    member = {"username": username, "name": name, "email": None, "seat": False, "admin": False}
    data = {
        "event": kind,
        "organization": {"service": "github", "owner": owner},
        "member": {**member, "status": "disabled"},
        "before": None if kind == "joined" else {**member, **(before or {})},
        "after": None if kind == "left" else member,
        "totals": AFTER,
        "previous_totals": BEFORE,
        "since": "2026-11-23T09:00:03.870Z",
    }
    # The member's number is hashed; any text that is not their name will do.
    return cloud_event(data, **({"subject": f"m-{username.lower()}"} if subject else {}))


def organization_event(kind, owner="acme", **details):
    """An event of an organization, as seatwatch sends it."""
    organization = {"service": "github", "owner": owner}
    data = {"event": kind, "organization": organization, "totals": AFTER, "previous_totals": AFTER}
    return cloud_event({**data, "since": None, "details": details})


def instance_event(kind, **details):
    """An event of the whole instance, as seatwatch sends it."""
    data = {"event": kind, "totals": None, "previous_totals": None, "since": None}
    return cloud_event({**data, "details": details})


def cloud_event(data, **attributes):
    return {
        "specversion": "1.0",
        "id": "01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88-0003",
        "source": "/seatwatch/prod/codecov/github/acme",
        "type": f"dev.seatwatch.{data['event']}.v1",
        "time": "2026-11-23T10:00:04.120Z",
        "datacontenttype": "application/json",
        "sequence": "00000000000000000042",
        "correlationid": "01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88",
        "data": data,
        **attributes,
    }
