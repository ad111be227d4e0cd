# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables are of the type that their role declares, whatever an inventory in INI form or -e makes of them, or are refused."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _inputs, _values, _variables

SPECS = _variables.declared()
# Texts, and what they stand for by type; what is not here is refused.
TWINS = {
    "bool": {"false": False, "no": False, "0": False, "False": False, "true": True, "YES": True, "1": True, "off": False, "On": True},
    "int": {"0": 0, "1": 1, "7333": 7333, "-1": -1},
    "float": {"0": 0, "1": 1, "7333": 7333, "1.5": 1.5},
}
TEXTS = ("false", "no", "0", "False", "true", "YES", "1", "off", "On", "", "7333", "-1", "1.5", "y", " 1", "7333\n", "[]", "{}", "null", "maybe")


class Templar:
    @staticmethod
    def template(value):
        return value


def read(name, value):
    return _variables.read(Templar(), {name: value}, name)


def test_the_roles_declare_types_that_are_known():
    assert {"qdrant_dashboard", "qdrant_http_port", "qdrant_proxy_clients", "qdrant_tls_timer", "qdrant_verify_fail_on"} <= SPECS.keys()
    assert {spec["type"] for spec in SPECS.values()} <= _variables.TYPES.keys()


@pytest.mark.parametrize("name", sorted(name for name, spec in SPECS.items() if spec["type"] != "raw"))
def test_every_public_variable_as_text_is_its_typed_twin_or_refused(name):
    kind = SPECS[name]["type"]
    for text in TEXTS:
        if kind == "str" or text in TWINS.get(kind, {}):
            expected = text if kind == "str" else TWINS[kind][text]
            assert read(name, text) == expected and type(read(name, text)) is type(expected)
        else:
            with pytest.raises(_variables.WrongType) as error:
                read(name, text)
            assert error.value.name == name and str(error.value).startswith(name + ": ") and error.value.remedy and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["qdrant_api_key", "qdrant_alt_api_key", "qdrant_tls_ca_private_key"])
def test_a_secret_is_neither_converted_nor_shown(name):
    assert read(name, 5) == 5 and SPECS[name]["type"] == "raw"


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("qdrant_dashboard", "maybe", "'maybe' is neither true nor false. Write true or false."),
        ("qdrant_dashboard", None, "None is neither true nor false"),
        ("qdrant_http_port", "http", "'http' is no whole number"),
        ("qdrant_http_port", 6333.5, "6333.5 is no whole number"),
        ("qdrant_firewall_clients", "192.0.2.1", "it is not a list but a text"),
        ("qdrant_config", "{}", "it is not a mapping but a text"),
        ("qdrant_version", True, "it is true or false, and must be a text. Put it in quotes"),
        ("qdrant_user", ["qdrant"], "it is a list, and must be a text"),
        ("qdrant_user", None, "it is null, and must be a text"),
        ("qdrant_docker_cpus", "many", "'many' is no number"),
    ],
)
def test_what_is_refused_says_what_to_write(name, value, what):
    with pytest.raises(_variables.WrongType) as error:
        read(name, value)
    assert f"{name}: {what}" in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("qdrant_user", "x"), ("qdrant_memory_max", 1073741824), ("qdrant_firewall_clients", ["a"]), ("qdrant_config", {"a": 1}), ("not_ours", "false")],
)
def test_what_is_of_its_type_is_taken(name, value):
    assert str(read(name, value)) == str(value)


def test_a_variable_that_is_not_set_has_the_default():
    assert _variables.read(Templar(), {}, "qdrant_dashboard", "x") == "x"


def test_the_roles_default_stands_in_for_what_was_refused():
    assert _variables.fallback("qdrant_http_port") == 6333 and _variables.fallback("qdrant_cluster_enabled", True) is True


def test_a_variable_of_another_host_is_typed_too():
    hosts = {"n2": {"qdrant_tls_names": "x", "qdrant_dashboard": "no", "qdrant_address": "fe80::1%eth0"}}
    assert _variables.of_host("n2", hosts, "qdrant_dashboard", True) is False
    assert _variables.of_host("n2", hosts, "qdrant_tls_names", ["n2"]) == ["n2"] and _variables.of_host("n3", hosts, "x", 1) == 1
    assert _variables.address_of("n2", hosts) == ""
    assert _variables.address_of("n2", {"n2": {"qdrant_address": "2001:DB8:0::2"}}) == "2001:db8::2"
    assert _variables.further_addresses("n2", {"n2": {"qdrant_verify_addresses": ["fe80::1%eth0"]}}) is None


