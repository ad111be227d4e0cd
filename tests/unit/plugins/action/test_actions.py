# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugins qdrant_certificate, qdrant_evidence and qdrant_preflight, without a host: what they read, send and refuse."""

from __future__ import annotations

import functools
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.hardened.qdrant.plugins.action import qdrant_certificate, qdrant_evidence, qdrant_preflight, qdrant_verify
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _document, _tls_providers

NOW = datetime.now(UTC)
CA, CA_KEY = _authority.create("test", NOW)
KEY, READ_ONLY = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa", "Zk3vQ9rT1xW7yB5nM2cD8fH4jL6pS0aE"


class Templar:
    """Values are what they are."""

    @staticmethod
    def template(value):
        return value


def action(kind, monkeypatch, answers=(), **arguments):
    """An action plugin with a task's arguments, whose module calls are recorded and answered in turn."""
    task = SimpleNamespace(args=arguments, check_mode=False, async_val=0, action="x", delegate_to=None)
    plugin = kind.__new__(kind)
    plugin._task, plugin._templar, plugin._loader, plugin.calls = task, Templar(), None, []
    replies = iter(answers)

    def execute(**call):
        plugin.calls.append(call)
        reply = next(replies)
        return reply(call) if callable(reply) else reply

    plugin._execute_module = execute
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_named: {})
    return plugin


def node(**changes) -> dict:
    """Variables of node1 of a group of three."""
    names = ["node1", "node2", "node3"]
    variables = {
        "inventory_hostname": "node1",
        "groups": {"qdrant": names},
        "hostvars": {name: {"qdrant_address": "192.0.2.%d" % number} for number, name in enumerate(names, 1)},
        "ansible_play_hosts_all": names,
        "ansible_play_hosts": names,
        "qdrant_nodes_group": "qdrant",
        "qdrant_address": "192.0.2.1",
        "qdrant_version": "1.19.0",
        "qdrant_binary_file": "",
        "qdrant_checksum": "",
        "qdrant_download_url": "https://example.com/{version}",
        "__qdrant_checksums": {"1.19.0": {"x86_64": "0" * 64}},
        "qdrant_deployment": "systemd",
        "qdrant_install_dir": "/opt/qdrant",
        "qdrant_config_dir": "/etc/qdrant",
        "qdrant_data_dir": "/var/lib/qdrant/storage",
        "qdrant_snapshots_dir": "/var/lib/qdrant/snapshots",
        "qdrant_http_port": 6333,
        "qdrant_grpc_port": 6334,
        "qdrant_p2p_port": 6335,
        "qdrant_cluster_enabled": True,
        "qdrant_jwt_rbac": False,
        "qdrant_dashboard": False,
        "qdrant_config": {},
        "qdrant_accepted_risks": [],
        "qdrant_firewall_clients": ["192.0.2.99"],
        "qdrant_api_key": KEY,
        "qdrant_read_only_api_key": READ_ONLY,
        "qdrant_tls_ca_certificate": CA,
        "qdrant_tls_ca_private_key": CA_KEY,
    }
    state = {"architecture": "x86_64", "time": time.time(), "initialised": False}
    variables["hostvars"]["node1"]["__qdrant_node"] = state
    return {**variables, **changes}


# --- preflight ---------------------------------------------------------------------------------------------------------


def preflight(monkeypatch, **changes):
    return action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=node(**changes))


def test_good_input_yields_what_the_run_needs(monkeypatch):
    result = preflight(monkeypatch)
    assert [peer["address"] for peer in result["peers"]] == ["192.0.2.2", "192.0.2.3"]
    assert (result["uri"], result["bootstrap"]) == ("https://192.0.2.1:6335", "")
    assert result["settings"]["service"]["enable_tls"] is True and result["changed"] is False
    for secret in (KEY, READ_ONLY, CA_KEY):
        assert secret not in str(result)


def test_all_problems_come_in_one_message(monkeypatch):
    with pytest.raises(AnsibleActionFail) as error:
        preflight(monkeypatch, qdrant_api_key="", qdrant_http_port=6334, qdrant_version="latest", qdrant_config={"service": {"enable_cors": True}})
    text = str(error.value)
    assert all(part in text for part in ("qdrant_api_key", "qdrant_http_port", "'latest' is no version", "risk: cors"))
    assert "nothing was changed" in text


INFERENCE = "https://token:s3cr3t@infer.example.com:8443/v1"


@pytest.mark.parametrize(
    ("address", "targets", "words"),
    [
        ("http://192.0.2.80/v1", [{"host": "192.0.2.80", "port": 80}], "it is not an https URL"),
        ("192.0.2.80:443", [], "it is not an https URL"),
        ("https://[192.0.2.80", [], "it is no URL"),
        ("https://192.0.2.80:70000", [], "it is no URL"),
        ("https://192.0.2.80/v1", [{"host": "192.0.2.80", "port": 444}], "Add its {host: NAME, port: 443} to qdrant_firewall_targets"),
        (INFERENCE, [], "Add its {host: NAME, port: 8443} to qdrant_firewall_targets"),
        ("https://192.0.2.80/v1", [{"host": "192.0.2.0/24", "port": 443}], ""),
        (INFERENCE, [{"host": "infer.example.com", "address": "192.0.2.80", "port": 8443}], ""),
    ],
)
def test_a_service_for_inference_is_asked_by_https_and_where_the_server_may_connect_to(monkeypatch, address, targets, words):
    changes = {"qdrant_config": {"inference": {"address": address}}, "qdrant_firewall_targets": targets}
    if not words:
        preflight(monkeypatch, **changes)
        return
    with pytest.raises(AnsibleActionFail) as error:
        preflight(monkeypatch, **changes)
    assert words in str(error.value) and "s3cr3t" not in str(error.value)
    if "https URL" in words or "Add its" in words:
        preflight(monkeypatch, **changes, qdrant_accepted_risks=[{"risk": "inference-address", "reason": "a test"}])


