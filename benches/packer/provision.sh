#!/bin/bash
# What components/10-base.yaml and components/20-veris-chat.yaml do in their phases `build` and `validate`, and the clean-up that follows a
# bake. Packer runs it in its guest, where the files of the bake lie in /var/tmp/bake.
set -euo pipefail
service=veris-chat
server=/opt/$service/$service
unit=$service.service
files=(config.yaml manifest.json bom.json)

for program in curl install sha256sum stat systemctl systemd-analyze; do
    command -v "$program" >/dev/null
done
version=$(systemctl --version | head -n 1 | cut -d ' ' -f 2)
[ "${version%%[!0-9]*}" -ge 252 ]
install -d -m 0700 -o root -g root "/etc/$service"

cd /var/tmp/bake
sha256sum --check --strict SHA256SUMS
install -D -m 0755 -o root -g root "$service" "$server"
install -D -m 0644 -o root -g root "$unit" "/etc/systemd/system/$unit"
for file in "${files[@]}"; do
    install -D -m 0644 -o root -g root "$file" "/etc/$service/$file"
done
install -m 0644 release.json "/etc/$service/release.json"
systemctl --no-reload enable "$unit"
sync

[ "$(stat -c '%F %a %U:%G' "/etc/$service")" = 'directory 700 root:root' ]
[ ! -e "/etc/$service/.env" ]
[ "$(stat -c '%a %U:%G' "$server")" = '755 root:root' ]
for file in "/etc/systemd/system/$unit" "${files[@]/#//etc/$service/}" "/etc/$service/release.json"; do
    [ "$(stat -c '%a %U:%G' "$file")" = '644 root:root' ]
done
while read -r sum file; do
    case $file in
    "$service") echo "$sum  $server" ;;
    "$unit") echo "$sum  /etc/systemd/system/$unit" ;;
    *) echo "$sum  /etc/$service/$file" ;;
    esac
done <SHA256SUMS | sha256sum --check --strict
words=$(systemd-analyze verify --man=no "/etc/systemd/system/$unit" 2>&1)
! grep -F "$unit" <<<"$words" >&2
systemctl is-enabled "$unit"
"$server" --config "/etc/$service/config.yaml" --check

# It removes what lies in /var/tmp, itself included.
cp sanitize.sh /run/
cd /
work=/var/tmp/work sh /run/sanitize.sh
sync
