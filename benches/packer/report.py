"""The table of what `measure.py` has written: medians of the rounds."""

import csv
import os
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

from measure import accelerator

ARMS = ["packer", "packer-defaults"]
ROWS = [
    ("start", "until the machine starts"),
    ("boot", "until it can be worked in"),
    ("install", "upload, install, check"),
    ("stop", "clean up and power off"),
    ("convert", "make the image of the disk"),
    ("image", "**to the image**"),
    ("test", "boot an instance of it and ask the server"),
    ("tested", "**with the test boot**"),
    ("proof", "prove that its disk is clean, and publish it"),
    ("total", "with the test boot and the proof"),
    ("cpu", "CPU seconds of the tool and its machine, to the image"),
    ("own-image", "CPU seconds of the tool and the control plane alone, without cargo and QEMU, to the image"),
    ("own", "the same to the end, the proof of the disk included"),
]
LIMITS = {"image": "3x", "tested": "1x", "own-image": "1 s", "own": "1 s"}


def read(path):
    """The median of each number of each arm, and how many rounds there were."""
    values, rounds = defaultdict(list), set()
    with path.open() as file:
        for row in csv.DictReader(file):
            values[row["arm"], row["number"]].append(float(row["value"]))
            rounds.add(row["round"])
    return {key: median(of_rounds) for key, of_rounds in values.items()}, len(rounds), values


def table(values):
    lines = [
        "| seconds | veris bake | Packer, tuned | to Veris | Packer, defaults | to Veris | limit |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for number, what in ROWS:
        ours = values["veris", number]
        cells = [f"{ours:.1f}" if ours >= 1 else f"{ours:.2f}"]
        for arm in ARMS:
            theirs = values.get((arm, number))
            ratio = f"{theirs / ours:.1f}x" if theirs and number in ("image", "tested", "total", "cpu") else ""
            cells += ["" if theirs is None else f"{theirs:.1f}", ratio]
        lines.append(f"| {what} | {' | '.join(cells)} | {LIMITS.get(number, '')} |")
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores of {model}"


def command(rounds):
    level = os.environ.get("CARGO_PROFILE_RELEASE_OPT_LEVEL")
    setting = f"CARGO_PROFILE_RELEASE_OPT_LEVEL={level} " if level else ""
    return f"{setting}benches/packer.sh {rounds}"


TEXT = """# The same change, baked by Veris and by Packer

`{command}` made this on {machine}; the machine's load was {load} in the middle{niceness}.
{rounds}, by turns. On a busy machine only the CPU seconds say much.

{table}

The change is a new server: binary, unit, configuration, manifest and bill of materials, the same files in both, and the same checks of them.
Veris downloads them to where they belong by actions of its runner; Packer uploads them, and a script installs them, with as few programs as it takes
(`benches/packer/provision.sh`). Time begins with the command and ends with an image that lies over the parent's disk; the binary was compiled
before. Both have {accelerator}, 2 processors and 1,024 MB. Veris is a release build{level};
its column holds cargo's look at the sources, Veris' own checks of them, and an upload into an empty bucket. Its build instance goes on from a
guest that was saved when it had booted, by a bake before the first round, and loses its power when its file system is at rest; its test
instance boots. Packer has neither test boot nor proof, so its total is the time to the image.

{packer} works by SSH as root, whom the parent image does not let in, so it begins with an image that the same recipe made with a key for
root added. Packages that differ: {differences}.
Tuned: the parent as a backing file, no compaction of the disk, no wait before it connects, a disk that is not flushed, the power cut as
soon as the disk is written, and what the local cloud tells an emulated processor and its kernel (no random addresses, which would have
each program that starts translated anew). Defaults: a copy of the parent, compaction, ten seconds' wait, `shutdown -P now`, `-cpu max`. Packer looks for
SSH every five seconds, which no option changes.
"""


def main():
    source, parent, target = map(Path, sys.argv[1:])
    values, rounds, every = read(source)
    loads = [load for (_, number), of_rounds in every.items() if number == "load" for load in of_rounds]
    packages = (parent / "differences").read_text().splitlines()
    text = TEXT.format(
        command=command(rounds),
        machine=machine(),
        load=f"{median(loads):.1f}",
        niceness=f", and this ran at nice {nice}, behind everything else" if (nice := os.nice(0)) > 0 else "",
        rounds="One round" if rounds == 1 else f"Medians of {rounds} rounds",
        table=table(values),
        level=f" with opt-level {level}, the server too" if (level := os.environ.get("CARGO_PROFILE_RELEASE_OPT_LEVEL")) else "",
        accelerator="KVM" if accelerator()[0] == "kvm" else "QEMU's emulated processor (TCG)",
        packer=os.popen("packer version").read().strip(),
        differences=", ".join(packages) or "none",
    )
    target.write_text(text)


if __name__ == "__main__":
    main()
