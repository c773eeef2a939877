#!/usr/bin/env bash
# What an emulated processor and its kernel are told, and what that is worth: the same guest boots, starts 80 programs and reads 25 MB, with
# one option more each time. Prints a table of medians. Needs what the local cloud needs, and a parent image, which `veris local up` makes.
#
#   benches/guest.sh [ROUNDS]     # 3 when not given
set -euo pipefail
rounds=${1:-3}
cache=${VERIS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/veris}
parent=$(for image in "$cache"/parents/*/vmlinuz; do dirname "$image"; done | xargs ls -dt | head -n 1)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# The parent image's agent runs this in the guest, and powers it off then.
cat >run.sh <<'END'
#!/bin/sh
tell() { read -r now _ </proc/uptime; printf '%s %s\n' "$1" "$now"; }
tell booted
i=0
while [ "$i" -lt 40 ]; do bash -c 'stat / >/dev/null; :'; i=$((i + 1)); done
tell started
dd if=/dev/zero of=/tmp/zeros bs=1M count=25 2>/dev/null
sha256sum /tmp/zeros >/dev/null
tell read
END
chmod +x run.sh
tar -cf seed.tar run.sh

guest() {
    local processor=$1 options=$2
    qemu-img create -q -f qcow2 -b "$parent/disk.qcow2" -F qcow2 disk.qcow2
    : >agent.log
    timeout 600 qemu-system-x86_64 -machine q35 -nodefaults -no-user-config -display none -accel tcg,thread=multi,tb-size=512 \
        -cpu "$processor" -smp 2 -m 1024 -no-reboot -kernel "$parent/vmlinuz" -initrd "$parent/initrd" \
        -append "console=ttyS0 root=/dev/vda rw net.ifnames=0 mitigations=off panic=-1 cloud-init=disabled local_cloud.agent $options" \
        -drive file=disk.qcow2,format=qcow2,if=none,id=root,cache=unsafe -device virtio-blk-pci,drive=root,bootindex=1 \
        -drive file=seed.tar,format=raw,if=none,id=seed,readonly=on -device virtio-blk-pci,drive=seed,serial=agent-seed \
        -serial file:console.log -device virtio-serial-pci -chardev file,id=agent,path=agent.log \
        -device virtserialport,chardev=agent,name=local-cloud.agent \
        -netdev user,id=net,restrict=on -device virtio-net-pci,netdev=net,romfile=
    awk '{ printf "%s%.2f", NR == 1 ? "" : " ", $2 - before; before = $2 } END { print "" }' agent.log
}

lean=max,-smap,-smep,-umip,-pku,-la57,-erms,-fsrm
for ((round = 0; round < rounds; round++)); do
    for told in "max|" "$lean|" "$lean|init_on_alloc=0" "$lean|init_on_alloc=0 norandmaps"; do
        printf '%s|%s\n' "$told" "$(guest "${told%%|*}" "${told##*|}")"
    done
done >rows
python3 - rows <<'END'
import sys
from collections import defaultdict
from statistics import median

seconds = defaultdict(list)
for line in open(sys.argv[1]):
    processor, options, times = line.rstrip("\n").split("|")
    seconds[processor, options].append([float(time) for time in times.split()])
print("| `-cpu` | kernel | boot, s | start 80 programs, s | write and digest 25 MB, s |\n| --- | --- | ---: | ---: | ---: |")
for (processor, options), rounds in seconds.items():
    cells = " | ".join(f"{median(times):.1f}" for times in zip(*rounds))
    print(f"| `{processor}` | {f'`{options}`' if options else ''} | {cells} |")
END
