#!/usr/bin/env bash
# How long a rollback takes, and what clients notice of it who ask the address every 10 ms. Real guests in a throw-away local cloud; writes
# the table to benches/rollback.md. Needs what the local cloud needs.
#
#   benches/rollback.sh [ROUNDS [BOOTS]]     # 10 to an instance that runs, 2 of each kind that boots one
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --locked --bin veris
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')
veris=$target/debug/veris
scratch=$(mktemp -d)
export VERIS_LOCAL_DIR=$scratch/local PYTHONDONTWRITEBYTECODE=1
trap '"$veris" local down --delete >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

"$veris" local up
python3 benches/rollback/measure.py --veris "$veris" --rounds "${1:-10}" --boots "${2:-2}" --report benches/rollback.md
cat benches/rollback.md
