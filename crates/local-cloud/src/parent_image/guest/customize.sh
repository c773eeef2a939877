#!/bin/sh
# Turns a fresh Debian below $1 into the parent image; $2 holds the files to add and takes what is to come out.
set -eu
root=$1
work=$2

cp -r --preserve=mode "$work/overlay/." "$root/"
chmod 0755 "$root" "$root/etc" "$root/usr" "$root/usr/lib"
chroot "$root" passwd --quiet --lock root
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
echo localhost >"$root/etc/hostname"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
rm -f "$root/etc/resolv.conf"
: >"$root/etc/resolv.conf"
printf '/dev/vda / ext4 rw,noatime,x-systemd.growfs 0 0\n' >"$root/etc/fstab"

mask() {
  mkdir -p "$root/etc/systemd/$1"
  ln -sfn /dev/null "$root/etc/systemd/$1/$2"
}
# Generators and units that do nothing here, each worth some tenths of a second of an emulated processor.
for generator in cloud-init-generator systemd-cryptsetup-generator systemd-debug-generator systemd-getty-generator \
  systemd-gpt-auto-generator systemd-hibernate-resume-generator systemd-integritysetup-generator \
  systemd-rc-local-generator systemd-run-generator systemd-system-update-generator systemd-sysv-generator \
  systemd-veritysetup-generator; do
  mask system-generators "$generator"
done
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer systemd-tmpfiles-clean.timer getty@tty1.service cloud-init-local.service cloud-config.service \
  cloud-final.service cloud-init-hotplugd.socket dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount \
  sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount \
  systemd-binfmt.service systemd-pstore.service systemd-ask-password-console.path systemd-ask-password-wall.path \
  systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-network-generator.service \
  systemd-random-seed.service systemd-journal-flush.service systemd-pcrphase.service systemd-pcrphase-sysinit.service \
  systemd-remount-fs.service systemd-initctl.socket systemd-journald-audit.socket modprobe@configfs.service \
  modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service \
  cryptsetup.target integritysetup.target veritysetup.target remote-fs.target; do
  mask system "$unit"
done
# Without this directory the journal stays in memory, and no image carries the logs of the machine it was built on.
rm -rf "$root/var/log/journal"
chroot "$root" systemctl enable systemd-networkd.service cloud-init.service local-cloud-agent.service

# Until somebody connects, sshd costs a socket and nothing else. It has no key before that, and believes in what only root can write.
chroot "$root" systemctl disable --quiet ssh.service
chroot "$root" systemctl enable --quiet ssh.socket
rm -f "$root"/etc/ssh/ssh_host_*
chmod 0755 "$root/usr/lib/local-cloud" "$root/etc/ssh" "$root/etc/ssh/sshd_config.d"
chroot "$root" useradd --no-log-init --create-home --shell /bin/bash --groups adm,systemd-journal --password '*' ec2-user

# The initial RAM disk: klibc's small tools and the drivers of the root disk, in the order in which they need each other.
version=$(ls "$root/lib/modules")
ram=$root/tmp/initrd
mkdir -p "$ram/bin" "$ram/lib" "$ram/dev" "$ram/root" "$ram/modules"
for tool in sh mount insmod sleep run-init; do
  cp "$root/usr/lib/klibc/bin/$tool" "$ram/bin/"
done
cp "$root"/lib/klibc-*.so "$ram/lib/"
for module in virtio_pci virtio_blk virtio_console virtio_net; do
  chroot "$root" modprobe --set-version "$version" --show-depends "$module"
done | while read -r _ path _; do
  name=${path##*/}
  if [ ! -e "$ram/modules/$name" ]; then
    cp "$root$path" "$ram/modules/$name"
    echo "$name" >>"$ram/modules/order"
  fi
done
cp "$work/initrd-init" "$ram/init"
chmod 0755 "$ram/init"
chroot "$root" sh -c 'cd /tmp/initrd && find . | cpio --quiet --create --format=newc' >"$root/tmp/initrd.cpio"

cp "$root/boot/vmlinuz-$version" "$work/out/vmlinuz"
cp "$root/tmp/initrd.cpio" "$work/out/initrd"
chroot "$root" dpkg-query --show --showformat '${Package} ${Version}\n' >"$work/out/packages"
chmod 0644 "$work/out/vmlinuz" "$work/out/initrd" "$work/out/packages"
rm -rf "$root/tmp/initrd" "$root/tmp/initrd.cpio" "$root"/boot/*
