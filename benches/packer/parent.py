"""The local cloud's parent image with a way in for root, without which Packer cannot work in a guest.

Reads the recipe of `crates/local-cloud/src/parent_image` and adds a public key for root, and that sshd lets root in with it; everything else is
built as the local cloud builds it.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "crates/local-cloud/src/parent_image"
# sshd keeps to what it reads first, and reads these files by their names.
ROOT_LOGS_IN = ("overlay/etc/ssh/sshd_config.d/00-bench.conf", 0o644, "PermitRootLogin prohibit-password\n")
# The essential hook spares an initial RAM disk that nobody uses; the result is thrown away when anything fails, so nothing is synced.
OPTIONS = [
    "--variant=minbase",
    "--architectures=amd64",
    "--format=directory",
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=force-confold",
    '--essential-hook=mkdir -p "$1/etc/initramfs-tools" && '
    'echo update_initramfs=no >"$1/etc/initramfs-tools/update-initramfs.conf"',
]


class Recipe:
    def __init__(self):
        self.text = (SOURCE / "recipe.rs").read_text()
        self.suite = re.search(r'SUITE: &str = "(\w+)"', self.text)[1]
        self.gib = re.search(r"DISK_GIB: u32 = (\d+)", self.text)[1]
        self.packages = self.words("PACKAGES")
        self.excluded = self.words("EXCLUDED")
        asset = r'asset\(\s*"([^"]+)",\s*0o(\d+),\s*include_str!\("([^"]+)"\),?\s*\)'
        self.assets = [(path, int(mode, 8), (SOURCE / file).read_text()) for path, mode, file in re.findall(asset, self.text)]

    def words(self, name):
        return re.findall(r'"([^"]+)"', re.search(rf"{name}: &\[&str\] =\s*&\[(.*?)\];", self.text, re.DOTALL)[1])


def workspace(directory, recipe, public_key):
    ssh = [ROOT_LOGS_IN, ("overlay/root/.ssh/authorized_keys", 0o600, public_key)]
    for path, mode, text in recipe.assets + ssh:
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
    for folder, _, _ in os.walk(directory / "overlay"):
        os.chmod(folder, 0o755)
    (directory / "overlay/root").chmod(0o700)
    (directory / "overlay/root/.ssh").chmod(0o700)
    # In a user namespace the image's root is somebody else.
    (directory / "out").mkdir()
    for shared in (directory, directory / "out"):
        shared.chmod(0o1777)


def build(recipe, target, public_key):
    is_root = os.geteuid() == 0
    as_root = [] if is_root else ["mmdebstrap", "--unshare-helper"]
    directory = Path(tempfile.mkdtemp(prefix="veris-packer-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    environment = os.environ | {
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
        "TMPDIR": str(directory),
        "LC_ALL": "C",
    }
    try:
        workspace(directory, recipe, public_key)
        command = ["mmdebstrap", "--quiet", "--mode=root" if is_root else "--mode=unshare", *OPTIONS]
        command.append("--include=" + ",".join(recipe.packages))
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.excluded]
        command.append(f"--customize-hook=sh '{directory}/customize.sh' \"$1\" '{directory}'")
        # An account that is locked is let in by no key, either; one without a password is.
        command.append("--customize-hook=chroot \"$1\" usermod --password '*' root")
        subprocess.run([*command, recipe.suite, directory / "root"], check=True, env=environment, stdout=sys.stderr)
        disk = directory / "out/disk.qcow2"
        make = ["sh", directory / "make-disk.sh", directory / "root", disk, recipe.gib]
        subprocess.run([*as_root, *make], check=True, env=environment, stdout=sys.stderr)
        unnamed = target.with_suffix(".new")
        shutil.rmtree(unnamed, ignore_errors=True)
        shutil.copytree(directory / "out", unnamed)
        unnamed.rename(target)
    finally:
        subprocess.run([*as_root, "rm", "-rf", "--", directory / "root"], check=False)
        shutil.rmtree(directory, ignore_errors=True)


def differences(theirs, state):
    """What is in their image and not, or in another version, in the one that the local cloud has."""
    images = json.loads(state.read_text())["images"].values()
    [digest] = {image["parent"] for image in images if image["owner"] == "amazon"}
    cache = os.environ.get("VERIS_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "veris"
    packages = json.loads((Path(cache) / "parents" / digest / "manifest.json").read_text())["packages"]
    lines = (line.split() for line in (theirs / "packages").read_text().splitlines())
    return [f"{name} {version}" for name, version in lines if packages.get(name) != version]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--key", type=Path, required=True, help="root's private key, which is made where it is not there")
    arguments.add_argument("--parents", type=Path, required=True, help="folder that keeps what was built")
    arguments.add_argument("--state", type=Path, required=True, help="the local cloud's state")
    arguments = arguments.parse_args()
    if not arguments.key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", arguments.key], check=True)
    public_key = arguments.key.with_suffix(".pub").read_text()
    recipe = Recipe()
    made_of = [recipe.text, Path(__file__).read_text(), public_key, *(text for _, _, text in recipe.assets)]
    target = arguments.parents / hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:16]
    if not target.is_dir():
        arguments.parents.mkdir(parents=True, exist_ok=True)
        build(recipe, target, public_key)
    (target / "differences").write_text("\n".join(differences(target, arguments.state)) + "\n")
    print(target)


if __name__ == "__main__":
    main()
