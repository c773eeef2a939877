#!/bin/sh
# Configures the system below $1 as an image for other clouds than EC2, and puts it on the disk $2/disk.raw.
set -eu
root=$1
work=$2

echo 'LABEL=root / ext4 rw 0 1' >"$root/etc/fstab"
echo stand-in >"$root/etc/hostname"
: >"$root/etc/machine-id"
rm -f "$root/etc/resolv.conf"
chroot "$root" passwd --quiet --lock root
chroot "$root" systemctl enable systemd-networkd.service
cat >"$root/etc/cloud/cloud.cfg.d/99_onprem.cfg" <<'END'
datasource_list: [ NoCloud, None ]
END
# The modules that take no minutes of an emulated processor.
cat >"$root/etc/cloud/cloud.cfg.d/98_modules.cfg" <<'END'
cloud_init_modules: [bootcmd, write-files, set_hostname]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
END

size=1800 # MiB
truncate -s "$((size + 16))M" "$work/disk.raw"
# As Amazon numbers them: the root file system is 1, the BIOS boot partition 127, the EFI system partition 128.
sfdisk --quiet "$work/disk.raw" <<END
label: gpt
unit: sectors
disk.raw1 : start=32768, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
disk.raw127 : start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649
disk.raw128 : start=4096, size=20480, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
END
# Without what is mounted below it while mmdebstrap is at work.
cp -ax "$root" "$work/root"
mkfs.ext4 -q -F -L root -E offset=$((32768 * 512)) -d "$work/root" "$work/disk.raw" "$((size - 2))M"
rm -rf "$work/root"

put() { # FILE BYTE: writes standard input there.
    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# The first sector loads the core's first sector, and that the rest of the core.
sectors=$(($(wc -c <"$work/core.img") / 512))
printf '\000\010\000\000\000\000\000\000' | put "$work/boot.img" 92
printf '\001\010\000\000\000\000\000\000' | put "$work/core.img" 500
printf "\\$(printf %03o $((sectors % 256)))\\$(printf %03o $((sectors / 256)))\040\010" | put "$work/core.img" 508
dd if="$work/boot.img" of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$work/disk.raw" bs=512 seek=2048 conv=notrunc status=none

esp="$work/disk.raw@@$((4096 * 512))"
mformat -i "$esp" -T 20480 -h 16 -s 63 ::
mmd -i "$esp" ::/EFI ::/EFI/BOOT
mcopy -i "$esp" "$work/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
