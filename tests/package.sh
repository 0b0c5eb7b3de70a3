#!/usr/bin/env bash
# The package in a real Debian 12 that boots with systemd: installed, set up, broken, watched,
# updated while it runs, removed, purged. tests/package/story.sh is what happens in there.
#
#     tests/package.sh [PACKAGE.deb]
#
# Without a package it makes one of the program as it was built for tests. Needs root, debootstrap,
# systemd-container, and Debian's and PyPI's servers. Nothing outside of a temporary directory
# changes, and nothing is left of it. Where no container can boot, the parts that need none are
# tried in a chroot, and it says which were not.
#
# DEBIAN_TREE=DIR takes a copy of a tree that debootstrap has made, with the packages below.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=systemd,systemd-sysv,dbus,ca-certificates,python3,python3-venv,procps
BOOT_SECONDS=120

say() { printf '%s\n' "package: $*"; }

if [ "$(id -u)" != 0 ]; then
    echo "error: a container with an own Debian needs root" >&2
    exit 77
fi
for tool in debootstrap systemd-nspawn nsenter dpkg-deb; do
    if ! command -v "$tool" >/dev/null; then
        echo "error: no $tool; apt-get install debootstrap systemd-container" >&2
        exit 69
    fi
done

# Where the container's processes are counted. systemd-nspawn leaves the empty groups behind.
groups() { find /sys/fs/cgroup -type d \( -name payload -o -name supervisor \) 2>/dev/null | sort; }

groups_before=$(groups)
work=$(mktemp -d /var/tmp/seatwatch-package.XXXXXX)
root=$work/root
container=
clean_up() {
    if [ -n "$container" ]; then stop_container; fi
    # Only what lies below our own directory, deepest first, should a step have died with it mounted.
    awk -v root="$root/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        while read -r place; do umount "$place" || true; done
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The newest package is the one to test; the one before it is the same program under a lower
# number, and in the oldest there is a stand-in for it, which leaves behind a database of the first
# schema.
make_packages() {
    local newest=${1-}
    if [ -z "$newest" ]; then
        systemd/build-package.sh --profile dev >/dev/null
        newest=$(ls "$PWD"/target/dist/*.deb)
    fi
    mkdir "$root/packages"
    cp "$newest" "$root/packages/newest.deb"
    dpkg-deb --raw-extract "$newest" "$work/unpacked"
    repack before 0.0.2-1
    cp tests/package/stand-in "$work/unpacked/usr/bin/seatwatch"
    repack oldest 0.0.1-1
    rm -r "$work/unpacked"
}

repack() {
    sed -i "s/^Version: .*/Version: $2/" "$work/unpacked/DEBIAN/control"
    # What was changed has another sum; nobody looks at it here.
    rm -f "$work/unpacked/DEBIAN/md5sums"
    dpkg-deb --build -Zgzip -z1 --root-owner-group "$work/unpacked" "$root/packages/$1.deb" >/dev/null
}

make_tree() {
    if [ -n "${DEBIAN_TREE-}" ]; then
        cp -a "$DEBIAN_TREE" "$root"
    else
        debootstrap --variant=minbase --include="$PACKAGES" bookworm "$root" >"$work/debootstrap.log" ||
            { tail -n 20 "$work/debootstrap.log" >&2; exit 69; }
    fi
    # Each boot is to be a first one of its own.
    : >"$root/etc/machine-id"
    mkdir "$root/test"
    cp -r tests/package/. src/store/migrations "$root/test"
}

# The Python in there is that of Debian 12, and so is ours, or its modules would not fit.
put_apprise_in() {
    chroot "$root" python3 -m venv --without-pip /opt/seatwatch-apprise
    local modules
    modules=$(echo "$root"/opt/seatwatch-apprise/lib/python3.*/site-packages)
    python3 -m venv "$work/pip"
    "$work/pip/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
        --only-binary :all: --python-version 3.11 --target "$modules" \
        -r plugins/apprise/requirements.txt
}

# Its network is a loopback device of its own and nothing else.
boot() {
    # SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: Debian 12 wants it, whatever the host has.
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --register=no --keep-unit \
        --directory="$root" --private-network --hostname=seatwatch-test --console=pipe --boot \
        </dev/null >"$work/boot.log" 2>&1 &
    container=$!
    local deadline=$((SECONDS + BOOT_SECONDS)) state
    while [ "$SECONDS" -lt "$deadline" ]; do
        if ! kill -0 "$container" 2>/dev/null; then break; fi
        state=$(inside systemctl is-system-running 2>/dev/null || true)
        case "$state" in running | degraded) return 0 ;; esac
        sleep 0.5
    done
    say "no container can boot here: ${state:-no answer from systemd}"
    sed 's/^/  /' "$work/boot.log" | tail -n 20
    return 1
}

# Runs a command in the container.
inside() {
    local init
    init=$(pgrep --parent "$container" | head -n 1)
    [ -n "$init" ] && nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup "$@"
}

stop_container() {
    kill -TERM "$container" 2>/dev/null || true
    for _ in $(seq 60); do
        if ! kill -0 "$container" 2>/dev/null; then break; fi
        sleep 0.5
    done
    # It kills what is left in there with it.
    kill -KILL "$container" 2>/dev/null || true
    wait "$container" 2>/dev/null || true
    container=
    comm -13 <(echo "$groups_before") <(groups) | while read -r group; do
        find "$group" -depth -type d -exec rmdir {} + || true
    done
}

in_chroot() {
    mount --bind /proc "$root/proc"
    chroot "$root" /test/story.sh without-systemd
    umount "$root/proc"
}

say "a Debian 12"
make_tree
say "the packages"
make_packages "$@"
say "Apprise"
put_apprise_in
say "boot"
if boot; then
    inside /test/story.sh with-systemd
    stop_container
    say "all parts passed"
else
    if [ -n "$container" ]; then stop_container; fi
    in_chroot
    say "passed: files, modes, user, update, removal and purge by dpkg alone"
    say "NOT TRIED: start, status, reload, watchdog, sandbox and update of a running daemon"
fi
