# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugins qdrant_proxy_preflight, qdrant_proxy_evidence and qdrant_client_certificate, without a host: what they read, send and refuse."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.action import (
    qdrant_client_certificate,
    qdrant_preflight,
    qdrant_proxy_evidence,
    qdrant_proxy_preflight,
)
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _plaintext, _proxy
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_actions import CA, CA_KEY, KEY, NOW, READ_ONLY, action, node

CLIENTS_CA, CLIENTS_CA_KEY = _authority.create("clients", NOW)
DEFAULTS = yaml.safe_load((Path(__file__).parents[4] / "roles/qdrant_proxy/defaults/main.yml").read_text(encoding="utf-8"))
ADDRESS = "192.0.2.21"


def proxy(monkeypatch, nodes=None, **changes) -> dict:
    """Variables of proxy1 before node1, whose own preflight ran."""
    variables = node(groups={"qdrant": ["node1"]}, qdrant_cluster_enabled=False, qdrant_firewall_clients=[ADDRESS], **(nodes or {}))
    plan = action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=variables)
    of_node = {**variables["hostvars"]["node1"], **variables, "__qdrant_preflight": plan}
    return {
        **{name: value for name, value in DEFAULTS.items() if "{{" not in str(value)},
        "inventory_hostname": "proxy1",
        "groups": {"qdrant": ["node1"], "qdrant_proxy": ["proxy1"]},
        "hostvars": {"node1": of_node, "proxy1": {}},
        "qdrant_proxy_nodes_group": "qdrant",
        "qdrant_proxy_address": ADDRESS,
        "qdrant_proxy_clients": ["198.51.100.0/24"],
        "__qdrant_proxy_host": {"time": time.time()},
        **changes,
    }


# --- preflight ---------------------------------------------------------------------------------------------------------


def test_good_input_yields_what_the_proxy_needs(monkeypatch):
    plan = action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=proxy(monkeypatch))
    assert plan["nodes"] == [
        {"name": "node1", "address": "192.0.2.1", "http_port": 6333, "grpc_port": 6334, "server_name": "node1", "local": False, "bracketed": "192.0.2.1"}
    ]
    assert plan["clients"] == ["198.51.100.0/24"] and plan["body_mb"] == 32
    assert (plan["tls"]["provider"], plan["tls"]["phase"], plan["tls"]["steps"]) == ("internal", "current", [])
    assert plan["addresses"] == sorted(["192.0.2.1", ADDRESS, "198.51.100.0/24", "127.0.0.0/8", "::1/128"])
    for secret in (KEY, READ_ONLY, CA_KEY):
        assert secret not in str(plan)


def test_all_problems_of_a_proxy_come_in_one_message(monkeypatch):
    changes = {"qdrant_proxy_clients": [], "qdrant_proxy_rate": 0, "qdrant_proxy_open": ["everything"], "qdrant_proxy_address": "192.0.2.77"}
    with pytest.raises(AnsibleActionFail) as error:
        action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=proxy(monkeypatch, **changes))
    text = str(error.value)
    assert "The input for the proxy proxy1 was refused, and nothing was changed" in text
    assert all(part in text for part in ("nobody could use the proxy", "qdrant_proxy_rate", "everything", "node1 do not let the proxy proxy1"))


def test_what_others_made_is_refused_of_a_proxy(monkeypatch):
    units = {"qdrant-proxy.service": {"path": "/etc/systemd/system/qdrant-proxy.service", "own": False, "masked": False}}
    variables = proxy(monkeypatch, __qdrant_proxy_host={"time": time.time(), "units": units})
    with pytest.raises(AnsibleActionFail, match="unit qdrant-proxy.service: it was not made by this collection"):
        action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=variables)


