"""Stands for QEMU where a test needs instances but no machines. It answers its monitor.

A build or test instance says what its agent would say of components that all succeed, and powers itself off; while the file that
STAND_IN_HOLD names exists, the components run. What they would have installed is then on the build instance's disk. Any other instance serves as the service of its image would: at the addresses
that are forwarded to it, until its power button is pressed. A file mood-VERSION beside STAND_IN_HOLD says what is wrong with it.

Many of it are started in a test: what only some of them need is imported where it is needed."""

import json
import os
import re
import socket
import sys
import threading
import time
from socketserver import StreamRequestHandler, ThreadingTCPServer

# This folder is the sources' own.
sys.dont_write_bytecode = True


def option(name):
    return sys.argv[sys.argv.index(name) + 1]


def answer_monitor(connection, execute):
    with connection, connection.makefile("rw") as stream:
        print(json.dumps({"QMP": {}}), file=stream, flush=True)
        for line in stream:
            command = json.loads(line)
            result = execute(command["execute"], command.get("arguments", {}))
            print(json.dumps({"return": result}), file=stream, flush=True)


def status_only(command, _):
    return {"status": "running"} if command == "query-status" else {}


def settings():
    import tarfile

    with tarfile.open("seed.tar") as seed:
        text = seed.extractfile("settings").read().decode()
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def run_components():
    import disk

    wanted = {name: value.strip("'\"") for name, value in settings().items()}
    with open("agent.log", "a") as log:
        for index in range(int(wanted["components"])):
            print(f"::component {index}", file=log, flush=True)
            while os.path.exists(os.environ.get("STAND_IN_HOLD", "")):
                time.sleep(0.02)
            if mood(build()) == "broken":
                print('::summary {"status":"failed","failureMessage":"it is broken"}\n::exit 1', file=log, flush=True)
                return wanted["keep"] == "yes"
            print('::summary {"status":"success","failureMessage":""}', file=log, flush=True)
        if wanted["sanitize"] == "yes":
            tags = build()
            disk.install("disk.qcow2", "../../buckets", tags["veris:digest"], mood(tags) == "dirty")
            print("::sanitize", file=log, flush=True)
        print("::exit 0", file=log, flush=True)
    return False


def power_down():
    with open("console.log", "w") as console:
        print("reboot: Power down", file=console)


def state_and_instance():
    with open("../../state.json") as file:
        state = json.load(file)
    return state, state["instances"][os.path.basename(os.getcwd())]


def image():
    state, instance = state_and_instance()
    images = [state["images"], *(region["images"] for region in state.get("regions", {}).values())]
    [found] = [of[instance["image_id"]] for of in images if instance["image_id"] in of]
    return {**found["tags"], "type": instance["instance_type"]}


def build():
    """The tags of the image that this instance is a part of."""
    state, instance = state_and_instance()
    return state["image_builder"]["images"][instance["tags"]["Ec2ImageBuilderArn"]]["image"]["tags"]


def mood(tags):
    try:
        with open(os.path.join(os.path.dirname(os.environ["STAND_IN_HOLD"]), "mood-" + tags["veris:version"])) as file:
            return file.read()
    except FileNotFoundError:
        return ""


class Service(StreamRequestHandler):
    """One request of HTTP for each connection. Python's own server takes three times as long to load."""

    def handle(self):
        line = self.rfile.readline().split()
        headers = {}
        while field := self.rfile.readline().strip():
            name, _, value = field.partition(b":")
            headers[name.lower()] = value.strip()
        if len(line) != 3:
            return
        self.rfile.read(int(headers.get(b"content-length", 0)))
        status, kind, body = self.answer(line[0], line[1].decode())
        head = f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def answer(self, method, path):
        tags = self.server.tags
        feels = mood(tags)
        if method == b"POST":
            if feels == "no chat":
                return 500, "text/plain", b"AccessDeniedException: explicit deny in a service control policy"
            chunk = json.dumps({"choices": [{"delta": {"content": "Hello. "}}]})
            return 200, "text/event-stream", f"data: {chunk}\n\ndata: {chunk}\n\ndata: [DONE]\n\n".encode()
        if feels in ("sick", "sick as " + tags["type"]) or (feels == "sick through the address" and self.server.elastic):
            return 500, "text/plain", b"sick"
        if path == "/health":
            return 200, "application/json", b'{"status":"healthy"}'
        if path == "/version":
            release = {name: tags["veris:" + name] for name in ("service", "version", "digest", "commit")}
            release["env_file"] = feels != "without settings"
            return 200, "application/json", json.dumps(release).encode()
        return 404, "text/plain", b""


class Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def serve_until_closed(self):
        """Python's own loop looks a hundred times a second whether it shall end."""
        while True:
            try:
                request, client = self.get_request()
            except OSError:
                return
            self.process_request(request, client)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Guest:
    def __init__(self, tags):
        self.tags, self.servers = tags, {}

    def forward(self, address, elastic):
        server = Server((address, 8000), Service)
        server.tags, server.elastic = self.tags, elastic
        self.servers[address] = server
        threading.Thread(target=server.serve_until_closed, daemon=True).start()

    def unforward(self, address):
        server = self.servers.pop(address, None)
        if server is None:
            return f"host forwarding rule for tcp:{address}:8000 not found"
        server.close()
        return ""

    def other_port(self, line, place):
        """Nobody can log in to what is no machine, so that it is only looked whether the port is free."""
        try:
            with socket.socket() as trial:
                trial.bind(place)
            return ""
        except OSError:
            return "" if line.startswith("hostfwd_remove") else f"Could not set up host forwarding rule '{line}'"

    def execute(self, command, arguments):
        if command == "system_powerdown":
            power_down()
            # As a machine does, a moment after it has answered.
            threading.Timer(0.01, os._exit, [0]).start()
        if command != "human-monitor-command":
            return status_only(command, arguments)
        line = arguments["command-line"]
        address, port = re.search(r"tcp:([0-9.]+):([0-9]+)", line).groups()
        if port != "8000":
            return self.other_port(line, (address, int(port)))
        if line.startswith("hostfwd_remove"):
            return self.unforward(address)
        self.forward(address, True)
        return ""


# The trial of KVM has no monitor: it does not work here.
if "-qmp" not in sys.argv:
    sys.exit("no machine is emulated here")
guest = None
if not os.path.exists("seed.tar"):
    guest = Guest(image())
    guest.forward(re.search(r"hostfwd=tcp:([0-9.]+):8000", option("-netdev")).group(1), False)
with open(option("-pidfile"), "w") as file:
    print(os.getpid(), file=file)
if os.path.exists("qmp.sock"):
    os.remove("qmp.sock")
listener = socket.socket(socket.AF_UNIX)
listener.bind("qmp.sock")
listener.listen()
if guest is None:
    answer_monitor(listener.accept()[0], status_only)
    stays = run_components()
    power_down()
    while stays:
        answer_monitor(listener.accept()[0], status_only)
else:
    while True:
        # One client at a time, as QEMU.
        answer_monitor(listener.accept()[0], guest.execute)
