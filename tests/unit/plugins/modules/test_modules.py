# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules, called as Ansible calls them: arguments in, JSON out.

They are qdrant_certificate, qdrant_cluster_info, qdrant_evidence, qdrant_failure_info, qdrant_firewall, qdrant_firewall_info, qdrant_keys_info,
qdrant_files, qdrant_node_info, qdrant_old_releases, qdrant_plan_info, qdrant_quotas, qdrant_tls_info and qdrant_unit_addresses. What they do on real hosts
is tested there.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.hardened.qdrant.plugins.module_utils import _backends, _certificate, _digests, _firewall, _node, _wire
from ansible_collections.hardened.qdrant.plugins.modules import (
    qdrant_certificate,
    qdrant_cluster_info,
    qdrant_evidence,
    qdrant_failure_info,
    qdrant_files,
    qdrant_firewall,
    qdrant_firewall_info,
    qdrant_keys_info,
    qdrant_node_info,
    qdrant_old_releases,
    qdrant_plan_info,
    qdrant_quotas,
    qdrant_tls_info,
    qdrant_unit_addresses,
)
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority

KEY = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa"


@pytest.fixture
def call(capsys):
    """Call a module; return its result."""

    def run(module, check=False, **arguments):
        with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_files_that_are_secret_are_compared_by_a_digest_and_written_by_a_second_call(call, tmp_path):
    path, salt = tmp_path / "secrets.yaml", _digests.salt()
    entry = {"path": str(path), "kind": "file", "mode": "0600"}
    question = {"wanted": {}, "entries": [{**entry, "salt": salt, "digest": _digests.digest(KEY.encode(), salt)}]}
    order = {"wanted": {}, "entries": [entry], "secrets": {str(path): KEY}}
    for check in (True, False):
        asked = call(qdrant_files, check=check, **question)
        assert asked["changed"] and asked["differed"] == {str(path): ["missing"]} and asked["lacking"] == [str(path)] and not path.exists()
    assert call(qdrant_files, check=True, **order)["changed"] and not path.exists()
    written = call(qdrant_files, **order)
    assert written["changed"] and KEY not in json.dumps(written) and path.read_text() == KEY
    assert not call(qdrant_files, **question)["changed"]
    path.chmod(0o644)
    assert call(qdrant_files, **question)["differed"] == {str(path): ["mode"]}
    assert "action plugin" in call(qdrant_files, wanted={})["msg"] and "action plugin" in call(qdrant_plan_info, wanted={})["msg"]


