"""Takes whatever it is given: mails of whoever logs in, and all that is posted to it.

Usage: receiver.py MAIL_PORT HTTP_PORT, on loopback.
"""

import http.server
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()


mail, web = map(int, sys.argv[1:])
# Without TLS, as only loopback may do.
Controller(Sink(), hostname="127.0.0.1", port=mail, auth_require_tls=False,
           authenticator=lambda *_: AuthResult(success=True)).start()
http.server.ThreadingHTTPServer(("127.0.0.1", web), Receiver).serve_forever()
