#!/usr/bin/env bash
# Times the main job on this machine and prints a table. Everything runs in a throw-away local cloud.
#
#   benches/main-job.sh            # parent image from the cache, if it is there
#   benches/main-job.sh --cold     # parent image built anew
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
export VERIS_LOCAL_DIR=$scratch/local
if [ "${1:-}" = --cold ]; then
    export VERIS_CACHE_DIR=$scratch/cache
fi

cargo build --quiet --locked --bin veris
veris=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/debug/veris
trap '"$veris" local down --delete >/dev/null 2>&1; rm -rf "$scratch"' EXIT

seconds() {
    local begin end
    begin=$(date +%s.%N)
    "$@" >"$scratch/out" 2>"$scratch/err" || { cat "$scratch/err" >&2; exit 1; }
    end=$(date +%s.%N)
    printf '%.3f' "$(echo "$end - $begin" | bc)"
}
row() { printf '| %-44s | %10s | %8s |\n' "$1" "$2" "$3"; }

row "what" "measured s" "target s"
row "---" "---" "---"
row "demo, first run${1:+ (parent image built)}" "$(seconds "$veris" demo)" 480
row "demo, second run" "$(seconds "$veris" demo)" 300
row "bake, nothing changed" "$(seconds "$veris" bake --version 1.0.0)" 2
kept=$("$veris" status --output json | python3 -c 'import json,sys; print(json.load(sys.stdin)["kept"][0]["version"])')
row "rollback to a kept version" "$(seconds "$veris" rollback "$kept")" 3
row "veris --version" "$(seconds "$veris" --version)" 0.030
pid=$(python3 -c 'import json,os; print(json.load(open(os.environ["VERIS_LOCAL_DIR"] + "/endpoint.json"))["pid"])')
row "control plane's peak memory, MB" "$(awk '/VmHWM/ {printf "%.1f", $2 / 1024}' "/proc/$pid/status")" 100
