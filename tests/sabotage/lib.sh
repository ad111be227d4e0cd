# shellcheck shell=sh
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What sabotages are written with. It runs on a test host, as root.
set -eu

STATE=/run/sabotage
SAVED=$STATE/saved
DROP_INS=/run/systemd/system/qdrant.service.d
UNIT=/etc/systemd/system/qdrant.service
TLS=/etc/qdrant/tls/current
GUARD="inet hardened_qdrant"
ADDRESS=$(sed -n 's/.*--address=\([0-9.]*\).*/\1/p' $UNIT | head -n 1)

# Whoever sets `undoing` is told by this code that it did not get to its end.
# shellcheck disable=SC2154  # case.yml sets it
trap '[ -z "${undoing:-}" ] || exit 97' EXIT

# Copy what `undo` puts back. The folder is in memory and root's alone: it holds secrets.
prepare() {
  [ ! -e $SAVED/done ] || return 0
  (umask 077 && mkdir -p $SAVED)
  cp -a /etc/qdrant $UNIT /etc/systemd/system/qdrant-firewall.service $SAVED/
  cp -a /opt/qdrant/libexec $SAVED/
  [ ! -e /etc/docker/daemon.json ] || cp -a /etc/docker/daemon.json $SAVED/
  touch $SAVED/done
}

# Everything as it was, and the node running with it.
undo() {
  systemctl stop 'sabotage-*' 2>/dev/null || true
  ! command -v docker >/dev/null || undo_containers
  for place in /var/lib/qdrant/snapshots /var/lib/qdrant/storage; do
    ! mountpoint -q $place || { systemctl stop qdrant; umount $place; touch $STATE/restart; }
  done
  rm -rf $DROP_INS /etc/qdrant /opt/qdrant/libexec
  cp -a $SAVED/qdrant /etc/
  cp -a $SAVED/libexec /opt/qdrant/
  cp -a $SAVED/qdrant.service $SAVED/qdrant-firewall.service /etc/systemd/system/
  chmod 0755 /opt /opt/qdrant /etc/systemd/system
  chmod 0700 /var/lib/qdrant/storage /var/lib/qdrant/snapshots
  chown qdrant:qdrant /var/lib/qdrant/storage /var/lib/qdrant/snapshots
  systemctl daemon-reload
  systemctl unmask qdrant-firewall 2>/dev/null || true
  systemctl enable --quiet qdrant qdrant-firewall
  # shellcheck disable=SC2086 # two words: family and name
  nft delete table $GUARD 2>/dev/null || true
  nft delete table ip hardened_other 2>/dev/null || true
  nft -f /etc/qdrant/firewall.nft
  if [ -e $STATE/restart ] || ! systemctl is-active --quiet qdrant; then
    systemctl reset-failed qdrant 2>/dev/null || true
    systemctl restart qdrant
  fi
  rm -f $STATE/restart
}

# Of a node in a container: no container but its own, the engine as it was.
undo_containers() {
  chmod 0660 /run/docker.sock
  [ ! -e $STATE/engine ] || {
    rm -f /run/systemd/system/docker.service.d/sabotage.conf $STATE/engine
    cp -a $SAVED/daemon.json /etc/docker/
    systemctl daemon-reload
    systemctl reset-failed qdrant docker 2>/dev/null || true
    systemctl restart docker
    touch $STATE/restart
  }
  docker ps --all --quiet --filter label=sabotage | xargs -r docker rm --force >/dev/null
  docker network ls --quiet --filter label=sabotage | xargs -r docker network rm >/dev/null 2>&1 || true
}

# The unit of a container with other words, and the container made from it: sed's expressions.
remake() {
  for expression in "$@"; do sed -i -E "$expression" $UNIT; done
  systemctl daemon-reload
  touch $STATE/restart
  systemctl reset-failed qdrant 2>/dev/null || true
  systemctl restart qdrant
}

# One more word for `docker run`.
with() { remake "s|--rm --name=qdrant|& $1|"; }

# The unit without its gate; what makes the container stays.
ungate() { sed -i -E '/gate\.py (check|probe)/,/[^\\]$/d' $UNIT; }

# The image that the node runs, by its id.
image() { docker inspect --format '{{.Image}}' qdrant; }

