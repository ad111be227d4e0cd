# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the observer that read text. What it sees of real nodes is tested on real nodes."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import json
import os
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate, _node, _wire
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import asking, audit, auth, config, files, host, process, trust, ways, web
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Place
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority

PLACE = Place("qdrant.service", "qdrant", "/opt/qdrant", "/etc/qdrant", "/var/lib/q/s", "/var/lib/q/n", "192.0.2.1", 6333, 6334, None)
OURS, FOREIGN = (_authority.create(name, datetime.now(UTC))[0] for name in ("ours", "foreign"))


def run(_command):
    """Nothing that a test of this file needs is asked of a program."""
    return 1, "", "no program"


def test_a_section_that_cannot_be_observed_is_an_error_and_not_a_lack_of_findings():
    assert asking.ask({("a", "b"): lambda: 1, ("a", "c"): lambda: 1 / 0}) == {"a": {"b": 1, "c": {"error": "ZeroDivisionError: division by zero"}}}


def test_ports_of_a_single_node():
    assert sorted(PLACE.ports()) == ["grpc", "rest"]


def test_keys_are_described_without_being_shown():
    described = config.strength({"api_key": "x" * 40, "read_only_api_key": "x" * 40})
    assert described == {"there": ["api_key", "read_only_api_key"], "shortest": 40, "differ": False}
    assert config.strength({}) == {"there": [], "shortest": 0, "differ": True}


def test_capabilities_are_counted():
    assert [process.capabilities(mask) for mask in ("0000000000000000", "000001ffffffffff")] == [0, 41]


def decode(part: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_token_is_what_the_standard_says():
    """The example of RFC 7515, A.1, has other spaces in its parts, so only the construction is compared: with PyJWT's."""
    made = auth.token({"exp": 1, "access": "r"}, "k" * 32)
    header, claims, signature = made.split(".")
    assert decode(header) == {"alg": "HS256", "typ": "JWT"} and decode(claims) == {"exp": 1, "access": "r"}
    expected = hmac.new(b"k" * 32, (f"{header}.{claims}").encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)) == expected


def test_tokens_that_should_not_open_a_collection_differ_in_one_thing_each():
    tokens = auth.tokens("k" * 32, "mine", 1000.0)
    parts = {name: token.split(".") for name, token in tokens.items()}
    assert decode(parts["token_expired"][1])["exp"] < 1000 < decode(parts["token_forged"][1])["exp"]
    assert parts["token_unsigned"][2] == "" and decode(parts["token_unsigned"][0])["alg"] == "none"
    assert decode(parts["token_wrong_algorithm"][0])["alg"] == "HS512"
    assert decode(parts["token_elsewhere"][1])["access"] == [{"collection": "mine-other", "access": "r"}]
    assert set(decode(parts["token_without_access"][1])) == {"exp"}
    assert len({token[2] for name, token in parts.items()}) == len(tokens), "no two have the same signature"


def test_room_is_what_an_unprivileged_user_may_fill(tmp_path):
    room = host.room(str(tmp_path))
    assert room["free_bytes"] > 0 and 0 <= room["free_percent"] <= 100 and 0 <= room["free_inodes_percent"] <= 100