@pytest.mark.parametrize(("clients", "ours"), [(["qdrant_proxy"], True), (["proxy1"], True), (["qdrant_proxy", "192.0.2.9"], False), ([], False), ("x", False)])
def test_who_trusts_forwarded_headers_has_this_collection_s_proxies_for_its_only_clients(monkeypatch, clients, ours):
    variables = node(qdrant_config={"audit": {"trust_forwarded_headers": True}}, qdrant_audit=True, qdrant_firewall_clients=clients)
    variables["groups"]["qdrant_proxy"] = ["proxy1"]
    variables["hostvars"]["proxy1"] = {"ansible_host": "192.0.2.50"}
    plugin = action(qdrant_preflight.ActionModule, monkeypatch)
    if ours:
        plugin.run(task_vars=variables)
        return
    with pytest.raises(AnsibleActionFail, match="risk: audit-forwarded-headers"):
        plugin.run(task_vars=variables)


def test_an_accepted_setting_that_the_table_does_not_know_is_warned_of(monkeypatch):
    changes = {"qdrant_config": {"storage": {"new_setting": 1}}}
    with pytest.raises(AnsibleActionFail, match="risk: unknown-setting"):
        preflight(monkeypatch, **changes)
    result = preflight(monkeypatch, **changes, qdrant_accepted_risks=[{"risk": "unknown-setting", "reason": "our own build"}])
    assert result["settings"]["storage"]["new_setting"] == 1
    assert any("qdrant_config.storage.new_setting" in warning for warning in result["warnings_found"])


def seen(monkeypatch, look, **changes):
    """The preflight of a node that was looked at with these results beside the usual ones."""
    variables = node(**changes)
    variables["hostvars"]["node1"]["__qdrant_node"].update(look)
    return action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=variables)


HAND_MADE = {
    "account": {"home": "/home/qdrant", "shell": "/bin/bash"},
    "units": {"qdrant.service": {"path": "/etc/systemd/system/qdrant.service", "own": False, "masked": False}},
    "folders": {"data": {"path": "/var/lib/qdrant/storage", "folder": True, "own": False, "others": ["collections"]}},
    "docker": {"cli": True, "version": "26.1.5", "container": {"id": "ab" * 32, "own": False, "image": "x", "removes_itself": False}},
}


def test_what_others_made_is_refused_before_anything_is_changed(monkeypatch):
    with pytest.raises(AnsibleActionFail) as error:
        seen(monkeypatch, HAND_MADE)
    text = str(error.value)
    assert all(part in text for part in ("user qdrant", "unit qdrant.service", "qdrant_data_dir", "qdrant_take_over: [unit]", "nothing was changed"))
    assert "container qdrant" not in text, "a node that is no container leaves it alone"


def test_what_is_to_be_taken_over_is_handed_on_by_name(monkeypatch):
    result = seen(monkeypatch, HAND_MADE, qdrant_take_over=["user", "unit", "data_dir", "container"])
    assert result["take_over"] == {"user": True, "unit": "file", "data_dir": True}
    assert any("qdrant_take_over names container" in warning for warning in result["warnings_found"])
    assert preflight(monkeypatch)["take_over"] == {}
    with pytest.raises(AnsibleActionFail, match="qdrant_take_over: 'all' cannot be taken over"):
        seen(monkeypatch, {}, qdrant_take_over=["all"])


def test_an_ipv6_address_is_bracketed_in_the_uri(monkeypatch):
    hostvars = {name: {"qdrant_address": "2001:db8::%d" % number} for number, name in enumerate(("node1", "node2", "node3"), 1)}
    assert preflight(monkeypatch, qdrant_address="2001:db8::1", hostvars=hostvars, qdrant_checksum="0" * 64)["uri"] == "https://[2001:db8::1]:6335"


def test_a_lost_node_is_noticed(monkeypatch):
    with pytest.raises(AnsibleActionFail, match="host node2: it cannot be reached"):
        preflight(monkeypatch, ansible_play_hosts=["node1", "node3"])


# What an INI inventory and -e make of switches and numbers.
AS_TEXT = {
    "qdrant_cluster_enabled": "yes",
    "qdrant_jwt_rbac": "no",
    "qdrant_dashboard": "false",
    "qdrant_audit": "0",
    "qdrant_http_port": "7333",
    "qdrant_tls_warn_days": "30",
    "qdrant_tls_rollover": "off",
    "qdrant_firewall_rollback": "60",
}


def test_texts_are_their_typed_twins(monkeypatch):
    settings = preflight(monkeypatch, **AS_TEXT)["settings"]
    assert settings["service"]["enable_static_content"] is False and settings["service"]["jwt_rbac"] is False
    assert settings["service"]["http_port"] == 7333 and settings["cluster"]["enabled"] is True and "audit" not in settings