# Another container, of the image that there is: NAME, then words for `docker run`.
intruder() {
  name=$1
  shift
  docker run --detach --rm --name "$name" --label sabotage --pull never --entrypoint sleep "$@" "$(image)" 600 >/dev/null
}

# The engine started with other settings, and the node with it.
engine() {
  touch $STATE/engine
  systemctl daemon-reload
  systemctl reset-failed qdrant docker 2>/dev/null || true
  systemctl restart docker
  systemctl start qdrant
}

# Lines for the unit's section Service.
dropin() {
  mkdir -p $DROP_INS
  [ -e $DROP_INS/sabotage.conf ] || echo '[Service]' >$DROP_INS/sabotage.conf
  printf '%s\n' "$@" >>$DROP_INS/sabotage.conf
  systemctl daemon-reload
}

# The unit without its gate, for what the gate would not let happen.
nogate() { dropin ExecStartPre= ExecStartPost=; }

restart() {
  touch $STATE/restart
  systemctl reset-failed qdrant 2>/dev/null || true
  systemctl restart qdrant
  wait_for 6333
}

# Until something listens on a port, but not for ever.
wait_for() {
  for _try in $(seq 100); do
    [ -z "$(ss -Hltn "sport = :$1")" ] || return 0
    sleep 0.1
  done
  echo "nothing listens on port $1" >&2
  return 1
}

# A setting of the server, past the file, and past the gate, which would not let it.
setting() {
  sed -i 's/ --environment=%n//' $UNIT
  dropin "Environment=QDRANT__$1"
}

# Another program on a port, as a service that `undo` finds.
rogue() {
  name=$1
  shift
  systemd-run --quiet --collect --unit="sabotage-$name" "$@"
}

# A server with the node's certificate that agrees on outdated TLS, and greets everyone by HTTP and by HTTP/2.
tls_server() {
  port=$1 lowest=$2 highest=$3 suites=$4
  rogue tls python3 -c '
import socketserver, ssl, sys
address, port, lowest, highest, suites, folder = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version, context.maximum_version = ssl.TLSVersion[lowest], ssl.TLSVersion[highest]
context.set_ciphers(suites)
context.load_cert_chain(folder + "/tls.crt", folder + "/tls.key")
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(2)
        try:
            with context.wrap_socket(self.request, server_side=True) as secure:
                http2 = secure.recv(4096).startswith(b"PRI")
                secure.sendall(bytes(3) + bytes([4, 0, 0, 0, 0, 0]) if http2 else b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        except OSError:
            pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 64
Server((address, int(port)), Handler).serve_forever()
' "$ADDRESS" "$port" "$lowest" "$highest" "$suites" $TLS
  wait_for "$port"
}

# Something that listens on a port of all addresses of IPv6, and says nothing.
listener_ipv6() {
  rogue ipv6 python3 -c '
import socket, sys
with socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6) as server:
    while True:
        server.accept()[0].close()
' "$1"
  for _try in $(seq 100); do
    [ -z "$(ss -Hltn6 "sport = :$1")" ] || return 0
    sleep 0.1
  done
  return 1
}

# The server without one of its ports, which another one takes.
move() {
  nogate
  setting "$1"
  touch $STATE/restart
  systemctl reset-failed qdrant 2>/dev/null || true
  systemctl restart qdrant
}

# The server without any of the unit's walls, with the same settings, keys and certificates.
naked() {
  systemctl stop qdrant
  mkdir -p $STATE/home/config && chmod 0711 $STATE && chmod -R a+rX $STATE/home
  cp /etc/qdrant/config.yaml $STATE/home/config/
  chmod a+r $STATE/home/config/config.yaml
  start=$(sed -n 's/^ExecStart=\/qdrant\/qdrant/ExecStart=\/opt\/qdrant\/current\/qdrant/p' $UNIT)
  sed '/^\(RootDirectory\|MountAPIVFS\|Bind\|Protect\|Read\|Inaccessible\|NoExec\|Private\|Device\|Restrict\|SystemCall\|ExecStart\|WorkingDirectory\|IPAddress\|NoNew\|Lock\|Memory\|KeyringMode\|RemoveIPC\|UMask\|ProcSubset\)/d; /^  /d; /^ --/d' $UNIT >$STATE/unit
  sed "s|^\\[Service\\]|&\nWorkingDirectory=$STATE/home\n$start\nPrivateMounts=no|" $STATE/unit >$UNIT
  setting STORAGE__STORAGE_PATH=/var/lib/qdrant/storage
  setting STORAGE__SNAPSHOTS_PATH=/var/lib/qdrant/snapshots
  setting AUDIT__DIR=/var/lib/qdrant/storage/audit
  dropin Environment=QDRANT_INIT_FILE_PATH=/var/lib/qdrant/storage/.qdrant-initialized
  restart
}