# Variables that other checks of the preflight cover, and where; or that reach no file of configuration.
ELSEWHERE = {
    "_foreign.accepted": ("qdrant_take_over",),
    "_preflight.check_address": ("qdrant_address", "qdrant_proxy_address"),
    "_preflight.check_ports": ("qdrant_http_port", "qdrant_grpc_port", "qdrant_p2p_port", "qdrant_proxy_http_port", "qdrant_proxy_grpc_port"),
    "_preflight.check_paths": (
        *(f"qdrant_{name}_dir" for name in ("install", "config", "data", "snapshots")),
        *(f"qdrant_proxy_{name}_dir" for name in ("install", "config")),
    ),
    "_preflight.check_clients, check_release, accepted_risks": ("qdrant_firewall_clients", "qdrant_checksum", "qdrant_accepted_risks"),
    "_preflight.check_checksums": ("qdrant_checksums",),
    "_container.check": tuple("qdrant_" + name for name in "deployment image image_digest docker_network docker_publish docker_subnet docker_address".split()),
    "_weaknesses_file.load": ("qdrant_weaknesses_file",),
    "_network.plan": tuple("qdrant_firewall_" + name for name in "backend peers targets resolvers rollback".split()),
    "_known_settings.check, _tokens.check_entries": ("qdrant_config", "qdrant_access"),
    "_proxy.check_values, check_clients, serials, check_addresses": tuple(
        "qdrant_proxy_" + name
        for name in (
            "clients open client_revoked ocsp_resolvers ocsp_responders error_log rate burst connections header_timeout body_timeout request_timeout "
            "snapshot_mb max_fails fail_timeout connect_timeout hsts_days limit_nofile tasks_max tls_provider tls_acme_challenge"
        ).split()
    ),
    "_tls_providers: one of a few words": ("qdrant_tls_provider", "qdrant_tls_acme_challenge", "qdrant_tls_rollover_until"),
    "the argument spec: one of a few words": ("qdrant_restart_strategy", "qdrant_tls_key_type", "qdrant_verify_fail_on", "qdrant_verify_role"),
    "what roles hand to qdrant_common": ("qdrant_common_packages",),
    "a name of the inventory, looked up there": ("qdrant_nodes_group", "qdrant_proxy_nodes_group", "qdrant_proxy_group", "qdrant_verify_nodes_group"),
    "arguments of modules, of a command, or of the verdict": (
        *(f"qdrant_{proxy}tls_acme_{name}" for proxy in ("", "proxy_") for name in ("contact", "command")),
        *("qdrant_tls_revoked", "qdrant_verify_controls", "qdrant_verify_waivers", "qdrant_verify_vantages", "qdrant_verify_addresses"),
    ),
}


def test_every_public_variable_is_judged_somewhere():
    """Booleans are judged by their type, secrets and PEM texts (raw) where nothing of them is shown."""
    elsewhere = [name for names in ELSEWHERE.values() for name in names]
    judged = [*_inputs.NODE, *_inputs.PROXY, *elsewhere]
    untyped = {name for name, spec in SPECS.items() if spec["type"] in ("bool", "raw") or name.startswith("qdrant_network_policy_")}
    assert SPECS.keys() - untyped - set(judged) == set()
    assert set(judged) - SPECS.keys() == {"inventory_hostname"}, "not the variables of any role"
    assert len(set(elsewhere)) == len(elsewhere) and not set(elsewhere) & {*_inputs.NODE, *_inputs.PROXY}


def test_defaults_pass_their_own_checks():
    def default(name, _default):
        value = SPECS.get(name, {}).get("default")
        return None if "{{" in str(value) else _variables.convert(name, value) if value is not None else None

    assert _inputs.check(default, {**_inputs.NODE, **_inputs.PROXY}, SPECS) == []


HOSTILE = ("x\ny", "a;b", "${x}", "%n", "a:b", "/a\n", "/a%n/b", "/a:b/c", "fe80::1%eth0", "192.0.2.1\n", "x'y", 'x"y', "x y", "../../x")
# What is harmless in some: a path of the controller and a URL reach no file of a host, and a time has blanks and colons.
FREE = ("qdrant_download_url", "qdrant_outbound_ca_file", "qdrant_verify_report_dir")
TIME = ("a:b", "x y", "../../x", "/a:b/c")


@pytest.mark.parametrize("name", sorted({*_inputs.NODE, *_inputs.PROXY}))
def test_hostile_values_are_refused_by_name(name):
    kinds = {**_inputs.NODE, **_inputs.PROXY}
    free = name in FREE or kinds[name] is _values.FILE
    harmless = [value for value in HOSTILE if free and "\n" not in value] + (list(TIME) if name == "qdrant_tls_timer_schedule" else [])
    for value in HOSTILE:
        given = [value] if SPECS.get(name, {}).get("type") == "list" else value
        problems = _inputs.check(lambda asked, _default, given=given: _variables.convert(asked, given), {name: kinds[name]})
        assert [problem.where for problem in problems] == [name] or value in harmless, value
        assert "\n" not in str(problems[:1])[:-1].replace("\\n", "")
