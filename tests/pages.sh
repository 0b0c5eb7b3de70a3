#!/usr/bin/env bash
# A real browser looks at the pages: ten organizations with a past and names that nobody should
# have, and a thousand of them with a roster of ten thousand; light and dark, 360 and 1280 pixels
# wide, with the keyboard, without scripts. It complains of nothing, asks nobody else for anything,
# and axe finds nothing that keeps anybody out.
#
# usage: tests/pages.sh [PICTURES]      a folder for pictures of what it saw
#
# Needs Python 3 with venv and Debian's packages `chromium` and `chromium-driver`; what else it needs
# it installs from PyPI into a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --locked --quiet
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'selenium==4.51.0'
# Only for the axe-core 4.12.1 that is in it.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    'axe-playwright-python==0.1.8'
axe=$(echo "$work"/venv/lib/python3*/site-packages/axe_playwright_python/axe.min.js)

PYTHONDONTWRITEBYTECODE=1 HOME=$work "$work/venv/bin/python" tests/pages/look.py \
    target/debug/seatwatch "$axe" "${1:-$work/pictures}"