def test_a_cluster_is_switched_off_by_a_text(monkeypatch):
    variables = node(qdrant_cluster_enabled="false", groups={"qdrant": ["node1"]})
    result = action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=variables)
    assert result["settings"]["cluster"]["enabled"] is False and result["bootstrap"] == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # No switch, no number, no list, by name; once, and with what else is wrong.
        ({"qdrant_dashboard": ""}, "qdrant_dashboard: '' is neither true nor false. Write true or false."),
        ({"qdrant_cluster_enabled": "maybe"}, "qdrant_cluster_enabled: 'maybe' is neither true nor false"),
        ({"qdrant_docker_install": "7333"}, "qdrant_docker_install: '7333' is neither true nor false"),
        ({"qdrant_tls_timer": "enabled"}, "qdrant_tls_timer: 'enabled' is neither true nor false"),
        ({"qdrant_http_port": "http"}, "qdrant_http_port: 'http' is no whole number"),
        ({"qdrant_http_port": "99999"}, "qdrant_http_port: 99999 is no port"),
        ({"qdrant_firewall_clients": "192.0.2.1"}, "qdrant_firewall_clients: it is not a list but a text"),
        ({"qdrant_limit_nofile": 10}, "qdrant_limit_nofile: 10 is out of range. Write a whole number from 1024 to"),
        # Everyone, or nearly, in whatever pieces.
        ({"qdrant_firewall_clients": ["0.0.0.0/1", "128.0.0.0/1"]}, "its networks together are all of IPv4. Change it, or accept the risk"),
        ({"qdrant_firewall_clients": ["2000::/3"]}, "2000::/3 is nearly everyone"),
        ({"qdrant_firewall_clients": ["shops"]}, "qdrant_firewall_clients: 0.0.0.0/0 is everyone"),
        ({"qdrant_firewall_peers": ["0.0.0.0/1", "128.0.0.0/1"]}, "qdrant_firewall_peers: its networks together are all of IPv4"),
        ({"qdrant_firewall_targets": [{"host": "128.0.0.0/1", "port": 443}]}, "qdrant_firewall_targets: 128.0.0.0/1 is nearly everywhere"),
        # Scopes and ends of lines.
        ({"qdrant_address": "fe80::1%eth0"}, "'fe80::1%eth0' is no IP address"),
        ({"qdrant_address": "192.0.2.1\n"}, "'192.0.2.1\\n' is no IP address"),
        ({"qdrant_firewall_clients": ["fe80::1%eth0"]}, "'fe80::1%eth0' is neither an address nor a network"),
        ({"qdrant_firewall_clients": ["scoped"]}, "scoped comes from 'fe80::1%eth0', which is no address"),
        ({"qdrant_firewall_peers": ["fe80::1%eth0"]}, "qdrant_firewall_peers: 'fe80::1%eth0' is neither"),
        ({"qdrant_firewall_targets": [{"host": "fe80::1%eth0", "port": 443}]}, "qdrant_firewall_targets: 'fe80::1%eth0' is neither"),
        ({"qdrant_firewall_resolvers": ["fe80::1%eth0"]}, "qdrant_firewall_resolvers: 'fe80::1%eth0' is no address"),
        ({"qdrant_tls_extra_addresses": ["fe80::1%eth0"]}, "qdrant_tls_extra_addresses: 'fe80::1%eth0' is no IP address"),
        ({"qdrant_tls_extra_names": ["db.example\n"]}, "qdrant_tls_extra_names: 'db.example\\n' is no host name"),
        ({"qdrant_data_dir": "/var/lib/%n"}, "qdrant_data_dir: '/var/lib/%n' cannot be used as a folder"),
        ({"qdrant_config_dir": "/etc/qdrant:x"}, "qdrant_config_dir: '/etc/qdrant:x' cannot be used as a folder"),
        ({"qdrant_install_dir": "/opt/qdrant\n"}, "qdrant_install_dir: '/opt/qdrant\\n' cannot be used as a folder"),
        ({"qdrant_tls_dir": "/etc/qdrant/%i"}, "qdrant_tls_dir: '/etc/qdrant/%i' is no path"),
        ({"qdrant_tls_timer_metrics_dir": "/var/lib/x:y"}, "qdrant_tls_timer_metrics_dir: '/var/lib/x:y' is no path"),
        ({"qdrant_tls_csr_dir": "/tmp/x\ny"}, "qdrant_tls_csr_dir: '/tmp/x\\ny' is no path. Write one on one line"),
        ({"qdrant_user": "qdrant\nUser=root"}, "qdrant_user: 'qdrant\\nUser=root' is no name of a user"),
        ({"qdrant_user": "root"}, "qdrant_user: root may do everything"),
        ({"qdrant_memory_max": "1G\nUser=root"}, "qdrant_memory_max: '1G\\nUser=root' is no amount of memory"),
        ({"qdrant_tls_timer_schedule": "hourly\n[Service]"}, "qdrant_tls_timer_schedule: 'hourly\\n[Service]' is no time"),
    ],
)
def test_what_could_become_something_else_is_refused_by_name(monkeypatch, changes, expected):
    variables = node(**changes)
    variables["groups"]["shops"] = ["shop"]
    variables["hostvars"] |= {"shop": {"qdrant_firewall_addresses": ["0.0.0.0/0"]}, "scoped": {"qdrant_firewall_addresses": ["fe80::1%eth0"]}}
    with pytest.raises(AnsibleActionFail) as error:
        action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=variables)
    text = str(error.value)
    assert expected in text and text.count(expected) == 1 and KEY not in text


def test_everyone_in_pieces_is_taken_with_the_risk(monkeypatch):
    accepted = [{"risk": "clients-everyone", "reason": "a test"}]
    wanted = preflight(monkeypatch, qdrant_firewall_clients=["0.0.0.0/1", "128.0.0.0/1"], qdrant_accepted_risks=accepted)
    assert wanted["firewall"]["clients"] == ["0.0.0.0/1", "128.0.0.0/1"]


def test_addresses_are_written_anew(monkeypatch):
    hostvars = {name: {"qdrant_address": "2001:DB8:0:0::%d" % number} for number, name in enumerate(("node1", "node2", "node3"), 1)}
    changes = {"qdrant_address": "2001:DB8:0:0::1", "hostvars": hostvars, "qdrant_checksum": "0" * 64}
    result = preflight(monkeypatch, qdrant_firewall_clients=["2001:DB8:1::/64"], **changes)
    assert "DB8" not in str(result) and result["peers"][0]["address"] == "2001:db8::2"


# --- evidence ----------------------------------------------------------------------------------------------------------


def test_a_node_observes_itself_and_its_peers(monkeypatch):
    plugin = action(qdrant_evidence.ActionModule, monkeypatch, [{"evidence": {}}])
    plugin.run(task_vars=node())
    sent = plugin.calls[0]["module_args"]
    assert (sent["node"], sent["role"], sent["address"], sent["p2p_port"]) == (True, "peer", "192.0.2.1", 6335)
    assert [target["name"] for target in sent["targets"]] == ["node2", "node3"]
    assert not any(secret in str(sent) for secret in (KEY, READ_ONLY, CA_KEY))


def test_another_host_only_tries_to_reach_the_nodes(monkeypatch):
    plugin = action(qdrant_evidence.ActionModule, monkeypatch, [{"evidence": {}}])
    plugin.run(task_vars=node(inventory_hostname="stranger"))
    sent = plugin.calls[0]["module_args"]
    assert (sent["node"], sent["role"], len(sent["targets"])) == (False, "outsider", 3)


def eth0(ipv4: str, *ipv6: tuple[str, str]) -> dict:
    return {"type": "ether", "ipv4": {"address": ipv4}, "ipv6": [{"address": address, "scope": scope} for address, scope in ipv6]}


