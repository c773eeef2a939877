"""Bakes the same change with `veris bake` and with Packer, by turns, and writes each number to a CSV file.

Both begin with their tool's command and end with an image on this disk. In each round Veris works in a local cloud of its own, so that
it uploads everything anew; Packer gets the very files that this bake has put into its bucket.
"""

import argparse
import csv
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
SERVICE = "veris-chat"
TICKS = os.sysconf("SC_CLK_TCK")
# What Packer says when a part of its work begins.
PARTS = [
    ("start", None),
    ("boot", "Starting VM, booting disk image"),
    ("install", "Connected to SSH!"),
    ("stop", "Gracefully halting virtual machine"),
    ("convert", "Converting hard drive"),
]
# The same parts of Veris, by the names of its stages.
STAGES = {
    "LaunchBuildInstance": "boot",
    "ApplyBuildComponents": "install",
    "RunSanitizeScript": "stop",
    "TerminateBuildInstance": "stop",
    "CreateOutputAMI": "convert",
}
# With whatever makes it faster, the local cloud's ways with an emulated processor included, and as it comes.
SETTINGS = {
    "packer": {
        "boot_wait": "-1s",
        "cache": "unsafe",
        "backing_file": "true",
        "skip_compaction": "true",
        "shutdown": "systemctl poweroff --force",
    },
    "packer-defaults": {
        "boot_wait": "10s",
        "cache": "writeback",
        "backing_file": "false",
        "skip_compaction": "false",
        "shutdown": "shutdown -P now",
    },
}


