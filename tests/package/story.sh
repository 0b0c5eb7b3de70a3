#!/usr/bin/env bash
# What an administrator lives through with the package, in a Debian that is thrown away after it.
# Started by tests/package.sh, in there, as root: story.sh with-systemd|without-systemd
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 SYSTEMD_PAGER='' NO_COLOR=1
unset SEATWATCH_CONFIG CREDENTIALS_DIRECTORY

config=/etc/seatwatch/seatwatch.yaml
simulator=127.0.0.1:8642
chat_port=8643
chat=/var/tmp/chat.ndjson

part() { printf '  %s\n' "$*"; }

# Says what was expected, and how the daemon stands, and ends the test.
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    if [ -d /run/systemd/system ]; then
        systemctl status --no-pager --lines 30 seatwatch >&2 || true
    fi
    exit 1
}

# expect 'WHAT HAS TO HOLD' COMMAND...
expect() { "${@:2}" || fail "$1"; }

# The same, within half a minute: waits for a condition, never for a time.
eventually() {
    for _ in $(seq 150); do
        if "${@:2}"; then return 0; fi
        sleep 0.2
    done
    fail "$1"
}

# equal 'WHAT' FOUND EXPECTED
equal() { [ "$2" = "$3" ] || fail "$1: found \`$2\`, expected \`$3\`"; }
holds() { [[ $2 == *"$3"* ]] || fail "$1: no \`$3\` in: $2"; }

property() { systemctl show --property "$1" --value seatwatch; }
is_state() { [ "$(property ActiveState)" = "$1" ]; }
says() { [[ $(property StatusText) == *"$1"* ]]; }
# The last lines as an administrator sees them.
status() { systemctl status --no-pager --full --lines 12 seatwatch || true; }
mode_of() { stat --format '%a %U:%G' "$1"; }
install_package() { dpkg --install "/packages/$1.deb" >/var/tmp/dpkg.log 2>&1 || { cat /var/tmp/dpkg.log; fail "dpkg: $1"; }; }
events() { seatwatch history --format json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))'; }

# Of the documents that came with it, what they link to and is not there.
lost_links() {
    grep --only-matching --recursive --no-filename --extended-regexp --include '*.md' \
        '\]\([^)#:]+[#)]' /usr/share/doc/seatwatch | cut -c3- | tr -d '#)' | sort --unique | while read -r link; do
        (cd /usr/share/doc/seatwatch && [ -e "$link" ]) || printf '%s ' "$link"
    done
}

# --- the parts ---------------------------------------------------------------------------------

fresh_install() {
    part "a fresh install is ready to be configured, and nothing has failed"
    install_package newest
    equal "mode of /etc/seatwatch" "$(mode_of /etc/seatwatch)" "750 root:seatwatch"
    equal "mode of the secrets" "$(mode_of /etc/seatwatch/credentials)" "700 root:root"
    equal "shell of the user" "$(getent passwd seatwatch | cut -d: -f7)" /usr/sbin/nologin
    expect "the example is there" test -s /usr/share/doc/seatwatch/examples/seatwatch.yaml
    expect "the plugin is there" test -x /usr/lib/seatwatch/plugins/seatwatch-sink-apprise
    equal "links of the documents that lead nowhere" "$(lost_links)" ""
    for file in man/man1/seatwatch.1.gz man/man5/seatwatch.yaml.5.gz \
        bash-completion/completions/seatwatch zsh/vendor-completions/_seatwatch \
        fish/vendor_completions.d/seatwatch.fish; do
        expect "there is /usr/share/$file" test -s "/usr/share/$file"
    done
}

fresh_unit() {
    equal "unit" "$(systemctl is-enabled seatwatch)" enabled
    is_state inactive || fail "it runs without a configuration"
    holds "status" "$(status)" "ConditionPathExists=/etc/seatwatch/seatwatch.yaml was not met"
    equal "failed units" "$(systemctl --failed --no-legend --plain | grep seatwatch)" ""
    # 1.3 as this is written. The verdict of this systemd, on the unit as it is installed.
    local exposure
    exposure=$(systemd-analyze security --no-pager seatwatch | sed -n 's/.*: \([0-9.]*\) .*/\1/p' | tail -n 1)
    expect "exposure $exposure is at most 1.5" awk "BEGIN { exit !($exposure <= 1.5) }"
    equal "systemd-analyze verify" "$(systemd-analyze verify seatwatch.service 2>&1)" ""
}

surroundings() {
    systemd-run --quiet --unit simulator seatwatch simulate --listen "$simulator" \
        --change-every 300ms --write-config /var/tmp/simulator
    systemd-run --quiet --unit receiver python3 /test/receiver.py "$chat_port" "$chat"
    eventually "the simulator runs" test -s /var/tmp/simulator/seatwatch.yaml
}

