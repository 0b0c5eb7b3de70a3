"""What people read."""

import unittest

from world import Case, instance_event, member_event, organization_event


class Message(Case):
    def told(self, events, query="", **config):
        """Title, body and urgency of the message about the events."""
        plugin = self.ready(urls=[self.receiver.url("/", query)], **config)
        self.assert_accepted(plugin.deliver(events), len(events))
        self.assertEqual(plugin.log(), "")
        ((_, message),) = self.receiver.messages
        return message["title"], message["message"].replace("\r\n", "\n"), message["type"]

    def test_what_one_member_did_is_one_line(self):
        title, body, urgency = self.told(
            [
                member_event("left", "octocat", "Mona"),
                member_event("seat_lost", "octocat", "Mona"),
                member_event("seat_lost", "hubber"),
            ]
        )
        self.assertEqual(title, "[acme] 2 seats lost, 1 member left")
        self.assertEqual(
            body,
            "github/acme, 2026-11-23 10:00 UTC: members 41 → 40, seats 31 → 29, admins 3\n"
            "- octocat (Mona): left, seat lost\n"
            "- hubber: seat lost",
        )
        self.assertEqual(urgency, "info")

    def test_a_member_without_a_subject_goes_by_the_name(self):
        events = [
            member_event("joined", "Ann", subject=False),
            member_event("seat_gained", "ann", subject=False),
        ]
        self.assertIn("- ann: joined, seat gained", self.told(events)[1])

    def test_organizations_stand_apart(self):
        title, body, _ = self.told(
            [
                member_event("joined", "ann"),
                member_event("left", "bob", owner="umbrella"),
                member_event("admin_granted", "cat"),
            ]
        )
        self.assertEqual(
            title, "[2 organizations] 1 member left, 1 member joined, 1 admin right granted"
        )
        self.assertEqual(
            [line.split(",")[0] for line in body.splitlines()],
            [
                "github/acme",
                "- ann: joined",
                "- cat: admin granted",
                "github/umbrella",
                "- bob: left",
            ],
        )

    def test_what_changed_of_a_member(self):
        renamed = member_event("renamed", "night-owl", before={"username": "fay"})
        updated = member_event("updated", "gus", "Gus", before={"name": "G", "email": "g@x"})
        title, body, _ = self.told([renamed, updated])
        self.assertEqual(title, "[acme] 1 member renamed, 1 member updated")
        self.assertIn("- night-owl: renamed from fay\n", body)
        self.assertIn("- gus (Gus): name and email updated", body)
        self.assertNotIn("g@x", body)

    def test_what_happened_to_an_organization(self):
        title, body, urgency = self.told(
            [
                organization_event("seat_limit_near", used=46, limit=50, warn_at=45),
                organization_event("roster_held", hold="94cc570f", leavers=8, members=16),
                organization_event("baselined", on_first_sync="quiet"),
                organization_event("sync_recovered", failures=1),
                member_event("left", "ann"),
                member_event("updated", "ann"),
            ]
        )
        self.assertEqual(
            title,
            "[acme] roster held, seat limit near, 1 member left, 1 member updated, "
            "sync recovered, …",
        )
        self.assertEqual(urgency, "warning")
        self.assertEqual(
            body.splitlines()[1:],
            [
                "- 46 of 50 seats in use",
                "- roster held (hold 94cc570f): 8 of 16 members would leave; nothing was "
                "committed. If it is right: seatwatch approve github/acme; if not: seatwatch "
                "reject github/acme",
                "- watched from now on",
                "- read again after 1 failure",
                "- ann: left, updated",
            ],
        )

    def test_a_sync_that_fails_says_why(self):
        details = {
            "reason": "token_refused",
            "message": "Codecov refused the token",
            "hint": "make a new one",
            "failures": 3,
            "since": "2026-11-23T08:00:00Z",
            "last_success": "2026-11-23T07:00:00Z",
        }
        title, body, urgency = self.told([organization_event("sync_failing", **details)])
        self.assertEqual((title, urgency), ("[acme] sync failing", "failure"))
        self.assertIn(
            "- not read since 2026-11-23 07:00 UTC, 3 failures; "
            "token_refused: Codecov refused the token; make a new one",
            body,
        )

    def test_a_sign_of_life(self):
        counts = {"connected": 11, "held": 1, "failing": 0, "new": 0}
        title, body, _ = self.told(
            [instance_event("heartbeat", organizations=counts, queued_events=3, dead_letters=0)]
        )
        self.assertEqual(title, "[prod] heartbeat")
        self.assertEqual(
            body,
            "seatwatch prod, 2026-11-23 10:00 UTC\n"
            "- alive; organizations: 11 connected, 1 held; 3 events queued, 0 dead letters",
        )

    def test_a_test_says_that_it_is_one(self):
        title, body, _ = self.told([instance_event("test")])
        self.assertEqual(title, "[prod] test")
        self.assertIn("- This is a test of the sink chat: nothing happened.", body)

    def test_the_title_can_begin_with_a_text(self):
        title, _, _ = self.told([member_event("left", "ann")], title="Codecov")
        self.assertEqual(title, "Codecov: [acme] 1 member left")

    def test_what_is_unknown_or_missing_is_told_all_the_same(self):
        title, body, _ = self.told(
            [
                organization_event("moved_house"),
                {},
                {"data": 7, "time": 7, "subject": []},
                {"data": {"event": None, "organization": [], "member": {"username": None}}},
                {"data": {"event": "left", "member": {"name": "x"}, "totals": {"seats": "y"}}},
                organization_event("roster_held"),
                organization_event("sync_failing", failures="many", last_success="today"),
            ]
        )
        self.assertEqual(title, "[acme] roster held, sync failing, 1 member left, 4 other events")
        self.assertIn("- moved house", body)
        self.assertIn("- roster held (hold ?): ? of ? members would leave", body)
        self.assertIn("- unknown (x): event, left", body)


