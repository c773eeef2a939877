#!/bin/bash
# What components/10-base.yaml and components/20-veris-chat.yaml do in their phases `build` and `validate`, and the clean-up that follows a
# bake. Packer runs it in its guest, where the files of the bake lie in /var/tmp/bake.
set -euo pipefail
service=veris-chat
server=/opt/$service/$service
unit=$service.service
files=(config.yaml manifest.json bom.json)

for program in curl mkdir install sha256sum stat systemctl systemd-analyze; do
    command -v "$program" >/dev/null
done
read -r _ version _ < <(systemctl --version)
[ "${version%%[!0-9]*}" -ge 252 ]
install -d -m 0700 -o root -g root "/etc/$service"

cd /var/tmp/bake
mkdir -p "/opt/$service"
install -m 0644 -o root -g root -t "/etc/$service" "${files[@]}" release.json
install -m 0644 -o root -g root -t /etc/systemd/system "$unit"
install -m 0755 -o root -g root -t "/opt/$service" "$service"
systemctl --no-reload enable "$unit"

[ "$(stat -c '%F %a %U:%G' "/etc/$service")" = 'directory 700 root:root' ]
[ ! -e "/etc/$service/.env" ]
expected="755 root:root $server"
in_place=("/etc/systemd/system/$unit" "${files[@]/#//etc/$service/}" "/etc/$service/release.json")
for file in "${in_place[@]}"; do
    expected+=$'\n'"644 root:root $file"
done
[ "$(stat -c '%a %U:%G %n' "$server" "${in_place[@]}")" = "$expected" ]
sums=
while read -r sum file; do
    case $file in
    "$service") sums+="$sum  $server" ;;
    "$unit") sums+="$sum  /etc/systemd/system/$unit" ;;
    *) sums+="$sum  /etc/$service/$file" ;;
    esac
    sums+=$'\n'
done <SHA256SUMS
sha256sum --check --strict <<<"${sums%$'\n'}"
words=$(systemd-analyze verify --man=no "/etc/systemd/system/$unit" 2>&1)
[[ "$words" != *"$unit"* ]]
"$server" --config "/etc/$service/config.yaml" --check

# It removes what lies in /var/tmp, itself included.
cp sanitize.sh /run/
cd /
work=/var/tmp/work seed=/run sh /run/sanitize.sh
sync
