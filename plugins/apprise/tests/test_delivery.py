"""Who gets a delivery, how often, and what is said when somebody does not."""

import socket

from world import Case, member_event

LEFT = [member_event("left", "ann"), member_event("seat_lost", "ann")]
SECRET = "s3cr3t-t0ken"


class Delivery(Case):
    def test_one_message_tells_of_all_events(self):
        plugin = self.ready(urls=[self.receiver.url()])
        self.assert_accepted(plugin.deliver(LEFT), 2)
        self.assertEqual(len(self.receiver.messages), 1)

    def test_a_failure_passes(self):
        plugin = self.ready(urls=[self.receiver.url("/hook")])
        self.receiver.status["/hook"] = 503
        self.assertIn("error=503", self.assert_retry(plugin.deliver(LEFT)))
        self.receiver.status["/hook"] = 200
        self.assert_accepted(plugin.deliver(LEFT, attempt=2), 2)
        first, second = self.receiver.messages
        self.assertEqual(first, second)

    def test_a_retry_goes_only_to_who_has_not_had_it(self):
        urls = [self.receiver.url("/well"), self.receiver.url("/ill")]
        plugin = self.ready(urls=urls)
        self.receiver.status["/ill"] = 500
        for attempt in (1, 2):
            reason = self.assert_retry(plugin.deliver(LEFT, attempt=attempt))
            self.assertIn("urls[1] (json): ", reason)
            self.assertNotIn("urls[0]", reason)
            self.assertIn("1 of 2 services have it already", reason)
        self.receiver.status["/ill"] = 200
        self.assert_accepted(plugin.deliver(LEFT, attempt=3), 2)
        self.assertEqual(self.receiver.paths(), ["/ill", "/ill", "/ill", "/well"])
        # The next delivery is another matter.
        self.assert_accepted(plugin.deliver(LEFT, "d-2"), 2, "d-2")
        self.assertEqual(self.receiver.paths().count("/well"), 2)

    def test_something_else_between_two_attempts_does_not_make_it_forget(self):
        plugin = self.ready(urls=[self.receiver.url("/well"), self.receiver.url("/ill")])
        self.receiver.status["/ill"] = 500
        self.assert_retry(plugin.deliver(LEFT))
        self.assert_retry(plugin.deliver([{"data": {"event": "test"}}], "t"), "t")
        self.assert_retry(plugin.deliver(LEFT, attempt=2))
        self.assertEqual(self.receiver.paths().count("/well"), 2)

    def test_a_repeat_of_what_was_accepted_is_not_sent_again(self):
        plugin = self.ready(urls=[self.receiver.url()])
        self.assert_accepted(plugin.deliver(LEFT), 2)
        self.assert_accepted(plugin.deliver(LEFT, attempt=2), 2)
        self.assertEqual(len(self.receiver.messages), 1)
        # A first attempt is never a repeat, whatever it is called.
        self.assert_accepted(plugin.deliver(LEFT), 2)
        self.assertEqual(len(self.receiver.messages), 2)

    def test_a_new_process_repeats_the_message(self):
        urls = [self.receiver.url("/well"), self.receiver.url("/ill")]
        self.receiver.status["/ill"] = 500
        for _ in range(2):
            self.assert_retry(self.ready(urls=urls).deliver(LEFT))
        self.assertEqual(self.receiver.paths().count("/well"), 2)

    def test_what_arrives_late_is_not_sent_again(self):
        plugin = self.ready(urls=[self.receiver.url("/slow", "?rto=25")])
        self.receiver.answering.clear()
        answer = plugin.deliver(LEFT, deadline_ms=300)
        self.assertEqual(self.assert_retry(answer), "urls[0] (json): no answer before the deadline")
        self.receiver.answering.set()
        self.assert_accepted(plugin.deliver(LEFT, attempt=2), 2)
        self.assertEqual(self.receiver.paths(), ["/slow"])

    def test_services_do_not_wait_for_each_other(self):
        slow = self.receiver.url("/slow", "?rto=25")
        plugin = self.ready(urls=[slow, self.receiver.url("/fast")])
        # The receiver answers nobody; both have to have the message all the same.
        self.receiver.answering.clear()
        self.assert_retry(plugin.deliver(LEFT, deadline_ms=5000))
        self.assertEqual(self.receiver.paths(), ["/fast", "/slow"])

    def test_a_redirect_is_not_followed(self):
        plugin = self.ready(urls=[self.receiver.url("/moved")])
        self.receiver.status["/moved"] = 302
        self.assertIn("302", self.assert_retry(plugin.deliver(LEFT)))
        self.assertEqual(self.receiver.paths(), ["/moved"])

    def test_a_wrong_line_of_the_file_fails_alone(self):
        path = self.directory / "urls"
        path.write_text(self.receiver.url("/a"))
        plugin = self.ready(urls_file=str(path))
        path.write_text(f"{self.receiver.url('/a')}\nslack://{SECRET}\n")
        reason = self.assert_retry(plugin.deliver(LEFT))
        self.assertIn("urls_file line 2 (slack): Apprise does not accept", reason)
        self.assertNotIn(SECRET, reason)
        path.write_text(f"# first\n{self.receiver.url('/b')}\n{self.receiver.url('/a')}\n")
        self.assert_accepted(plugin.deliver(LEFT, attempt=2), 2)
        self.assertEqual(self.receiver.paths(), ["/a", "/b"])


class Reasons(Case):
    def test_a_dead_receiver(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        url = f"json://ann:{SECRET}@127.0.0.1:{port}/p/{SECRET}?+X-Token={SECRET}&:key={SECRET}"
        plugin = self.ready(urls=[url])
        reason = self.assert_retry(plugin.deliver(LEFT))
        self.assertRegex(reason, r"^urls\[0\] \(json\): A Connection error occurred .*refused\)$")
        for part in (SECRET, "127.0.0.1", str(port), "ann:"):
            self.assertNotIn(part, reason + plugin.log())

    def test_a_host_that_is_a_secret(self):
        plugin = self.ready(urls=[f"json://{SECRET}.invalid/"])
        reason = self.assert_retry(plugin.deliver(LEFT))
        self.assertIn("A Connection error occurred", reason)
        self.assertNotIn(SECRET, reason + plugin.log())

    def test_many_failures_are_told_briefly(self):
        plugin = self.ready(urls=[self.receiver.url(f"/{n}") for n in range(40)])
        self.receiver.status.update({f"/{n}": 500 for n in range(40)})
        reason = self.assert_retry(plugin.deliver(LEFT))
        self.assertLess(len(reason), 1000)