# What the simulator wrote is for its own directory; this is the same for the service.
write_config() {
    cat >"$config" <<END
instance: test
schedule: "* * * * * *"
guard: { min_leavers: 1000000 }
codecov: { base_url: "http://$simulator", token_file: codecov-token }
organizations:
  - github/acme
  - { service: gitlab, owner: example-group, token_file: gitlab-token }
sinks:
  audit: { type: file, path: /var/log/seatwatch/events.ndjson }
  chat: { type: apprise, urls_file: apprise-urls }
END
    chmod 640 "$config"
    chgrp seatwatch "$config"
}

set_up() {
    part "a token and two organizations: enabled, started, connected"
    write_config
    install -m 600 /var/tmp/simulator/codecov-token-github /etc/seatwatch/credentials/codecov-token
    install -m 600 /var/tmp/simulator/codecov-token-gitlab /etc/seatwatch/credentials/gitlab-token
    echo "json://127.0.0.1:$chat_port/" | install -m 600 /dev/stdin /etc/seatwatch/credentials/apprise-urls
    systemctl enable --now --quiet seatwatch || fail "it does not start"
    eventually "the status line tells how many are connected" says "2 organizations: 2 connected"
    holds "status" "$(status)" "2 organizations: 2 connected"
    # The whole line is there for who looks, and each field for who searches.
    is_in_status() { [[ $(status) == *"synced organization=github/acme outcome="* ]]; }
    eventually "the last lines say what was synced" is_in_status
    is_found() { journalctl --quiet --unit seatwatch ORGANIZATION=github/acme OUTCOME=changed | grep -q "synced organization"; }
    eventually "the journal finds syncs by their fields" is_found
    part "commands in root's shell find the secrets that systemd keeps"
    seatwatch check --online >/var/tmp/said 2>&1 || fail "check: $(cat /var/tmp/said)"
    seatwatch status >/var/tmp/said 2>&1 || fail "status: $(cat /var/tmp/said)"
}

apprise() {
    part "the plugin in Python delivers from within the sandbox"
    eventually "a message has come" test -s "$chat"
    seatwatch sink test chat >/var/tmp/said 2>&1 || fail "sink test: $(cat /var/tmp/said)"
    holds "processes" "$(ps -eo user:20,args)" "seatwatch            /opt/seatwatch-apprise/bin/python3"
}

no_secret() {
    part "without its token the daemon runs, and says what it lacks"
    mv /etc/seatwatch/credentials/codecov-token /var/tmp/
    systemctl restart seatwatch || fail "it does not start without a token"
    is_told() { journalctl --unit seatwatch --no-pager | grep -q "codecov-token. does not exist"; }
    eventually "the journal names the secret" is_told
    mv /var/tmp/codecov-token /etc/seatwatch/credentials/
    systemctl restart seatwatch
    eventually "connected again" says "2 organizations: 2 connected"
}

encrypted() {
    part "a token that is encrypted on the disk"
    local name=codecov-token
    install -d -m 700 /etc/credstore.encrypted
    systemd-creds encrypt --name="$name" "/etc/seatwatch/credentials/$name" \
        "/etc/credstore.encrypted/$name" 2>/dev/null
    mv "/etc/seatwatch/credentials/$name" /var/tmp/
    mkdir -p /etc/systemd/system/seatwatch.service.d
    printf '[Service]\nLoadCredentialEncrypted=%s:/etc/credstore.encrypted/%s\n' "$name" "$name" \
        >/etc/systemd/system/seatwatch.service.d/encrypted.conf
    systemctl daemon-reload
    systemctl restart seatwatch || fail "it does not start with an encrypted token"
    eventually "connected" says "2 organizations: 2 connected"
    rm -r /etc/systemd/system/seatwatch.service.d
    mv "/var/tmp/$name" /etc/seatwatch/credentials/
    systemctl daemon-reload
    systemctl restart seatwatch
    eventually "connected again" says "2 organizations: 2 connected"
}

rotated() {
    part "a file beside the config is read anew at each sync, without a restart"
    mv /etc/seatwatch/credentials/codecov-token /var/tmp/
    echo wrong | install -m 600 -o seatwatch /dev/stdin /etc/seatwatch/codecov-token
    systemctl restart seatwatch
    eventually "the wrong token is refused" says "1 connected, 1 failing"
    local pid
    pid=$(property MainPID)
    install -m 600 -o seatwatch /var/tmp/codecov-token /etc/seatwatch/codecov-token
    eventually "the new token is in use" says "2 organizations: 2 connected"
    equal "process" "$(property MainPID)" "$pid"
    rm /etc/seatwatch/codecov-token
    mv /var/tmp/codecov-token /etc/seatwatch/credentials/
    systemctl restart seatwatch
    eventually "connected again" says "2 organizations: 2 connected"
}

