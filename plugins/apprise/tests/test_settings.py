"""What may stand in the configuration, and what is said of what may not."""

from world import Case, member_event

SECRET = "s3cr3t-t0ken"


class Settings(Case):
    def refused(self, path, message, **config):
        plugin = self.start()
        answer = plugin.hello(**config)
        self.assertEqual((answer["type"], answer["path"]), ("error", path), answer)
        self.assertIn(message, answer["message"])
        self.assertEqual(plugin.process.wait(30), 78)
        self.assertNotIn(SECRET, str(answer) + plugin.log())

    def file(self, text, name="urls"):
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def test_a_wrong_key_or_value_is_named(self):
        url = self.receiver.url()
        self.refused("urls", "at least one", title="Codecov")
        self.refused("urls", "at least one", urls=[])
        self.refused("urls", "a list", urls=url)
        self.refused("urls[1]", "an Apprise URL", urls=[url, 7])
        self.refused("url", "did you mean `urls`?", url=url)
        self.refused("colour", "expected urls, urls_file, title, format", urls=[url], colour=1)
        self.refused("title", "not empty", urls=[url], title=" ")
        self.refused("title", "a text", urls=[url], title=["a"])
        self.refused("format", "`text` or `markdown`", urls=[url], format="html")
        self.refused("format", "`text` or `markdown`", urls=[url], format=None)
        self.refused("urls_file", "a text", urls_file=True)

    def test_a_wrong_url_is_named_by_its_place_and_not_shown(self):
        url = self.receiver.url()
        self.refused("urls[0]", "not an Apprise URL", urls=[SECRET])
        self.refused("urls[1]", "did you mean `slack`?", urls=[url, f"slak://{SECRET}"])
        self.refused("urls[0]", "this `slack` URL", urls=[f"slack://{SECRET}/x"])
        self.refused("urls[0]", "this `json` URL", urls=[f"json://:{SECRET}:/"])
        self.refused("urls[0]", "more than one", urls=[f"{url}, {url}{SECRET}"])
        self.refused("urls[0]", "needs paho-mqtt", urls=[f"mqtt://{SECRET}/topic"])

    def test_a_wrong_file_is_named_by_its_line_and_can_be_mended(self):
        # Otherwise a plugin that starts in the middle of a rotation would be stopped for good.
        urls_file = self.file(f"# chat\n{self.receiver.url()}\n{SECRET}\n")
        plugin = self.ready(urls_file=urls_file)
        self.wrong(plugin, "urls_file line 3: not an Apprise URL")
        self.file("# nothing\n\n")
        self.wrong(plugin, "urls_file: no URL in it")
        (self.directory / "urls").write_bytes(b"\xff\xfe")
        self.wrong(plugin, "urls_file: not UTF-8")
        (self.directory / "urls").unlink()
        self.wrong(plugin, "urls_file: cannot be read: No such file")
        (self.directory / "urls").mkdir()
        self.wrong(plugin, "urls_file: cannot be read")
        (self.directory / "urls").rmdir()
        self.file(self.receiver.url("/mended"))
        self.assertEqual(plugin.ask(type="check"), {"type": "checked"})
        self.assert_accepted(plugin.deliver([member_event("left", "ann")], attempt=6), 1)
        self.assertEqual(self.receiver.paths()[-1], "/mended")

    def wrong(self, plugin, message):
        checked = plugin.ask(type="check")
        self.assertEqual(checked["type"], "checked")
        self.assertIn(message, checked["error"])
        reason = self.assert_retry(plugin.deliver([member_event("left", "ann")], attempt=2))
        self.assertIn(message.removeprefix("urls_file: "), reason.replace(" (slack)", ""))
        self.assertNotIn(SECRET, checked["error"] + reason + plugin.log())

    def test_both_lists_count_and_a_url_that_stands_twice_is_one(self):
        urls_file = self.file(f"\ufeff# The room.\n\n  {self.receiver.url('/b')}\n")
        urls = [self.receiver.url("/a"), self.receiver.url("/b")]
        plugin = self.ready(urls=urls, urls_file=urls_file)
        self.assert_accepted(plugin.deliver([member_event("left", "ann")]), 1)
        self.assertEqual(self.receiver.paths(), ["/a", "/b"])

    def test_a_check_sends_nothing_and_sees_the_file_as_it_is(self):
        urls_file = self.file(self.receiver.url())
        plugin = self.ready(urls_file=urls_file)
        self.assertEqual(plugin.ask(type="check"), {"type": "checked"})
        self.file(f"slack://{SECRET}")
        answer = plugin.ask(type="check")
        self.assertEqual(answer["type"], "checked")
        self.assertIn("urls_file line 1: Apprise does not accept", answer["error"])
        self.file("")
        self.assertIn("urls_file: no URL", plugin.ask(type="check")["error"])
        self.file(self.receiver.url())
        self.assertEqual(plugin.ask(type="check"), {"type": "checked"})
        self.assertEqual(self.receiver.messages, [])

    def test_a_rotated_file_needs_no_restart(self):
        urls_file = self.file(self.receiver.url("/old"))
        plugin = self.ready(urls_file=urls_file)
        self.assert_accepted(plugin.deliver([member_event("left", "ann")]), 1)
        self.file(self.receiver.url("/new"))
        self.assert_accepted(plugin.deliver([member_event("left", "bob")], "d-2"), 1, "d-2")
        (self.directory / "urls").unlink()
        reason = self.assert_retry(plugin.deliver([member_event("left", "cat")], "d-3"), "d-3")
        self.assertIn("urls_file: cannot be read", reason)
        self.assertEqual(self.receiver.paths(), ["/new", "/old"])
