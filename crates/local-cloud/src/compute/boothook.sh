#cloud-boothook
#!/bin/sh
# User data of build and test instances whose image has a loader of its own: starts the agent, which such an image lacks.
# cloud-init runs it at every boot, whichever modules it is configured with. Only the first of these files is on the disk.
set -eu

# The image may look for NoCloud alone. What is made from it is to ask the metadata service, as any AMI does on EC2.
cat >/etc/cloud/cloud.cfg.d/zz_ec2.cfg <<'END'
datasource_list: [ Ec2, None ]
END

mkdir -p /run/local-cloud /run/systemd/system
cat >/run/local-cloud/agent <<'END'
# Unpacks the seed disk and runs what is in it. The unit powers the machine off when this script ends, however it ends.
set -u
seed=/dev/disk/by-id/virtio-agent-seed
port=/dev/ttyS1
udevadm settle --timeout=60 --exit-if-exists="$seed"
stty -F "$port" raw -echo

mkdir -p /run/local-cloud-agent
cd /run/local-cloud-agent || exit 1
if tar -xf "$seed"; then
  sh ./run.sh >"$port" 2>&1
else
  echo "agent: failed to unpack the seed disk" >"$port"
fi
sync
END
cat >/run/systemd/system/local-cloud-agent.service <<'END'
[Unit]
Description=Run what the local cloud put on the seed disk, then power off
Wants=network-online.target
After=network-online.target
# The whole system stays up while the work runs, so that components can start services.
After=multi-user.target cloud-final.service
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
ExecStart=/bin/sh /run/local-cloud/agent
TimeoutStartSec=infinity
END
# SELinux, where it is enforced, wants to know a unit by its label.
restorecon -F /run/systemd/system/local-cloud-agent.service 2>/dev/null || true
systemctl daemon-reload
systemctl start --no-block local-cloud-agent.service
