"""The disks of stand-ins: an ext4 file system of 16 MiB that is as clean as an image must be, and what components install there.

Files belong to root whoever runs the tests, because debugfs writes them. Nothing is mounted."""

import glob
import json
import os
import stat
import subprocess
import sys
import tempfile

SIZE = 16 << 20
# Where debugfs and mke2fs lie, a user's PATH may not look.
ENVIRONMENT = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}

CLEAN = {
    "/etc/os-release": 'ID="stand-in"\nNAME="Stand-in"\nVERSION_ID="1"\n',
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "/etc/shadow": "root:*:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n",
    "/etc/machine-id": "",
    "/etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
}
MODES = {"/etc/shadow": 0o600}
FOLDERS = {
    "/etc": 0o755, "/home": 0o755, "/opt": 0o755, "/root": 0o700, "/tmp": 0o1777, "/usr": 0o755, "/usr/bin": 0o755,
    "/var": 0o755, "/var/lib": 0o755, "/var/lib/cloud": 0o755, "/var/log": 0o755, "/var/tmp": 0o1777,
}


def run(*command, **options):
    return subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, text=True, **options).stdout


def write(raw, files, folders):
    """Writes files, given as path, mode and the path of their content here, into a file system."""
    lines = []
    for folder, mode in folders.items():
        lines += [f"mkdir {folder}", f"set_inode_field {folder} mode 0{stat.S_IFDIR | mode:o}"]
    for path, mode, source in files:
        folder, name = os.path.split(path)
        lines += [f"cd {folder}", f"write {source} {name}", f"set_inode_field {path} mode 0{stat.S_IFREG | mode:o}"]
    run("debugfs", "-w", "-f", "-", raw, input="\n".join(lines) + "\n")


def make(disk):
    """A disk of 8 GiB for the parent image."""
    with tempfile.TemporaryDirectory() as directory:
        raw = os.path.join(directory, "raw")
        with open(raw, "wb") as file:
            file.truncate(SIZE)
        run("mke2fs", "-q", "-t", "ext4", "-F", raw)
        files = []
        for number, (path, text) in enumerate(CLEAN.items()):
            source = os.path.join(directory, str(number))
            with open(source, "w") as file:
                file.write(text)
            files.append((path, MODES.get(path, 0o644), source))
        write(raw, files, FOLDERS)
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk)
        run("qemu-img", "resize", "-q", "-f", "qcow2", disk, "8G")


def install(disk, buckets, digest, dirty):
    """What the components of the bake with this digest would install, taken from the bucket as they would take it. With `dirty`,
    the key of whoever tried something in the build instance stays as well."""
    [manifest] = glob.glob(f"{buckets}/*/*/manifests/{digest}/manifest.json")
    service = os.path.dirname(os.path.dirname(os.path.dirname(manifest)))
    with open(manifest) as file:
        record = json.load(file)
    baked, name = record["manifest"], record["manifest"]["service"]
    files = []
    for item in baked["inputs"]:
        if item["kind"] != "component":
            mode = int(item.get("mode") or ("0755" if item["kind"] == "binary" else "0644"), 8)
            files.append((item["name"], mode, f"{service}/artifacts/{item['sha256']}/{item['file']}"))
    with open(os.path.join(os.path.dirname(manifest), "bom.json")) as file:
        bom = json.load(file)
    for file_name, content in (("manifest.json", baked), ("bom.json", bom)):
        [source] = [path for path in glob.glob(f"{service}/artifacts/*/{file_name}") if json.load(open(path)) == content]
        files.append((f"/etc/{name}/{file_name}", 0o644, source))
    with tempfile.TemporaryDirectory() as directory:
        if dirty:
            key = os.path.join(directory, "key")
            with open(key, "w") as file:
                file.write("-----BEGIN OPENSSH PRIVATE KEY-----\nc3RhbmQtaW4=\n-----END OPENSSH PRIVATE KEY-----\n")
            files.append(("/root/.ssh/id_ed25519", 0o600, key))
        folders = {}
        for path, _, _ in files:
            folder = os.path.dirname(path)
            above = [folder]
            while os.path.dirname(above[-1]) != "/":
                above.append(os.path.dirname(above[-1]))
            folders |= {it: 0o700 if it.endswith(".ssh") else 0o755 for it in reversed(above) if it not in FOLDERS}
        raw = os.path.join(directory, "raw")
        run("qemu-img", "dd", "-f", "qcow2", "-O", "raw", "bs=1M", f"count={SIZE >> 20}", f"if={disk}", f"of={raw}")
        write(raw, files, folders)
        run("qemu-io", "-f", "qcow2", "-c", f"write -q -s {raw} 0 {SIZE}", disk)


if __name__ == "__main__":
    make(sys.argv[1])
