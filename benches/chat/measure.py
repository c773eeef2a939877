"""Measures veris-chat beside the same server in Python, all in front of one Bedrock: a row of the CSV file for each number.

A measurement is a function of an arm that returns its numbers; `PLAN` says which arms take it, and how often. Rounds are interleaved, so
that what else the machine does meets every arm alike.
"""

import argparse
import csv
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

import processes


@dataclass
class Arm:
    name: str
    # Without a server the clients ask Bedrock itself: what is left is the floor of the latencies.
    server: Callable | None
    dialect: str = "chat"


@dataclass
class Stand:
    """A Bedrock of its own, and the server of an arm in front of it."""

    streams: Path
    bedrock: processes.Process
    server: processes.Process | None
    dialect: str

    def load(self, streams, rate, seconds, first_id=0, ramp=1.0, when_open=lambda: None):
        target = self.server or self.bedrock
        arguments = ["load", "--address", target.address, "--dialect", self.dialect, "--streams", streams]
        arguments += ["--tokens", round(rate * seconds), "--gap-us", round(1e6 / rate), "--ramp-ms", round(ramp * 1000)]
        result = processes.clients(self.streams, [*arguments, "--first-id", first_id], when_open)
        if result["error"]:
            print(f"a stream failed: {result['error']}", file=sys.stderr)
        return result


def streaming(stand, *, streams, rate, seconds, ramp=1.0):
    """So many streams at once, each so many tokens a second: latency, cost, memory."""
    stand.load(1, 50, 1)
    if stand.server is None:
        return stand.load(streams, rate, seconds, 1, ramp)
    idle, before, open_kb = stand.server.resident_kb(), stand.server.cpu_seconds(), []

    def when_open():
        time.sleep(seconds / 2)
        open_kb.append(stand.server.resident_kb())

    result = stand.load(streams, rate, seconds, 1, ramp, when_open)
    cpu = stand.server.cpu_seconds() - before
    memory = {"idle_kb": idle}
    if open_kb:
        memory["stream_kb"] = (open_kb[0] - idle) / streams
    return result | memory | {"cpu_per_million": cpu / max(result["tokens"], 1) * 1e6}


def leaving(stand, *, clients):
    """Clients that leave in the middle of an answer."""
    stand.load(1, 50, 1)
    arguments = ["leave", "--address", stand.server.address, "--bedrock", stand.bedrock.address]
    return processes.clients(stand.streams, [*arguments, "--count", clients, "--first-id", 1])


def beside_documents(stand, *, streams, rate, seconds):
    """The same streams twice: alone, and while the server reads one document of 100 pages after the other."""
    stand.load(1, 50, 1)
    alone = stand.load(streams, rate, seconds, 1)
    over, took = threading.Event(), []

    def read_documents():
        for number in itertools.count():
            if over.is_set():
                break
            took.append(read_document(stand, number))

    reader = threading.Thread(target=read_documents)
    beside = stand.load(streams, rate, seconds, 1 + streams, when_open=reader.start)
    over.set()
    reader.join()
    moved = {"p99_alone": alone["p99"], "p99_moved": beside["p99"] - alone["p99"]}
    return beside | moved | {"documents": len(took), "document_seconds": statistics.median(took)}


def read_document(stand, number):
    """How long the server took to read it and to store it."""
    question = {"id": 1_000_000 + number, "tokens": 1, "gap_us": 1}
    url = f"http://{stand.bedrock.address}/report.pdf?number={number}"
    body = {"session_id": f"reader-{number}", "message": json.dumps(question), "document_urls": [url]}
    request = urllib.request.Request(
        f"http://{stand.server.address}/chat/", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        document = json.load(answer)
    if not document["sources"]:
        sys.exit(f"no passage of the document was found: {document}")
    return document["timing"]["ingestion"]


def plan(arms, rounds):
    direct, relay, veris, *python = arms
    return [
        ("40 streams", partial(streaming, streams=40, rate=50, seconds=6), arms, rounds),
        ("100 streams", partial(streaming, streams=100, rate=50, seconds=6), arms, rounds),
        ("1000 streams", partial(streaming, streams=1000, rate=20, seconds=12, ramp=2), [direct, relay, veris], rounds),
        ("5000 streams", partial(streaming, streams=5000, rate=1, seconds=20, ramp=8), [veris], 1),
        ("documents", partial(beside_documents, streams=200, rate=20, seconds=8), [veris], rounds),
        ("leaving", partial(leaving, clients=30), [veris, *python], 1),
    ]


def numbers(result):
    return {name: value for name, value in result.items() if isinstance(value, (int, float))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--veris-chat", type=Path, required=True)
    parser.add_argument("--streams", type=Path, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--only", default="", help="measurements whose names begin so")
    parser.add_argument("--csv", type=Path, required=True)
    options = parser.parse_args()
    arms = [
        Arm("direct", None, "bedrock"),
        Arm("relay", partial(processes.relay, options.streams), "bedrock"),
        Arm("veris-chat", partial(processes.veris_chat, options.veris_chat)),
        Arm("boto3", partial(processes.fastapi, "boto3")),
        Arm("aioboto3", partial(processes.fastapi, "aioboto3")),
    ]
    with tempfile.TemporaryDirectory() as scratch, options.csv.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["measurement", "arm", "round", "number", "value"])
        for round_number in range(options.rounds):
            for name, measure, takers, times in plan(arms, options.rounds):
                if round_number >= times or not name.startswith(options.only):
                    continue
                for arm in takers:
                    result = numbers(run(options.streams, arm, measure, scratch))
                    rows.writerows([name, arm.name, round_number, number, value] for number, value in result.items())
                    file.flush()
                    print(f"{name}, {arm.name}, round {round_number + 1}: {result}", file=sys.stderr)


def run(streams, arm, measure, scratch):
    with processes.bedrock(streams, scratch) as bedrock:
        if arm.server is None:
            return measure(Stand(streams, bedrock, None, arm.dialect))
        with arm.server(bedrock, scratch) as server:
            return measure(Stand(streams, bedrock, server, arm.dialect))


if __name__ == "__main__":
    main()