def test_one_file_and_another(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("x")
    second.write_text("x")
    assert process.same_file(str(first), str(first)) and not process.same_file(str(first), str(second))
    assert not process.same_file(str(first), str(tmp_path / "missing"))


def test_files_that_a_process_has_open(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    limits = [
        "/proc/self/stat",
        "/proc/self/limits",
        "/proc/meminfo",
        "/proc/sys/vm/max_map_count",
        "/proc/self/task/%d/children" % os.getpid(),
        "/proc/self/mounts",
    ]
    with contextlib.ExitStack() as stack:
        for path in (inside / "a", outside):
            stack.enter_context(open(path, "w"))
        for path in (*limits, "/proc/1/stat", "/proc/self/environ", "/proc/self/task/%d/mem" % os.getpid()):
            stack.enter_context(open(path))
        found = process.open_files(os.getpid(), [str(inside)])
    assert str(outside) in found and str(inside / "a") not in found
    # Its own limits and threads, of which it reads now and then, are none; another process's are, and what is no business of a server.
    assert [path for path in found if path.startswith("/proc/")] == [
        "/proc/1/stat",
        "/proc/%d/environ" % os.getpid(),
        "/proc/{0}/task/{0}/mem".format(os.getpid()),
    ]


def test_a_server_without_a_root_of_its_own_has_its_data_at_the_hosts_paths(tmp_path):
    place = Place("u", "q", "/o", "/c", "/d", "/s", "192.0.2.1", 1, 2, 3)
    assert process.data_as_seen(place, "/proc/self/root") == ("/qdrant/storage", "/qdrant/snapshots", "/d", "/s")
    assert process.data_as_seen(place, str(tmp_path)) == ("/qdrant/storage", "/qdrant/snapshots")


def test_settings_are_read_from_the_file_that_the_role_writes(tmp_path):
    text = "# comment\ncluster:\n  enabled: true\n  p2p:\n    port: 6335\nlog_level: INFO\ntls:\n  cert_ttl: null\n  key: '/k'\n"
    (tmp_path / "config.yaml").write_text(text)
    place = Place("u", "q", "/o", str(tmp_path), "/d", "/s", "192.0.2.1", 1, 2, 3)
    assert config.observe(place, run) == {
        "path": str(tmp_path / "config.yaml"),
        "values": {"cluster.enabled": True, "cluster.p2p.port": 6335, "log_level": "INFO", "tls.cert_ttl": None, "tls.key": "/k"},
        "holds_keys": False,
    }
    (tmp_path / "config.yaml").write_text("service:\n  'api_key': x\n")
    assert config.observe(place, run)["holds_keys"]


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("inference:\n  token: x", True),
        ("storage: {snapshots_config: {s3_config: {secret_key: x}}}", True),
        ("inference:\n  address: https://u:p@example.com", True),
        ("log_level: the-token-of-inference", True),
        ("inference:\n  address: https://example.com", False),
    ],
)
def test_secrets_of_other_services_are_held_by_the_settings_as_keys_are(tmp_path, line, held):
    (tmp_path / "secrets.yaml").write_text('{"service": {"api_key": "%s"}, "inference": {"token": "the-token-of-inference"}}' % ("k" * 40))
    (tmp_path / "config.yaml").write_text(line + "\n")
    place = Place("u", "q", "/o", str(tmp_path), "/d", "/s", "192.0.2.1", 1, 2, 3)
    assert config.observe(place, run)["holds_keys"] == held


def test_every_secret_of_the_node_is_looked_for(tmp_path):
    """In arguments and environment, in what the engine tells, and in the document itself."""
    content = {"service": {"api_key": "k" * 40}, "inference": {"token": "the-token"}, "debugger": {"pyroscope": {"password": "short", "url": 7}}}
    (tmp_path / "secrets.yaml").write_text(json.dumps(content))
    place = Place("u", "q", "/o", str(tmp_path), "/d", "/s", "192.0.2.1", 1, 2, 3)
    settings = {"storage.s3_config.secret_key": "of-the-settings", "log_level": "INFO"}
    assert config.known_secrets(place, settings) == ["k" * 40, "of-the-settings", "the-token"]
    assert config.without_secrets({"a": ["x the-token y"]}, config.known_secrets(place, {})) == {"a": ["x (hidden) y"]}


def test_settings_of_others_are_found_by_their_process(tmp_path, monkeypatch):
    place = Place("u", "q", "/o", str(tmp_path / "missing"), "/d", "/s", "192.0.2.1", 1, 2, 3)
    words = {"line": "./qdrant\0--config-path\0my.yaml\0"}
    monkeypatch.setattr(process, "main_pid", lambda *_arguments: 7)
    monkeypatch.setattr(config, "read", lambda _path: words["line"])
    assert config.config_file(place, run) == "/proc/7/cwd/my.yaml"
    words["line"] = "./qdrant\0--config-path=/etc/my.yaml\0"
    assert config.config_file(place, run) == "/etc/my.yaml"
    words["line"] = "./qdrant\0"
    assert config.config_file(place, run) == "/proc/7/cwd/config/config.yaml"


def test_no_secret_of_the_settings_is_shown(tmp_path):
    text = "service:\n  api_key: the-key-itself\nstorage:\n  snapshots_config:\n    s3_config:\n      secret_key: other-secret\ntls:\n  key: /k.pem\n"
    (tmp_path / "config.yaml").write_text(text)
    place = Place("u", "q", "/o", str(tmp_path), "/d", "/s", "192.0.2.1", 1, 2, 3)
    assert config.observe(place, run)["values"] == {"tls.key": "/k.pem"}
    assert config.api_keys(place, config.settings_of(text)) == {"api_key": "the-key-itself"}