def test_a_node_in_a_container_is_asked_where_its_host_reaches_it(monkeypatch):
    engine = {"docker": {"cli": True, "version": "26.1.5", "userns": False, "limits": {}}, "machine": {"memory": 1 << 33, "processors": 2}}
    nodes = {
        "qdrant_deployment": "docker",
        "qdrant_image": "docker.io/qdrant/qdrant:v{version}-unprivileged",
        "qdrant_image_digest": "sha256:" + "ab" * 32,
        "qdrant_image_archive": "",
        "qdrant_docker_install": False,
        "qdrant_docker_network": "internal",
        "qdrant_docker_publish": [],
        "qdrant_docker_subnet": "172.31.253.0/29",
        "qdrant_docker_address": "172.31.253.2",
        "qdrant_docker_cpus": 0,
        "qdrant_memory_max": "infinity",
    }
    state = {**node()["hostvars"]["node1"]["__qdrant_node"], **engine}
    nodes["hostvars"] = {"node1": {"qdrant_address": "192.0.2.1", "__qdrant_node": state}}
    elsewhere = proxy(monkeypatch, nodes)
    with pytest.raises(AnsibleActionFail, match="node1 is on an internal network of its host, and the proxy proxy1 is on another"):
        action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=elsewhere)
    beside = {**elsewhere, "inventory_hostname": "node1", "qdrant_proxy_address": "192.0.2.1", "qdrant_proxy_http_port": 8443, "qdrant_proxy_grpc_port": 8444}
    plan = action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=beside)
    assert [entry["address"] for entry in plan["nodes"]] == ["172.31.253.2"]


