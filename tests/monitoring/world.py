"""What the daemon is watched with, for real: Prometheus with the rules, which comes over TLS and with
a password, Alertmanager with the example of its configuration, a mailbox, receivers that fail; and a
Codecov that fails, too.

Nothing here knows what is expected of them.
"""

import base64
import contextlib
import email
import email.policy
import http.server
import json
import math
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import bcrypt
import yaml
from aiosmtpd.controller import Controller

DOCS = pathlib.Path("docs/monitoring").resolve()
PASSWORD = "made up for this"
ADMIN, MEMBER, NOBODY = (f"5ea70000-0000-4000-8000-00000000000{number}" for number in (1, 2, 9))


def until(what, condition, seconds=60, shown=lambda: ""):
    """What `condition` returns, once that is something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}\n{shown()}")
        time.sleep(0.1)
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answer(url, **parameters):
    """The JSON that is there."""
    url += "?" + urllib.parse.urlencode(parameters) if parameters else ""
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def answers(url):
    try:
        urllib.request.urlopen(url, timeout=10).close()
        return True
    except OSError:
        return False


class Process:
    """A program that runs until it is ended, and what it said."""

    def __init__(self, log, *command):
        self.log = log
        with open(log, "ab") as file:
            self.child = subprocess.Popen(command, stdout=file, stderr=file)

    def is_alive(self):
        assert self.child.poll() is None, f"it ended: {self.log.read_text()}"
        return True

    def end(self):
        self.child.terminate()
        try:
            self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Mailbox:
    """Takes every mail; what it got is in `mails`, the oldest first."""

    def __init__(self):
        self.mails = []
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def shown(self):
        return "\n".join(f"{mail['to']}: {mail['subject']}" for mail in self.mails)

    def find(self, to, subject):
        """Mails to somebody, by what their subject matches."""
        return [mail for mail in self.mails if to in mail["to"] and re.search(subject, mail["subject"])]

    def end(self):
        self.controller.stop()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers every webhook with the status that is its path."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_):
        pass


class World:
    """Everything, in one folder and on loopback."""

    def __init__(self, seatwatch, directory):
        self.seatwatch, self.directory = seatwatch, directory
        self.config = directory / "codecov" / "seatwatch.yaml"
        self.ends = contextlib.ExitStack()
        self.listen = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends.close()

    def start(self, name, *command):
        process = Process(self.directory / f"{name}.log", *command)
        self.ends.callback(process.end)
        return process

    def run(self, *command):
        """Runs a command of seatwatch; what became of it."""
        return subprocess.run([self.seatwatch, *command, "--config", self.config],
                              capture_output=True, text=True, timeout=60)

    def start_codecov(self, organizations, script):
        (self.directory / "script.yaml").write_text(yaml.safe_dump({"steps": script}))
        named = [part for one in organizations for part in ("--organization", one)]
        simulator = self.start("simulator", self.seatwatch, "simulate", "--listen", "127.0.0.1:0",
                               *named, "--change-every", "300ms", "--write-config", self.config.parent,
                               "--script", self.directory / "script.yaml")
        until("a Codecov", lambda: simulator.is_alive() and self.config.exists())

    def write_token(self, name, token):
        path = self.config.parent / name
        path.touch(mode=0o600)
        path.write_text(token)

    def configured(self, key):
        return yaml.safe_load(self.config.read_text())[key]

    def configure(self, **changes):
        """Changes what stands at the top of the configuration."""
        config = yaml.safe_load(self.config.read_text())
        self.config.write_text(yaml.safe_dump(config | changes))

    def protect(self):
        """Lets the daemon speak TLS, with a certificate that vouches for itself, and only to who has
        the password."""
        directory, certificate = self.config.parent, self.directory / "seatwatch-cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "365", "-subj", "/CN=seatwatch",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", directory / "key.pem",
                        "-out", certificate], check=True, capture_output=True)
        (self.directory / "seatwatch-password").write_text(PASSWORD)
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
        self.write_token("web.yml", yaml.safe_dump({
            "tls_server_config": {"cert_file": str(certificate), "key_file": "key.pem"},
            "basic_auth_users": {"prometheus": hashed}}))
        self.configure(http={"web_config_file": "web.yml"})
        self.trust = ssl.create_default_context(cafile=certificate)

    def start_daemon(self):
        """At an address of its own, which it has again when it is started anew."""
        if not self.listen:
            self.listen = f"127.0.0.1:{free_port()}"
            self.configure(listen=self.listen)
        daemon = self.start("daemon", self.seatwatch, "run", "--config", self.config)
        until("a daemon", lambda: daemon.is_alive() and self.is_ready())
        return daemon

    def is_ready(self):
        try:
            self.get("/-/ready").close()
            return True
        except OSError:
            return False

    def get(self, path, password=None):
        """What the daemon answers."""
        request = urllib.request.Request(f"https://{self.listen}{path}")
        if password:
            pair = base64.b64encode(f"prometheus:{password}".encode()).decode()
            request.add_header("Authorization", f"Basic {pair}")
        return urllib.request.urlopen(request, timeout=10, context=self.trust)

    def start_receiver(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.ends.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def start_mailbox(self):
        self.mailbox = Mailbox()
        self.ends.callback(self.mailbox.end)

    def start_alertmanager(self):
        """With the example of its configuration, to our mailbox, and impatient."""
        config = yaml.safe_load((DOCS / "alertmanager.example.yml").read_text())
        config["global"] = {"smtp_smarthost": f"127.0.0.1:{self.mailbox.port}",
                            "smtp_from": config["global"]["smtp_from"],
                            "smtp_require_tls": False}
        hurry(config["route"])
        self.alertmanager = f"http://127.0.0.1:{free_port()}"
        path = self.directory / "alertmanager.yml"
        path.write_text(yaml.safe_dump(config))
        self.manager = self.start(
            "alertmanager", "prometheus-alertmanager", f"--config.file={path}",
            f"--storage.path={self.directory / 'alertmanager'}", "--cluster.listen-address=",
            f"--web.listen-address={self.alertmanager.removeprefix('http://')}")
        until("an Alertmanager",
              lambda: self.manager.is_alive() and answers(f"{self.alertmanager}/-/ready"))

    def start_prometheus(self):
        """With the rules, of whose `for` an hour is a minute."""
        rules = yaml.safe_load((DOCS / "seatwatch.rules.yml").read_text())
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            if "for" in rule:
                rule["for"] = shortened(rule["for"])
        (self.directory / "seatwatch.rules.yml").write_text(yaml.safe_dump(rules))
        example = (DOCS / "prometheus.example.yml").read_text()
        config = yaml.safe_load(example)
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"] = yaml.safe_load(commented_out(example))
        config["scrape_configs"][0]["static_configs"] = [{"targets": [self.listen]}]
        self.prometheus = f"http://127.0.0.1:{free_port()}"
        managers = [{"targets": [self.alertmanager.removeprefix("http://")]}]
        config["alerting"]["alertmanagers"] = [{"static_configs": managers}]
        path = self.directory / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        process = self.start("prometheus", "prometheus", f"--config.file={path}", "--log.level=warn",
                             f"--storage.tsdb.path={self.directory / 'tsdb'}",
                             f"--web.listen-address={self.prometheus.removeprefix('http://')}")
        until("a Prometheus", lambda: process.is_alive() and answers(f"{self.prometheus}/-/ready"))

    def ask(self, query):
        """What Prometheus finds: the labels of each series, and its value."""
        try:
            found = answer(f"{self.prometheus}/api/v1/query", query=query)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None
        values = [(one["metric"], float(one["value"][1])) for one in found["data"]["result"]]
        # Such as the median of nothing.
        return [(labels, value) for labels, value in values if not math.isnan(value)]

    def alerts(self, state):
        """The names of alerts that Alertmanager has in that state, with whom they are about."""
        alerts = answer(f"{self.alertmanager}/api/v2/alerts")
        labels = [alert["labels"] for alert in alerts if alert["status"]["state"] == state]
        return {(one["alertname"], one.get("org") or one.get("sink")) for one in labels}


def commented_out(example):
    """The job for a daemon on another machine."""
    return re.search(r"^  # - job_name:.*\n(  #  .*\n)*", example, re.MULTILINE)[0].replace("  # ", "  ")


def shortened(duration):
    number, unit = re.fullmatch(r"(\d+)([mh])", duration).groups()
    return f"{int(number) * {'m': 60, 'h': 3600}[unit] * 1000 // 60}ms"


def hurry(route):
    for key in ("group_wait", "group_interval"):
        if key in route:
            route[key] = "1s"
    for part in route.get("routes", []):
        hurry(part)