def test_secrets_are_struck_out_wherever_they_stand():
    document = {"a": ["x the-key-itself y", 1], "b": {"c": "QDRANT__SERVICE__API_KEY=unknown1 RUN_MODE=production"}, "d": "tls.key:/etc/tls.key"}
    assert config.without_secrets(document, ["the-key-itself"]) == {
        "a": ["x (hidden) y", 1],
        "b": {"c": "QDRANT__SERVICE__API_KEY=(hidden) RUN_MODE=production"},
        "d": "tls.key:/etc/tls.key",
    }


def test_a_server_that_does_not_verify_is_shown_no_key():
    way = ways.Way(_wire.Target("127.0.0.1", 1), None, False)
    probes = auth.probes(way, way, {"api_key": "k" * 40, "read_only_api_key": "r" * 40})
    asked = {where: asking.attempt(question)["error"] for where, question in probes.items()}
    kept = {where for where, error in asked.items() if "not shown a key" in error}
    assert kept == {(port, name) for port in ("rest", "grpc") for name in SECRET_PROBES}
    assert all("refused" in error for where, error in asked.items() if where not in kept)


# What is made of a key: the others could be asked of anybody.
SECRET_PROBES = {"key", "read_only_reads", "read_only_deletes", "token_expired", "token_wrong_algorithm", "token_elsewhere", "token_without_access"}


def test_whoever_listens_is_found():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert process.listening_on(server.getsockname()[1]) == os.getpid()
    assert process.listening_on(1) == 0


def test_what_others_may_change_on_the_way_to_a_file(tmp_path):
    target = tmp_path / "folder" / "file"
    target.parent.mkdir(mode=0o755)
    target.write_text("")
    target.chmod(0o644)
    if os.geteuid() != 0:
        # For anybody but root, everything here is somebody else's.
        assert str(target) in files.changeable([str(target)])
        return
    assert str(target) not in files.changeable([str(target)])
    target.parent.chmod(0o775)
    assert files.changeable([str(target)]) == [str(target.parent)]
    target.parent.chmod(0o755)
    os.chown(target, 12345, 0)
    assert files.changeable([str(target)]) == [str(target)]


def test_a_file_that_is_not_there():
    assert files.file("/nonexistent/x") == {"path": "/nonexistent/x", "exists": False}


def test_this_process_is_seen_as_it_is():
    seen = process.mounts(os.getpid())
    assert any(mount["path"] == "/" for mount in seen)
    assert all(isinstance(mount["writable"], bool) for mount in seen)


@pytest.fixture
def believed(tmp_path, monkeypatch):
    """What is observed of a process with some settings, a bundle of CAs at a place, and an environment."""
    bundle, place = tmp_path / "bundle.pem", dataclasses.replace(PLACE, config_dir=str(tmp_path))
    known = [_certificate.fingerprint(ca) for ca in _certificate.load_certificates(OURS)]

    def seen(text: str, outgoing: str = "", **environment: str) -> dict:
        bundle.write_text(text)
        (tmp_path / "config.yaml").write_text(f"tls:\n  ca_cert: {bundle}\n")
        words = ["/bin/sh", "-c", "echo; read line"]
        with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            server.stdout.readline()  # by now its environment is its own
            monkeypatch.setattr(process, "main_pid", lambda _place, _run: server.pid)
            try:
                return trust.observe(place, run, known, [_certificate.fingerprint(ca) for ca in _certificate.load_certificates(outgoing or OURS)])
            finally:
                server.kill()

    seen.file = str(bundle)
    return seen


def test_whom_outgoing_connections_trust_is_read_from_what_the_process_was_given(believed):
    named = {"SSL_CERT_FILE": believed.file}
    assert believed(OURS, **named)["outbound"] == {"file": believed.file, "folder": "", "authorities": 1, "beside_inventory": []}
    assert believed(OURS + FOREIGN, **named)["outbound"]["beside_inventory"] == ["CN=foreign"]
    assert believed(OURS, outgoing=FOREIGN, **named)["outbound"]["beside_inventory"] == ["CN=ours"], "the own CA is no part of a bundle"
    assert believed(OURS, **named, SSL_CERT_DIR="/etc/ssl/certs")["outbound"]["folder"] == "/etc/ssl/certs"
    assert believed("nothing", **named)["outbound"]["authorities"] == 0
    assert believed(OURS)["outbound"] == {"file": "", "folder": "", "authorities": 0, "beside_inventory": []}
    assert believed(OURS, SSL_CERT_FILE="/nonexistent")["outbound"]["authorities"] == 0