FACTS = {
    "interfaces": ["lo", "eth0", "docker0", "br-lan", "wg0"],
    "lo": {"type": "loopback", "ipv4": {"address": "127.0.0.1"}, "ipv6": [{"address": "::1", "scope": "host"}]},
    "eth0": {**eth0("192.0.2.2", ("2001:db8::2", "global"), ("fe80::2", "link")), "ipv4_secondaries": [{"address": "192.0.2.102"}]},
    "docker0": {"type": "bridge", "ipv4": {"address": "172.17.0.1"}, "ipv6": [{"address": "fd00::1", "scope": "global"}]},
    "br_lan": {"type": "bridge", "ipv4": {"address": "198.51.100.2"}},
    "wg0": {"type": "unknown", "ipv4": {"address": "10.8.0.2"}, "ipv6": []},
    "default_ipv4": {"interface": "br-lan", "address": "198.51.100.2"},
    "default_ipv6": {},
}


@pytest.mark.parametrize(
    ("variables", "further"),
    [
        # Nobody knows, which is not the same as none.
        ({}, None),
        ({"__qdrant_verify_network": {"facts": {"interfaces": ["eth0"], "eth0": eth0("192.0.2.2", ("fe80::2", "link"))}}}, []),
        ({"__qdrant_verify_network": {"facts": FACTS}}, ["10.8.0.2", "192.0.2.102", "198.51.100.2", "2001:db8::2"]),
        ({"__qdrant_verify_network": {"facts": FACTS}, "qdrant_verify_addresses": ["2001:db8::99"]}, ["2001:db8::99"]),
        ({"__qdrant_verify_network": {"facts": FACTS}, "qdrant_verify_addresses": []}, []),
        ({"__qdrant_verify_network": {"facts": FACTS}, "qdrant_verify_addresses": "auto"}, ["10.8.0.2", "192.0.2.102", "198.51.100.2", "2001:db8::2"]),
        ({"__qdrant_verify_network": {"facts": {"interfaces": "eth0"}}}, []),
        ({"__qdrant_verify_network": {"facts": {"interfaces": 1}}}, None),
    ],
)
def test_nodes_are_tried_at_all_addresses_that_are_theirs(monkeypatch, variables, further):
    given = node(inventory_hostname="stranger")
    given["hostvars"]["node2"].update(variables)
    plugin = action(qdrant_evidence.ActionModule, monkeypatch, [{"evidence": {}}])
    plugin.run(task_vars=given)
    assert {target["name"]: target["further"] for target in plugin.calls[0]["module_args"]["targets"]}["node2"] == further


@pytest.mark.parametrize("value", ["2001:db8::1", ["2001:db8::/64"], ["node1"], [1.5], {"a": 1}])
def test_addresses_that_are_none_are_refused(monkeypatch, value):
    with pytest.raises(AnsibleActionFail, match="qdrant_verify_addresses is .* must be a list of addresses"):
        action(qdrant_evidence.ActionModule, monkeypatch).run(task_vars=node(qdrant_verify_addresses=value))


def test_a_peer_without_address_is_an_error(monkeypatch):
    variables = node()
    del variables["hostvars"]["node3"]["qdrant_address"]
    with pytest.raises(AnsibleActionFail, match="The address of node3 is not known"):
        action(qdrant_evidence.ActionModule, monkeypatch).run(task_vars=variables)


# --- certificate -------------------------------------------------------------------------------------------------------

NAMES = {"common_name": "node1", "dns_names": ["node1"], "ip_addresses": ["192.0.2.1"]}


def certificate(monkeypatch, answers, variables=None, **arguments):
    plugin = action(qdrant_certificate.ActionModule, monkeypatch, answers, **{**NAMES, **arguments})
    return plugin, lambda: plugin.run(task_vars=variables or node())


def test_where_nothing_is_due_one_call_is_all(monkeypatch):
    plugin, run = certificate(monkeypatch, [{"changed": False, "reasons": []}])
    assert run()["changed"] is False and len(plugin.calls) == 1


def test_a_request_is_signed_and_sent_back_without_the_key(monkeypatch, tmp_path):
    store = _certificate.Store(str(tmp_path))
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", CA, CA)
    pending, request = store.make_request(wanted)

    def install(call):
        sent = call["module_args"]
        store.install(sent["pending"], sent["certificate"], sent["issuer"], wanted, datetime.now(UTC))
        return {"changed": True, "reasons": ["installed"], "diff": {"before": "", "after": "new"}}

    first = {"changed": True, "reasons": ["why"], "diff": {"before": "old", "after": ""}, "pending": pending, "request": request, "time": time.time()}
    plugin, run = certificate(monkeypatch, [first, install])
    result = run()
    assert result["reasons"] == ["why"] and result["diff"] == {"before": "old", "after": "new"}
    assert store.report(wanted, datetime.now(UTC)).reasons() == []
    assert not any(CA_KEY.splitlines()[1] in str(call["module_args"]) for call in plugin.calls)


def test_clocks_that_are_apart_are_refused_before_anything_is_signed(monkeypatch):
    first = {"changed": True, "reasons": [], "pending": "p", "request": "r", "time": time.time() - 3600}
    plugin, run = certificate(monkeypatch, [first])
    with pytest.raises(AnsibleActionFail, match="clocks of node and controller are 3600 s apart"):
        run()
    assert len(plugin.calls) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"qdrant_tls_ca_private_key": ""}, "qdrant_tls_ca_private_key"), ({"qdrant_tls_ca_certificate": "x"}, "qdrant_tls_ca_certificate")],
)
def test_a_ca_that_cannot_sign_is_refused_before_the_node_is_asked(monkeypatch, changes, expected):
    plugin, run = certificate(monkeypatch, [], node(**changes))
    with pytest.raises(AnsibleActionFail, match=expected):
        run()
    assert plugin.calls == []


@pytest.mark.parametrize("name", qdrant_certificate.ActionModule.set_here)
def test_what_the_action_sets_cannot_be_given(monkeypatch, name):
    _plugin, run = certificate(monkeypatch, [], **{name: "x"})
    with pytest.raises(AnsibleActionFail, match=name):
        run()


def test_a_certificate_does_not_outlive_its_ca(monkeypatch):
    life = timedelta(days=4000)
    _plugin, run = certificate(monkeypatch, [], validity_days=life.days)
    with pytest.raises(AnsibleActionFail, match="before a certificate of 4000 days would"):
        run()


# --- certificates on the way from one CA to the next ---------------------------------------------------------------------

