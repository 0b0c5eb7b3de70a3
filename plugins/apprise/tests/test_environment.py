"""With which Python the plugin goes on."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from world import SCRIPT

# A Python that is in no virtual environment: the one that made ours.
PLAIN = pathlib.Path(sys.base_prefix, "bin", "python3")


class Environment(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.environment = pathlib.Path(directory.name, "environment")
        self.plugin = pathlib.Path(directory.name, "plugin")
        text = SCRIPT.read_text()
        assert '"/opt/seatwatch-apprise"' in text
        self.plugin.write_text(text.replace("/opt/seatwatch-apprise", str(self.environment)))

    def make_environment(self):
        """Instead of a Python, something that says how it was called."""
        python = self.environment / "bin" / "python3"
        python.parent.mkdir(parents=True)
        python.write_text('#!/bin/sh\necho "$@"\n')
        python.chmod(0o755)

    def run_by(self, *python, says=""):
        return subprocess.run(
            [*python, self.plugin],
            input=says,
            text=True,
            capture_output=True,
            timeout=30,
            check=False,
        )

    def output(self, *python):
        """What it answers to nothing."""
        ran = self.run_by(*python)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        return ran.stdout

    def test_it_goes_on_in_the_environment_that_is_there(self):
        self.make_environment()
        self.assertEqual(self.output(PLAIN), f"-I {self.plugin}\n")

    def test_without_one_it_is_itself(self):
        self.assertEqual(self.output(PLAIN), "")

    def test_one_that_is_not_for_this_user_is_named(self):
        self.make_environment()
        python = self.environment / "bin" / "python3"
        python.chmod(0o600)
        hello = {"type": "hello", "protocol": 1, "instance": "i", "sink": "s", "config": {}}
        # A Python that finds no modules but its own, so no Apprise either.
        ran = self.run_by(PLAIN, "-S", says=json.dumps(hello))
        self.assertEqual((ran.returncode, ran.stdout), (69, ""))
        self.assertIn(f"and this user cannot start {python};", ran.stderr)

    def test_a_python_that_was_chosen_is_kept(self):
        self.make_environment()
        self.assertEqual(self.output(PLAIN, "-I"), "")
        self.assertEqual(self.output(sys.executable), "")
