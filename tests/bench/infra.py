# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of verify's controls can be said in pytest-testinfra, the way its users write it: an assertion a fact. For tests/bench/verify."""

from __future__ import annotations

import json

import pytest

TLS = "/etc/qdrant/tls/current"
PROPERTIES = {
    "ActiveState": "active", "UnitFileState": "enabled", "DropInPaths": "", "PrivateDevices": "yes", "PrivateTmp": "yes", "PrivateUsers": "yes",
    "ProtectHome": "yes", "ProtectProc": "invisible", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "RemoveIPC": "yes", "UMask": "0077", "KeyringMode": "private",
    "DevicePolicy": "closed", "ExecReload": "", "LimitCORE": "0", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "",
}  # fmt: skip
FILES = {
    "/etc/qdrant/config.yaml": ("root", 0o644), "/etc/qdrant/secrets.yaml": ("root", 0o600), "/etc/qdrant/tls": ("root", 0o700),
    TLS + "/tls.key": ("root", 0o600), TLS + "/tls.crt": ("root", 0o600), TLS + "/ca.crt": ("root", 0o600),
    "/var/lib/qdrant/storage": ("qdrant", 0o700), "/var/lib/qdrant/snapshots": ("qdrant", 0o700),
    "/etc/systemd/system/qdrant.service": ("root", 0o644), "/opt/qdrant/libexec/gate.py": ("root", 0o644),
}  # fmt: skip
STATUS = {
    "CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapBnd": "0000000000000000",
    "CapAmb": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
}  # fmt: skip
KEY = '$(python3 -c \'import json; print(json.load(open("/etc/qdrant/secrets.yaml"))["service"]["%s"])\')'


@pytest.fixture
def address(host):
    return host.run("ip -json route get 192.0.2.1 | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][\"prefsrc\"])'").stdout.strip()


@pytest.fixture
def pid(host):
    return host.run("systemctl show --value --property=MainPID qdrant").stdout.strip()


@pytest.fixture
def rest(host, address):
    def ask(path, *options):
        command = "curl --silent --output /dev/null --write-out '%%{http_code}' --cacert %s/ca.crt %s https://%s:6333%s"
        return host.run(command % (TLS, " ".join(options), address, path)).stdout

    return ask


@pytest.mark.parametrize("name", PROPERTIES)
def test_property(host, name):
    assert host.run(f"systemctl show --value --property={name} qdrant").stdout.strip() == PROPERTIES[name]


def test_exposure(host):
    line = host.run("systemd-analyze security --no-pager qdrant | tail -n 1").stdout
    assert float(line.partition(": ")[2].split()[0]) <= 1.0


@pytest.mark.parametrize("path", FILES)
def test_file(host, path):
    file = host.file(path)
    assert (file.user, file.mode) == FILES[path]


@pytest.mark.parametrize("name", STATUS)
def test_process(host, pid, name):
    assert host.run(f"awk '$1 == \"{name}:\" {{print $2}}' /proc/{pid}/status").stdout.strip() == STATUS[name]


def test_user(host, pid):
    assert host.run(f"stat --format=%U /proc/{pid}").stdout.strip() == "qdrant"


def test_root_is_read_only(host, pid):
    assert host.run(f"awk '$5 == \"/\" {{print $6}}' /proc/{pid}/mountinfo").stdout.startswith("ro,")


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "python3", "perl"])
def test_no_shell(host, pid, shell):
    assert not host.file(f"/proc/{pid}/root/bin/{shell}").exists


@pytest.mark.parametrize("port", [6333, 6334])
def test_listens(host, address, port):
    assert host.socket("tcp://%s:%d" % (address, port)).is_listening
    assert not host.socket("tcp://0.0.0.0:%d" % port).is_listening


@pytest.mark.parametrize("path", ["/collections", "/metrics", "/telemetry", "/cluster"])
def test_anonymous(rest, path):
    assert rest(path) == "401"


@pytest.mark.parametrize("header", ["api-key: wrong", "api-key;", "Authorization: Bearer garbage"])
def test_wrong_key(rest, header):
    assert rest("/collections", f"--header '{header}'") == "401"


def test_keys(rest):
    full, reader = ('--header "api-key: %s"' % (KEY % name) for name in ("api_key", "read_only_api_key"))
    assert rest("/collections", full) == "200"
    assert rest("/collections", reader) == "200"
    assert rest("/collections/nothing", reader, "--request DELETE") == "403"


def test_cors(rest):
    assert rest("/collections", "--header 'Origin: https://attacker.example'", "--request OPTIONS") == "401"


@pytest.mark.parametrize("port", [6333, 6334])
def test_certificate(host, address, port):
    connect = "openssl s_client -connect %s:%d -CAfile %s/ca.crt -verify_ip %s </dev/null 2>/dev/null" % (address, port, TLS, address)
    assert host.run(f"{connect} | grep --text --quiet 'Verification: OK'").rc == 0
    digest = "openssl x509 -noout -fingerprint -sha256"
    assert host.run(f"{connect} | {digest}").stdout == host.run(f"{digest} -in {TLS}/tls.crt").stdout != ""


@pytest.mark.parametrize("port", [6333, 6334])
@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_outdated_tls(host, address, port, version):
    assert host.run("openssl s_client -%s -connect %s:%d </dev/null" % (version, address, port)).rc != 0


def test_plaintext(host, address):
    assert host.run(f"curl --silent --max-time 3 http://{address}:6333/").rc != 0


def test_expiry(host):
    assert host.run(f"openssl x509 -noout -checkend 604800 -in {TLS}/tls.crt").rc == 0


def test_release(host):
    recorded = json.loads(host.file("/opt/qdrant/current/release.json").content_string)["binary_sha256"]
    assert host.file("/opt/qdrant/current/qdrant").sha256sum == recorded


def test_firewall(host):
    rules = host.run("nft list table inet hardened_qdrant").stdout
    assert "hook prerouting priority raw" in rules and "tcp dport 6335" in rules
    assert host.run("systemctl is-enabled qdrant-firewall").stdout.strip() == "enabled"
