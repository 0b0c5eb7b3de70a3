"""Rules, their tests, their page, the dashboard and the examples agree with each other.

Every alert has a case in which it fires and one in which it does not, and its part of
docs/monitoring.md; every series that is named anywhere is one of docs/metrics.md with these labels;
every command that is advised exists; and Grafana's own library knows all that stands in the
dashboard.

Usage: agree.py SEATWATCH
"""

import itertools
import json
import pathlib
import re
import subprocess
import sys

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

import dashboard

MONITORING = pathlib.Path("docs/monitoring")
PAGE = pathlib.Path("docs/monitoring.md").read_text()
METRICS = pathlib.Path("docs/metrics.md").read_text()
SEVERITIES = {"critical", "warning", "info"}
# What Prometheus adds, and what histograms have.
LABELS = {"job", "instance", "le"}
# What Prometheus makes itself.
OWN = {"up": set(), "ALERTS": {"alertname", "alertstate"}}
# Of Grafana's Prometheus, and not of every data source.
OF_PROMETHEUS = {"titleFormat", "textFormat", "useValueForTime"}


def rules():
    groups = yaml.safe_load((MONITORING / "seatwatch.rules.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def alerts_are_tested(rules):
    fires, quiet = set(), set()
    for file in pathlib.Path("tests/monitoring/rules").glob("*.yml"):
        for case in yaml.safe_load(file.read_text())["tests"]:
            for check in case["alert_rule_test"]:
                (fires if check["exp_alerts"] else quiet).add(check["alertname"])
    assert fires == set(rules), f"fires in no case, or is no alert: {fires ^ set(rules)}"
    assert quiet == set(rules), f"always fires, or is no alert: {quiet ^ set(rules)}"


def alerts_are_explained(rules):
    headings = re.findall(r"^#+ (Seatwatch\w+)$", PAGE, re.MULTILINE)
    assert headings == list(rules), f"{headings} are not in the order of {list(rules)}"
    for name, rule in rules.items():
        assert rule["labels"]["severity"] in SEVERITIES, name
        annotations = rule["annotations"]
        assert set(annotations) == {"summary", "description", "runbook_url"}, name
        assert annotations["runbook_url"] == f"docs/monitoring.md#{name.lower()}", name
        severity = rule["labels"]["severity"]
        row = re.search(rf"^\| \[`{name}`\]\(#{name.lower()}\) \| (\w+) \|", PAGE, re.MULTILINE)
        assert row and row[1] == severity, f"{name} is not in the table as {severity}"


def commands_exist(seatwatch, text):
    """Each `seatwatch …` that is advised is a command that has these options."""
    for command in set(re.findall(r"`seatwatch ([^`]+)`", " ".join(text.split()))):
        words = re.sub(r"\{\{.*?\}\}(/\{\{.*?\}\})?", "X", command).split()
        names = list(itertools.takewhile(lambda word: word.islower(), words))
        options = [word for word in words if word.startswith("--")]
        program, said = [seatwatch], "Commands:"
        while "Commands:" in said:
            assert names, f"`seatwatch {command}` is not a whole command"
            program.append(names.pop(0))
            ran = subprocess.run([*program, "--help"], capture_output=True, text=True)
            assert ran.returncode == 0, f"there is no `seatwatch {command}`"
            said = ran.stdout
        assert all(option in said for option in options), f"`seatwatch {command}` has no such option"


def series(table):
    """The labels of every series, by its name."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", table, re.MULTILINE)
    known = {name: set(re.findall(r"`(\w+)`", labels)) for name, _, labels in rows}
    for name, kind, _ in rows:
        if kind == "histogram":
            known |= {name + end: known[name] for end in ("_bucket", "_count", "_sum")}
    return known


def series_exist(known, where, query):
    for name, matchers in re.findall(r"\b([a-zA-Z_]+)\s*(\{[^}]*\})?", query):
        ours = re.match(r"(seatwatch|process)_", name)
        if not ours and not matchers:
            continue
        assert name in known, f"{where}: there is no `{name}`"
        labels = set(re.findall(r"(\w+)\s*[=!]", matchers))
        unknown = labels - known[name] - LABELS
        assert not unknown, f"{where}: `{name}` has no {unknown}"


def lost(before, after, path=""):
    """What is not the same in both, as far as it was there before."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{path}.{key}")
            elif key not in OF_PROMETHEUS:
                yield f"{path}.{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{path}[{number}]")
    elif before != after:
        yield path


def grafana_knows_it(board):
    register_default_plugins()
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    unknown = list(lost(board, again))
    assert not unknown, f"Grafana does not know {unknown}"


def panels_are_in_order(board):
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"`{panel['title']}` lies over another panel"
        assert place["x"] + place["w"] <= 24, f"`{panel['title']}` is too wide"
        taken |= cells
        if panel["type"] not in ("row", "state-timeline"):
            assert panel["fieldConfig"]["defaults"].get("unit"), f"`{panel['title']}` has no unit"
        if panel["type"] != "row":
            assert panel["description"].endswith("."), f"`{panel['title']}` is not described"


def main(seatwatch):
    all_rules, board = rules(), dashboard.read()
    alerts_are_tested(all_rules)
    alerts_are_explained(all_rules)
    for text in [PAGE, *(rule["annotations"]["description"] for rule in all_rules.values())]:
        commands_exist(seatwatch, text)
    known = series(METRICS) | OWN
    assert len(known) > 30, known
    for name, rule in all_rules.items():
        series_exist(known, name, rule["expr"])
    for where, query, _ in dashboard.queries(board):
        series_exist(known, where, query)
    for name in set(re.findall(r"`((?:seatwatch|process)_\w+)", PAGE)):
        assert name in known, f"docs/monitoring.md: there is no `{name}`"
    grafana_knows_it(board)
    panels_are_in_order(board)
    print(len(all_rules), "alerts and", len(list(dashboard.queries(board))), "queries agree")


main(sys.argv[1])
