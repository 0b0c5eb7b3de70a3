#!/usr/bin/env bash
# Makes what is given away, in target/dist: the Debian package, a tarball for other systems, the
# bill of materials, and their checksums.
#
#     systemd/build-package.sh [--profile PROFILE]
#
# The profile is `release`, or `dev` for a trial, which takes the program as it was built for tests.
# Needs dpkg-dev, Python 3, and `cargo install --locked cargo-deb cargo-cyclonedx`.
#
# Made again from the same commit, in the same place and with the same Rust, every file is the same to
# the byte: all times in them are that of the commit, or $SOURCE_DATE_EPOCH.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=release
case "${1-}" in
    --profile) profile=${2:?expected a profile} ;;
    '') ;;
    *) echo "usage: systemd/build-package.sh [--profile PROFILE]" >&2; exit 64 ;;
esac
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct || stat --format=%Y Cargo.lock)}"
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
fast=  # Whether a larger package will do, as for a trial.
if [ "$profile" = dev ]; then fast=yes; fi
umask 022

target=${CARGO_TARGET_DIR:-target}
stage=target/package  # Cargo.toml names it, so it does not move with the target directory.
dist=target/dist
rm -rf "$stage" "$dist"
mkdir -p "$stage/usr/share" "$dist"
share=$stage/usr/share
doc=$share/doc/seatwatch

# put MODE FILE... PLACE: as install does, with the directories.
put() { install -D -m "$1" -t "$stage/${*: -1}" "${@:2:$#-2}"; }
# put_as MODE FILE NAME
put_as() { install -D -m "$1" "$2" "$stage/$3"; }
# Without a time in it.
compress() { gzip --best --no-name "$@"; }

build_program() {
    # No time is compiled in. With one in the environment, cargo would compile anew what the tests have.
    env --unset=SOURCE_DATE_EPOCH cargo build --locked --package seatwatch --profile "$profile"
    local built=$target/$profile
    if [ "$profile" = dev ]; then built=$target/debug; fi
    put 755 "$built/seatwatch" usr/bin
    strip --strip-all --remove-section=.comment "$stage/usr/bin/seatwatch"
    program=$stage/usr/bin/seatwatch
    version=$("$program" --version | cut -d' ' -f2)
}

# What the program tells of itself, in the places where man and the shells look for it.
write_pages() {
    mkdir -p "$stage/pages"
    "$program" man --output "$stage/pages"
    put 644 "$stage"/pages/*.1 usr/share/man/man1
    put 644 "$stage"/pages/*.5 usr/share/man/man5
    rm -r "$stage/pages"
    compress "$share"/man/man?/*
}

write_completions() {
    mkdir -p "$share/bash-completion/completions" "$share/zsh/vendor-completions" \
        "$share/fish/vendor_completions.d"
    "$program" completions bash >"$share/bash-completion/completions/seatwatch"
    "$program" completions zsh >"$share/zsh/vendor-completions/_seatwatch"
    "$program" completions fish >"$share/fish/vendor_completions.d/seatwatch.fish"
}

copy_the_rest() {
    put 644 docs/*.md usr/share/doc/seatwatch
    put 644 docs/images/* usr/share/doc/seatwatch/images
    put 644 docs/samples/* usr/share/doc/seatwatch/samples
    put_as 644 plugins/apprise/README.md usr/share/doc/seatwatch/apprise.md
    put_as 644 plugins/email/templates/README.md usr/share/doc/seatwatch/templates.md
    # Here, things lie elsewhere than in the source, and some do not at all.
    sed -i -E -e 's,\[([^]]*)\]\(\.\./(src|tests|\.cargo)/[^)]*\),\1,g' "$doc"/*.md
    sed -i -e 's,](monitoring),](/usr/share/seatwatch/monitoring),g' \
        -e 's,](monitoring/,](/usr/share/seatwatch/monitoring/,g' \
        -e 's,](\.\./plugins/apprise/README\.md,](apprise.md,g' \
        -e 's,](\.\./plugins/email/templates/README\.md,](templates.md,g' \
        -e 's,](\.\./\.\./docs/,](,g; s,](\.\./\.\./\.\./docs/,](,g' \
        -e 's,](\.\./systemd/seatwatch\.service,](/usr/lib/systemd/system/seatwatch.service,g' \
        -e 's,](\.\./CHANGELOG\.md,](changelog.gz,g' \
        -e 's,](\.\./config\.example\.yaml,](examples/complete.yaml,g' "$doc"/*.md
    put_as 644 systemd/seatwatch.minimal.yaml usr/share/doc/seatwatch/examples/seatwatch.yaml
    put_as 644 config.example.yaml usr/share/doc/seatwatch/examples/complete.yaml
    put 755 plugins/apprise/seatwatch-sink-apprise usr/lib/seatwatch/plugins
    put 644 plugins/apprise/requirements.txt usr/share/seatwatch/apprise
    put 644 docs/monitoring/* usr/share/seatwatch/monitoring
    systemd/third-party.py | compress >"$doc/third-party.gz"
    compress <CHANGELOG.md >"$doc/changelog.gz"
    chmod 644 "$doc"/*.gz
}

make_package() {
    cat >"$stage/changelog" <<END
seatwatch ($version-1) unstable; urgency=medium

  * What has changed is told in /usr/share/doc/seatwatch/changelog.gz.

 -- seatwatch <seatwatch@packages.invalid>  $(date --date="@$SOURCE_DATE_EPOCH" --rfc-email)
END
    put_as 644 systemd/debian/lintian-overrides usr/share/lintian/overrides/seatwatch
    cargo deb --quiet --no-build --no-strip ${fast:+--fast} --output "$dist/"
    rm -r "$stage/changelog" "$share/lintian"
}

make_tarball() {
    put 644 systemd/seatwatch.service usr/lib/systemd/system
    put_as 644 systemd/seatwatch.sysusers usr/lib/sysusers.d/seatwatch.conf
    put_as 644 systemd/seatwatch.tmpfile usr/lib/tmpfiles.d/seatwatch.conf
    cp LICENSE systemd/INSTALL.md "$stage"
    local name
    name=seatwatch-$version-$(uname -m)-linux
    tar --create --directory="$stage" --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
        --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
        --transform="s,^\.,$name," . | gzip --no-name >"$dist/$name.tar.gz"
}

# It writes a file beside each Cargo.toml of the workspace; the one of the program is wanted.
make_bill() {
    cargo cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps \
        --target "$(rustc -vV | sed -n 's/^host: //p')" --override-filename seatwatch-bill
    # Where it was made is nobody's business, and would differ elsewhere.
    sed "s|file://$PWD|file:///seatwatch|g" seatwatch-bill.json >"$dist/seatwatch-$version.cdx.json"
    rm -f seatwatch-bill.json plugins/*/seatwatch-bill.json
}

build_program
write_pages
write_completions
copy_the_rest
make_package
make_tarball
make_bill
(cd "$dist" && sha256sum -- * >SHA256SUMS && ls -l)
