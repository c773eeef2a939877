"""Launches the baked version, and installs the same endpoints in a guest that boots the parent image; both until `/health` answers."""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "packer"))
from measure import accelerator  # noqa: E402

PROJECT = HERE.parents[1]
LOOK = 0.05
DEADLINE = 3600
# An installation is cut off after so many seconds; what it would have taken is more than that.
MOST = 1800
# What a console says when a part of the boot has ended.
MARKS = {
    "kernel": "Run /init as init process",
    "systemd": "systemd[1]: ",
    "basic": "Reached target basic.target",
    "network": "Reached target network.target",
    "cloud-init": "Finished cloud-init.serv",
    "server": "Started veris-chat.service",
    "multi-user": "Reached target multi-user.target",
}


def wait(what, is_so):
    """Waits until something is so, and answers it."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if found := is_so():
            return found
        time.sleep(LOOK)
    sys.exit(f"waited in vain until {what}")


def is_healthy(address):
    try:
        with urllib.request.urlopen(f"http://{address}/health", timeout=2) as answer:
            return json.load(answer) == {"status": "healthy"}
    except (OSError, ValueError):
        return False


class Console(threading.Thread):
    """Notes when a line is on the console for the first time."""

    def __init__(self, file):
        super().__init__(daemon=True)
        self.file, self.seen, self.over = file, {}, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(LOOK):
            text = self.file.read_text(errors="replace") if self.file.exists() else ""
            text = re.sub(r"\x1b\[[0-9;]*m", "", text)
            for name, words in MARKS.items():
                if name not in self.seen and words in text:
                    self.seen[name] = time.monotonic()


def running(state):
    instances = json.loads(state.read_text())["instances"].values() if state.exists() else []
    return {it["instance_id"]: it for it in instances if it["state"] == "running"}


def launched(veris):
    """Seconds from the command to each part of the boot and to the first healthy answer."""
    state = Path(os.environ["VERIS_LOCAL_DIR"]) / "state.json"
    before = running(state)
    begin = time.monotonic()
    command = [veris, "launch", "1.0.0", "--env-file", "/dev/null", "--force", "--keep", "none"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as launch:
        found = wait("an instance runs", lambda: next((it for id, it in running(state).items() if id not in before), None))
        power = time.monotonic()
        console = Console(state.parent / "instances" / found["instance_id"] / "console.log")
        wait("the launched service answers", lambda: is_healthy(f"{found['address']}:8000"))
        healthy = time.monotonic()
        said = launch.stderr.read()
    ended = time.monotonic()
    if launch.returncode != 0:
        sys.exit(f"veris launch failed:\n{said}")
    wait("multi-user.target is reached", lambda: "multi-user" in console.seen)
    console.over.set()
    times = {"power": power, **console.seen, "healthy": healthy, "ended": ended}
    return {name: at - begin for name, at in times.items()}, analysed(veris)


def analysed(veris):
    """What the guest's systemd says of its boot."""
    said = lambda *words: subprocess.run([veris, "ssh", "--", *words], cwd=PROJECT, text=True, capture_output=True).stdout  # noqa: E731
    return said("systemd-analyze", "time"), said("systemd-analyze", "blame", "--no-pager")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def installed(parent, key, scratch):
    """Seconds from the start of the machine to SSH and to the first healthy answer, or to where it was cut off; and whether it was."""
    disk, console = scratch / "install.qcow2", scratch / "install.console"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", parent / "disk.qcow2", disk, "30G"], check=True)
    (name, processor, kernel_options), ssh_port, port = accelerator(), free_port(), free_port()
    machine = [
        "qemu-system-x86_64", "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-accel", name, "-cpu", processor,
        "-smp", "2", "-m", "1024", "-kernel", parent / "vmlinuz", "-initrd", parent / "initrd", "-append",
        f"console=ttyS0 root=/dev/vda rw net.ifnames=0 mitigations=off panic=-1 cloud-init=disabled {kernel_options}",
        "-drive", f"file={disk},format=qcow2,if=virtio,cache=writeback,discard=unmap", "-serial", f"file:{console}",
        "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{ssh_port}-:22,hostfwd=tcp:127.0.0.1:{port}-:8000",
        "-device", "virtio-net-pci,netdev=net,romfile=",
    ]  # fmt: skip
    options = ["-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    files = {"server.py": HERE.parent / "chat/server.py", "install.sh": HERE / "install.sh"}
    if certificates := os.environ.get("SSL_CERT_FILE"):
        files["certificates.pem"] = Path(certificates)
    begin = time.monotonic()
    guest = subprocess.Popen(machine)
    try:
        ssh = ["ssh", *options, "-o", "ConnectTimeout=5", "-p", str(ssh_port), "root@127.0.0.1"]
        wait("SSH answers", lambda: subprocess.run([*ssh, "true"], stderr=subprocess.DEVNULL).returncode == 0)
        booted = time.monotonic() - begin
        for name, source in files.items():
            with source.open("rb") as file:
                subprocess.run([*ssh, f"cat >/root/{name}"], stdin=file, check=True)
        log = scratch / "install.log"
        with log.open("wb") as file:
            try:
                done = subprocess.run([*ssh, "sh /root/install.sh"], stdout=file, stderr=subprocess.STDOUT, timeout=MOST)
            except subprocess.TimeoutExpired:
                return booted, time.monotonic() - begin, True
        if done.returncode != 0:
            sys.exit("the installation failed:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-30:]))
        wait("the installed service answers", lambda: is_healthy(f"127.0.0.1:{port}"))
        return booted, time.monotonic() - begin, False
    finally:
        guest.kill()
        guest.wait()


def report(rounds, install, loads):
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    of = lambda name: median(times[name] for times, _ in rounds)  # noqa: E731
    own = median(times["multi-user"] - times["power"] for times, _ in rounds)
    ratio = median(times["healthy"] / (times["multi-user"] - times["power"]) for times, _ in rounds)
    parts = [
        ("the tool looks, and asks for an instance", 0, of("power")),
        ("firmware and kernel", of("power"), of("kernel")),
        ("initial RAM disk: drivers, root file system", of("kernel"), of("systemd")),
        ("systemd: its units, udev, the journal", of("systemd"), of("basic")),
        ("the network is configured", of("basic"), of("network")),
        ("it is online, and cloud-init has written `.env`", of("network"), of("cloud-init")),
        ("the server starts, until it says that it listens", of("cloud-init"), of("server")),
        ("until `/health` has answered once", of("server"), of("healthy")),
    ]
    rows = "\n".join(f"| {what} | {end - begin:.1f} |" for what, begin, end in parts)
    time_said, blame = rounds[-1][1]
    slowest = "\n".join(blame.splitlines()[:8])
    systemd = f"""
systemd in the guest of the last launch: {" ".join(time_said.split())} What it says took longest; these ran side by side:

```
{slowest}
```
"""
    level = os.environ.get("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")
    compared = "| | seconds |\n| --- | ---: |\n"
    if install:
        booted, healthy, is_cut_off = install
        until, more = ("the moment it was cut off", "more than ") if is_cut_off else ("the first healthy answer", "")
        compared += f"| installed at boot: from the machine's start to SSH | {booted:.1f} |\n"
        compared += f"| installed at boot: from the machine's start to {until} | {healthy:.1f} |\n"
        verdict = "holds" if healthy / of("healthy") >= 5 else "**missed**"
        compared += f"| **`veris launch` is faster by** (goal: 5x, {verdict}) | **{more}{healthy / of('healthy'):.1f}x** |\n"
    return f"""# To the first healthy answer: launched from an image, and installed at boot

`benches/launch.sh {len(rounds)}` made this on {os.cpu_count()} cores of {model}; the load of the machine was {loads[0]} before and {loads[1]} at the end.
Medians of {len(rounds)} launches, then one installation, with the same parent image, processor ({"/".join(accelerator()[:2])}), memory and number of cores. The server was
compiled with opt-level {level}.

| | seconds |
| --- | ---: |
| `veris launch`: from the command to the first healthy answer | {of("healthy"):.1f} |
| the guest's own time, from its power-on to multi-user.target | {own:.1f} |
| **to the guest's own time** (goal: 1.3x, {"holds" if ratio <= 1.3 else "**missed**"}) | **{ratio:.2f}x** |
| `veris launch`: from the command to its end, with its question, the address and 2 s of watching | {of("ended"):.1f} |

{compared}
What is installed is the FastAPI server of the chat bench and the fourteen packages that such a server had, one after the other, after an
update of the system: `benches/launch/install.sh`. It comes by SSH as soon as the machine has one, without cloud-init, which the old way also
waited for. How fast the indexes answer is a part of the number.

## What is left of the boot

| part | seconds |
| --- | ---: |
{rows}

cloud-init is an interpreter that loads its modules and reads the metadata service; it stays, because AMIs of Amazon Linux boot with it, and
because user data is how an instance gets its settings. The server starts after it, in the time that the table says. Nothing of the boot
installs anything.
{systemd if slowest else ""}"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--veris", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--parent", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    load = lambda: "/".join(f"{load:.1f}" for load in os.getloadavg())  # noqa: E731
    loads = [load()]
    rounds = []
    for _ in range(options.rounds):
        rounds.append(launched(options.veris))
        print(f"launched: {rounds[-1][0]}", file=sys.stderr, flush=True)
    subprocess.run([options.veris, "local", "down"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    install = installed(options.parent, options.key, options.scratch)
    print(f"installed: {install}", file=sys.stderr, flush=True)
    loads.append(load())
    options.report.write_text(report(rounds, install, loads))


if __name__ == "__main__":
    main()