# A cluster of one that was made without TLS between its peers, in a storage of its own.
plaintext_peers() {
  systemctl stop qdrant
  mount -t tmpfs -o "size=256m,mode=0700,uid=$(id -u qdrant),gid=$(id -g qdrant)" none /var/lib/qdrant/storage
  nogate
  start=$(sed -n 's/--uri=https/--uri=http/; s/^ExecStart=//p' $UNIT)
  dropin ExecStart= "ExecStart=$start" Environment=QDRANT__CLUSTER__P2P__ENABLE_TLS=false
  restart
}

# A request that changes something, as the owner of the key: METHOD PATH [BODY]. Without, the body describes a collection.
ask() {
  ADDRESS=$ADDRESS python3 - "$@" <<'PYTHON'
import json, os, ssl, sys, urllib.request
with open("/etc/qdrant/secrets.yaml") as file:
    key = json.load(file)["service"]["api_key"]
body = (sys.argv[3] if len(sys.argv) > 3 else json.dumps({"vectors": {"size": 4, "distance": "Dot"}})).encode()
headers = {"api-key": key, "Content-Type": "application/json"}
request = urllib.request.Request("https://%s:6333%s" % (os.environ["ADDRESS"], sys.argv[2]), body, headers, method=sys.argv[1])
urllib.request.urlopen(request, context=ssl.create_default_context(cafile="/etc/qdrant/tls/current/ca.crt"), timeout=15).read()
PYTHON
}

# The secrets' file with a change of its section `service`, as Python.
secrets() {
  python3 - "$1" <<'PYTHON'
import json, sys
path = "/etc/qdrant/secrets.yaml"
with open(path) as file:
    content = json.load(file)
service = content["service"]
exec(sys.argv[1])
with open(path, "w") as file:
    json.dump(content, file)
PYTHON
}

# A new certificate, with a CA of its own that is trusted too, so that only what is asked for is wrong with it. Options as Python:
# days, life, sans, purposes, key, trusted, ca_days.
certificate() {
  ADDRESS=$ADDRESS python3 - "$*" <<'PYTHON'
import datetime, ipaddress, os, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose, NameOID

wanted = {"days": 60, "life": 90, "sans": [x509.IPAddress(ipaddress.ip_address(os.environ["ADDRESS"]))],
          "purposes": [Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH], "key": ec.generate_private_key(ec.SECP256R1()), "trusted": True, "ca_days": 1000}
for option in sys.argv[1].split(";"):
    if option.strip():
        name, value = option.split("=", 1)
        wanted[name.strip()] = eval(value)
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)
ca_key = ec.generate_private_key(ec.SECP256R1())
ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sabotage")])

def build(subject, public, start, end, *extensions):
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(public)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(ca_key, hashes.SHA256())

usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
ca = build(ca_name, ca_key.public_key(), now - 10 * day, now + wanted["ca_days"] * day, (x509.BasicConstraints(True, 0), True), (usage, True),
           (x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), False))
end = now + wanted["days"] * day
leaf = build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")]), wanted["key"].public_key(), end - wanted["life"] * day, end,
             (x509.SubjectAlternativeName(wanted["sans"]), False), (x509.ExtendedKeyUsage(wanted["purposes"]), False),
             (x509.BasicConstraints(False, None), True), (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False))
pem = lambda certificate: certificate.public_bytes(serialization.Encoding.PEM)
key = wanted["key"].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
files = {"tls.key": key, "tls.crt": pem(leaf)}
if wanted["trusted"]:
    files["ca.crt"] = pem(ca)
for name, content in files.items():
    with open("/etc/qdrant/tls/current/" + name, "wb") as file:
        file.write(content)
PYTHON
}