def test_a_bundle_that_is_too_long_to_be_judged_is_no_bundle_without_strangers(believed):
    with pytest.raises(OSError, match="is longer than"):
        believed(OURS + "#" * trust.LARGEST_BUNDLE + FOREIGN)


def test_peers_are_believed_by_what_the_settings_name_and_nothing_beside(believed):
    assert believed(OURS)["peers"] == {"file": believed.file, "authorities": 1, "beside_inventory": [], "set_elsewhere": []}
    assert believed(OURS + FOREIGN)["peers"]["beside_inventory"] == ["CN=foreign"]
    assert believed(OURS, QDRANT__TLS__CA_CERT="/x")["peers"]["set_elsewhere"] == ["QDRANT__TLS__CA_CERT"]


def test_secrets_of_other_services_say_nothing_of_tls(believed, monkeypatch):
    secrets = {"service": {"api_key": "x"}, "storage": {"snapshots_config": {}}, "inference": {"token": "x"}}
    monkeypatch.setattr(_node, "load_json", lambda _path: secrets)
    assert believed(OURS)["peers"]["set_elsewhere"] == []
    secrets.update({"TLS": {"ca_cert": "/x"}, "cluster.p2p": {"enable_tls": False}, "tls[0]": 1})
    assert believed(OURS)["peers"]["set_elsewhere"] == ["secrets: TLS", "secrets: cluster.p2p", "secrets: tls[0]"]


def test_names_that_lead_elsewhere_are_differences(tmp_path, monkeypatch):
    """A root of its own stands for the server's."""
    (tmp_path / "root/etc").mkdir(parents=True)
    monkeypatch.setattr(process, "main_pid", lambda _place, _run: 7)
    monkeypatch.setattr(os.path, "isdir", lambda _path: True)
    files = {"hosts": "# x\n127.0.0.1 localhost\n192.0.2.9 s3.example.com\n", "nsswitch.conf": "# x\nhosts: files\n"}
    monkeypatch.setattr(os, "listdir", lambda _path: list(files))
    monkeypatch.setattr(trust, "read", lambda path: files[os.path.basename(path)])
    wanted = {"s3.example.com": ["192.0.2.9"]}
    assert trust.names(PLACE, run, wanted) == {"files": ["hosts", "nsswitch.conf"], "differ": []}
    files["hosts"] = files["hosts"].replace("192.0.2.9", "203.0.113.66")
    files.update({"nsswitch.conf": "hosts: dns files\n", "resolv.conf": ""})
    seen = trust.names(PLACE, run, wanted)
    assert seen["files"] == ["hosts", "nsswitch.conf", "resolv.conf"]
    assert seen["differ"] == ["missing: 192.0.2.9 s3.example.com", "unwanted: 203.0.113.66 s3.example.com", "hosts: dns files"]


def test_what_of_proc_is_hidden_does_not_count(tmp_path):
    """A folder stands for /proc, as a confined process sees it: what systemd hides has no rights."""
    for name in ("1", "self", "meminfo", "sys", "sys/vm", "sys/kernel", "kallsyms", "modules"):
        (tmp_path / name).mkdir()
    for name in ("sys/kernel", "kallsyms"):
        (tmp_path / name).chmod(0)
    assert process.beyond_its_own(str(tmp_path)) == ["modules"]
    assert process.beyond_its_own(str(tmp_path / "none")) == []


# --- the audit log, and settings that run ---------------------------------------------------------------------------------


