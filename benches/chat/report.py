"""The table and the plot of what `measure.py` has written: medians of the rounds."""

import csv
import os
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plot

ARMS = ["veris-chat", "boto3", "aioboto3", "relay", "direct"]
NAMES = {
    "veris-chat": "veris-chat",
    "boto3": "FastAPI, boto3",
    "aioboto3": "FastAPI, aioboto3",
    "relay": "bytes copied",
    "direct": "no server",
}
COLOURS = {"veris-chat": "#1f6f54", "boto3": "#b5542b", "aioboto3": "#d9a441", "relay": "#5b7fb0", "direct": "#8a8f98"}
PERCENTILES = [("p50", "50"), ("p90", "90"), ("p99", "99"), ("p999", "99.9"), ("max", "max")]


def medians(path):
    values = defaultdict(list)
    with path.open() as file:
        for row in csv.DictReader(file):
            values[row["measurement"], row["arm"], row["number"]].append(float(row["value"]))
    return {key: median(of_rounds) for key, of_rounds in values.items()}


class Table:
    def __init__(self, values):
        self.values, self.lines = values, []

    def get(self, measurement, arm, number):
        return self.values.get((measurement, arm, number))

    def row(self, what, show, limit=""):
        """`show` makes the cell of an arm, from a function that looks its numbers up; a number that was not taken leaves it empty."""
        cells = []
        for arm in ARMS:
            try:
                cells.append(show(lambda measurement, number: self.values[measurement, arm, number]))
            except KeyError:
                cells.append("")
        if any(cells):
            self.lines.append(f"| {what} | {' | '.join(cells)} | {limit} |")

    def text(self):
        names = " | ".join(NAMES[arm] for arm in ARMS)
        head = [f"| what | {names} | limit |", "| --- | " + "---: | " * len(ARMS) + "--- |"]
        return "\n".join(head + self.lines)


def latencies(measurement):
    return lambda get: " / ".join(f"{get(measurement, number):.2f}" for number in ("p50", "p99", "max"))


def table(values):
    rows = Table(values)

    def cost(measurement):
        ours = rows.get(measurement, "veris-chat", "cpu_per_million")

        def cell(get):
            cpu = get(measurement, "cpu_per_million")
            return f"{cpu:.1f}" if cpu == ours else f"{cpu:.0f} ({cpu / ours:.1f}x)"

        return cell

    rows.row("CPU seconds per million tokens, 40 streams x 50/s", cost("40 streams"), "boto3 20x, aioboto3 10x")
    rows.row("CPU seconds per million tokens, 100 streams x 50/s", cost("100 streams"))
    rows.row("CPU seconds per million tokens, 1,000 streams x 20/s", cost("1000 streams"))
    rows.row("latency of a token p50 / p99 / max, ms, 40 streams", latencies("40 streams"))
    rows.row("the same, 100 streams", latencies("100 streams"))
    rows.row("the same, 1,000 streams x 20/s", latencies("1000 streams"), "p99 < 1 ms")
    rows.row("the same, 5,000 streams x 1/s", latencies("5000 streams"))
    rows.row("memory, no stream, MB", lambda get: f"{get('40 streams', 'idle_kb') / 1024:.1f}", "20")
    for streams in ("100", "1000", "5000"):
        limit = "60" if streams != "100" else ""
        rows.row(f"memory per open stream, {int(streams):,} streams, KB", memory(streams), limit)
    rows.row(
        "5,000 streams: whole streams, lost tokens",
        lambda get: f"{get('5000 streams', 'whole'):,.0f}, {get('5000 streams', 'lost'):,.0f}",
        "5,000, 0",
    )
    rows.row("p99 of 200 streams x 20/s, ms: alone, and how far documents of 100 pages move it", documents, "moved < 2 ms")
    rows.row("client gone to Bedrock's stream closed p50 / max, ms", departures, "50")
    return rows.text()


def memory(streams):
    return lambda get: f"{get(f'{streams} streams', 'stream_kb'):.1f}"


def documents(get):
    return f"{get('documents', 'p99_alone'):.2f}, {get('documents', 'p99_moved'):+.2f}"


def departures(get):
    clients, missed = get("leaving", "clients"), get("leaving", "missed")
    delays = f"{get('leaving', 'p50'):.1f} / {get('leaving', 'max'):.1f}"
    if missed == 0:
        return delays
    never = f"never for {missed:.0f} of {clients:.0f}"
    return never if missed == clients else f"{delays}, {never}"


def draw(values, path):
    plot.rcParams.update({"svg.hashsalt": "veris-chat", "svg.fonttype": "none", "font.size": 9})
    figure, (cost, latency) = plot.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    loads = ["40 streams", "100 streams"]
    servers = [arm for arm in ARMS if arm != "direct"]
    for place, arm in enumerate(servers):
        heights = [values.get((load, arm, "cpu_per_million"), 0) for load in loads]
        bars = cost.bar([x + 0.21 * (place - 1.5) for x in range(len(loads))], heights, 0.2, color=COLOURS[arm])
        cost.bar_label(bars, fmt="%.0f", padding=2)
        bars.set_label(NAMES[arm])
    cost.set_xticks(range(len(loads)), [f"{load} x 50 tokens/s" for load in loads])
    cost.set_title("CPU seconds per million tokens")
    cost.legend(frameon=False)

    lines = [("100 streams", arm, "-", f"{NAMES[arm]}, 100 x 50/s") for arm in ARMS]
    lines += [("1000 streams", arm, "--", f"{NAMES[arm]}, 1,000 x 20/s") for arm in ("veris-chat", "direct")]
    for load, arm, style, label in lines:
        heights = [values.get((load, arm, number)) for number, _ in PERCENTILES]
        if None not in heights:
            latency.plot(range(len(PERCENTILES)), heights, style, marker="o", ms=3, color=COLOURS[arm], label=label)
    latency.set_xticks(range(len(PERCENTILES)), [name for _, name in PERCENTILES])
    latency.set_yscale("log")
    latency.set_xlabel("percentile")
    latency.set_title("milliseconds from Bedrock's write to the client's read of a token")
    latency.legend(frameon=False, fontsize=8)
    for axes in (cost, latency):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores of {model}"


TEXT = """# What streaming costs

`benches/chat.sh` made this on {machine}; the load of the machine was {load:.1f} when it ended. Medians of {rounds} rounds, interleaved.

{table}

![cost and latency](chat.svg)

All servers stand in front of the same Bedrock, which sends real event-stream frames; each has one core of its own, which it does not share with the
clients and Bedrock. A token carries the time at which it was written, so its latency is what lies between Bedrock's write and the client's read, both
ends' own work included. `no server` is a client that reads from Bedrock itself. `bytes copied` is a server that only reads and writes each token: what
the kernel takes for two connections, which nobody who passes an answer on can do without. Latencies are those of the time in which all streams run.
The CPU time is the server's own, of whole answers, their beginnings and ends included. Memory is resident memory: with no stream after the first
answer, and per stream what is added in the middle of the streams. The servers in Python are `benches/chat/server.py`.
"""


def main():
    source, directory = Path(sys.argv[1]), Path(sys.argv[2])
    values = medians(source)
    with source.open() as file:
        rounds = 1 + max(int(row["round"]) for row in csv.DictReader(file))
    draw(values, directory / "chat.svg")
    text = TEXT.format(machine=machine(), load=os.getloadavg()[0], rounds=rounds, table=table(values))
    (directory / "chat.md").write_text(text)


if __name__ == "__main__":
    main()
