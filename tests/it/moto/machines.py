"""Stands for the machines that moto does not run.

Each address that EC2 gives away is one of 127.0.0.0/8, and is listened on. Who answers there is whoever moto shows there at that
moment: the instance that has the address or holds the Elastic IP, if it runs, as the service that the tags of its image name. The
image's tag `stand-in:mood` says what is wrong with it."""

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TRIES = 500


class Machines:
    def __init__(self, ec2, port, turn):
        self.ec2, self.port, self.turn = ec2, port, turn
        # A machine outlives the registration of its image.
        self.tags = {}

    def new_address(self):
        for _ in range(TRIES):
            # The local cloud has its own corners below and above.
            parts = (127, random.randint(128, 191), random.randint(0, 255), random.randint(1, 254))
            address = ".".join(map(str, parts))
            try:
                server = ThreadingHTTPServer((address, self.port), Service)
            except OSError:
                continue
            server.machines = self
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return address
        raise RuntimeError(f"no address of 127.128.0.0/10 has port {self.port} free")

    def behind(self, address):
        """Tags of the image of whoever runs at the address, and whether that is an Elastic IP."""
        with self.turn:
            elastic = next((it for it in self.ec2.addresses if it.public_ip == address), None)
            if elastic is not None:
                instance = elastic.instance
            else:
                instance = next((it for it in self.ec2.all_instances() if it.public_ip == address), None)
            if instance is None or instance.state != "running":
                return None
            image = self.ec2.amis.get(instance.image_id)
            if image is not None:
                self.tags[image.id] = {tag["key"]: tag["value"] for tag in image.get_tags()}
            return self.tags.get(instance.image_id, {}), elastic is not None


class Service(BaseHTTPRequestHandler):
    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def handle_one_request(self):
        self.found = self.server.machines.behind(self.server.server_address[0])
        if self.found is None:
            # Nobody is there, so nobody answers.
            self.close_connection = True
            return
        super().handle_one_request()

    def do_GET(self):
        tags, elastic = self.found
        mood = tags.get("stand-in:mood", "")
        if mood == "sick" or (mood == "sick through the address" and elastic):
            self.answer(500, "text/plain", b"sick")
        elif self.path == "/health":
            self.answer(200, "application/json", b'{"status":"healthy"}')
        elif self.path == "/version":
            release = {name: tags.get("veris:" + name, "") for name in ("service", "version", "digest", "commit")}
            self.answer(200, "application/json", json.dumps(release).encode())
        else:
            self.answer(404, "text/plain", b"")

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.found[0].get("stand-in:mood") == "no chat":
            self.answer(500, "text/plain", b"AccessDeniedException: explicit deny in a service control policy")
            return
        chunk = json.dumps({"choices": [{"delta": {"content": "Hello. "}}]})
        self.answer(200, "text/event-stream", f"data: {chunk}\n\ndata: {chunk}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, *_):
        pass
