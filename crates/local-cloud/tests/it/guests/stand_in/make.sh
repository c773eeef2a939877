#!/bin/sh
# Makes $1, a qcow2 disk that stands for Amazon Linux's KVM image where that cannot be had: a GPT disk with its own boot
# loader for BIOS and for UEFI, a distribution's kernel with its own initial RAM disk, and cloud-init that looks for NoCloud
# alone. Nothing of the local cloud is in it. Needs neither root nor a loop device.
set -eu
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/own-loader-XXXXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 1777 "$work"
mode=unshare
[ "$(id -u)" != 0 ] || mode=root

# What boots by BIOS: a core that loads the kernel, for the BIOS boot partition; and the same for UEFI.
cat >"$work/grub.cfg" <<'END'
set root=(hd0,gpt1)
linux /vmlinuz root=LABEL=root ro console=tty0 console=ttyS0,115200n8
initrd /initrd.img
boot
END
grub-mkimage -O i386-pc -p '(hd0,gpt1)/boot/grub' -c "$work/grub.cfg" -o "$work/core.img" biosdisk part_gpt ext2 linux boot
grub-mkimage -O x86_64-efi -p '(hd0,gpt1)/boot/grub' -c "$work/grub.cfg" -o "$work/BOOTX64.EFI" part_gpt ext2 linux boot
cp /usr/lib/grub/i386-pc/boot.img "$work/boot.img"
chmod 0644 "$work"/*

# A small first RAM disk: an emulated BIOS reads some hundred kilobytes a second.
cat >"$work/initramfs.sh" <<'END'
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/modules"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$1/etc/initramfs-tools/modules"
END
mmdebstrap --mode="$mode" --variant=minbase --architectures=amd64 --format=null \
    --include=linux-image-cloud-amd64,initramfs-tools,zstd,systemd-sysv,udev,dbus,iproute2,cloud-init,python3,curl,procps \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io --dpkgopt=force-confold \
    --essential-hook="sh '$work/initramfs.sh' \"\$1\"" \
    --dpkgopt=path-exclude='/usr/share/doc/*' --dpkgopt=path-exclude='/usr/share/man/*' --dpkgopt=path-exclude='/usr/share/locale/*' \
    --customize-hook="sh '$here/disk.sh' \"\$1\" '$work'" bookworm
qemu-img convert -f raw -O qcow2 "$work/disk.raw" "$1"
