"""A webhook receiver made of other people's libraries.

Verifies each request with the official Standard Webhooks library and parses its body with the official
CloudEvents SDK; what fails is answered with 500, so that it never counts as delivered. The ids of what
was taken are the answer to a GET. Usage: receiver.py SECRET_FILE ADDRESS_FILE
"""

import http.server
import json
import os
import pathlib
import sys
import traceback

from cloudevents.http import from_http, from_json
from standardwebhooks import Webhook

secret = Webhook(pathlib.Path(sys.argv[1]).read_text().strip())
taken = {"/single": [], "/batch": [], "/chat": []}


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            taken[self.path] += getattr(self, self.path.strip("/"))(body)
            self.send_response(204)
        except Exception:  # Whatever is wrong fails the check of the ids, and is told here.
            traceback.print_exc()
            self.send_response(500)
        self.end_headers()

    def single(self, body):
        secret.verify(body, dict(self.headers))
        event = from_http(dict(self.headers), body)
        assert self.headers["webhook-id"] == event["id"]
        return [event["id"]]

    def batch(self, body):
        secret.verify(body, dict(self.headers))
        assert self.headers["content-type"] == "application/cloudevents-batch+json"
        return [from_json(json.dumps(event))["id"] for event in json.loads(body)]

    def chat(self, body):
        return [json.loads(body)["title"]]

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(taken).encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
address = pathlib.Path(sys.argv[2])
address.with_suffix(".new").write_text("http://127.0.0.1:%d" % server.server_port)
os.replace(address.with_suffix(".new"), address)
server.serve_forever()
