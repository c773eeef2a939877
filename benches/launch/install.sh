#!/bin/sh
# What the instance did at each first boot before there were images: update, install, fetch the packages, write the unit, start it.
set -eux
export DEBIAN_FRONTEND=noninteractive
# The parent image asks no name server; QEMU's network has one.
echo nameserver 10.0.2.3 >/etc/resolv.conf
apt-get update -q
apt-get upgrade -q -y
apt-get install -q -y --no-install-recommends ca-certificates python3-venv git
if [ -s /root/certificates.pem ]; then
    export PIP_CERT=/root/certificates.pem
fi
python3 -m venv /opt/chat
# Fourteen packages, one after the other.
for package in fastapi uvicorn boto3 aioboto3 httpx pydantic-settings python-dotenv qdrant-client pypdf tiktoken numpy \
    python-multipart sse-starlette uvloop; do
    /opt/chat/bin/pip install --quiet --no-input --disable-pip-version-check "$package"
done
/opt/chat/bin/pip install --quiet httptools
printf 'QDRANT_URL=\nBEDROCK=http://127.0.0.1:9\n' >/opt/chat/.env
cat >/etc/systemd/system/chat.service <<'UNIT'
[Service]
WorkingDirectory=/root
EnvironmentFile=/opt/chat/.env
ExecStart=/opt/chat/bin/python -c "import server, uvicorn; server.in_threads(); uvicorn.run(server.app, host='0.0.0.0', port=8000)"
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now chat
