#!/bin/sh
# Runs the components of one stage in a build or test instance. Lines that begin with `::` are read by the host.
set -u
seed=$(cd "$(dirname "$0")" && pwd)
. "$seed/settings"

finish() {
    sync
    printf '::exit %s\n' "$1"
    exit "$1"
}

mkdir -p "$work" || finish 1
# /run may be mounted noexec: the runner is started from the working directory.
runner="$work/veris-toe"
cp "$seed/veris-toe" "$runner" && chmod 0755 "$runner" || finish 1

index=0
while [ "$index" -lt "$components" ]; do
    printf '::component %s\n' "$index"
    status=0
    (cd "$work" && exec "$runner" run --config "$seed/config/$index.json" --phases "$phases" \
        --log-directory /var/lib/amazon/toe) >"$seed/summary.json" || status=$?
    printf '::summary %s\n' "$(tr -d '\r\n' <"$seed/summary.json")"
    [ "$status" -eq 0 ] || finish "$status"
    index=$((index + 1))
done
rm -f "$runner"

if [ "$sanitize" = yes ]; then
    printf '::sanitize\n'
    work="$work" sh "$seed/sanitize.sh" || finish $?
fi
finish 0