def test_a_unit_that_is_written_is_read_by_systemd(call, monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr(qdrant_files, "UNITS", f"{tmp_path}/")
    monkeypatch.setattr(qdrant_files._run, "change", lambda words: (told.append(words) or 0, "", ""))
    entry = {"path": str(tmp_path / "q.service"), "kind": "file", "mode": "0644", "text": "[Unit]\n"}
    for check, expected in ((True, []), (False, [["systemctl", "daemon-reload"]]), (False, [["systemctl", "daemon-reload"]])):
        call(qdrant_files, check=check, wanted={}, entries=[entry])
        assert told == expected
    monkeypatch.setattr(qdrant_files._run, "change", lambda words: (1, "", "no bus"))
    assert "systemctl daemon-reload: no bus" in call(qdrant_files, wanted={}, entries=[{**entry, "text": "[Unit]\nA=1\n"}])["msg"]


def test_failure_info_asks_for_the_units_journal_and_how_it_ended(call, monkeypatch):
    asked = []

    def run(words):
        asked.append(words)
        entries = ({"SYSLOG_IDENTIFIER": "systemd", "MESSAGE": "Starting q."}, {"SYSLOG_IDENTIFIER": "qdrant", "MESSAGE": "ERROR os error 98"})
        return 0, "\n".join(map(json.dumps, entries)) if words[0] == "journalctl" else "ExecMainCode=1\nExecMainStatus=101\n", ""

    monkeypatch.setattr(qdrant_failure_info._run, "ask", run)
    result = call(qdrant_failure_info, unit="q.service")
    assert [words[-1] for words in asked] == ["q.service", "q.service"]
    assert result["who"] == "server" and "a panic" in result["cause"] and "ss -ltnp" in result["remedy"] and result["text"] == "Starting q.\nERROR os error 98"


def test_failure_info_tells_no_secret(call, monkeypatch, tmp_path):
    (tmp_path / "secrets.yaml").write_text(json.dumps({"service": {"api_key": KEY}, "inference": {"token": "the-token"}}))
    entry = {"SYSLOG_IDENTIFIER": "qdrant", "MESSAGE": "ERROR invalid value: {}, and the-token{}".format(KEY, " " * 590 + "the-token")}
    monkeypatch.setattr(qdrant_failure_info._run, "ask", lambda _words: (0, json.dumps(entry), ""))
    result = call(qdrant_failure_info, secrets_file=str(tmp_path / "secrets.yaml"))
    assert "invalid value: (hidden), and (hidden)" in result["text"] and "the-token"[:3] not in result["text"].split("and", 1)[1]
    assert KEY not in json.dumps(result) and "the-token" not in json.dumps(result)


def test_node_info_of_a_clean_host(call, tmp_path):
    folders = {name: str(tmp_path / name) for name in ("install_dir", "config_dir", "data_dir")}
    result = call(qdrant_node_info, unit="hardened-qdrant-none.service", paths=[str(tmp_path), "/nonexistent"], user="nobody-here", **folders)
    assert (result["installed"], result["active"], result["initialised"], result["release"], result["releases"]) == (False, False, False, None, [])
    assert result["bootstrap"] is None and result["account"] is None
    assert result["files"][str(tmp_path)]["kind"] == "folder" and result["files"]["/nonexistent"] is None


def test_node_info_says_whose_things_are(call, tmp_path):
    folders = {kind: str(tmp_path / kind) for kind in ("install", "config", "data", "snapshots", "expiry")}
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(f"service: {{api_key: {KEY}}}")
    (tmp_path / "firewall.nft").write_text("flush ruleset")
    arguments = {"unit": "hardened-qdrant-none.service", "units": ["hardened-qdrant-none.service"], "user": "root", "releases": False}
    result = call(qdrant_node_info, folders=folders, firewall_file=str(tmp_path / "firewall.nft"), **arguments)
    assert result["folders"]["config"] == {"path": folders["config"], "folder": True, "own": False, "others": ["config.yaml"]}
    assert result["folders"]["data"] is None and result["account_own"] is False and result["guard"] == {"table": None, "file": False}
    unit = result["units"]["hardened-qdrant-none.service"]
    assert (unit["path"], unit["own"], unit["masked"]) == (None, False, False)
    assert KEY not in str(result)
    assert call(qdrant_node_info, **arguments)["guard"] == {} and call(qdrant_node_info, **arguments)["folders"] == {}
    assert "no folders of the kind cellar" in call(qdrant_node_info, folders={"cellar": "/x"}, **arguments)["msg"]


def test_a_unit_that_is_not_there_is_told_nothing(call):
    result = call(qdrant_unit_addresses, unit="hardened-qdrant-none.service")
    assert (result["changed"], result["addresses"]) == (False, [])


def test_certificate_in_two_stages(call, tmp_path):
    now = datetime.now(UTC)
    authority = _authority.load(*_authority.create("test", now), now, timedelta(days=90))
    arguments = {"dir": str(tmp_path / "tls"), "common_name": "node1", "dns_names": ["node1"], "ip_addresses": ["192.0.2.1"], "issuer": authority.pem()}
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", authority.pem(), authority.pem())

    predicted = call(qdrant_certificate, check=True, **arguments)
    assert predicted["reasons"] == ["there is no certificate"] and not (tmp_path / "tls").exists()
    asked = call(qdrant_certificate, **arguments)
    signed = _authority.sign(authority, asked["request"], wanted, now, timedelta(days=90))
    installed = call(qdrant_certificate, pending=asked["pending"], certificate=signed, **arguments)
    assert installed["changed"] and installed["certificate"]["sans"] == ["DNS:node1", "IP:192.0.2.1"]
    again = call(qdrant_certificate, **arguments)
    assert not again["changed"] and again["generation"] == installed["generation"] and "request" not in again
    other = call(qdrant_certificate, check=True, **{**arguments, "dns_names": ["other"]})
    assert other["changed"] and "names are" in other["reasons"][0]
    gone = call(qdrant_certificate, pending=".pending-gone", certificate=signed, **arguments)
    assert gone["failed"] and "run again" in gone["msg"]
    assert "action plugin" in call(qdrant_certificate, **{**arguments, "issuer": ""})["msg"]


def test_a_key_that_is_provided_is_asked_for_once(call, tmp_path):
    now = datetime.now(UTC)
    ca, ca_key = _authority.create("test", now)
    authority, other = _authority.load(ca, ca_key, now, timedelta(days=90)), _authority.create("other", now)[0]
    store = _certificate.Store(str(tmp_path / "made"))
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", ca, ca)
    pending, request = store.make_request(wanted)
    store.install(pending, _authority.sign(authority, request, wanted, now, timedelta(days=30)), ca, wanted, now)
    key, chain = store.read("tls.key"), store.read("tls.crt")
    arguments = {"dir": str(tmp_path / "tls"), "common_name": "node1", "source": "provided", "certificate": chain, "trust": ca}

    for check in (True, False):
        asked = call(qdrant_certificate, check=check, **arguments)
        assert (asked["key_wanted"], asked["changed"], asked["reasons"]) == (True, True, ["there is no certificate"]) and not (tmp_path / "tls").exists()
    placed = call(qdrant_certificate, private_key=key, **arguments)
    assert placed["changed"] and not placed["key_wanted"] and key.splitlines()[1] not in json.dumps(placed)
    again = call(qdrant_certificate, **arguments)
    assert (again["key_wanted"], again["changed"]) == (False, False)
    trusting = call(qdrant_certificate, **{**arguments, "trust": ca + other})
    assert (trusting["key_wanted"], trusting["reasons"]) == (False, ["the trusted CAs change"]) and trusting["generation"] != placed["generation"]
    renewed = {**arguments, "certificate": _authority.sign(authority, request, wanted, now, timedelta(days=40)), "trust": ca + other}
    assert call(qdrant_certificate, **renewed)["reasons"] == ["another certificate is provided"], "with the key that is there"
    assert not call(qdrant_certificate, **renewed)["changed"]
    elsewhere = _authority.sign(authority, _certificate.Store(str(tmp_path / "x")).make_request(wanted)[1], wanted, now, timedelta(days=30))
    asked = call(qdrant_certificate, **{**renewed, "certificate": elsewhere})
    assert (asked["key_wanted"], asked["reasons"]) == (True, ["another certificate is provided"])


def test_cluster_info_without_a_node(call, tmp_path):
    path = tmp_path / "secrets.yaml"
    assert "Is the node deployed?" in call(qdrant_cluster_info, address="192.0.2.1", secrets_file=str(path))["msg"]
    path.write_text(json.dumps({"service": {"api_key": KEY}}))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (tmp_path / "ca.crt").write_text(_authority.create("test", datetime.now(UTC))[0])
    result = call(qdrant_cluster_info, address="127.0.0.1", http_port=port, ca_path=str(tmp_path / "ca.crt"), secrets_file=str(path))
    assert result["failed"] and "refused" in result["msg"] and "qdrant_restart_strategy=parallel" in result["msg"] and KEY not in str(result)


def test_cluster_info_ends_when_it_should_though_peers_say_nothing(call, tmp_path, monkeypatch):
    """Every question takes as long as it may, of every peer; a look is over with the slowest."""
    monkeypatch.setattr(_wire, "rest", functools.partial(_wire.rest, timeout=0.5))
    (tmp_path / "secrets.yaml").write_text(json.dumps({"service": {"api_key": KEY}}))
    (tmp_path / "ca.crt").write_text(_authority.create("test", datetime.now(UTC))[0])
    with socket.create_server(("0.0.0.0", 0), backlog=64) as listener:
        began = time.monotonic()
        result = call(
            qdrant_cluster_info, address="127.0.0.1", http_port=listener.getsockname()[1], ca_path=str(tmp_path / "ca.crt"),
            secrets_file=str(tmp_path / "secrets.yaml"), peers=["127.0.0.%d" % number for number in range(2, 14)], wait=1,
        )  # fmt: skip
    assert result["failed"] and all("127.0.0.%d does not answer: GET /cluster: timeout" % number in result["msg"] for number in range(1, 14))
    assert time.monotonic() - began < 5


def test_evidence_of_a_vantage(call):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        targets = [{"name": "n", "address": "127.0.0.1", "ports": {"rest": port, "p2p": 0}}]
        document = call(qdrant_evidence, node=False, role="outsider", targets=targets)["evidence"]
    assert document["seen"] == {"n": {"rest": {"connect": "open", "plaintext": "silent", "answer": "timeout", "clock_offset": None}}}
    assert (document["schema"], document["node"], document["role"]) == (1, False, "outsider")


def test_evidence_of_a_vantage_that_tries_further_addresses(call):
    target = {"name": "n", "address": "127.0.0.1", "ports": {"rest": 1}}
    seen = call(qdrant_evidence, node=False, role="outsider", targets=[{**target, "further": ["127.0.0.2", "192.0.2.1"]}])["evidence"]["seen"]["n"]
    assert seen["further"]["127.0.0.2"]["rest"]["connect"] == "refused" and sorted(seen["further"]) == ["127.0.0.2", "192.0.2.1"]
    assert call(qdrant_evidence, node=False, role="outsider", targets=[{**target, "further": []}])["evidence"]["seen"]["n"]["further"] == {}


def test_firewall_on_a_clean_host_in_check_mode(call, tmp_path):
    result = call(qdrant_firewall, check=True, path=str(tmp_path / "none/firewall.nft"), rules="table inet x {}")
    assert result["changed"] and result["differed"] == ["file", "kernel"] and result["diff"]["after"] == "table inet x {}"
    assert call(qdrant_firewall, path=str(tmp_path / "x"))["failed"], "rules are required"


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_table_or_a_file_of_others_is_neither_replaced_nor_removed(call, monkeypatch, tmp_path, state):
    path, rules = tmp_path / "firewall.nft", "table inet hardened_qdrant { chain guard { } }"
    asked = []
    live = "table inet hardened_qdrant {\n\tchain input {\n\t}\n}\n"

    def run(words):
        asked.append(words)
        return 0, live if "list" in words else rules, ""

    monkeypatch.setattr(qdrant_firewall._run, "change", run)
    monkeypatch.setattr(qdrant_firewall.AnsibleModule, "get_bin_path", lambda *_words, **_more: "/usr/sbin/nft")
    result = call(qdrant_firewall, state=state, path=str(path), rules=rules)
    assert result["failed"] and "the table inet hardened_qdrant was not made by this collection" in result["msg"]
    path.write_text("flush ruleset\n")
    live = ""
    result = call(qdrant_firewall, state=state, path=str(path), rules=rules)
    assert result["failed"] and f"{path} was not made by this collection" in result["msg"] and path.read_text() == "flush ruleset\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["firewall.nft"], "no draft is left"
    assert all(words[0] == "unshare" or "list" in words for words in asked), asked


def test_tls_info(call, tmp_path):
    now = datetime.now(UTC)
    assert "cannot be read" in call(qdrant_tls_info, dir=str(tmp_path / "tls"), address="127.0.0.1")["msg"]
    authority = _authority.load(*_authority.create("test", now), now, timedelta(days=90))
    store = _certificate.Store(str(tmp_path / "tls"))
    wanted = _certificate.Wanted("node1", ["node1"], ["127.0.0.1"], "ecdsa-p256", authority.pem(), authority.pem())
    pending, request = store.make_request(wanted)
    store.install(pending, _authority.sign(authority, request, wanted, now, timedelta(days=20)), authority.pem(), wanted, now)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    arguments = {"dir": str(tmp_path / "tls"), "address": "127.0.0.1", "http_port": port, "grpc_port": 0}
    seen = call(qdrant_tls_info, **arguments)
    assert seen["not_served"] == ["rest"] and round(seen["days_left"]) == 20, seen
    assert call(qdrant_tls_info, **arguments, fail_days=21)["failed"]
    assert "rest on 127.0.0.1: not the certificate that is on disk" in call(qdrant_tls_info, **arguments, served=True)["msg"]


def test_a_revoked_certificate_is_due(call, tmp_path):
    now = datetime.now(UTC)
    authority = _authority.load(*_authority.create("test", now), now, timedelta(days=90))
    arguments = {"dir": str(tmp_path / "tls"), "common_name": "node1", "ip_addresses": ["192.0.2.1"], "issuer": authority.pem()}
    wanted = _certificate.Wanted("node1", [], ["192.0.2.1"], "ecdsa-p256", authority.pem(), authority.pem())
    asked = call(qdrant_certificate, **arguments)
    signed = _authority.sign(authority, asked["request"], wanted, now, timedelta(days=90))
    serial = call(qdrant_certificate, pending=asked["pending"], certificate=signed, **arguments)["certificate"]["serial"].upper()
    pairs = ":".join(serial.rjust(len(serial) + len(serial) % 2, "0")[at : at + 2] for at in range(0, len(serial), 2))
    assert call(qdrant_certificate, check=True, **arguments)["reasons"] == []
    assert call(qdrant_certificate, check=True, revoked=[pairs], **arguments)["reasons"] == ["it was revoked"]


def test_keys_info_names_keys_and_shows_none(call, tmp_path):
    path, other = tmp_path / "secrets.yaml", KEY[::-1]
    path.write_text(json.dumps({"service": {"api_key": KEY, "read_only_api_key": other}}))
    salt = _digests.salt()
    asked = {"path": str(path), "unit": "hardened-qdrant-none.service"}
    result = call(qdrant_keys_info, salt=salt, digests={"api_key": _digests.digest(KEY.encode(), salt)}, **asked)
    assert result["disk"] == {"api_key": "api_key", "alt_api_key": None, "read_only_api_key": "other"}
    assert result["running"] is None and KEY not in str(result) and other not in str(result)
    assert "action plugin" in call(qdrant_keys_info, **asked)["msg"]


def test_what_was_rolled_back_is_not_confirmed(call, monkeypatch):
    monkeypatch.setattr(_firewall, "disarm", lambda _run: False)
    assert "rolled back" in call(qdrant_firewall, state="confirmed")["msg"]
    assert not call(qdrant_firewall, check=True, state="confirmed")["changed"]
    monkeypatch.setattr(_firewall, "disarm", lambda _run: True)
    confirmed = call(qdrant_firewall, state="confirmed")
    assert (confirmed["changed"], confirmed["differed"]) == (False, [])


def test_firewall_info_of_a_host_without_the_table(call, monkeypatch):
    monkeypatch.setattr(_backends, "installed", lambda _program: False)
    monkeypatch.setattr(_firewall, "armed", lambda _run: False)
    seen = call(qdrant_firewall_info)
    assert (seen["table"], seen["backend"], seen["counters"], seen["sets"], seen["rollback"]) == (False, "nftables", {}, {}, False)
    assert seen["firewalls"] == {"ufw": None, "firewalld": None, "foreign": []}


def release(tmp_path, name, age, **manifest):
    folder = tmp_path / "releases" / name
    folder.mkdir(parents=True)
    (folder / "release.json").write_text(json.dumps(manifest))
    os.utime(folder, (time.time() - age, time.time() - age))
    return folder


def test_old_releases_go_and_the_last_two_stay(call, monkeypatch, tmp_path):
    for number, name in enumerate(("1.19.0-d", "1.18.0-c", "1.17.0-b", "1.16.0-a")):
        release(tmp_path, name, number * 1000)
    (tmp_path / "current").symlink_to("releases/1.19.0-d")
    (tmp_path / "releases/link").symlink_to(tmp_path)
    monkeypatch.setattr(_node, "unit_state", lambda _unit, _run: {"ActiveState": "active", "InvocationID": "x"})
    monkeypatch.setattr(_node, "load_json", functools.partial(lambda load, path: {} if path == _node.RECORD else load(path), _node.load_json))

    def left():
        return sorted(path.name for path in (tmp_path / "releases").iterdir() if not path.is_symlink())

    assert call(qdrant_old_releases, check=True, install_dir=str(tmp_path))["removed"] == ["1.16.0-a", "1.17.0-b"] and len(left()) == 4
    result = call(qdrant_old_releases, install_dir=str(tmp_path))
    assert result["changed"] and result["removed"] == ["1.16.0-a", "1.17.0-b"] and left() == ["1.18.0-c", "1.19.0-d"]
    assert not call(qdrant_old_releases, install_dir=str(tmp_path))["changed"] and (tmp_path / "releases/link").is_symlink()
    assert "write 1 or more" in call(qdrant_old_releases, install_dir=str(tmp_path), keep=0)["msg"]
    (tmp_path / "current").unlink()
    assert "Cannot remove" in call(qdrant_old_releases, install_dir=str(tmp_path), keep=1)["msg"] and len(left()) == 2


def test_what_runs_stays_however_old_it_is_and_images_go_with_their_releases(call, monkeypatch, tmp_path):
    for number, (name, image) in enumerate((("1.19.0-d", "sha256:d"), ("1.18.0-c", "sha256:c"), ("1.17.0-b", "sha256:c"), ("1.16.0-a", "sha256:a"))):
        release(tmp_path, name, number * 1000, image_id=image)
    (tmp_path / "current").symlink_to("releases/1.19.0-d")
    monkeypatch.setattr(_node, "RECORD", str(tmp_path / "started.json"))
    (tmp_path / "started.json").write_text(json.dumps({"invocation": "x", "release": str(tmp_path / "releases/1.17.0-b/qdrant")}))
    monkeypatch.setattr(_node, "unit_state", lambda _unit, _run: {"ActiveState": "active", "InvocationID": "x"})
    told = []
    monkeypatch.setattr(qdrant_old_releases._run, "change", lambda words: (told.append(words) or 1, "", "in use"))
    assert call(qdrant_old_releases, install_dir=str(tmp_path))["removed"] == ["1.16.0-a", "1.18.0-c"]
    assert told == [["docker", "image", "rm", "--", "sha256:a"]], "an image that a release has stays"


@pytest.mark.parametrize(
    ("status", "there", "changed"),
    [(200, {"enabled": True, "max_disk_usage_percent": 95}, True), (200, {"enabled": True, "max_disk_usage_percent": 90}, False), (404, None, False)],
)
def test_quotas_that_differ_are_set(call, monkeypatch, tmp_path, status, there, changed):
    (tmp_path / "secrets.yaml").write_text(json.dumps({"service": {"api_key": KEY}}))
    asked = []

    def rest(_target, path, method="GET", headers=None, body=None, tls=None):
        asked.append((method, path, json.loads(body) if body else None))
        assert headers["api-key"] == KEY and tls.verify
        return _wire.RestAnswer(status, {}, json.dumps({"result": {"config": there, "usage": {}} if method == "GET" else True}).encode())

    monkeypatch.setattr(_wire, "rest", rest)
    wanted = {"enabled": True, "max_disk_usage_percent": 90, "release_margin_percent": None}
    arguments = {"address": "192.0.2.1", "secrets_file": str(tmp_path / "secrets.yaml"), "unit": "none.service", "quotas": wanted}
    assert call(qdrant_quotas, check=True, **arguments)["changed"] is changed and len(asked) == 1
    result = call(qdrant_quotas, **arguments)
    assert (result["changed"], result["quotas"]) == (changed, there)
    told = [("PUT", "/quotas?wait=true", {"enabled": True, "max_disk_usage_percent": 90})]
    assert [entry for entry in asked if entry[0] == "PUT"] == (told if changed else [])
    assert ('"max_disk_usage_percent": 95' in result["diff"].get("before", "")) is changed


def test_quotas_are_not_set_without_a_key_or_a_usable_answer(call, monkeypatch, tmp_path):
    arguments = {"address": "192.0.2.1", "secrets_file": str(tmp_path / "secrets.yaml"), "unit": "none.service", "quotas": {}}
    assert "Is the node deployed?" in call(qdrant_quotas, **arguments)["msg"]
    (tmp_path / "secrets.yaml").write_text(json.dumps({"service": {"api_key": KEY}}))
    for body, problem in (({"result": []}, "the answer is not Qdrant's"), ({}, "the answer is not Qdrant's")):
        monkeypatch.setattr(_wire, "rest", lambda *_words, body=body, **_more: _wire.RestAnswer(200, {}, json.dumps(body).encode()))
        assert problem in call(qdrant_quotas, **arguments)["msg"]
