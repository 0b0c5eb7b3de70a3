"""The plugin to copy: it keeps to the protocol, and docs/plugins.md shows it as it is."""

import json
import subprocess
import sys

from world import SCRIPT, Case, member_event

DOCS = SCRIPT.parents[2] / "docs"
SAMPLE = DOCS / "samples" / "seatwatch-sink-lines"


class Sample(Case):
    def talk(self, *lines):
        """The sample's exit code, answers and log."""
        text = "".join(
            (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines
        )
        ended = subprocess.run(
            [sys.executable, "-I", str(SAMPLE)],
            input=text.encode(),
            capture_output=True,
            timeout=30,
            check=False,
        )
        answers = [json.loads(line) for line in ended.stdout.splitlines()]
        return ended.returncode, answers, ended.stderr.decode()

    def hello(self, path):
        config = {"path": str(path)}
        return {"type": "hello", "protocol": 1, "instance": "i", "sink": "s", "config": config}

    def deliver(self, *events):
        return {"type": "deliver", "id": "d", "attempt": 1, "deadline_ms": 1, "events": events}

    def test_it_is_shown_as_it_is(self):
        page = (DOCS / "plugins.md").read_text()
        self.assertIn(f"```python\n{SAMPLE.read_text()}```\n", page)

    def test_it_keeps_to_the_protocol(self):
        path = self.directory / "lines"
        joined = member_event("joined", "an\nn")
        code, answers, log = self.talk(
            self.hello(path),
            {"type": "weather"},
            "rubbish",
            "[1]",
            {"type": "ping", "n": 7, "why": "?"},
            {"type": "check"},
            self.deliver(joined, {"time": "t", "id": "i", "data": {"event": "heartbeat"}}),
            {"type": "shutdown"},
            {"type": "ping", "n": 8},
        )
        self.assertEqual(code, 0)
        self.assertEqual(
            answers,
            [
                {
                    "type": "ready",
                    "protocol": 1,
                    "name": "lines",
                    "version": "1.0.0",
                    "max_events": 100,
                },
                {"type": "pong", "n": 7},
                {"type": "checked"},
                {"type": "result", "id": "d", "accepted": 2},
            ],
        )
        self.assertEqual(log, "skipped a line that is no message\n" * 2)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        self.assertEqual([line[2:] for line in lines], [["joined", "an\nn"], ["heartbeat", None]])
        self.assertEqual(lines[0][:2], [joined["time"], joined["id"]])

    def test_the_end_of_the_input_ends_it(self):
        self.assertEqual(self.talk(), (0, [], ""))

    def test_what_may_pass_is_tried_again(self):
        path = self.directory / "none" / "lines"
        code, answers, _ = self.talk(
            self.hello(path), {"type": "check"}, self.deliver(member_event("left", "ann"))
        )
        self.assertEqual(code, 0)
        self.assertIn("no directory", answers[1]["error"])
        reason = f"{path}: No such file or directory"
        self.assertEqual(
            answers[2], {"type": "result", "id": "d", "accepted": 0, "retry": {"reason": reason}}
        )

    def test_wrong_settings_are_refused(self):
        code, answers, _ = self.talk(self.hello("lines"))
        self.assertEqual((code, answers[0]["type"], answers[0]["path"]), (78, "error", "path"))
