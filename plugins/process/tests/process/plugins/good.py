#!/usr/bin/env python3
"""A well-behaved plugin: writes the ids of events to a file, each once."""

import json
import os
import sys

PATH = None


def say(**message):
    print(json.dumps(message), flush=True)


def hello(message):
    global PATH
    PATH = message["config"].get("path")
    if PATH is None:
        say(type="error", path="path", message="there is no path to write to")
        sys.exit(78)
    size = message["config"].get("max_events", 50)
    say(type="ready", protocol=1, name="good", version="1.0", max_events=size)


def deliver(message):
    with open(PATH, "a+") as file:
        file.seek(0)
        known = set(file.read().split())
        for event in message["events"]:
            if event["id"] not in known:
                file.write(event["id"] + "\n")
        file.flush()
        os.fsync(file.fileno())
    say(type="result", id=message["id"], accepted=len(message["events"]))


for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "hello":
        hello(message)
    elif message["type"] == "deliver":
        deliver(message)
    elif message["type"] == "check":
        say(type="checked")
    elif message["type"] == "ping":
        say(type="pong", n=message["n"])
    elif message["type"] == "shutdown":
        break
