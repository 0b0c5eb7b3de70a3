"""What the protocol of docs/plugins.md asks of every plugin."""

import json
import os
import subprocess
import sys

from world import SCRIPT, Case, Plugin, member_event

HELLO = {"type": "hello", "protocol": 1, "instance": "prod", "sink": "chat"}


class Protocol(Case):
    def test_it_says_what_it_is(self):
        answer = self.start().hello(urls=[self.receiver.url()])
        self.assertEqual(
            answer,
            {
                "type": "ready",
                "protocol": 1,
                "name": "apprise",
                "version": "0.1.0",
                "max_events": 50,
            },
        )

    def test_what_it_does_not_know_is_ignored(self):
        plugin = self.start()
        plugin.send({"type": "weather", "sun": True}, {"type": ["hello"]}, {"no": "type"})
        config = {"urls": [self.receiver.url()]}
        self.assertEqual(plugin.ask(**HELLO, config=config, moon=1)["type"], "ready")
        self.assertEqual(plugin.ask(type="ping", n=7, why="?"), {"type": "pong", "n": 7})
        self.assert_accepted(plugin.deliver([member_event("left", "ann")]), 1)

    def test_rubbish_is_logged_and_skipped(self):
        plugin = self.ready(urls=[self.receiver.url()])
        for line in (b"", b"rubbish", b"\xff\xfe", b"[1]", b'"text"', b"[" * 100_000):
            plugin.send_bytes(line + b"\n")
        # Longer than any line may be, and the end of it looks like a message.
        plugin.send_bytes(b" " * 3_000_000 + b'{"type":"ping","n":0}\n')
        self.assertEqual(plugin.ask(type="ping", n=8), {"type": "pong", "n": 8})
        self.assertEqual(plugin.end(), 0)
        self.assertEqual(plugin.log().count("skipped a line"), 7)
        self.assertEqual(plugin.log().count("more than 1 MiB"), 1)

    def test_a_line_of_1_mib_is_read(self):
        plugin = self.ready(urls=[self.receiver.url()])
        line = json.dumps({"type": "ping", "n": 9}).encode()
        plugin.send_bytes(line + b" " * (1024 * 1024 - len(line)) + b"\n")
        self.assertEqual(plugin.answer(), {"type": "pong", "n": 9})

    def test_the_end_of_the_input_ends_it(self):
        plugin = self.ready(urls=[self.receiver.url()])
        self.assertEqual(plugin.end(), 0)
        self.assertIsNone(plugin.answer())
        self.assertEqual(plugin.log(), "")

    def test_it_ends_without_a_hello(self):
        self.assertEqual(self.start().end(), 0)

    def test_shutdown_ends_it(self):
        plugin = self.ready(urls=[self.receiver.url()])
        plugin.send({"type": "shutdown"})
        self.assertIsNone(plugin.answer())
        self.assertEqual(plugin.process.wait(30), 0)

    def test_shutdown_does_not_wait_for_a_service(self):
        plugin = self.ready(urls=[self.receiver.url("/", "?rto=25")])
        self.receiver.answering.clear()
        answer = plugin.deliver([member_event("left", "ann")], deadline_ms=200)
        self.assertIn("no answer before the deadline", self.assert_retry(answer))
        plugin.send({"type": "shutdown"})
        self.assertEqual(plugin.process.wait(20), 0)

    def test_seatwatch_may_be_gone_before_the_answer(self):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as nobody:
            ended = subprocess.run(
                [sys.executable, "-I", SCRIPT],
                input=b'{"type":"ping","n":1}\n',
                stdout=nobody,
                stderr=subprocess.PIPE,
                timeout=30,
                check=False,
            )
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))

    def test_another_protocol_is_refused(self):
        plugin = self.start()
        answer = plugin.ask(**{**HELLO, "protocol": 2}, config={"urls": [self.receiver.url()]})
        self.assertEqual((answer["type"], answer.get("path")), ("error", None))
        self.assertIn("protocol 1", answer["message"])
        self.assertEqual(plugin.process.wait(30), 78)

    def test_a_delivery_before_hello_is_not_accepted(self):
        plugin = self.start()
        self.assertIn("hello", self.assert_retry(plugin.deliver([member_event("left", "ann")])))
        self.assertIn("hello", plugin.ask(type="check")["error"])

    def test_what_is_no_list_of_events_is_rejected(self):
        plugin = self.ready(urls=[self.receiver.url()])
        for events in (None, [], {}, "text", [1], [member_event("left", "ann"), None]):
            answer = plugin.deliver(events)
            self.assertEqual((answer["accepted"], list(answer["reject"])), (0, ["reason"]))
        plugin.send({"type": "deliver", "events": [member_event("left", "ann")]})
        self.assertEqual(plugin.ask(type="ping", n=1), {"type": "pong", "n": 1})
        self.assertEqual(self.receiver.messages, [])


class Installation(Case):
    def last_words(self, plugin: Plugin) -> str:
        """Of one that is to be tried again: it answers nothing, least of all an `error`."""
        self.assertIsNone(plugin.hello(urls=[self.receiver.url()]))
        self.assertEqual(plugin.process.wait(30), 69)
        return plugin.log().splitlines()[-1]

    def test_a_python_without_apprise_is_named(self):
        # Without `site`, Python finds no installed packages.
        self.assertIn("no module apprise", self.last_words(self.start("-I", "-S")))

    def test_an_old_apprise_is_refused_and_what_it_prints_is_no_answer(self):
        package = self.directory / "apprise"
        package.mkdir()
        (package / "__init__.py").write_text(
            "import os, subprocess, sys\n"
            "__version__ = '1.2.0'\n"
            "print('printed')\n"
            "os.write(1, b'written\\n')\n"
            "subprocess.run(['echo', 'echoed'])\n"
            "assert sys.stdin.read() == ''\n"
        )
        plugin = self.start("-s", PYTHONPATH=str(self.directory))
        self.assertIn("apprise 1.2.0 is too old", self.last_words(plugin))
        for text in ("printed", "written", "echoed"):
            self.assertIn(text, plugin.log())
