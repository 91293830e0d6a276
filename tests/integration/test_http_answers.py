#!/usr/bin/env python3
"""What the registry answers to programs of today: errors, lists, changes, health.

docs/protocol/directory.md has the forms.
"""

import re
import unittest

from support.harness import wait_until
from support.raw_http import call, exchange, lookup_body, post, users
from support.registry_test import RegistryTest


class ErrorFormTest(RegistryTest):
    """Errors are JSON for who asked for JSON, else one short line."""

    JSON = ["Accept: application/json"]

    def check(self, code, *request, **more):
        answer = call(self.registry, *request, headers=self.JSON, **more)
        self.assertTrue(answer.headers["content-type"].startswith("application/json"))
        error = answer.json()
        self.assertEqual((error["code"], error["http"]), (code, answer.status))
        self.assertEqual(answer.status, code // 100)
        self.assertIsInstance(error["error"], str)
        self.assertIsInstance(error["link"], str)
        return error

    def test_json_errors_have_code_http_error_and_link(self):
        error = self.check(40401, target="/userlist.txt?username=zoe")
        self.assertEqual(error["error"], "user zoe is not found")

    def test_every_refusal_has_the_json_form(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        for status, request in {
                400: ("POST", "/userlist.txt", "REGISTER a@b@127.0.0.1:50001"),
                406: ("POST", "/userlist.txt", "REGISTER alice@127.0.0.1:50002"),
                404: ("GET", "/nothing"), 405: ("DELETE", "/userlist.txt")}.items():
            answer = call(self.registry, *request, headers=self.JSON)
            self.assertEqual(answer.status, status)
            self.assertEqual(set(answer.json()) >= {"code", "http", "error", "link"}, True)

    def test_text_errors_are_one_short_line(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        for request in (("GET", "/userlist.txt?username=zoe"), ("GET", "/nothing"),
                        ("POST", "/userlist.txt", "REGISTER alice@127.0.0.1:50002"),
                        ("POST", "/userlist.txt", "DANCE")):
            text = call(self.registry, *request).text
            self.assertRegex(text, r"\A[^\r\n]{1,200}\n?\Z")

    def test_an_error_about_a_hostile_name_is_harmless_json(self):
        answer = call(self.registry, target="/userlist.txt?username=%22%1b%5b31m%0d%0aX:y",
                      headers=self.JSON)
        self.assertIn(answer.status, (400, 404))
        self.assertNotIn(b"\x1b", answer.body)
        self.assertIn("error", answer.json())
        self.assertNotIn("x", answer.headers)


class ListTest(RegistryTest):
    """The list for programs of today."""

    def test_json_names_each_user_in_full_and_is_an_empty_array_for_nobody(self):
        empty = call(self.registry, headers=["Accept: application/json"])
        self.assertEqual((empty.status, empty.json()["users"], empty.json()["v"]), (200, [], 1))
        post(self.registry, "REGISTER bob@127.0.0.1:50002")
        for request in ({"headers": ["Accept: application/json"]},
                        {"target": "/userlist.txt?format=json"}):
            answer = call(self.registry, **request)
            self.assertTrue(answer.headers["content-type"].startswith("application/json"))
            listed = answer.json()
            self.assertIsInstance(listed["version"], int)
            user, = listed["users"]
            since = user.pop("since")
            self.assertEqual(user, {"name": "bob", "endpoint": "127.0.0.1:50002",
                                    "transport": "udp", "door": "classic"})
            self.assertRegex(since, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")

    def test_one_user_in_json_is_the_object_alone(self):
        post(self.registry, "REGISTER Göktuğ@127.0.0.1:50002")
        answer = call(self.registry, target="/userlist.txt?username=G%C3%B6ktu%C4%9F&format=json")
        self.assertEqual((answer.json()["name"], answer.json()["endpoint"]),
                         ("Göktuğ", "127.0.0.1:50002"))

    def test_a_lookup_answers_the_endpoint_404_or_400(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        self.assertEqual(call(self.registry, target="/userlist.txt?username=alice").text,
                         lookup_body("127.0.0.1:50001"))
        self.assertEqual(call(self.registry, target="/userlist.txt?username=zoe").status, 404)
        for name in ("a%40b", "", "a%20b", "x" * 65, "%ff"):
            self.assertEqual(call(self.registry, target=f"/userlist.txt?username={name}").status,
                             400, name)

    def test_format_decides_before_accept(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        answer = call(self.registry, target="/userlist.txt?format=lines",
                      headers=["Accept: application/json"])
        self.assertEqual(answer.text, "alice@127.0.0.1:50001\n")
        self.assertEqual(call(self.registry, target="/userlist.txt?format=dance").status, 400)

    def test_an_unchanged_list_is_304_and_a_changed_one_is_not(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        for target in ("/userlist.txt", "/userlist.txt?format=json",
                       "/userlist.txt?format=lines"):
            full = call(self.registry, target=target)
            etag = full.headers["etag"]
            same = call(self.registry, target=target, headers=[f"If-None-Match: {etag}"])
            self.assertEqual((same.status, same.body), (304, b""))
            # RFC 9110, 8.6: none, or that of the full answer.
            self.assertIn(same.headers.get("content-length"), (None, str(len(full.body))))
            self.assertEqual(same.headers["etag"], etag)
            other = call(self.registry, target=target, headers=['If-None-Match: "other"'])
            self.assertEqual(other.status, 200)
            listed = call(self.registry, target=target,
                          headers=[f'If-None-Match: "other", {etag}'])
            self.assertEqual(listed.status, 304)
        post(self.registry, "REGISTER bob@127.0.0.1:50002")
        changed = call(self.registry, target=target, headers=[f"If-None-Match: {etag}"])
        self.assertEqual(changed.status, 200)
        self.assertNotEqual(changed.headers["etag"], etag)

    def test_etags_of_different_forms_differ(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        etags = {call(self.registry, target=f"/userlist.txt{query}").headers["etag"]
                 for query in ("", "?format=json", "?format=lines")}
        self.assertEqual(len(etags), 3)
        self.assertEqual(call(self.registry).headers["vary"].lower(), "accept, user-agent")

    def test_since_tells_what_changed_and_what_went(self):
        post(self.registry, "REGISTER ann@127.0.0.1:50001")
        post(self.registry, "REGISTER stays@127.0.0.1:50002")
        version = call(self.registry, target="/userlist.txt?format=json").json()["version"]
        post(self.registry, "LOGOUT ann@127.0.0.1:50001")
        post(self.registry, "REGISTER bob@127.0.0.1:50003")
        query = f"/userlist.txt?format=json&since={version}"
        changes = call(self.registry, target=query).json()
        self.assertEqual([u["name"] for u in changes["users"]], ["bob"])
        self.assertEqual(changes["removed"], ["ann"])
        self.assertFalse(changes.get("full", False))
        now = changes["version"]
        self.assertGreater(now, version)
        nothing = call(self.registry, target=f"/userlist.txt?format=json&since={now}")
        if nothing.status != 304:
            self.assertEqual((nothing.json()["users"], nothing.json()["removed"]), ([], []))

    def test_since_shows_each_name_once_as_it_is_now(self):
        post(self.registry, "REGISTER ann@127.0.0.1:50001")
        version = call(self.registry, target="/userlist.txt?format=json").json()["version"]
        for port in (50002, 50003):
            post(self.registry, f"UPDATE ann@127.0.0.1:{port}")
            post(self.registry, f"REGISTER bob@127.0.0.1:{port}")
            post(self.registry, f"LOGOUT bob@127.0.0.1:{port}")
        changes = call(self.registry, target=f"/userlist.txt?since={version}").json()
        self.assertEqual([(u["name"], u["endpoint"]) for u in changes["users"]],
                         [("ann", "127.0.0.1:50003")])
        self.assertEqual(changes["removed"], ["bob"])
        post(self.registry, "REGISTER bob@127.0.0.1:50004")
        changes = call(self.registry, target=f"/userlist.txt?since={version}").json()
        self.assertEqual([u["name"] for u in changes["users"]], ["ann", "bob"])
        self.assertEqual(changes["removed"], [])

    def test_following_since_ends_with_the_list(self):
        """A reader who asks after each change and applies the answer has what the list says."""
        known, version = {}, 0
        for number in range(60):
            name, verb = f"user{number % 7}", ("REGISTER", "UPDATE", "LOGOUT")[number % 3]
            listed = users(self.registry).get(name, {"endpoint": f"127.0.0.1:{50001 + number}"})
            post(self.registry, f"{verb} {name}@{listed['endpoint']}")
            changes = call(self.registry, target=f"/userlist.txt?since={version}").json()
            if changes.get("full"):
                known = {}
            version = changes["version"]
            known.update({user["name"]: user for user in changes["users"]})
            for gone in changes.get("removed", []):
                known.pop(gone, None)
            self.assertEqual(known, users(self.registry))

    def test_since_a_version_nobody_knows_gives_the_full_list(self):
        post(self.registry, "REGISTER ann@127.0.0.1:50001")
        answer = call(self.registry, target="/userlist.txt?format=json&since=999999").json()
        self.assertTrue(answer["full"])
        self.assertEqual([u["name"] for u in answer["users"]], ["ann"])
        for wrong in ("x", "-1", "", "1x", "99999999999999999999999"):
            self.assertEqual(call(self.registry, target=f"/userlist.txt?since={wrong}").status,
                             400, wrong)

    def test_since_a_version_before_the_restart_gives_the_full_list(self):
        """What was removed before it is not remembered."""
        post(self.registry, "REGISTER ann@127.0.0.1:50001")
        post(self.registry, "REGISTER bob@127.0.0.1:50002")
        version = call(self.registry, target="/userlist.txt?format=json").json()["version"]
        post(self.registry, "LOGOUT ann@127.0.0.1:50001")
        self.registry.kill()
        self.registry = self.start_registry()
        answer = call(self.registry, target=f"/userlist.txt?since={version}").json()
        self.assertTrue(answer["full"])
        self.assertEqual([u["name"] for u in answer["users"]], ["bob"])


class HealthTest(RegistryTest):
    """What a monitor asks."""

    def test_healthz_and_readyz_are_200(self):
        self.assertEqual(call(self.registry, target="/healthz").status, 200)
        self.assertEqual(call(self.registry, target="/readyz").status, 200)

    def metrics(self):
        lines = call(self.registry, target="/metrics").text.splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    def test_metrics_count_what_happened(self):
        version = "registry_directory_version"
        before = self.metrics()
        for request in (("POST", "/userlist.txt", "REGISTER ann@127.0.0.1:50001"),
                        ("POST", "/", "REGISTER ann@127.0.0.1:50002"),
                        ("POST", "/userlist.txt", "UPDATE ann@127.0.0.1:50003"),
                        ("GET", "/userlist.txt"), ("GET", "/userlist.txt?format=json"),
                        ("GET", "/userlist.txt?username=ann"),
                        ("GET", "/userlist.txt?username=zoe"), ("GET", "/nothing"),
                        ("DELETE", "/userlist.txt")):
            call(self.registry, *request)
        samples = self.metrics()
        total = lambda operation, status: samples.get(
            f'registry_requests_total{{operation="{operation}",status="{status}"}}')
        self.assertEqual([total("register", 200), total("register", 406), total("update", 200),
                          total("list", 200), total("lookup", 200), total("lookup", 404)],
                         ["1", "1", "1", "2", "1", "1"])
        self.assertEqual((samples["registry_users"], samples["registry_store_changes_total"],
                          samples["registry_store_up"]), ("1", "2", "1"))
        # As any program reads it, a floating point number: each change must still be seen.
        self.assertEqual(float(samples[version]) - float(before[version]), 2)

    def test_metrics_are_prometheus_text(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        answer = call(self.registry, target="/metrics")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("text/plain"))
        sample = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eE]+(Inf|NaN)?( \d+)?$')
        lines = answer.text.splitlines()
        self.assertTrue(any(line.startswith("# TYPE ") for line in lines))
        for line in lines:
            self.assertTrue(line.startswith("#") or line == "" or sample.match(line), line)

    def test_no_request_and_no_name_becomes_a_log_line_of_its_own(self):
        exchange(self.registry, b"POST /userlist.txt HTTP/1.1\r\nHost: a\r\n"
                                b"Content-Length: 40\r\n\r\n"
                                b"REGISTER evil\ninfo forged@127.0.0.1:50001\r\n\r\n")
        call(self.registry, target="/a%0ainfo%20forged%1b%5b31m")
        wait_until(lambda: call(self.registry, target="/healthz").status == 200, "an answer")
        self.assertNotIn(b"\ninfo forged", self.registry.stderr)
        self.assertNotIn(b"\x1b", self.registry.stderr)


if __name__ == "__main__":
    unittest.main()
