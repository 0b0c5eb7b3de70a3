"""The queries of the dashboard, as Grafana would send them."""

import json
import pathlib
import re

FILE = pathlib.Path("docs/monitoring/dashboard.json")
EVERYTHING = ".*"


def read():
    return json.loads(FILE.read_text())


def queries(dashboard):
    """Where each stands, what it asks, and which labels are shown: panels, annotations, variables."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"panel `{panel['title']}` {target['refId']}", target["expr"], \
                labels(target["legendFormat"])
    for annotation in dashboard["annotations"]["list"]:
        # Their text names what there may be.
        yield f"annotation `{annotation['name']}`", annotation["expr"], set()
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query, label = series_of(variable["query"]["query"])
            yield f"variable `{variable['name']}`", query, {label}


def labels(template):
    return set(re.findall(r"\{\{(\w+)\}\}", template))


def series_of(label_values):
    """`label_values(series, label)`, which only Grafana knows, as a query with the same series."""
    series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", label_values).groups()
    return f"count by ({label}) ({series})", label


def filled_in(query, rate_interval, **variables):
    """With a value for every variable; those that are not named mean everything."""
    query = query.replace("$__rate_interval", rate_interval)
    query = re.sub(r"\$(\w+)", lambda found: variables.get(found[1], EVERYTHING), query)
    assert "$" not in query, query
    return query