broken_reload() {
    part "a reload with a broken file fails, changes nothing and says why"
    local pid
    pid=$(property MainPID)
    sed -i 's/^guard:/gaurd:/' "$config"
    if systemctl reload seatwatch 2>/dev/null; then fail "it took a broken file"; fi
    holds "status" "$(status)" "gaurd"
    is_state active || fail "it ended"
    equal "process" "$(property MainPID)" "$pid"
    write_config
    systemctl reload seatwatch || fail "the mended file is not taken"
    says "2 organizations: 2 connected" || fail "status after the reload"
}

watchdog() {
    part "a daemon that hangs is killed and started again"
    mkdir -p /etc/systemd/system/seatwatch.service.d
    printf '[Service]\nWatchdogSec=2s\nTimeoutAbortSec=2s\nRestartSec=100ms\n' \
        >/etc/systemd/system/seatwatch.service.d/fast.conf
    systemctl daemon-reload
    systemctl restart seatwatch
    local pid
    pid=$(property MainPID)
    kill -STOP "$pid"
    is_another() { [ "$(property MainPID)" != "$pid" ] && is_state active; }
    eventually "there is another process" is_another
    expect "systemd has counted it" test "$(property NRestarts)" -ge 1
    rm -r /etc/systemd/system/seatwatch.service.d
    systemctl daemon-reload
    eventually "connected again" says "2 organizations: 2 connected"
}

wrong_config() {
    part "a wrong config is no restart loop, and the reason is in the status"
    systemctl stop seatwatch
    systemctl reset-failed seatwatch 2>/dev/null || true
    sed -i 's/^schedule: .*/schedule: "0 25 * * *"/' "$config"
    if systemctl start seatwatch 2>/dev/null; then fail "it took a wrong config"; fi
    is_state failed || fail "state $(property ActiveState)"
    equal "exit code" "$(property ExecMainStatus)" 78
    equal "restarts" "$(property NRestarts)" 0
    holds "status" "$(status)" "is not a cron schedule"
    write_config
    systemctl start seatwatch || fail "it does not start with the right config"
    eventually "connected again" says "2 organizations: 2 connected"
}

oldest_version() {
    part "a package of long ago runs, with a database of the first schema"
    systemctl stop seatwatch
    rm -rf /var/lib/seatwatch/*
    install_package oldest
    systemctl restart seatwatch
    equal "status" "$(property StatusText)" stand-in
    expect "it has left a database" test -s /var/lib/seatwatch/seatwatch.db
}

update() {
    part "an update starts the daemon anew and keeps the history of years"
    local pid
    pid=$(property MainPID)
    install_package before
    eventually "the new daemon is connected" says "2 organizations: 2 connected"
    [ "$(property MainPID)" != "$pid" ] || fail "the old daemon still runs"
    holds "history" "$(seatwatch history github/acme)" of-long-ago

    part "the next update, with the daemon at work"
    eventually "something has changed" eval '[ "$(events)" -gt 3 ]'
    local known
    known=$(events)
    install_package newest
    eventually "connected again" says "2 organizations: 2 connected"
    holds "history" "$(seatwatch history github/acme)" of-long-ago
    expect "no event is lost ($known before)" test "$(events)" -ge "$known"
    equal "sequence numbers that stand twice in the file" \
        "$(python3 -c 'import json,sys
ids=[json.loads(line)["id"] for line in open("/var/log/seatwatch/events.ndjson")]
print(len(ids)-len(set(ids)))')" 0
}

removal() {
    part "removed, it has stopped, and config and history stay"
    dpkg --remove seatwatch >/var/tmp/dpkg.log 2>&1 || fail "dpkg --remove: $(cat /var/tmp/dpkg.log)"
    expect "no process is left" eval '! pgrep --uid seatwatch >/dev/null'
    expect "the config stays" test -e "$config"
    expect "the program is gone" test ! -e /usr/bin/seatwatch
}

return_of_it() {
    part "installed again, it goes on where it was"
    install_package newest
    eventually "connected again" says "2 organizations: 2 connected"
    holds "history" "$(seatwatch history github/acme)" of-long-ago
}

purge() {
    part "purged, nothing is left but the user"
    dpkg --purge seatwatch >/var/tmp/dpkg.log 2>&1 || fail "dpkg --purge: $(cat /var/tmp/dpkg.log)"
    expect "no process is left" eval '! pgrep --uid seatwatch >/dev/null'
    equal "files" "$(find /etc /usr /var /run -xdev -name '*seatwatch*' ! -path '/var/log/journal/*' ! -path '/var/tmp/*')" ""
    expect "the user stays" getent passwd seatwatch >/dev/null
}

# --- the story ---------------------------------------------------------------------------------

fresh_install
if [ "$1" = with-systemd ]; then
    fresh_unit
    surroundings
    set_up
    apprise
    no_secret
    encrypted
    rotated
    broken_reload
    watchdog
    wrong_config
    oldest_version
    update
    removal
    return_of_it
    purge
else
    install_package oldest
    install_package newest
    touch "$config"
    removal
    purge
fi