NEXT, NEXT_KEY = _authority.create("next", NOW)
ROLLING = {"qdrant_tls_next_ca_certificate": NEXT, "qdrant_tls_next_ca_private_key": NEXT_KEY}


@pytest.mark.parametrize(
    ("phase", "signer", "trusted"), [("current", CA, [CA]), ("trust", CA, [CA, NEXT]), ("reissue", NEXT, [CA, NEXT]), ("drop", NEXT, [NEXT])]
)
def test_a_phase_decides_who_signs_and_who_is_trusted(monkeypatch, phase, signer, trusted):
    plugin, run = certificate(monkeypatch, [{"changed": False, "reasons": []}], node(**ROLLING), phase=phase)
    run()
    sent = plugin.calls[0]["module_args"]
    assert sent["issuer"] == signer and _certificate.same_certificates(sent["trust"], "".join(trusted))
    assert not any(key.splitlines()[1] in str(sent) for key in (CA_KEY, NEXT_KEY))


def test_the_old_ca_need_not_be_readable_once_it_is_dropped(monkeypatch):
    _plugin, run = certificate(monkeypatch, [{"changed": False, "reasons": []}], node(**ROLLING, qdrant_tls_ca_private_key=""), phase="drop")
    assert run()["changed"] is False


def test_the_preflight_plans_a_rollover(monkeypatch):
    variables = node(**ROLLING, qdrant_tls_rollover="true", qdrant_tls_bundle_file="/tmp/bundle.pem")
    for name in ("node2", "node3"):
        variables["hostvars"][name]["__qdrant_node"] = {"tls": {}}
    result = action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=variables)
    assert (result["tls"]["phase"], result["tls"]["steps"]) == ("current", ["trust", "reissue", "drop"])
    assert _certificate.same_certificates(result["tls"]["bundles"]["trust"], CA + NEXT) and NEXT_KEY.splitlines()[1] not in str(result)


# --- certificates that another party signs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "check", "keys"),
    [
        ({"changed": True, "key_wanted": True, "reasons": ["x"]}, False, ["", NEXT_KEY]),
        ({"changed": True, "key_wanted": True, "reasons": ["x"]}, True, [""]),
        ({"changed": True, "key_wanted": False, "reasons": ["the trusted CAs change"]}, False, [""]),
        ({"failed": True, "key_wanted": True}, False, [""]),
    ],
)
def test_a_key_that_is_provided_goes_to_a_node_that_lacks_it(monkeypatch, answer, check, keys):
    given = {"qdrant_tls_provided_certificate": NEXT, "qdrant_tls_provided_private_key": NEXT_KEY}
    plugin, run = certificate(monkeypatch, [answer, {"changed": True, "key_wanted": False, "reasons": ["x"]}], node(**given), provider="provided")
    plugin._task.check_mode = check
    result = run()
    calls = [call["module_args"] for call in plugin.calls]
    assert [call.get("private_key", "").strip() for call in calls] == [key.strip() for key in keys] and result.get("changed") == answer.get("changed")
    for call in calls:
        assert (call["certificate"].strip(), call["trust"].strip()) == (NEXT.strip(), CA.strip()) and CA_KEY.splitlines()[1] not in str(call)


def test_what_is_provided_is_written_anew(monkeypatch):
    """Text around PEM blocks, as programs and people write it, reaches no host; nor do certificates that do not belong there."""
    given = {
        "qdrant_tls_provided_certificate": "\ufeff# für Köln\r\n" + NEXT.replace("\n", "\r\n") + CA,
        "qdrant_tls_provided_private_key": "Bag Attributes\n    friendlyName: Köln\n" + NEXT_KEY,
        "qdrant_tls_ca_certificate": "# été\n" + CA,
    }
    plugin, run = certificate(monkeypatch, [{"changed": True, "reasons": ["x"], "key_wanted": True}, {"changed": True}], node(**given), provider="provided")
    run()
    asked, sent = (call["module_args"] for call in plugin.calls)
    assert (sent["certificate"], sent["private_key"], sent["trust"]) == (NEXT, NEXT_KEY, CA) and "private_key" not in asked


def test_a_request_waits_until_it_is_signed(monkeypatch, tmp_path):
    store = _certificate.Store(str(tmp_path / "tls"))
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", CA)
    pending, request = store.keep_request(wanted)
    first = {"changed": True, "reasons": ["why"], "diff": {"before": "", "after": ""}, "pending": pending, "request": request, "time": time.time()}
    options = {"provider": "csr", "csr_dir": str(tmp_path / "csr")}
    plugin, run = certificate(monkeypatch, [first], **options)
    assert run()["waiting"] == str(tmp_path / "csr/node1.csr") and len(plugin.calls) == 1
    authority = _authority.load(CA, CA_KEY, NOW, timedelta(days=1))
    (tmp_path / "csr/node1.crt").write_text(_authority.sign(authority, request, wanted, NOW, timedelta(days=30)))
    plugin, run = certificate(monkeypatch, [first, {"changed": True, "reasons": ["installed"], "diff": {"before": "x", "after": ""}}], **options)
    result = run()
    assert result["reasons"] == ["why"] and "waiting" not in result and plugin.calls[1]["module_args"]["pending"] == pending


SIGNING = [name for name, provider in _tls_providers.every().items() if provider.source != "provided" and provider.asks_for_own_names]


@pytest.mark.parametrize("provider", SIGNING)
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dns_names": ["node1", "node2"]}, "it names DNS:node2"),
        ({"common_name": "node2"}, "its subject is CN=node2, wanted is CN=node1"),
        ({"purposes": ("serverAuth",)}, "its purposes are serverAuth, wanted are clientAuth, serverAuth"),
        ({"key_type": "ecdsa-p384"}, "its key is ecdsa-p384, wanted is ecdsa-p256"),
    ],
)
def test_a_request_for_something_else_is_handed_on_to_nobody(monkeypatch, tmp_path, provider, changes, expected):
    arguments = {"common_name": "node1", "dns_names": ["node1"], "ip_addresses": ["192.0.2.1"], "key_type": "ecdsa-p256", "issuer": "", "trust": CA, **changes}
    request = _certificate.request_for(_certificate.KEY_TYPES[arguments["key_type"]](), _certificate.Wanted(**arguments))
    first = {"changed": True, "reasons": ["why"], "pending": "p", "request": request, "time": time.time()}
    plugin, run = certificate(monkeypatch, [first], provider=provider, csr_dir=str(tmp_path / "csr"))
    with pytest.raises(AnsibleActionFail) as error:
        run()
    assert expected in str(error.value) and "node1 asks for a certificate that it should not have" in str(error.value)
    assert len(plugin.calls) == 1 and not (tmp_path / "csr").exists()


