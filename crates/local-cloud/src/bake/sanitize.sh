#!/bin/sh
# Removes from a build instance what must not be the same in every instance of the image, or was only of use during the build.
# As with EC2 Image Builder, a component keeps a group of files by creating skip_cleanup_GROUP_files in the working directory.
set -u

skipped() {
    [ -e "$work/skip_cleanup_$1_files" ]
}

# What the patterns match is removed at the end, all of it by one `rm`.
doomed="$seed/doomed"
: >"$doomed" || exit 1
remove() {
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            printf '%s\0' "$path" >>"$doomed" || exit 1
            printf 'removed %s\n' "$path"
        fi
    done
}

# Empties files in place: services hold them open.
empty() {
    for path in "$@"; do
        [ ! -f "$path" ] || : >"$path" || exit 1
    done
}

if ! skipped cloudinit; then
    remove /var/lib/cloud/* /var/log/cloud-init.log /var/log/cloud-init-output.log
fi

if ! skipped instance; then
    remove /etc/hostname /var/lib/dhcp/*.leases /var/lib/dhclient/*.lease* /var/lib/NetworkManager/*.lease
    # The seed is saved again when its service stops, so the service is stopped first. systemd has this link for each unit that runs.
    if [ -L /run/systemd/units/invocation:systemd-random-seed.service ]; then
        systemctl stop systemd-random-seed.service 2>/dev/null || true
    fi
    remove /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
    # An empty file is filled at the next boot; without the file that boot would count as the first one.
    : >/etc/machine-id || exit 1
    [ -L /var/lib/dbus/machine-id ] || remove /var/lib/dbus/machine-id
fi

if ! skipped ssh; then
    remove /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
    remove /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
fi

if ! skipped instance_log; then
    remove /root/.*_history /home/*/.*_history /root/.lesshst /root/.viminfo
    remove /var/log/audit/* /var/log/boot.log /var/log/journal/* /var/log/*.gz /var/log/*.[0-9]
    empty /var/log/messages /var/log/syslog /var/log/secure /var/log/auth.log /var/log/kern.log /var/log/daemon.log \
        /var/log/dmesg /var/log/wtmp /var/log/btmp /var/log/lastlog /var/log/maillog /var/log/cron
fi

if ! skipped ssm_log; then
    remove /var/log/amazon/ssm/*
fi

if ! skipped toe; then
    remove /var/lib/amazon/toe/TOE_*
fi

# Some names begin with a dot: systemd makes /tmp/.X11-unix at each boot.
remove /var/tmp/* /var/tmp/.[!.]* /tmp/* /tmp/.[!.]*
# The skip files, and whatever else the build has left where it worked.
[ "$work" = /tmp ] || remove "$work"/skip_cleanup_*_files
[ ! -s "$doomed" ] || xargs -0 rm -rf -- <"$doomed" || exit 1
exit 0
