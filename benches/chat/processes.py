"""The processes of a measurement: started with their cores, asked for their cost, and ended by their ids."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
# The server has a core of its own; what asks and what answers it share the others.
SERVER_CORES, OTHER_CORES = CORES[-1:], CORES[:-1] or CORES


class Process:
    """Says where it listens in its first line that names an `address`."""

    def __init__(self, command, cores, scratch, env=None, address_in="stdout"):
        # Its output goes to a file: a pipe that nobody reads would stop it.
        self.log = Path(tempfile.mkstemp(dir=scratch, suffix=".log")[1])
        with self.log.open("w") as log, open(os.devnull, "w") as nothing:
            outputs = {"stdout": log, "stderr": None} if address_in == "stdout" else {"stdout": nothing, "stderr": log}
            self.child = subprocess.Popen(
                command,
                env=(env or {}) | {"PATH": os.environ["PATH"]},
                cwd=scratch,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
                **outputs,
            )
        self.address = self.wait_for_address()

    def wait_for_address(self):
        for _ in range(3000):
            for line in self.log.read_text().splitlines():
                event = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
                if address := event.get("address") or event.get("server.address"):
                    return address
            if self.child.poll() is not None:
                break
            time.sleep(0.01)
        sys.exit(f"{self.child.args} does not say where it listens: {self.log.read_text()}")

    def cpu_seconds(self):
        # The clock of another process, as clock_getcpuclockid(3) names it; it counts threads that have ended, too.
        return time.clock_gettime((~self.child.pid << 3) | 2)

    def resident_kb(self):
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


def bedrock(streams, scratch):
    return Process([streams, "bedrock"], OTHER_CORES, scratch)


def veris_chat(binary, bedrock, scratch):
    """As the image runs it: sessions on disk, credentials from the metadata service."""
    home = Path(tempfile.mkdtemp(dir=scratch))
    config = home / "config.yaml"
    # Documents come from the machine itself, which takes permission.
    port = bedrock.address.split(":")[1]
    documents = f"{{allow_http: true, allow_ports: [{port}], allow_networks: [127.0.0.0/8]}}"
    config.write_text(f"max_streams: 20000\ndocuments: {documents}\n")
    endpoint = f"http://{bedrock.address}"
    env = {
        "HOST": "127.0.0.1",
        "PORT": "0",
        "STATE_DIRECTORY": str(home),
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": endpoint,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint,
    }
    return Process([binary, "--config", config], SERVER_CORES, scratch, env, address_in="stderr")


def relay(streams, bedrock, scratch):
    """No server, but its sockets: reads and writes each token, and nothing else."""
    return Process([streams, "relay", "--bedrock", bedrock.address], SERVER_CORES, scratch)


def fastapi(client, bedrock, scratch):
    env = {"BEDROCK": f"http://{bedrock.address}"}
    return Process([sys.executable, HERE / "server.py", client], SERVER_CORES, scratch, env)


def clients(streams, arguments, when_open=lambda: None):
    """Runs the clients to their end; `when_open` is called once every stream has begun."""
    command = [streams, *(str(argument) for argument in arguments)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, OTHER_CORES)
    )
    result = None
    for line in child.stdout:
        event = json.loads(line)
        if "open" in event:
            when_open()
        else:
            result = event
    if child.wait() != 0 or result is None:
        sys.exit(f"{command} failed")
    return result
