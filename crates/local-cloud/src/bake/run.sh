#!/bin/sh
# Runs the components of one stage in a build or test instance. Lines that begin with `::` are read by the host.
# To start a program takes an emulated processor its time, so the shell does what it can.
set -u
seed=$(cd "${0%/*}" && pwd)
. "$seed/settings"
state=${LOCAL_CLOUD_AGENT_STATE:-/var/lib/local-cloud-agent}

finish() {
    printf '::exit %s\n' "$1"
    # The machine goes off when this script ends. One that is to be looked at stays.
    [ "$1" -eq 0 ] || [ "$keep" = no ] || exec sleep infinity
    exit "$1"
}

# In `state` is where a run is, for the boot after a reboot. Nothing of it is left when the components are done.
mkdir -p "$work" "$state" || finish 1
# /run may be mounted noexec: the runner is started from the working directory.
runner="$work/veris-toe"
cp "$seed/veris-toe" "$runner" || finish 1

index=0
[ ! -s "$state/component" ] || read -r index <"$state/component"
while [ "$index" -lt "$components" ]; do
    printf '::component %s\n' "$index"
    printf '%s\n' "$index" >"$state/component"
    if [ ! -s "$state/id" ]; then
        read -r id </proc/sys/kernel/random/uuid
        printf '%s\n' "$id" >"$state/id" || finish 1
    fi
    read -r id <"$state/id"
    status=0
    (cd "$work" && exec "$runner" run --config "$seed/config/$index.json" --phases "$phases" \
        --log-directory /var/lib/amazon/toe --state-directory "$state" --execution-id "$id" --trace) \
        >"$seed/summary.json" || status=$?
    # The host powers the machine on again, and this script goes on here.
    if [ "$status" -eq 194 ]; then
        printf '::reboot\n'
        sync
        exit 194
    fi
    summary=
    while IFS= read -r line || [ -n "$line" ]; do
        summary=$summary$line
    done <"$seed/summary.json"
    printf '::summary %s\n' "$summary"
    [ "$status" -eq 0 ] || finish "$status"
    : >"$state/id"
    index=$((index + 1))
done
rm -rf "$runner" "$state"

if [ "$sanitize" = yes ]; then
    printf '::sanitize\n'
    work="$work" seed="$seed" sh "$seed/sanitize.sh" || finish $?
fi
finish 0