class Veris:
    def __init__(self, program, scratch):
        self.program, self.directory = program, scratch / "local"
        self.environment = os.environ | {"VERIS_LOCAL_DIR": str(self.directory)}

    def run(self, *arguments):
        command = [self.program, *arguments]
        done = subprocess.run(command, cwd=PROJECT, env=self.environment, text=True, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
        return done

    @contextmanager
    def cloud(self):
        self.run("local", "up")
        try:
            yield
        finally:
            self.run("local", "down", "--delete")

    def cpu(self, command=None, of=None):
        """CPU seconds of the control plane, of the guests that have ended, and of the command; by default with what they have started."""
        of = of or with_children
        endpoint = json.loads((self.directory / "endpoint.json").read_text())
        return of(endpoint["pid"]) + (of(command) if command else 0.0)

    def bake(self, version):
        """The numbers of a bake, and what Image Builder says of it."""
        before, alone, begin = self.cpu(), self.cpu(of=by_itself), time.monotonic()
        command = [self.program, "bake", "--version", version, "--output", "json"]
        log, numbers = [], dict.fromkeys(["boot", "install", "stop", "convert", "test"], 0.0)
        with subprocess.Popen(
            command, cwd=PROJECT, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            for line in process.stderr:
                log.append(f"{time.monotonic() - begin:8.2f}  {line}")
                event = json.loads(line)
                happened = event["event"], event.get("stage")
                if happened == ("stage-started", "build: LaunchBuildInstance"):
                    numbers["start"] = time.monotonic() - begin
                # The guest of the test boot counts when it has ended, so it is not in this number.
                if happened == ("stage-done", "build: TerminateBuildInstance"):
                    numbers["cpu"] = self.cpu(process.pid) - before
                    numbers["own-image"] = self.cpu(process.pid, by_itself) - alone
            answer = process.stdout.read()
            # It has ended, but nobody has waited for it, so the kernel still knows.
            numbers["own"] = self.cpu(process.pid, by_itself) - alone
        total = time.monotonic() - begin
        (self.directory.parent / "veris.log").write_text("".join(log))
        if process.returncode != 0:
            sys.exit(f"veris bake failed:\n{''.join(log)}")
        baked = json.loads(answer)
        for stage in baked["stages"]:
            workflow, _, step = stage["name"].partition(": ")
            if step:
                numbers["test" if workflow == "test" else STAGES[step]] += stage["seconds"]
        numbers["image"] = sum(numbers[part] for part, _ in PARTS)
        numbers["tested"] = numbers["image"] + numbers["test"]
        numbers["total"] = total
        numbers["proof"] = total - numbers["tested"]
        return numbers, baked

    def payload(self, directory, baked):
        """Takes the files of a bake out of its bucket."""
        artifacts = self.directory / f"buckets/veris-local/{SERVICE}/artifacts"
        names = {
            SERVICE: SERVICE,
            f"{SERVICE}.service": f"{SERVICE}.service",
            f"{SERVICE}.yaml": "config.yaml",
            "manifest.json": "manifest.json",
            "bom.json": "bom.json",
        }
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        sums = []
        for name, in_image in names.items():
            [source] = artifacts.glob(f"*/{name}")
            shutil.copy(source, directory / in_image)
            sums.append(f"{hashlib.sha256(source.read_bytes()).hexdigest()}  {in_image}\n")
        (directory / "SHA256SUMS").write_text("".join(sums))
        release = {key: baked[key] for key in ("service", "version", "digest", "commit")}
        (directory / "release.json").write_text(json.dumps(release, separators=(",", ":")))
        shutil.copy(PROJECT / "crates/local-cloud/src/bake/sanitize.sh", directory)


def with_children(pid):
    """CPU seconds of a process and of those that it has waited for."""
    return sum(cpu_times(pid)) / TICKS


def by_itself(pid):
    return sum(cpu_times(pid)[:2]) / TICKS


def cpu_times(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(field) for field in fields[11:15]]


def own_cpu():
    """CPU seconds of every process that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def accelerator():
    """What the local cloud has found to work, and what it tells the guest's processor and kernel."""
    cache = os.environ.get("VERIS_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "veris"
    try:
        works = json.loads((Path(cache) / "accelerator.json").read_text())["kvm"]
    except FileNotFoundError:
        works = False
    if works:
        return "kvm", "host", ""
    return "tcg", "max,-smap,-smep,-umip,-pku,-la57,-erms,-fsrm", "norandmaps init_on_alloc=0"


def packer(arm, arguments):
    output = arguments.scratch / "packer"
    shutil.rmtree(output, ignore_errors=True)
    name, processor, kernel_options = accelerator()
    if arm == "packer-defaults" and name == "tcg":
        processor, kernel_options = "max", ""
    variables = SETTINGS[arm] | {
        "accelerator": name,
        "processor": processor,
        "kernel_options": kernel_options,
        "parent": arguments.parent,
        "payload": arguments.scratch / "bake",
        "script": HERE / "provision.sh",
        "key": arguments.key,
        "output": output,
        "console": arguments.scratch / f"{arm}.console",
    }
    command = ["packer", "build", "-color=false"]
    for variable, value in variables.items():
        command += ["-var", f"{variable}={value}"]
    environment = os.environ | {
        "CHECKPOINT_DISABLE": "1",
        "PACKER_CONFIG_DIR": str(arguments.scratch),
        "PACKER_CACHE_DIR": str(arguments.scratch / "packer-cache"),
        "TMPDIR": str(arguments.scratch),
    }
    before, begin = own_cpu(), time.monotonic()
    log, marks = [], {"start": begin}
    with subprocess.Popen(
        [*command, HERE / "template.json"], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for line in process.stdout:
            log.append(f"{time.monotonic() - begin:8.2f}  {line}")
            for part, words in PARTS:
                if words and words in line:
                    marks[part] = time.monotonic()
    end = time.monotonic()
    (arguments.scratch / f"{arm}.log").write_text("".join(log))
    if process.returncode != 0 or not (output / "disk.qcow2").exists():
        sys.exit(f"packer failed:\n{''.join(log)}")
    marks.setdefault("convert", end)
    bounds = [marks[part] for part, _ in PARTS] + [end]
    numbers = {part: bounds[place + 1] - bounds[place] for place, (part, _) in enumerate(PARTS)}
    numbers["image"] = numbers["tested"] = numbers["total"] = end - begin
    numbers["cpu"] = own_cpu() - before
    return numbers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--veris", type=Path, required=True)
    parser.add_argument("--parent", type=Path, required=True, help="the parent image that lets root in by SSH")
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--csv", type=Path, required=True)
    arguments = parser.parse_args()
    veris = Veris(arguments.veris, arguments.scratch)
    with arguments.csv.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["round", "arm", "number", "value"])

        def measured(arm, numbers):
            numbers["load"] = os.getloadavg()[0]
            rows.writerows([turn, arm, number, f"{value:.3f}"] for number, value in numbers.items())
            file.flush()
            print(f"round {turn + 1}: {arm}: image after {numbers['image']:.1f} s", file=sys.stderr, flush=True)

        for turn in range(arguments.rounds):
            with veris.cloud():
                numbers, baked = veris.bake(f"1.0.{turn}")
                veris.payload(arguments.scratch / "bake", baked)
            measured("veris", numbers)
            for arm in SETTINGS:
                measured(arm, packer(arm, arguments))


if __name__ == "__main__":
    main()
