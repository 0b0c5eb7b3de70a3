#!/usr/bin/env bash
# Somebody watches a daemon with what is in docs/monitoring: promtool and amtool take the files,
# every alert fires when it should and not when it should not, and a real Prometheus and a real
# Alertmanager send the right mails while Codecov and receivers fail and recover.
#
# Needs Python 3 with venv, and Debian's packages `openssl`, `prometheus` and
# `prometheus-alertmanager`; what else it needs it installs from PyPI into a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# quietly COMMAND…: shows what it said only if it fails.
quietly() { "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; return 1; }; }

quietly promtool check config docs/monitoring/prometheus.example.yml
quietly amtool check-config docs/monitoring/alertmanager.example.yml
quietly promtool test rules tests/monitoring/rules/*.yml

cargo build --locked --quiet
python3 -m venv "$work/venv"
# The library of Grafana is that of version 11.0.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    'PyYAML==6.0.3' 'aiosmtpd==1.4.6' 'bcrypt==5.0.0' 'grafana-foundation-sdk==1769699734!11.0.0'
export PYTHONDONTWRITEBYTECODE=1
"$work/venv/bin/python" tests/monitoring/agree.py target/debug/seatwatch
"$work/venv/bin/python" tests/monitoring/live.py target/debug/seatwatch