class Hostile(Case):
    """Names are other people's texts."""

    # A ping for everybody, tags, a link, Markdown, an entity, a direction, controls, an escape.
    NAME = "@everyone <!channel> <b>x</b> https://evil.example [a](b) *c* &lt; \u202eback\r\n\x07\\"
    SHOWN = (
        "\uff20everyone ‹!channel› ‹b›x‹/b› https[:]//evil.example [a](b) *c* &lt; "
        "\\u{202e}back\\u{d}\\u{a}\\u{7}\\"
    )

    told = Message.told

    def line(self, query="", **config):
        body = self.told([member_event("left", "ann", self.NAME)], query, **config)[1]
        return body.splitlines()[-1]

    def test_text(self):
        self.assertEqual(self.line(), f"- ann ({self.SHOWN}): left")

    def test_text_for_a_service_that_takes_html(self):
        line = self.line("?format=html")
        self.assertIn("‹b›x‹/b›", line)
        self.assertIn("&amp;lt;", line)
        self.assertNotRegex(line, r"<(?!br\b)")

    def test_text_for_a_service_that_takes_markdown(self):
        self.assertIn(r"https\[:\]//evil\.example \[a\]\(b\) \*c\*", self.line("?format=markdown"))

    def test_markdown(self):
        line = self.line("?format=markdown", format="markdown")
        self.assertTrue(line.startswith(r"- ann \("), line)
        self.assertIn(r"\[a\]\(b\) \*c\* \&lt;", line)

    def test_markdown_for_a_service_that_takes_html(self):
        line = self.line("?format=html", format="markdown")
        self.assertNotRegex(line, r"<(?!/?(p|br)\b)")
        self.assertIn("[a](b) *c* &lt;", line)

    def test_markdown_for_a_service_that_takes_text_is_text(self):
        self.assertEqual(
            self.line("?format=text", format="markdown"), f"- ann ({self.SHOWN}): left"
        )

    def test_a_lone_surrogate(self):
        body = self.told([member_event("left", "ann", "a\ud800b")])[1]
        self.assertIn("- ann (a\\u{d800}b): left", body)

    def test_headers_are_bold_in_markdown(self):
        events = [member_event("left", "ann", owner="a_b_c")]
        body = self.told(events, "?format=markdown", format="markdown")[1]
        self.assertTrue(body.startswith(r"**github/a\_b\_c, 2026\-11\-23 "), body)


class Large(Case):
    """A message that a service would refuse for its length is cut, and says so."""

    # What `json://` takes.
    LIMIT = 32768

    told = Message.told

    def events(self, count, character):
        return [
            member_event("left", f"{n}{character * 200}", character * 200) for n in range(count)
        ]

    def check(self, query, character, **config):
        title, body, _ = self.told(self.events(50, character), query, **config)
        self.assertEqual(title, "[acme] 50 members left")
        self.assertLessEqual(len(body), self.LIMIT)
        # As much as there is room for.
        self.assertGreater(len(body), self.LIMIT * 0.9)
        lines = body.splitlines()
        shown = sum(line.lstrip("\\").startswith("- ") for line in lines)
        self.assertRegex(lines[-1], rf"^and {50 - shown} more")

    def test_text(self):
        self.check("", "\u202e")

    def test_escapes_that_apprise_adds_take_room(self):
        self.check("?format=markdown", "\u202e")

    def test_markup_takes_room(self):
        self.check("?format=markdown", "\u202e", format="markdown")

    def test_a_service_with_little_room_and_no_titles(self):
        # Mattermost takes 4000 characters, and the title is among them.
        plugin = self.ready(urls=[f"mmost://127.0.0.1:{self.receiver.port}/{'a' * 24}"])
        self.assert_accepted(plugin.deliver(self.events(50, "x")), 50)
        ((_, message),) = self.receiver.messages
        self.assertLessEqual(len(message["text"]), 4000)
        self.assertGreater(len(message["text"]), 3600)
        lines = message["text"].replace("\r\n", "\n").splitlines()
        self.assertIn("[acme] 50 members left", lines[0])
        self.assertEqual(lines[-1], f"and {50 - len(lines) + 3} more")

    def test_what_fits_is_whole(self):
        body = self.told(self.events(50, "x"))[1]
        self.assertEqual(len(body.splitlines()), 51)
        self.assertNotIn("more", body)


if __name__ == "__main__":
    unittest.main()
