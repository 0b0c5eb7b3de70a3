"""What the script says in its own words of what seatwatch's crates know."""

import importlib.machinery
import importlib.util
import re
import unittest

from world import SCRIPT

SDK = SCRIPT.parents[1] / "sdk" / "src"


def script():
    """The script as a module; nothing of it runs."""
    loader = importlib.machinery.SourceFileLoader("seatwatch_sink_apprise", str(SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Words(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.script = script()

    def test_every_event_has_its_words(self):
        text = (SDK / "event.rs").read_text()
        listed = re.search(r"^event_kinds! \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)[1]
        words = re.findall(r'^    \w+ "(\w+)",$', listed, re.MULTILINE)
        self.assertIn("seat_lost", words)
        self.assertEqual(set(self.script.HEADLINES), {*words, "test"})
        of_members = words.index("joined")
        self.assertEqual(set(self.script.NOTICES), set(words[:of_members]))

    def test_what_cannot_be_seen_is_what_seatwatch_takes_for_it(self):
        text = (SDK / "text.rs").read_text()
        listed = re.search(r"fn is_unseen.*?matches!\(c, (.*?)\)\n", text, re.DOTALL)[1]
        ranges = re.findall(r"'\\u\{(\w+)\}'(?:\.\.='\\u\{(\w+)\}')?", listed)
        self.assertEqual(len(ranges), listed.count("|") + 1)
        unseen = {
            point
            for first, last in ranges
            for point in range(int(first, 16), int(last or first, 16) + 1)
        }
        surrogates = set(range(0xD800, 0xE000))  # No Rust text has any.
        ours = {point for point in range(0x110000) if self.script.UNSEEN.match(chr(point))}
        self.assertEqual(ours - surrogates, unseen)


if __name__ == "__main__":
    unittest.main()
