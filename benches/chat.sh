#!/usr/bin/env bash
# What streaming through veris-chat costs, beside the same server in Python, in front of the same Bedrock: latency of each token, time of
# the processor, memory. Writes the table and the plot to benches/chat.md and benches/chat.svg, and every number to a CSV file in the
# target directory. Two rounds took seven minutes; latencies only mean something on a machine that does nothing else.
#
#   benches/chat.sh [ROUNDS]     # 3 when not given
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-3}
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')
cargo build --quiet --locked --release -p veris-chat
streams=$(cargo bench --quiet --locked --no-run --message-format json -p veris-chat --bench streams |
    python3 -c 'import json,sys; print(*(m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable") and m["target"]["name"] == "streams"))')
python=$target/chat-bench/bin/python
if ! cmp -s benches/chat/requirements.txt "$target/chat-bench/installed.txt"; then
    python3 -m venv --clear "$target/chat-bench"
    "$python" -m pip install --quiet --requirement benches/chat/requirements.txt
    cp benches/chat/requirements.txt "$target/chat-bench/installed.txt"
fi
# 5,000 streams are 10,000 connections of the server.
ulimit -n "$(ulimit -H -n)"
"$python" benches/chat/measure.py --veris-chat "$target/release/veris-chat" --streams "$streams" \
    --rounds "$rounds" --csv "$target/chat-bench.csv"
"$python" benches/chat/report.py "$target/chat-bench.csv" benches
cat benches/chat.md
