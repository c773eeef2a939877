"""Rolls back again and again, to an instance that runs, to one that is stopped, and to none, while a client asks the address for its version.

The client sends a request every 10 ms on a connection of its own, whether or not the last one was answered. While an instance boots it
sends one every 100 ms: an emulated guest that answers a hundred a second leaves little of two cores to one that boots.
"""

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median

PROJECT = Path(__file__).resolve().parents[2]
EVERY, AT_EASE = 0.010, 0.100
PORT = 8000
RUNS, STOPPED, NONE = "to an instance that runs", "to one that is stopped", "to none: its image is launched"
LAUNCH, START, NOTHING = "a launch, for comparison", "a start beside, for comparison", "nothing moves"
# Operations that change nothing.
READS = re.compile(r"^(Describe|Get|List|Search|Head|Converse|Invoke)")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
OPERATION = re.compile(r'^(\S+Z) .*operation="?(\w+)')
# What the ledger writes are parameters; what moves the service are these.
MOVES = {"AssociateAddress", "StartInstances", "RunInstances"}


class Veris:
    def __init__(self, program):
        self.program = program
        self.directory = Path(os.environ["VERIS_LOCAL_DIR"])
        self.log = self.directory / "cloud.log"

    def json(self, *arguments):
        command = [self.program, *arguments, "--output", "json"]
        done = subprocess.run(command, cwd=PROJECT, text=True, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
        return json.loads(done.stdout)

    def calls(self, begin, answered):
        """What the local cloud has served since its log was so long, and changes something: before the old version answered, and after."""
        with self.log.open("rb") as log:
            log.seek(begin)
            lines = ESCAPE.sub("", log.read().decode(errors="replace")).splitlines()
        before, after = [], []
        for when, name in (found.groups() for found in map(OPERATION.match, lines) if found):
            if not READS.match(name):
                (before if datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp() <= answered else after).append(name)
        return before, after

    def running(self):
        """The own address of each instance that runs."""
        instances = json.loads((self.directory / "state.json").read_text())["instances"].values()
        return {it["instance_id"]: it["address"] for it in instances if it["state"] == "running"}


def version(address, timeout):
    """What answers there, or nothing."""
    connection = http.client.HTTPConnection(address, PORT, timeout=timeout)
    try:
        connection.request("GET", "/version")
        return json.loads(connection.getresponse().read())["version"]
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Client:
    """Asks until it is told to stop. Each answer: when it was asked for, when it came, and the version."""

    def __init__(self, address, every):
        self.address, self.every, self.answers, self.over = address, every, [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with ThreadPoolExecutor(64) as pool:
            due = time.monotonic()
            while not self.over.is_set():
                pool.submit(self.ask)
                due += self.every
                time.sleep(max(0.0, due - time.monotonic()))

    def ask(self):
        asked = time.monotonic()
        said = version(self.address, 5)
        self.answers.append((asked, time.monotonic(), said))

    def stop(self):
        self.over.set()
        self.thread.join()
        return sorted(self.answers)


@contextmanager
def client(address, own=None):
    """A client from half a second before until half a second after; the list has its answers in the end. Where something boots first, `own` tells
    the address of the instance that is to serve, as soon as it has one; from its first answer there on the client asks every 10 ms."""
    asking, answers = Client(address, AT_EASE if own else EVERY), []

    def hurry():
        while not asking.over.wait(AT_EASE):
            if (there := own()) and version(there, 1):
                asking.every = EVERY
                return

    if own:
        threading.Thread(target=hurry, daemon=True).start()
    time.sleep(0.5)
    try:
        yield answers
        time.sleep(0.5)
    finally:
        answers += asking.stop()


def noticed(answers, new=None):
    """The longest time without an answer, the slowest answer, failed requests, and answers out of order: of another version than `new`,
    to a request that was sent after an answer of `new` had come."""
    came = sorted(end for _, end, said in answers if said)
    first = min((end for _, end, said in answers if said == new), default=float("inf"))
    return {
        "gap": max((after - before for before, after in zip(came, came[1:])), default=0.0),
        "slowest": max(end - asked for asked, end, said in answers if said),
        "requests": len(answers),
        "failed": sum(1 for _, _, said in answers if not said),
        "out of order": sum(1 for asked, _, said in answers if said and said != new and asked > first),
    }


def quiet(address):
    """The same client, while nothing moves: what it notices is the machine's own."""
    with client(address) as answers:
        time.sleep(5)
    return noticed(answers)


def moved(veris, address, expected, *arguments, boots=True):
    """A command that puts `expected` behind the address, and what clients notice of it."""
    before = veris.running()
    new = lambda: next((there for id, there in veris.running().items() if id not in before), None)  # noqa: E731
    with client(address, new if boots else None) as answers:
        log, clock, begin = veris.log.stat().st_size, time.time(), time.monotonic()
        done = veris.json(*arguments)
        total = time.monotonic() - begin
    answered = min(end for asked, end, said in answers if said == expected and asked > begin) - begin
    assert expected in (done.get("version"), done.get("to", {}).get("version")), done
    calls = veris.calls(log, clock + answered)
    return noticed(answers, expected) | {"command": total, "answered": answered, "calls": calls}


def started(veris, address, instance):
    """How long a stopped instance takes until its service answers, on a path that no rollback is a part of, with the same client beside."""
    own = lambda: veris.running().get(instance)  # noqa: E731
    with client(address, own) as answers:
        begin = time.monotonic()
        starting = subprocess.Popen([veris.program, "start", instance], cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not ((there := own()) and version(there, 1)):
            time.sleep(AT_EASE)
        answered = time.monotonic() - begin
        if starting.wait() != 0:
            sys.exit(f"`veris start {instance}` failed")
        total = time.monotonic() - begin
    return noticed(answers) | {"command": total, "answered": answered}


def kept(veris, number):
    """The instance of a version that is not live."""
    return next(kept["instanceId"] for kept in veris.json("status")["kept"] if kept["version"] == number)


def play(veris, rounds, boots):
    """Every rollback, `rounds` times where nothing boots and `boots` times where something does."""
    rows = {kind: [] for kind in (RUNS, START, STOPPED, LAUNCH, NONE, NOTHING)}
    say = lambda what: print(what, file=sys.stderr, flush=True)  # noqa: E731
    live, other = "1.0.0", "1.1.0"
    say("launch 1.0.0")
    launched = veris.json("launch", live, "--env-file", "/dev/null")
    address = re.match(r"http://([0-9.]+):", launched["url"])[1]
    rows[NOTHING].append(quiet(address))
    for turn in range(boots):
        say(f"launch {other}, {turn + 1} of {boots}")
        rows[LAUNCH].append(moved(veris, address, other, "launch", other, "--keep", "none", "--env-file", "/dev/null"))
        live, other = other, live
        say("roll back to its image")
        keep = "running" if turn + 1 == boots else "none"
        rows[NONE].append(moved(veris, address, other, "rollback", other, "--keep", keep))
        live, other = other, live
    for turn in range(rounds):
        say(f"roll back to an instance that runs, {turn + 1} of {rounds}")
        rows[RUNS].append(moved(veris, address, other, "rollback", other, "--keep", "running", boots=False))
        live, other = other, live
    for turn in range(boots):
        instance = kept(veris, other)
        veris.json("stop", instance)
        say(f"start a stopped instance, {turn + 1} of {boots}")
        rows[START].append(started(veris, address, instance))
        veris.json("stop", instance)
        say("roll back to it, stopped again")
        rows[STOPPED].append(moved(veris, address, other, "rollback", other, "--keep", "running"))
        live, other = other, live
    return rows


def line(what, rows):
    cells = [what, str(len(rows))]
    if "command" in rows[0]:
        times = [f"{row['answered']:.2f}" for row in rows]
        cells += [f"{median(map(float, times)):.2f}", max(times, key=float), f"{max(row['command'] for row in rows):.2f}"]
    else:
        cells += ["", "", ""]
    cells += [f"{max(row[key] for row in rows) * 1000:.0f}" for key in ("gap", "slowest")]
    cells += [str(sum(row[key] for row in rows)) for key in ("requests", "failed", "out of order")]
    return f"| {' | '.join(cells)} |"


def called(rows):
    """The calls of the last time, those that move the service in bold."""
    told = lambda names: ", ".join(f"**{name}**" if name in MOVES else name for name in names) or "none"  # noqa: E731
    before, after = rows[-1]["calls"]
    return f"until it answers {told(before)}; afterwards {told(after)}"


def verdicts(rows):
    """Each goal, and what was measured."""
    most = lambda kind, key="answered": max(row[key] for row in rows[kind])  # noqa: E731
    middle = lambda kind: median(row["answered"] for row in rows[kind])  # noqa: E731
    kinds = (RUNS, STOPPED, NONE)
    calls = max(sum(name in MOVES for name in row["calls"][0]) for kind in (RUNS, STOPPED) for row in rows[kind])
    wild = sum(row["out of order"] for kind in kinds for row in rows[kind])
    for goal, number, holds in [
        ("to an instance that runs: under 1 s in every round", f"{most(RUNS):.2f} s at most", most(RUNS) < 1),
        ("two calls at most that move the service, to an instance that is kept", str(calls), calls <= 2),
        (
            "to a stopped one: a start of the same instance, and 2 s",
            f"{middle(STOPPED):.1f} s against {middle(START):.1f} s",
            middle(STOPPED) <= middle(START) + 2,
        ),
        (
            "to none: a launch",
            f"{middle(NONE):.1f} s against {middle(LAUNCH):.1f} s",
            middle(NONE) <= middle(LAUNCH) * 1.1,
        ),
        ("no request is answered by two versions out of order", f"{wild} answers", wild == 0),
    ]:
        yield f"| {goal} | {number} | {'holds' if holds else '**missed**'} |"


def report(rows):
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    loads = "/".join(f"{load:.1f}" for load in os.getloadavg())
    level = os.environ.get("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")
    gap = max(row["gap"] for kind in (RUNS, STOPPED, NONE) for row in rows[kind]) * 1000
    return f"""# Rollback, and what clients notice of it

`benches/rollback.sh {len(rows[RUNS])} {len(rows[NONE])}` made this on {os.cpu_count()} cores of {model}; the load of the machine was {loads} at the end.
Real guests in a local cloud, the debug build of the tool, the server compiled with opt-level {level}. A client asks the address for `/version` every 10 ms, each time on a new
connection, from half a second before the command until half a second after it; it shares the cores with the guests. While an instance
boots it asks every 100 ms, and every 10 ms again from the first answer on that instance's own address.

| goal | measured | |
| --- | --- | --- |
{chr(10).join(verdicts(rows))}

| | times | answers after, median s | most s | command ends after, most s | longest time without an answer, ms | slowest answer, ms | requests | failed | out of order |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{chr(10).join(line(what, of_kind) for what, of_kind in rows.items())}

*Answers after* is from the start of the command until a client has the first answer of the version that is to serve, through the address;
for the start beside, on the instance's own address. The longest time without an answer is that of all rounds (p100): {gap:.0f} ms over all
rollbacks. What clients notice while nothing moves is in the last row, and belongs to the machine and to the client. *Failed* requests were
refused or cut off; the time without an answer has them. *Out of order* counts answers of the version that was left, to requests that
were sent after the other version had answered.

Calls that change something, in the last of each kind. In bold what moves the service; `PutParameter` and `DeleteParameter` are the
ledger's entries and the parameter `live`, `CreateTags` says who served until when.

{chr(10).join(f"- {what}: {called(rows[what])}." for what in (RUNS, STOPPED, NONE))}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--veris", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--boots", type=int, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    veris = Veris(options.veris)
    for number in ("1.0.0", "1.1.0"):
        print(f"bake {number}", file=sys.stderr, flush=True)
        veris.json("bake", "--version", number)
    options.report.write_text(report(play(veris, options.rounds, options.boots)))


if __name__ == "__main__":
    main()