class Server:
    """A way to a server that logs what it is asked, as Qdrant does; or, with None as its word for an origin, does not."""

    def __init__(self, folder, origin):
        self.folder, self.origin = folder, origin

    def rest(self, _path, headers):
        if self.origin is not None:
            remote = headers["Forwarded"] if self.origin == "believed" else self.origin
            entry = {"auth_type": "None", "remote": remote, "tracing_id": headers["X-Request-ID"], "result": "denied"}
            (self.folder / "audit.2026-11-26-10.log").write_text("no json " + headers["X-Request-ID"] + "\n" + json.dumps(entry) + "\n\0\0")
        return _wire.RestAnswer(401, {}, b"")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("192.0.2.1", {"found": True, "remote": "192.0.2.1", "believed": False}),
        ("believed", {"found": True, "remote": f"for={audit.FORGED}", "believed": True}),
        (None, {"found": False, "remote": "", "believed": False}),
    ],
)
def test_a_request_is_looked_for_in_the_audit_log(monkeypatch, tmp_path, origin, expected):
    monkeypatch.setattr(audit, "PATIENCE", 0.2)
    folder = tmp_path / "audit"
    folder.mkdir(mode=0o700)
    place = dataclasses.replace(PLACE, data_dir=str(tmp_path))
    timer = {"active": (0, "ActiveState=active\nUnitFileState=enabled\n", ""), "gone": (0, "ActiveState=inactive\n", "")}
    settings = {"audit.enabled": True, "audit.dir": "/qdrant/storage/audit"}
    seen = audit.observe(place, Server(folder, origin), lambda _words: timer["active" if origin else "gone"], settings)
    assert seen["own_request"] == expected and seen["timer"] is bool(origin) and seen["folder"] == str(folder)
    assert (seen["files"], seen["bytes"] > 0, seen["open_to_others"]) == (int(bool(origin)), bool(origin), [])
    if origin:
        folder.chmod(0o755)
        (folder / "audit.2026-11-26-10.log").chmod(0o644)
        opened = audit.observe(place, Server(folder, None), lambda _words: timer["active"], settings)["open_to_others"]
        assert opened == [str(folder), str(folder / "audit.2026-11-26-10.log")]


def test_without_an_audit_log_nothing_is_asked():
    assert audit.observe(PLACE, None, lambda _words: (0, "ActiveState=inactive\n", ""), {}) == {"enabled": False, "timer": False}


def test_a_servers_settings_have_the_names_of_its_file():
    telemetry = {
        "app": {"jwt_rbac": None, "audit": {"rotation": "daily", "dir_size_bytes": 5, "log_api": True}, "runtime_features": {"all": False}},
        "cluster": {"enabled": True, "config": {"grpc_timeout_ms": 5, "p2p": {"connection_pool_size": 2}, "odd": [1], "share": 0.5}},
    }
    quotas = {"config": {"enabled": True, "max_disk_usage_percent": 90}, "usage": {}}
    assert web.shown(telemetry, {"log_level": "INFO", "format": None, "on_disk": {"enabled": True}}, quotas) == {
        "service.jwt_rbac": False,
        "cluster.enabled": True,
        "audit.enabled": True,
        "audit.rotation": "daily",
        "audit.log_api": True,
        "feature_flags.all": False,
        "cluster.grpc_timeout_ms": 5,
        "cluster.p2p.connection_pool_size": 2,
        "cluster.share": "0.5",
        "log_level": "INFO",
        "logger.on_disk.enabled": True,
        "storage.quotas.enabled": True,
        "storage.quotas.max_disk_usage_percent": 90,
    }
    assert web.shown({"app": {}}, None, None) == {"service.jwt_rbac": False, "cluster.enabled": False, "audit.enabled": False}


def test_limits_of_a_group_are_the_lowest_around_a_process(tmp_path, monkeypatch):
    service = tmp_path / "system.slice/qdrant.service"
    service.mkdir(parents=True)
    groups = "4:memory:/x\n0::/system.slice/qdrant.service\n"
    monkeypatch.setattr(process, "read", lambda path: groups if path == "/proc/7/cgroup" else Path(path).read_text())
    assert process.group_limits(7, str(tmp_path)) == {"enforced": [], "tasks": None, "memory": None}
    (service / "pids.max").write_text("4096\n")
    (service / "memory.max").write_text("max\n")
    (service.parent / "memory.max").write_text("1073741824\n")
    assert process.group_limits(7, str(tmp_path)) == {"enforced": ["tasks", "memory"], "tasks": 4096, "memory": 1 << 30}
    (service.parent / "memory.max").write_text("max\n")
    assert process.group_limits(7, str(tmp_path))["memory"] == process.UNLIMITED == process.limit("unlimited")
