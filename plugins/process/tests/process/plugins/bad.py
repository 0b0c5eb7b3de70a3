#!/usr/bin/env python3
"""A plugin that misbehaves in the way that its argument names, and else does as it is asked.

Writes the pid of every process that it is or starts to the file `pids`, and each id that it is
asked to deliver to the file `seen`, both in $WORLD.
"""

import json
import os
import signal
import subprocess
import sys
import time

MODE = sys.argv[1]
WORLD = os.environ["WORLD"]
ONCE = os.path.join(WORLD, "once")


def note(file, text):
    with open(os.path.join(WORLD, file), "a") as file:
        file.write(f"{text}\n")


def say(**message):
    print(json.dumps(message), flush=True)


def rubbish(text):
    print(text, flush=True)


def forever():
    while True:
        time.sleep(1000)


def start(**options):
    """Starts a process that outlives us, if it can: one that ignores TERM and its input."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
    child = subprocess.Popen([sys.executable, "-c", code], **options)
    note("pids", child.pid)


def twice():
    """Forks a process that is nobody's child any more, in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        start()
        os._exit(0)
    os.wait()


def only_once():
    """Whether this is the first time."""
    try:
        os.close(os.open(ONCE, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def hello(message):
    match MODE:
        case "hang at hello":
            forever()
        case "die before ready":
            print("no such module: requests", file=sys.stderr)
            sys.exit(1)
        case "exit 78":
            print("the URL is missing", file=sys.stderr)
            sys.exit(78)
        case "refuse":
            say(type="error", path="urls[0]", message="not a URL")
        case "protocol 2":
            say(type="ready", protocol=2)
        case "no events":
            say(type="ready", protocol=1, max_events=0)
        case "half a ready":
            say(type="ready")
        case "slow start":
            time.sleep(0.5)
            say(type="ready", protocol=1)
        case "two at once":
            say(type="ready", protocol=1, max_events=2)
        case "tell":
            note("told", json.dumps([message, os.getcwd(), os.getpgrp() == os.getpid()]))
            say(type="ready", protocol=1)
        case "fork":
            start()
            start(start_new_session=True)
            twice()
            say(type="ready", protocol=1)
        case _:
            say(type="ready", protocol=1, of_a_later_version=True)


def deliver(message):
    id, count = message["id"], len(message["events"])
    answer = {"type": "result", "id": id, "accepted": count}
    note("seen", f"{id} {message['attempt']} {count}")
    match MODE:
        case "hang at deliver":
            forever()
        case "die in mid-delivery":
            print("Traceback: \033[31mconnection lost", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGSEGV)
        case "die once" if only_once():
            sys.exit(3)
        case "close stdout":
            os.close(1)
            forever()
        case "half a line":
            sys.stdout.write('{"type":"result","id":"' + id + '","acc')
            sys.stdout.flush()
            sys.exit(0)
        case "flood":
            while True:
                rubbish("x" * 100)
        case "flood without line ends":
            while True:
                sys.stdout.write("x" * 65536)
        case "flood stderr":
            for n in range(20000):
                print("noise", n, "y" * 2000, file=sys.stderr)
            say(**answer)
        case "rubbish":
            rubbish("hello, world")
            rubbish("")
            rubbish("[1, 2]")
            rubbish('{"no": "type"}')
            say(type="of_a_later_version")
            say(**answer)
        case "another delivery":
            say(type="result", id="another", accepted=0, reject={"reason": "not yours"})
            say(type="pong", n=3)
            say(**answer)
        case "late" if only_once():
            time.sleep(4)
            say(**answer)
        case "too many":
            say(type="result", id=id, accepted=count + 1)
        case "too few":
            say(type="result", id=id, accepted=count - 1)
        case "nothing":
            say(type="result", id=id, accepted=0)
        case "no number":
            say(type="result", id=id)
        case "retry":
            say(type="result", id=id, accepted=1, retry={"after_ms": 5000, "reason": "busy"})
        case "reject":
            say(type="result", id=id, accepted=1, reject={"reason": "no such user"})
        case "disable":
            say(type="result", id=id, accepted=0, disable={"reason": "the chat is gone"})
        case "exit after each":
            say(**answer)
            sys.exit(0)
        case "read nothing":
            os.close(0)
            forever()
        case _:
            say(**answer)


def check(message):
    match MODE:
        case "cannot deliver":
            say(type="checked", error="no route to the chat")
        case "die at check":
            sys.exit(4)
        case _:
            say(type="checked")


note("pids", os.getpid())
if MODE == "ignore term":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    message = json.loads(line)
    match message["type"]:
        case "hello":
            hello(message)
        case "deliver":
            deliver(message)
        case "check":
            check(message)
        case "ping" if MODE != "no pong":
            say(type="pong", n=message["n"])
        case "shutdown":
            note("seen", "shutdown")
            if MODE == "exit 1 at shutdown":
                sys.exit(1)
            break
if MODE in ("ignore term", "ignore the end"):
    forever()
note("seen", "end")
