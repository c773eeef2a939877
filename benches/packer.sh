#!/usr/bin/env bash
# The same change baked by Veris and by Packer with its QEMU builder, on this machine and from the same parent image. Writes the table to
# benches/packer.md and every number to a CSV file in the target directory. Needs what the local cloud needs and Debian's `packer`:
# sudo apt-get install --yes packer openssh-client
#
#   benches/packer.sh [ROUNDS]     # 3 when not given
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-3}
for program in packer ssh-keygen; do
    command -v "$program" >/dev/null || { echo "there is no $program; sudo apt-get install --yes packer openssh-client" >&2; exit 2; }
done
cargo build --quiet --release --locked --bin veris
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')
veris=$target/release/veris
work=$target/packer-bench
mkdir -p "$work"
scratch=$(mktemp -d)
export VERIS_LOCAL_DIR=$scratch/warm PYTHONDONTWRITEBYTECODE=1
trap '"$veris" local down --delete >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

# Whatever is compiled or made once is there before anything is measured: the component runner and the parent image by the first
# command, the server and the saved guest that build instances go on from by the second, the same parent image with a way in for root by the
# third.
"$veris" local up
"$veris" bake --version 0.9.0 >/dev/null
parent=$(python3 benches/packer/parent.py --key "$work/key" --parents "$work/parents" --state "$VERIS_LOCAL_DIR/state.json")
"$veris" local down --delete

python3 benches/packer/measure.py --veris "$veris" --parent "$parent" --key "$work/key" --scratch "$scratch" --rounds "$rounds" \
    --csv "$work/packer.csv"
python3 benches/packer/report.py "$work/packer.csv" "$parent" benches/packer.md
cat benches/packer.md
