"""Rolls back again and again, to an instance that runs and to one that is stopped, while a client asks the address for its version.

The client sends a request every 10 ms on a connection of its own, whether or not the last one was answered."""

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
from pathlib import Path
from statistics import median

PROJECT = Path(__file__).resolve().parents[2]
EVERY = 0.010
PORT = 8000
# Operations that change nothing.
READS = re.compile(r"^(Describe|Get|List|Search|Head|Converse|Invoke)")


class Veris:
    def __init__(self, program):
        self.program, self.log = program, Path(os.environ["VERIS_LOCAL_DIR"]) / "cloud.log"

    def json(self, *arguments):
        command = [self.program, *arguments, "--output", "json"]
        done = subprocess.run(command, cwd=PROJECT, text=True, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
        return json.loads(done.stdout)

    def calls(self, begin):
        """The operations that the local cloud has served since its log was so long, and that change something."""
        with self.log.open("rb") as log:
            log.seek(begin)
            plain = re.sub(r"\x1b\[[0-9;]*m", "", log.read().decode(errors="replace"))
        names = re.findall(r'operation="?(\w+)', plain)
        return [name for name in names if not READS.match(name)]


def version(address, timeout):
    """What answers there, or nothing."""
    connection = http.client.HTTPConnection(address, PORT, timeout=timeout)
    try:
        connection.request("GET", "/version")
        return json.loads(connection.getresponse().read())["version"]
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Client:
    """Asks until it is told to stop. Each answer: when it was asked for, when it came, and the version."""

    def __init__(self, address):
        self.address, self.answers, self.over = address, [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with ThreadPoolExecutor(64) as pool:
            due = time.monotonic()
            while not self.over.is_set():
                pool.submit(self.ask, due)
                due += EVERY
                time.sleep(max(0.0, due - time.monotonic()))

    def ask(self, due):
        asked = time.monotonic()
        said = version(self.address, 5)
        self.answers.append((asked, time.monotonic(), said))

    def stop(self):
        self.over.set()
        self.thread.join()
        return sorted(self.answers)


def noticed(answers):
    """The longest time without an answer, the slowest answer, failed requests, and answers of another version than an earlier one's
    successor."""
    came = sorted(end for _, end, said in answers if said)
    gap = max((after - before for before, after in zip(came, came[1:])), default=0.0)
    slowest = max(end - asked for asked, end, said in answers if said)
    failed = sum(1 for _, _, said in answers if not said)
    versions = [said for _, _, said in answers if said]
    changes = sum(1 for before, after in zip(versions, versions[1:]) if before != after)
    return {"gap": gap, "slowest": slowest, "failed": failed, "out of order": max(0, changes - 1)}


def quiet(address):
    """The same client, while nothing moves: what it notices is the machine's own."""
    client = Client(address)
    time.sleep(5)
    return noticed(client.stop())


def roll_back(veris, address, keep, expected):
    client = Client(address)
    time.sleep(0.5)
    log, begin = veris.log.stat().st_size, time.monotonic()
    done = veris.json("rollback", "--keep", keep)
    total = time.monotonic() - begin
    time.sleep(0.5)
    answers = client.stop()
    answered = min(end for asked, end, said in answers if said == expected and asked > begin) - begin
    assert done["to"]["version"] == expected, done
    return noticed(answers) | {"command": total, "answered": answered, "calls": veris.calls(log)}


def boot_seconds(veris, instance):
    """How long a stopped instance takes until its service answers, on a path that no rollback is a part of."""
    state = json.loads((veris.log.parent / "state.json").read_text())
    address = state["instances"][instance]["address"]
    begin = time.monotonic()
    starting = subprocess.Popen([veris.program, "start", instance], cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not version(address, 1):
        time.sleep(EVERY)
    answered = time.monotonic() - begin
    if starting.wait() != 0:
        sys.exit(f"`veris start {instance}` failed")
    return answered


def worst(rows, key):
    return max(row[key] for row in rows)


def line(what, rows):
    cells = [what, str(len(rows))]
    if "command" in rows[0]:
        cells += [f"{median(row['answered'] for row in rows):.2f}", f"{worst(rows, 'answered'):.2f}", f"{worst(rows, 'command'):.2f}"]
    else:
        cells += ["", "", ""]
    cells += [f"{worst(rows, 'gap') * 1000:.0f}", f"{worst(rows, 'slowest') * 1000:.0f}"]
    cells += [str(sum(row["failed"] for row in rows)), str(sum(row["out of order"] for row in rows))]
    return f"| {' | '.join(cells)} |"


def report(rows, boot):
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    table = "\n".join(line(what, of_kind) for what, of_kind in rows.items())
    counted = {what: of_kind[-1]["calls"] for what, of_kind in rows.items() if "calls" in of_kind[-1]}
    calls = "\n".join(f"- {what}: {', '.join(names)}" for what, names in counted.items())
    return f"""# Rollback, and what clients notice of it

Made by `benches/rollback.sh` on {os.cpu_count()} cores of {model}, load {os.getloadavg()[0]:.1f} at the end. Real guests, the debug build of the tool.
A client asks the address for `/version` every 10 ms, each time on a new connection, from half a second before the command until half a second after it.

| rollback | times | old version answers after, median s | most s | command ends after, most s | longest time without an answer, ms | slowest answer, ms | failed requests | out of order |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{table}

Limits: under 1 s to an instance that runs; boot time and 2 s to one that is stopped. The same instance, started beside, answered {boot:.1f} s after
`veris start` began. The gap is the longest of all rounds (p100). *Out of order* counts answers of the version that was left, to a request
that was sent after one that the other version has answered.

Calls that change something, in the last rollback of each kind:

{calls}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--veris", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    veris = Veris(options.veris)
    for number in ("1.0.0", "1.1.0"):
        print(f"bake and launch {number}", file=sys.stderr, flush=True)
        veris.json("bake", "--version", number)
        launched = veris.json("launch", number, "--keep", "running", "--env-file", "/dev/null")
    address = re.match(r"http://([0-9.]+):", launched["url"])[1]
    live, other = "1.1.0", "1.0.0"
    rows = {"none": [quiet(address)], "to an instance that runs": [], "to one that is stopped": []}
    for number in range(options.rounds):
        print(f"rollback {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        rows["to an instance that runs"].append(roll_back(veris, address, "running", other))
        live, other = other, live
    # The one that is left now has to be started by the next one.
    veris.json("rollback", "--keep", "stopped")
    live, other = other, live
    print("rollback to a stopped instance", file=sys.stderr, flush=True)
    rows["to one that is stopped"].append(roll_back(veris, address, "stopped", other))
    left = next(kept for kept in veris.json("status")["kept"] if kept["version"] == live)
    options.report.write_text(report(rows, boot_seconds(veris, left["instanceId"])))


if __name__ == "__main__":
    main()
