#!/usr/bin/env bash
# How long an instance takes to its first healthy answer: launched from a baked image, and installed when it boots, as it was done before
# there were images. Both in guests with the same parent image, one after the other; writes the table to benches/launch.md. The second
# needs the package indexes of Debian and of Python, and what benches/packer.sh needs but Packer itself.
#
#   benches/launch.sh [LAUNCHES]     # 2 when not given
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --release --locked --bin veris
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')
veris=$target/release/veris
work=$target/packer-bench
mkdir -p "$work"
scratch=$(mktemp -d)
export VERIS_LOCAL_DIR=$scratch/local PYTHONDONTWRITEBYTECODE=1
trap '"$veris" local down --delete >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

"$veris" local up
"$veris" bake --version 1.0.0
parent=$(python3 benches/packer/parent.py --key "$work/key" --parents "$work/parents" --state "$VERIS_LOCAL_DIR/state.json")
python3 benches/launch/measure.py --veris "$veris" --rounds "${1:-2}" --parent "$parent" --key "$work/key" --scratch "$scratch" --report benches/launch.md
cat benches/launch.md
