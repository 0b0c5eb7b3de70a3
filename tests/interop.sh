#!/usr/bin/env bash
# Other people's tools read what we write: the official CloudEvents SDK and a JSON Schema
# validator read the events, PyYAML and the schema read the example config, sqlite3 finds the
# database whole, the official Standard Webhooks library verifies what is posted, and Apprise takes
# what its plugin gets. What watches a daemon has tests/monitoring.sh.
#
# Needs Python 3 with venv, and curl; what else it needs it installs from PyPI into a temporary
# folder.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
started=()
clean_up() {
    for process in "${started[@]}"; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

cargo build --locked --quiet
seatwatch=$PWD/target/debug/seatwatch
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    'cloudevents==1.12.0' 'jsonschema==4.25.1' 'PyYAML==6.0.3' 'standardwebhooks==1.0.0'

# The plugin for Apprise, and its own tests.
python3 -m venv "$work/apprise"
"$work/apprise/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    -r plugins/apprise/requirements.txt
"$work/apprise/bin/python3" -m unittest discover -s plugins/apprise/tests 2>"$work/said" ||
    { cat "$work/said" >&2; exit 1; }
mkdir -m 755 "$work/plugins"
sed "1s|.*|#!$work/apprise/bin/python3 -I|" plugins/apprise/seatwatch-sink-apprise \
    >"$work/plugins/seatwatch-sink-apprise"
chmod 755 "$work/plugins/seatwatch-sink-apprise"

"$seatwatch" simulate --listen 127.0.0.1:0 --change-every 100ms --write-config "$work/config" \
    >"$work/simulator.log" &
simulator=$!
started+=("$simulator")
until [ -f "$work/config/seatwatch.yaml" ]; do
    kill -0 "$simulator" # It may have ended instead.
    sleep 0.1
done

config=$work/config/seatwatch.yaml
# Ten changes a second, and nobody knows how many seconds lie between two syncs: on a slow machine
# more than the guard would let pass.
sed -i -e 's/^schedule: .*/&\nguard: { min_leavers: 1000000 }/' "$config"
# Up to 30 syncs, until a few members have changed.
for _ in $(seq 30); do
    "$seatwatch" sync --config "$config" >"$work/sync.log"
    if [ "$(wc -l <"$work/config/events.ndjson")" -gt 20 ]; then break; fi
    sleep 0.3
done
"$seatwatch" schema event >"$work/event.schema.json"
"$seatwatch" schema config >"$work/config.schema.json"
"$seatwatch" roster github/acme --config "$config" --format json >"$work/roster.json"
"$seatwatch" roster github/acme --config "$config" --format csv >"$work/roster.csv"
"$seatwatch" status --config "$config" --format json >"$work/status.json"

"$work/venv/bin/python" - "$work" config.example.yaml <<'PYTHON'
import csv, json, pathlib, sqlite3, sys

import jsonschema, yaml
from cloudevents.http import from_json

work, example = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
read = lambda name: json.loads((work / name).read_text())

validator = jsonschema.Draft202012Validator(read("event.schema.json"))
lines = (work / "config/events.ndjson").read_text().splitlines()
assert len(lines) > 20, f"only {len(lines)} events"
members = {"github/acme": 0, "gitlab/example-group": 0}
for line in lines:
    validator.validate(json.loads(line))
    event = from_json(line)
    assert event["type"] == f"dev.seatwatch.{event.data['event']}.v1", line
    organization = "{service}/{owner}".format(**event.data["organization"])
    if event.data["event"] == "baselined":
        members[organization] = event.data["totals"]["members"]
    members[organization] += {"joined": 1, "left": -1}.get(event.data["event"], 0)
sequences = [json.loads(line)["sequence"] for line in lines]
assert sequences == sorted(set(sequences)), "out of order"

roster = read("roster.json")
assert len(roster) == members["github/acme"], "the events do not add up to the roster"
with open(work / "roster.csv", newline="") as file:
    assert [row["username"] for row in csv.DictReader(file)] == [row["username"] for row in roster]
assert {row["state"] for row in read("status.json") if "organization" in row} == {"connected"}

schema = read("config.schema.json")
jsonschema.Draft202012Validator.check_schema(schema)
for path in (example, work / "config/seatwatch.yaml"):
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)

database = sqlite3.connect(f"file:{work}/config/state/seatwatch.db?mode=ro", uri=True)
print("events read:", len(lines), "· members:", members)
try:
    print("database:", database.execute("PRAGMA integrity_check").fetchone()[0])
except sqlite3.DatabaseError as error:
    # Python's SQLite may be older than the features that the database uses.
    print("database: not checked:", error)
PYTHON

# --- Webhooks are verified and parsed by the libraries that receivers use, and Apprise takes what its
# plugin gets.
(umask 077 && python3 -c 'import base64, os
print("whsec_" + base64.b64encode(os.urandom(32)).decode())' >"$work/config/siem-secret")
"$work/venv/bin/python" tests/interop/receiver.py "$work/config/siem-secret" "$work/receiver" \
    2>"$work/receiver.log" &
receiver_pid=$!
started+=("$receiver_pid")
until [ -f "$work/receiver" ]; do
    kill -0 "$receiver_pid"
    sleep 0.1
done
receiver=$(cat "$work/receiver")
"$seatwatch" plugin test "$work/plugins/seatwatch-sink-apprise" \
    --settings "{\"urls\": [\"json://${receiver#http://}/chat\"]}" >"$work/said" ||
    { cat "$work/said" >&2; exit 1; }

before=$(wc -l <"$work/config/events.ndjson")
cat >>"$config" <<YAML
  single: { type: webhook, url: "$receiver/single", secret_file: siem-secret }
  batch: { type: webhook, url: "$receiver/batch", secret_file: siem-secret, batch: 100 }
  chat: { type: apprise, urls: ["json://${receiver#http://}/chat"] }
plugin_dirs: ["$work/plugins"]
YAML
for sink in single batch chat; do "$seatwatch" sink test "$sink" --config "$config" >"$work/said"; done
for _ in $(seq 30); do
    "$seatwatch" sync --config "$config" >"$work/sync.log"
    if [ "$(wc -l <"$work/config/events.ndjson")" -gt $((before + 10)) ]; then break; fi
    sleep 0.3
done
curl --silent --fail "$receiver" >"$work/taken.json"
"$work/venv/bin/python" - "$work" "$before" <<'PYTHON' || { cat "$work/receiver.log" >&2; exit 1; }
import json, pathlib, sys

work, before = pathlib.Path(sys.argv[1]), int(sys.argv[2])
lines = (work / "config/events.ndjson").read_text().splitlines()[before:]
ids = [json.loads(line)["id"] for line in lines]
taken = json.loads((work / "taken.json").read_text())
assert len(ids) > 10, ids
# The first is the trial.
assert taken["/single"][1:] == ids, (taken["/single"], ids)
assert taken["/batch"][1:] == ids, (taken["/batch"], ids)
assert len(taken["/chat"]) > 1, taken["/chat"]
print("webhooks verified:", len(ids), "· last message in the chat:", taken["/chat"][-1])
PYTHON
