#!/usr/bin/env bash
# Runs every command that the documents show, word for word, on this machine as it would be if
# seatwatch had just been installed on it: in namespaces of its own, over files that nobody else sees,
# with a made-up Codecov, receivers on loopback, and a past.
#
# usage: tests/docs.sh [PAGE…]     such as docs/sinks.md; without one, all
#
# Needs root, the package in target/dist (`systemd/build-package.sh --profile dev`), and of Debian's
# packages apache2-utils, curl, faketime, openssl, prometheus, prometheus-alertmanager and
# python3-venv; the rest comes from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
    echo "tests/docs.sh: error: it makes namespaces and a user, for which it has to be root" >&2
    exit 77
fi
if ! unshare --mount bash -c 'mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work &&
    mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work overlay /etc'; then
    echo "NOT TRIED: the commands of the documents, for this machine allows no overlays" >&2
    exit 0
fi
cargo build --locked --quiet
# The machine's own Python, and not one in somebody's home, which the daemon's user could not enter.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
# Whatever it starts ends with it, and whatever it mounts is gone with it.
PYTHONDONTWRITEBYTECODE=1 exec unshare --mount --pid --fork --mount-proc --kill-child \
    /usr/bin/python3 tests/docs/run.py "$@"
