#!/usr/bin/env bash
# What running a step costs: veris-toe against bash running the same commands, in one go, so that the ratios hold on a busy
# machine. Prints a table, and how many bytes the binary has.
#
#   benches/toe-run.sh [STEPS]     # 1000 when not given
set -euo pipefail
cd "$(dirname "$0")/.."

steps=${1:-1000}
cargo build --quiet --locked --release -p veris-toe
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

STEPS=$steps TOE=$target/release/veris-toe python3 - "$scratch" <<'PYTHON'
import os, resource, subprocess, sys, time

steps, toe, scratch = int(os.environ["STEPS"]), os.environ["TOE"], sys.argv[1]
os.chdir(scratch)

def document(name, body):
    with open(name, "w") as file:
        file.write("schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n" + body)
    return [toe, "run", "--documents", name, "--log-directory", "logs"]

def many(count, step):
    return "".join(f"      - {{name: S{number}, {step}}}\n" for number in range(count))

BASH = "action: ExecuteBash, inputs: {commands: ['true']}"
NOTHING = "action: Assert, inputs: {stringIsEmpty: ''}"
LOOP = f"loop: {{for: {{start: 1, end: {steps}, updateBy: 1}}}}, "
with open("script", "w") as file:
    file.write("true\n")
# As the runner does it: one process after the other, their outputs read through pipes.
BY_HAND = ["bash", "-c", f'for ((i = 0; i < {steps}; i++)); do out=$(bash script 2>&1); done']
PRINT = f"action: ExecuteBash, inputs: {{commands: ['yes 0123456789012345678901234567890123456789 | head -c 500000000']}}"

cases = [
    ("process start: 1 step of no process", 1, document("one.yaml", many(1, NOTHING))),
    (f"bash: {steps:,} scripts `true`", steps, BY_HAND),
    (f"veris-toe: {steps:,} steps ExecuteBash `true`", steps, document("bash.yaml", many(steps, BASH))),
    (f"veris-toe: 1 loop of {steps:,} ExecuteBash `true`", steps, document("loop.yaml", many(1, LOOP + BASH))),
    (f"veris-toe: {steps:,} steps of no process", steps, document("nothing.yaml", many(steps, NOTHING))),
    (f"veris-toe: {10 * steps:,} steps of no process", 10 * steps, document("tenfold.yaml", many(10 * steps, NOTHING))),
    ("veris-toe: 1 step that prints 500 MB", 1, document("print.yaml", many(1, PRINT))),
]

def high_water_mark(pid):
    """In kB; 0 once the process has ended."""
    with open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)

def run(command):
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = ended = 0
    while not ended:
        # The kernel's own peak of this process; ru_maxrss would begin with that of this script, which it was forked from.
        peak = max(peak, high_water_mark(process.pid))
        time.sleep(0.005)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    if status != 0:
        sys.exit(f"{command} ended with {status}")
    subprocess.run(["rm", "-rf", "logs"], check=True)
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, peak

# The time of the processor is what a busy machine leaves alone, so the ratios are taken from it.
start = by_hand = None
print(f"| {'what':<48} | {'seconds':>8} | {'CPU s':>8} | {'CPU ms a step':>13} | {'to bash':>7} | {'peak MB':>7} |")
print(f"| {'---':<48} | {'---':>8} | {'---':>8} | {'---':>13} | {'---':>7} | {'---':>7} |")
for name, count, command in cases:
    seconds, cpu, peak = min((run(command) for _ in range(3)), key=lambda measured: measured[1])
    start = cpu if start is None else start
    each = (cpu - start) / count * 1000 if count > 1 else cpu * 1000
    by_hand = each if command is BY_HAND else by_hand
    ratio = f"{each / by_hand:.2f}" if by_hand and count > 1 else ""
    print(f"| {name:<48} | {seconds:8.3f} | {cpu:8.3f} | {each:13.3f} | {ratio:>7} | {peak / 1024:7.1f} |", flush=True)
print(f"\nThe binary has {os.path.getsize(toe):,} bytes.")
PYTHON