def test_the_host_is_told_how_its_certificate_comes_about_and_what_to_ask_for(monkeypatch):
    """Not by whom: of a provider the module knows nothing."""
    needed = ["IP:192.0.2.1", "DNS:db.example"]
    for provider, source, asked in (("vault_pki", "awaited", ("node1", ["node1", "db.example"])), ("acme", "awaited", ("", ["db.example"]))):
        options = {"dns_names": ["node1", "db.example"], "needed": needed, "provider": provider}
        plugin, run = certificate(monkeypatch, [{"changed": False, "reasons": []}], **options)
        run()
        sent = plugin.calls[0]["module_args"]
        assert (sent["source"], (sent["common_name"], sent["dns_names"])) == (source, asked)
    _plugin, run = certificate(monkeypatch, [], provider="vault")
    with pytest.raises(AnsibleActionFail, match="provider: there is no provider 'vault'. Write one of acme, csr"):
        run()
    _plugin, run = certificate(monkeypatch, [], source="awaited")
    with pytest.raises(AnsibleActionFail, match="The option source is set by the action plugin itself"):
        run()


def test_another_hosts_key_is_handed_on_to_nobody(monkeypatch, tmp_path):
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", CA)
    key = _certificate.KEY_TYPES["ecdsa-p256"]()
    request = _certificate.request_for(key, wanted)
    variables = node()
    authority = _authority.load(CA, CA_KEY, NOW, timedelta(days=1))
    theirs = _authority.sign(authority, request, wanted, NOW, timedelta(days=30))
    variables["hostvars"]["node2"]["__qdrant_node"] = {"tls": {"certificate": theirs}}
    first = {"changed": True, "reasons": [], "pending": "p", "request": request, "time": time.time()}
    _plugin, run = certificate(monkeypatch, [first], variables, provider="csr", csr_dir=str(tmp_path))
    with pytest.raises(AnsibleActionFail, match="its key is that of node2"):
        run()


def test_what_was_signed_for_more_is_not_given_to_the_host(monkeypatch, tmp_path):
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", CA)
    more = _certificate.Wanted("node1", ["node1", "*.example.com"], ["192.0.2.1"], "ecdsa-p256", "", CA)
    key = _certificate.KEY_TYPES["ecdsa-p256"]()
    authority = _authority.load(CA, CA_KEY, NOW, timedelta(days=1))
    (tmp_path / "node1.crt").write_text(_authority.sign(authority, _certificate.request_for(key, more), more, NOW, timedelta(days=30)))
    first = {"changed": True, "reasons": [], "pending": "p", "request": _certificate.request_for(key, wanted), "time": time.time()}
    plugin, run = certificate(monkeypatch, [first], provider="csr", csr_dir=str(tmp_path))
    with pytest.raises(AnsibleActionFail, match=r"node1.crt holds a certificate that differs from the request: it names DNS:\*.example.com"):
        run()
    assert len(plugin.calls) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qdrant_tls_provider": "vault"}, "there is no provider 'vault'"),
        ({"qdrant_tls_provider": "csr"}, "qdrant_tls_csr_dir: it is empty"),
        ({"qdrant_tls_provider": "provided"}, "qdrant_tls_provided_certificate is empty"),
        ({"qdrant_tls_provider": "acme"}, "qdrant_tls_acme_directory: it is empty"),
        ({"qdrant_tls_provider": "acme", "qdrant_tls_csr_dir": "/tmp/x"}, "qdrant_tls_acme_account_key is empty"),
        ({"qdrant_tls_provider": "vault_pki", "qdrant_tls_vault_token": "t"}, "qdrant_tls_vault_role: it is empty"),
        ({"qdrant_tls_fail_days": 31}, "qdrant_tls_fail_days: 31 days are more than those of the warning"),
        ({"qdrant_tls_provider": "csr", "qdrant_tls_csr_dir": "/tmp/x", "qdrant_tls_rollover": True}, "only the provider internal knows"),
        (
            {"qdrant_tls_provider": "provided", "qdrant_tls_provided_certificate": NEXT, "qdrant_tls_provided_private_key": CA_KEY},
            "qdrant_tls_provided_certificate: it and its private key do not match",
        ),
    ],
)
def test_what_another_party_signs_is_checked_by_the_preflight(monkeypatch, changes, expected):
    plugin = action(qdrant_preflight.ActionModule, monkeypatch)
    with pytest.raises(AnsibleActionFail) as error:
        plugin.run(task_vars=node(**changes))
    assert expected in str(error.value) and CA_KEY.splitlines()[1] not in str(error.value)


def evidence_of_node1() -> dict:
    """What the module returned: without what judging adds."""
    evidence = json.loads((Path(__file__).parents[1] / "plugin_utils/evidence.json").read_text(encoding="utf-8"))
    return {name: value for name, value in evidence.items() if name not in (*_document.ADDED, "vantages")}


@pytest.mark.parametrize(("days", "fails"), [(7, False), (90, True), (None, False)])
def test_the_users_limit_of_days_is_the_controls(monkeypatch, days, fails):
    evidence = evidence_of_node1()
    plugin = action(qdrant_verify.ActionModule, monkeypatch, evidence={"node1": evidence}, fail_on="never")
    result = plugin.run(task_vars=node(**({} if days is None else {"qdrant_tls_fail_days": days})))
    assert ("tls-expiry" in result["failed_controls"]["node1"]) == fails


def test_a_limit_that_is_no_number_is_refused(monkeypatch):
    plugin = action(qdrant_verify.ActionModule, monkeypatch, evidence={"node1": {"node": True}})
    with pytest.raises(AnsibleActionFail, match="qdrant_tls_fail_days is no number of days"):
        plugin.run(task_vars=node(qdrant_tls_fail_days="soon"))