def acme(tmp_path, **changes) -> dict:
    """Settings that are in order, but for the changes."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    own = {
        "directory": "https://acme-v02.api.letsencrypt.org/directory",
        "account_key": pem,
        "command": ["/usr/bin/answer"],
        "challenge": "dns-01",
    }
    return {
        "qdrant_proxy_tls_provider": "acme",
        "qdrant_proxy_tls_csr_dir": str(tmp_path),
        "qdrant_proxy_tls_ca_certificate": CLIENTS_CA,
        **{"qdrant_proxy_tls_acme_" + name: value for name, value in own.items()},
        **{"qdrant_proxy_tls_" + name: value for name, value in changes.items()},
    }


@pytest.mark.parametrize(("names", "addresses"), [([], [ADDRESS]), (["qdrant.example.com"], [])])
def test_a_certificate_is_ordered_for_clients_names_or_else_the_address(monkeypatch, tmp_path, names, addresses):
    wanted = acme(tmp_path, extra_names=names)
    plan = action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=proxy(monkeypatch, **wanted))
    assert (plan["tls"]["provider"], plan["tls"]["addresses"]) == ("acme", addresses)
    assert wanted["qdrant_proxy_tls_acme_account_key"].splitlines()[1] not in str(plan)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ca_certificate": ""}, "qdrant_proxy_tls_ca_certificate is empty"),
        ({"ca_certificate": CA}, "qdrant_proxy_tls_ca_certificate: it is the nodes' CA"),
        ({"acme_account_key": ""}, "qdrant_proxy_tls_acme_account_key is empty"),
        ({"acme_account_key": "two\nlines"}, "qdrant_proxy_tls_acme_account_key is neither a PEM text nor the path of a file"),
        ({"acme_command": []}, "qdrant_proxy_tls_acme_hook, qdrant_proxy_tls_acme_command: neither is set"),
        ({"csr_dir": ""}, "qdrant_proxy_tls_csr_dir: it is empty"),
    ],
)
def test_what_is_refused_of_an_acme_server_for_a_proxy(monkeypatch, tmp_path, changes, expected):
    wanted = acme(tmp_path, **changes)
    with pytest.raises(AnsibleActionFail) as refusal:
        action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=proxy(monkeypatch, **wanted))
    assert expected in str(refusal.value) and str(refusal.value).count("\n  - ") == 1


def test_a_proxys_key_in_plain_text_is_refused(monkeypatch, tmp_path):
    wanted = proxy(monkeypatch, **acme(tmp_path))
    plugin = action(qdrant_proxy_preflight.ActionModule, monkeypatch)
    monkeypatch.setattr(_plaintext, "position", lambda value, _origin: "group_vars/qdrant_proxy.yml:3" if "PRIVATE KEY" in str(value) else "")
    with pytest.raises(AnsibleActionFail, match="qdrant_proxy_tls_acme_account_key: it stands in plain text in group_vars/qdrant_proxy.yml:3"):
        plugin.run(task_vars=wanted)
    accepted = [{"risk": "plaintext-secrets", "reason": "a test"}]
    assert plugin.run(task_vars={**wanted, "qdrant_accepted_risks": accepted})["tls"]["provider"] == "acme"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qdrant_proxy_clients": ["0.0.0.0/1", "128.0.0.0/1"]}, "qdrant_proxy_clients: its networks together are all of IPv4"),
        ({"qdrant_proxy_clients": ["fe80::1%eth0"]}, "qdrant_proxy_clients: 'fe80::1%eth0' is neither"),
        ({"qdrant_proxy_address": "fe80::1%eth0"}, "'fe80::1%eth0' is no IP address"),
        ({"qdrant_proxy_ocsp_responders": ["192.0.2.1\n"]}, "qdrant_proxy_ocsp_responders: '192.0.2.1\\n' is no address"),
        ({"qdrant_proxy_user": "x; y"}, "qdrant_proxy_user: 'x; y' is no name of a user"),
        ({"qdrant_proxy_config_dir": "/etc/x:y"}, "qdrant_proxy_config_dir: '/etc/x:y' cannot be used as a folder"),
        ({"qdrant_proxy_memory_max": "1G\nUser=root"}, "qdrant_proxy_memory_max"),
        ({"qdrant_proxy_tls_extra_names": ["a b"]}, "qdrant_proxy_tls_extra_names: 'a b' is no host name"),
        ({"qdrant_proxy_request_timeout": "60s"}, "qdrant_proxy_request_timeout: '60s' is no whole number"),
        ({"qdrant_proxy_tls_acme_terms_agreed": "maybe"}, "qdrant_proxy_tls_acme_terms_agreed: 'maybe' is neither true nor false"),
    ],
)
def test_what_could_become_something_else_is_refused_of_a_proxy(monkeypatch, changes, expected):
    with pytest.raises(AnsibleActionFail) as error:
        action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=proxy(monkeypatch, **changes))
    assert expected in str(error.value) and str(error.value).count("\n  - ") == 1


def test_texts_for_numbers_are_their_twins_for_a_proxy(monkeypatch):
    numbers = {name: str(value) for name, value in DEFAULTS.items() if isinstance(value, int) and not isinstance(value, bool)}
    plan = action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=proxy(monkeypatch, **numbers))
    assert plan == action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=proxy(monkeypatch))


def test_the_size_of_bodies_is_a_number(monkeypatch):
    wanted = proxy(monkeypatch)
    wanted["hostvars"]["node1"]["__qdrant_preflight"]["settings"]["service"]["max_request_size_mb"] = "32m;\n"
    with pytest.raises(AnsibleActionFail, match="qdrant_config.service.max_request_size_mb of the nodes: '32m;.*' is no whole number"):
        action(qdrant_proxy_preflight.ActionModule, monkeypatch).run(task_vars=wanted)


def test_a_nodes_certificate_gives_no_name_to_a_proxy(monkeypatch):
    """A hostile one names what nginx would read as more settings, or another host."""
    wanted = proxy(monkeypatch)
    hostile = _authority.create("x", NOW)[0]
    for provider, names, expected in (("internal", ["node1"], "node1"), ("internal", ['x"; }'], None), ("csr", ["node1"], None)):
        wanted["hostvars"]["node1"] |= {"qdrant_tls_provider": provider, "qdrant_tls_names": names, "__qdrant_node": {"tls": {"certificate": hostile}}}
        plugin = action(qdrant_proxy_preflight.ActionModule, monkeypatch)
        changes = {"qdrant_proxy_tls_provider": provider, "qdrant_proxy_tls_csr_dir": "/tmp/x" if provider == "csr" else ""}
        if expected:
            assert plugin.run(task_vars={**wanted, **changes})["nodes"][0]["server_name"] == expected
            continue
        with pytest.raises(AnsibleActionFail, match="has none of its names in the inventory"):
            plugin.run(task_vars={**wanted, **changes})


# --- evidence ----------------------------------------------------------------------------------------------------------


def test_a_proxy_is_observed_where_the_inventory_says(monkeypatch):
    plugin = action(qdrant_proxy_evidence.ActionModule, monkeypatch, [{"proxy": {}}], http_port=8443)
    plugin.run(task_vars=proxy(monkeypatch, qdrant_proxy_open=["metrics"]))
    sent = plugin.calls[0]["module_args"]
    assert (sent["address"], sent["http_port"], sent["grpc_port"]) == (ADDRESS, 8443, 6334)
    assert sent["closed_paths"] == _proxy.closed_paths(["metrics"]) and "/metrics" not in sent["closed_paths"]
    assert sent["closed_methods"] == _proxy.closed_methods([])
    assert sent["server_name"] == ""
    assert not any(secret in str(sent) for secret in (KEY, READ_ONLY, CA_KEY))


@pytest.mark.parametrize(
    ("own", "nodes", "names", "expected"),
    [
        ("acme", "internal", ["db.example", "other.example"], "db.example"),
        ("acme", "internal", [], ""),
        ("internal", "internal", ["db.example"], ""),
        ("", "provided", ["db.example"], "db.example"),
        ("", "csr", ["db.example"], ""),
    ],
)
def test_a_proxy_is_verified_by_what_clients_come_by(monkeypatch, own, nodes, names, expected):
    variables = proxy(monkeypatch, qdrant_proxy_tls_provider=own, qdrant_proxy_tls_extra_names=names)
    variables["hostvars"]["node1"]["qdrant_tls_provider"] = nodes
    plugin = action(qdrant_proxy_evidence.ActionModule, monkeypatch, [{"proxy": {}}])
    plugin.run(task_vars=variables)
    assert plugin.calls[0]["module_args"]["server_name"] == expected


def test_a_proxy_without_an_address_is_refused(monkeypatch):
    plugin = action(qdrant_proxy_evidence.ActionModule, monkeypatch)
    with pytest.raises(AnsibleActionFail, match="Set qdrant_proxy_address in the inventory"):
        plugin.run(task_vars=proxy(monkeypatch, qdrant_proxy_address=""))
    assert plugin.calls == []


# --- clients' certificates ---------------------------------------------------------------------------------------------


def client(monkeypatch, folder, check=False, ca=(CLIENTS_CA, CLIENTS_CA_KEY), sources=(), **arguments):
    plugin = action(qdrant_client_certificate.ActionModule, monkeypatch, name="shop", dir=str(folder), **arguments)
    plugin._task.check_mode = check
    hostvars = {"node1": {"qdrant_tls_ca_certificate": CA}}
    variables = {"groups": {"qdrant": ["node1"]}, "hostvars": hostvars, "ansible_inventory_sources": list(sources)}
    return plugin.run(task_vars={**variables, "qdrant_client_ca_certificate": ca[0], "qdrant_client_ca_private_key": ca[1]})


def test_a_clients_certificate_is_made_once_and_its_key_is_in_no_result(monkeypatch, tmp_path):
    first = client(monkeypatch, tmp_path / "clients")
    key, certificate = (tmp_path / "clients" / ("shop." + ending) for ending in ("key", "crt"))
    assert first["changed"] and first["reasons"] == ["there is none"] and key.read_text(encoding="ascii").splitlines()[1] not in str(first)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    leaf = _certificate.load_certificates(certificate.read_text(encoding="ascii"))[0]
    assert _certificate.purposes(leaf) == {"clientAuth"} and _certificate.is_signed_by(leaf, _certificate.load_certificates(CLIENTS_CA)[0])
    again = client(monkeypatch, tmp_path / "clients")
    assert not again["changed"] and again["serial"] == first["serial"]
    assert client(monkeypatch, tmp_path / "clients", force="true")["reasons"] == ["asked for"]
    key.chmod(0o644)
    assert client(monkeypatch, tmp_path / "clients")["changed"], "a key that others could read is made anew"


def test_check_mode_makes_no_certificate(monkeypatch, tmp_path):
    assert client(monkeypatch, tmp_path / "clients", check=True)["changed"] and not (tmp_path / "clients").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ca": (CA, CA_KEY)}, "is the nodes' CA or comes from it, and whoever has a client's certificate from there opens the cluster port"),
        ({"ca": ("", "")}, "qdrant_client_ca_certificate"),
        ({"validity_days": 0}, "cannot be valid for 0 days"),
        ({"key_type": "dsa"}, "There is no key type 'dsa'"),
    ],
)
def test_what_no_client_gets_a_certificate_from(monkeypatch, tmp_path, changes, message):
    with pytest.raises(AnsibleActionFail, match=message):
        client(monkeypatch, tmp_path / "clients", **changes)
    assert not (tmp_path / "clients").exists()


def test_the_inventorys_folder_is_no_place_for_keys(monkeypatch, tmp_path):
    (tmp_path / "inventory").mkdir()
    with pytest.raises(AnsibleActionFail, match="is in the inventory's folder"):
        client(monkeypatch, tmp_path / "inventory/clients", sources=[str(tmp_path / "inventory")])
