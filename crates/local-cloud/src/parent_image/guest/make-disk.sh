#!/bin/sh
# Makes the disk $2 of $3 GiB from the directory $1. The file is new and therefore full of zeros, which spares most writes.
set -eu
mkfs.ext4 -q -F -L root -E assume_storage_prezeroed=1,lazy_itable_init=0 -d "$1" "$2.raw" "$3G" 2>/dev/null ||
  { rm -f "$2.raw"; mkfs.ext4 -q -F -L root -d "$1" "$2.raw" "$3G"; }
qemu-img convert -f raw -O qcow2 "$2.raw" "$2"
rm -f "$2.raw"
chmod 0644 "$2"