# --- what hosts say ----------------------------------------------------------------------------------------------------------


@functools.cache
def wanted_of_node1() -> dict:
    """What the controller tells the host that it should be."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return observed(monkeypatch, {"evidence": evidence_of_node1()})["evidence"]["asked"]["wanted"]


def asked(**changes) -> dict:
    """Evidence of node1 that answers what the controller asked."""
    document = {**evidence_of_node1(), "wanted": wanted_of_node1(), "address": "192.0.2.1", **changes}
    for view in document["seen"].values():
        view["further"] = {}
    return document


def observed(monkeypatch, reply, **changes) -> dict:
    variables = node(qdrant_verify_addresses=[], **changes)
    for entry in variables["hostvars"].values():
        entry["qdrant_verify_addresses"] = []
    return action(qdrant_evidence.ActionModule, monkeypatch, [reply]).run(task_vars=variables)


def judged(monkeypatch, tmp_path, evidence, **arguments) -> dict:
    """The report of one verification, and what the task returned."""
    plugin = action(qdrant_verify.ActionModule, monkeypatch, evidence=evidence, fail_on="never", report_dir=str(tmp_path / "report"), **arguments)
    variables = node()
    variables["hostvars"]["proxy1"] = {}
    result = plugin.run(task_vars=variables)
    return {**json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8")), "result": result}


def findings(report: dict, host: str) -> dict[str, str]:
    return {finding["id"]: finding["state"] for finding in report["hosts"][host]}


def test_what_was_asked_stands_beside_what_was_answered_whatever_the_host_says(monkeypatch):
    result = observed(monkeypatch, {"evidence": {"node": False, "asked": {"node": False, "targets": {}}}})
    assert result["evidence"]["node"] is False, "what the host said stays what it said"
    told = result["evidence"]["asked"]
    assert (told["node"], told["role"], told["address"], told["deployment"]) == (True, "peer", "192.0.2.1", "systemd")
    assert told["targets"] == {name: {"ports": ["grpc", "p2p", "rest"], "further": []} for name in ("node2", "node3")}
    # A host that answers nothing has an answer all the same, so that no template fails over it.
    assert observed(monkeypatch, {"changed": False})["evidence"] is None and observed(monkeypatch, {"evidence": "x"})["evidence"] == "x"


LIES = [
    ({"node": False}, "node is false, and the inventory says true"),
    ({"role": "client"}, "role is client, and the inventory says peer"),
    ({"address": "192.0.2.66"}, "address is 192.0.2.66, and the inventory says 192.0.2.1"),
    ({"seen": {}}, "seen.node2 is missing"),
    ({"seen": {**asked()["seen"], "node9": {}}}, "seen.node9 was not asked for"),
    ({"seen": {**asked()["seen"], "node2": {"rest": {"connect": "open"}, "further": {}}}}, "seen.node2 is not of the ports"),
    ({"vantages": []}, "it has vantages, which no such part has"),
    ({"advisories": [], "supports": {}}, "it has advisories, supports, which no such part has"),
    ({"document": {"problems": []}}, "it has document, which no such part has"),
    ({"proxy": {}}, "it has proxy, which no such part has"),
    ({"auth": {"rest": [401]}}, "auth.rest is a list, and must be an object"),
    ({"time": float("nan")}, "time is nan, which is no number"),
    ({"web": {"version": "\ud800"}}, "web.version has a text that is not Unicode"),
]


@pytest.mark.parametrize(("lie", "expected"), LIES, ids=[text[:30] for _lie, text in LIES])
def test_a_host_that_lies_of_what_it_was_asked_is_a_finding_and_the_others_are_judged(monkeypatch, tmp_path, lie, expected):
    good = observed(monkeypatch, {"evidence": asked()})["evidence"]
    bad = observed(monkeypatch, {"evidence": asked(**lie)})["evidence"]
    report = judged(monkeypatch, tmp_path, {"node1": bad, "node2": {**good, "asked": {**good["asked"]}}})
    assert findings(report, "node1") == {"evidence-valid": "failed"} and report["result"]["failed_controls"]["node1"] == ["evidence-valid"]
    assert expected in report["hosts"]["node1"][0]["text"]
    others = findings(report, "node2")
    assert others["evidence-valid"] == "passed" == others["auth-rest-anonymous"] and len(others) > 100
    # What it said of others is not believed either.
    assert report["evidence"]["node2"]["vantages"] == []


def test_a_host_without_evidence_is_a_finding(monkeypatch, tmp_path):
    good = observed(monkeypatch, {"evidence": asked()})["evidence"]
    report = judged(monkeypatch, tmp_path, {"node1": good, "node2": None}, hosts=["node1", "node2", "node3"])
    assert findings(report, "node2") == findings(report, "node3") == {"evidence-valid": "failed"} and len(findings(report, "node1")) > 100


def test_a_name_that_is_no_hosts_is_a_finding(monkeypatch, tmp_path):
    good = observed(monkeypatch, {"evidence": asked()})["evidence"]
    report = judged(monkeypatch, tmp_path, {"node1": good, "gu\u202eest": good, 5: good, "stranger": good})
    names = ["5", "gu\\u202eest", "stranger"]
    assert sorted(set(report["hosts"]) - {"node1"}) == names
    assert all(findings(report, name) == {"evidence-valid": "failed"} for name in names)


def test_a_saved_report_is_judged_again_as_it_was(monkeypatch, tmp_path):
    good = observed(monkeypatch, {"evidence": asked()})["evidence"]
    first = judged(monkeypatch, tmp_path, {"node1": good, "node2": asked(node="yes")}, proxies={"proxy1": PROXY})
    given = {"evidence_file": str(tmp_path / "report/report.json"), "report_dir": str(tmp_path / "b")}
    action(qdrant_verify.ActionModule, monkeypatch, fail_on="never", **given).run(task_vars=node())
    again = json.loads((tmp_path / "b/report.json").read_text(encoding="utf-8"))
    assert {host: findings(again, host) for host in again["hosts"]} == {host: findings(first, host) for host in first["hosts"]}
    assert again["evidence"] == first["evidence"]
    compared = action(qdrant_verify.ActionModule, monkeypatch, evidence={"node1": good}, fail_on="never", compare_with=str(tmp_path / "report/report.json"))
    assert {change["host"] for change in compared.run(task_vars=node())["drift"]} == {"node2", "proxy1"}


PROXY = json.loads((Path(__file__).parents[1] / "plugin_utils/proxy_evidence.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda saved: saved["evidence"]["node1"]["auth"].update(rest=5), "auth.rest is a whole number, and must be an object"),
        (lambda saved: saved["evidence"]["node1"].update(vantages=[{"from": "x", "role": "owner"}]), "role is owner, and must be"),
        (lambda saved: saved["evidence"]["node1"].pop("document"), "it does not say whether it was valid"),
        (lambda saved: saved["evidence"]["node1"]["process"].update(pid=float("inf")), "process.pid is inf, which is no number"),
    ],
)
def test_a_saved_report_that_was_changed_is_not_believed(monkeypatch, tmp_path, change, expected):
    good = observed(monkeypatch, {"evidence": asked()})["evidence"]
    saved = judged(monkeypatch, tmp_path, {"node1": good})
    change(saved)
    (tmp_path / "changed.json").write_text(json.dumps(saved), encoding="utf-8")
    plugin = action(qdrant_verify.ActionModule, monkeypatch, evidence_file=str(tmp_path / "changed.json"), fail_on="never", report_dir=str(tmp_path / "b"))
    plugin.run(task_vars=node())
    report = json.loads((tmp_path / "b/report.json").read_text(encoding="utf-8"))
    assert findings(report, "node1") == {"evidence-valid": "failed"} and expected in report["hosts"]["node1"][0]["text"]


@pytest.mark.parametrize("content", ["[]", "{", '{"schema": 2}', '{"schema": 2, "time": "\\u001b", "evidence": {}}', "[" * 100000])
def test_what_is_no_report_is_refused(monkeypatch, tmp_path, content):
    (tmp_path / "report.json").write_text(content, encoding="utf-8")
    with pytest.raises(AnsibleActionFail, match="holds no evidence"):
        action(qdrant_verify.ActionModule, monkeypatch, evidence_file=str(tmp_path / "report.json")).run(task_vars=node())


def test_an_earlier_form_of_a_report_is_named(monkeypatch, tmp_path):
    (tmp_path / "report.json").write_text('{"schema": 1, "evidence": {}}', encoding="utf-8")
    with pytest.raises(AnsibleActionFail, match="has schema 1, and this version reads 2. Observe again"):
        action(qdrant_verify.ActionModule, monkeypatch, evidence_file=str(tmp_path / "report.json")).run(task_vars=node())


def test_without_the_library_for_the_schema_nothing_is_judged(monkeypatch):
    monkeypatch.setattr(_document, "jsonschema", None)
    _document._validator.cache_clear()
    with pytest.raises(AnsibleActionFail, match="lacks the Python library jsonschema"):
        action(qdrant_verify.ActionModule, monkeypatch, evidence={"node1": asked()}).run(task_vars=node())


# --- access ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qdrant_version": "1.16.3", "qdrant_checksum": "0" * 64, "qdrant_audit": True}, "qdrant_audit: Qdrant has an audit log from 1.17.0 on"),
        ({"qdrant_version": "1.16.3", "qdrant_checksum": "0" * 64, "qdrant_alt_api_key": KEY[::-1]}, "qdrant_alt_api_key: Qdrant has alternate keys from"),
        ({"qdrant_alt_api_key": KEY}, "qdrant_alt_api_key: it equals qdrant_api_key"),
        ({"qdrant_access": [{"application": "shop", "access": {"a": "r"}, "lifetime": "1d"}]}, "qdrant_jwt_rbac: it is false"),
        ({"qdrant_jwt_rbac": True, "qdrant_access": [{"application": "shop", "access": {"*": "r"}, "lifetime": "1d"}]}, "no wildcard"),
    ],
)
def test_access_that_is_refused(monkeypatch, changes, expected):
    with pytest.raises(AnsibleActionFail) as error:
        preflight(monkeypatch, **changes)
    assert expected in str(error.value) and KEY not in str(error.value)


def test_what_later_versions_have_reaches_the_settings(monkeypatch):
    result = preflight(monkeypatch, qdrant_audit=True, qdrant_alt_api_key=KEY[::-1])
    assert result["settings"]["audit"]["enabled"] is True
    assert KEY[::-1] not in str(result), "keys are no settings"


@pytest.mark.parametrize(
    ("version", "other", "asks", "waits"),
    [
        ("1.18.0", {"installed_version": "1.18.0"}, True, []),
        # A new node.
        ("1.18.0", {"installed_version": None}, True, []),
        ("1.18.0", {"installed_version": "1.17.3"}, None, ["node2"]),
        # Not part of the run.
        ("1.18.0", {}, None, ["node2"]),
        ("1.17.3", {"installed_version": "1.17.3"}, None, []),
    ],
)
def test_nodes_ask_each_other_for_keys_once_all_of_them_show_one(monkeypatch, version, other, asks, waits):
    variables = node(qdrant_version=version, qdrant_checksum="b" * 64)
    variables["hostvars"] = {**variables["hostvars"], "node2": {**variables["hostvars"]["node2"], "__qdrant_node": other}}
    for host in ("node1", "node3"):
        if host in variables["hostvars"]:
            variables["hostvars"][host].setdefault("__qdrant_node", {"installed_version": None})
    result = action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=variables)
    assert (result["settings"]["service"].get("enforce_internal_auth"), result["internal_auth_waits"]) == (asks, waits)


@pytest.mark.parametrize(("value", "expected"), [(False, "no-internal-auth"), (None, "no-internal-auth"), ("true", "it is not a boolean")])
def test_nodes_that_are_not_to_ask_for_keys_are_a_risk_by_name(monkeypatch, value, expected):
    changes = {"qdrant_version": "1.18.0", "qdrant_checksum": "b" * 64, "qdrant_config": {"service": {"enforce_internal_auth": value}}}
    with pytest.raises(AnsibleActionFail, match=expected):
        preflight(monkeypatch, **changes)
    accepted = [{"risk": "no-internal-auth", "reason": "tested"}]
    if value is False:
        assert preflight(monkeypatch, **changes, qdrant_accepted_risks=accepted)["settings"]["service"]["enforce_internal_auth"] is False
