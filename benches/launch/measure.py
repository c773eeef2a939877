"""Launches the baked version, and installs the same endpoints in a guest that boots the parent image; both until `/health` answers."""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "packer"))
from measure import accelerator  # noqa: E402

PROJECT = HERE.parents[1]
LOOK = 0.05
DEADLINE = 3600


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


def multi_user(console):
    """When the kernel's clock stood at multi-user.target, in seconds since the boot, as the console says it."""
    text = console.read_text(errors="replace") if console.exists() else ""
    found = re.search(r"\[ *([0-9.]+)\][^\n]*Reached target[^\n]*multi-user", text)
    return float(found[1]) if found else None


def launched(veris):
    """Seconds from the command to the first healthy answer, and what the console says."""
    state = Path(os.environ["VERIS_LOCAL_DIR"]) / "state.json"

    def instance():
        instances = json.loads(state.read_text())["instances"].values()
        return next((it for it in instances if it["state"] == "running"), None)

    begin = time.monotonic()
    command = [veris, "launch", "1.0.0", "--env-file", "/dev/null"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as launch:
        found = wait("an instance runs", instance)
        wait("the launched service answers", lambda: is_healthy(f"{found['address']}:8000"))
        seconds = time.monotonic() - begin
        said = launch.stderr.read()
    if launch.returncode != 0:
        sys.exit(f"veris launch failed:\n{said}")
    return seconds, multi_user(state.parent / "instances" / found["instance_id"] / "console.log")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def installed(parent, key, scratch):
    """Seconds from the start of the machine to SSH and to the first healthy answer."""
    disk, console = scratch / "install.qcow2", scratch / "install.console"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", parent / "disk.qcow2", disk, "30G"], check=True)
    (name, processor), ssh_port, port = accelerator(), free_port(), free_port()
    machine = [
        "qemu-system-x86_64", "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-accel", name, "-cpu", processor,
        "-smp", "2", "-m", "1024", "-kernel", parent / "vmlinuz", "-initrd", parent / "initrd", "-append",
        "console=ttyS0 root=/dev/vda rw net.ifnames=0 mitigations=off panic=-1 cloud-init=disabled",
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
        with (scratch / "install.log").open("wb") as log:
            done = subprocess.run([*ssh, "sh /root/install.sh"], stdout=log, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            shutil.copy(scratch / "install.log", "/tmp/install.log")
            sys.exit("the installation failed; its log is /tmp/install.log")
        wait("the installed service answers", lambda: is_healthy(f"127.0.0.1:{port}"))
        return booted, time.monotonic() - begin
    finally:
        guest.kill()
        guest.wait()


def report(launch, multi_user_at, booted, install):
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    target = f"{multi_user_at:.1f}" if multi_user_at else "not on the console"
    return f"""# To the first healthy answer: launched from an image, and installed at boot

Made by `benches/launch.sh` on {os.cpu_count()} cores of {model}, load {os.getloadavg()[0]:.1f} at the end. One run, one after the other, with the same
parent image, processor ({"/".join(accelerator())}), memory and number of cores.

| | seconds |
| --- | ---: |
| `veris launch` from the command to the first healthy answer | {launch:.1f} |
| the guest's own time to multi-user.target | {target} |
| installed at boot: from the machine's start to SSH | {booted:.1f} |
| installed at boot: from the machine's start to the first healthy answer | {install:.1f} |
| **faster** | {install / launch:.1f}x (limit 5x) |

What is installed is the FastAPI server of the chat bench and the fourteen packages that such a server had, one after the other, after an
update of the system: `benches/launch/install.sh`. It comes by SSH as soon as the machine has one, without cloud-init, which the old way also
waited for. How fast the indexes answer is a part of the number.
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--veris", required=True)
    parser.add_argument("--parent", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    launch, target = launched(options.veris)
    print(f"launched: {launch:.1f} s, multi-user.target at {target}", file=sys.stderr, flush=True)
    subprocess.run([options.veris, "local", "down"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    booted, install = installed(options.parent, options.key, options.scratch)
    options.report.write_text(report(launch, target, booted, install))


if __name__ == "__main__":
    main()
