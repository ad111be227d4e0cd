# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What templates insert is typed where it is inserted, and nothing hostile gets through any of them."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.core import to_nice_yaml
from ansible.plugins.test.core import TestModule as CoreTests
from ansible_collections.hardened.qdrant.plugins.filter import qdrant_value
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _values
from jinja2 import nodes

ROLES = Path(__file__).parents[3] / "roles"
TEMPLATES = sorted(ROLES.glob("*/templates/*.j2"))
VALUE = "hardened.qdrant.qdrant_value"
ENVIRONMENT = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, extensions=["jinja2.ext.do"])
ENVIRONMENT.filters.update(CoreFilters().filters() | {"to_nice_yaml": to_nice_yaml, VALUE: qdrant_value.qdrant_value})
ENVIRONMENT.tests.update(CoreTests().tests())
IDS = [f"{path.parts[-3]}/{path.name}" for path in TEMPLATES]

# What is inserted without a parser: constants of the roles' vars, and a document that YAML quotes.
ALLOWED = {
    "__qdrant_firewall_unit": "the name of the guard's unit, or nothing",
    "__qdrant_preflight.settings | to_nice_yaml": "YAML quotes what it holds",
    "__qdrant_unset": "names of variables, a constant",
    "__qdrant_proc_hidden": "names below /proc, a constant",
}


# --- by reading ----------------------------------------------------------------------------------------------------------


def typed(node, names):
    """Whether an expression is a constant, or comes from a parser. ``names`` are those that the template itself made of such."""
    if node is None or isinstance(node, nodes.Const):
        return True
    if isinstance(node, nodes.Name):
        return node.name in names
    if isinstance(node, nodes.Filter):
        if node.name in ("int", "length", "count", VALUE):
            return node.name != VALUE or node.args[0].value in _values.KINDS
        if node.name == "map" and node.args[0].value == VALUE:
            return node.args[1].value in _values.KINDS
        return node.name in ("join", "unique", "sort", "min", "regex_escape") and typed(node.node, names)
    if isinstance(node, nodes.CondExpr):
        return typed(node.expr1, names) and typed(node.expr2, names)
    if isinstance(node, (nodes.List, nodes.Tuple)):
        return all(typed(item, names) for item in node.items)
    if isinstance(node, nodes.Concat):
        return all(typed(item, names) for item in node.nodes)
    if isinstance(node, nodes.BinExpr):
        return typed(node.left, names) and typed(node.right, names)
    return False


def written(node):
    """An expression as a key of ALLOWED."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{written(node.node)}.{node.attr}"
    return f"{written(node.node)} | {node.name}" if isinstance(node, nodes.Filter) else type(node).__name__


def loose(text):
    """Insertions of a template that no parser wrote."""
    found = []

    def walk(node, names):
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name) and typed(node.node, names):
            names.add(node.target.name)
        elif isinstance(node, nodes.For) and (typed(node.iter, names) or getattr(getattr(node.iter, "node", None), "name", "") in ALLOWED):
            names = names | {name.name for name in node.target.find_all(nodes.Name)} | ({node.target.name} if isinstance(node.target, nodes.Name) else set())
        elif isinstance(node, nodes.Macro):
            calls = [call for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name) and call.node.name == node.name]
            given = [[*zip(node.args, call.args)] for call in calls]
            names = names | {argument.name for argument in node.args if all(typed(one, names) for pairs in given for name, one in pairs if name is argument)}
        elif isinstance(node, nodes.Output):
            for inner in node.nodes:
                macro = isinstance(inner, nodes.Call) and any(inner.node.name == known.name for known in tree.find_all(nodes.Macro))
                in_allowed = isinstance(inner, nodes.Filter) and inner.name == "join" and any(name.name in names for name in inner.find_all(nodes.Name))
                if not (isinstance(inner, nodes.TemplateData) or macro or typed(inner, names) or written(inner) in ALLOWED or in_allowed):
                    found.append("line %d: %s" % (inner.lineno, written(inner)))
        for child in node.iter_child_nodes():
            walk(child, names)

    tree = ENVIRONMENT.parse(text)
    walk(tree, set())
    return found


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_every_insertion_is_typed_where_it_stands(path):
    assert loose(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("{{ a }}", False),
        ("{{ a | default('') }}", False),
        ("{{ a | int + 1 }}", True),
        ("{{ a | hardened.qdrant.qdrant_value('path') }}/x", True),
        ("{{ a | hardened.qdrant.qdrant_value('text') }}", False),
        ("{% set b = a | hardened.qdrant.qdrant_value('path') %}{{ b }}", True),
        ("{% set b = a %}{{ b }}", False),
        ("{% for b in a %}{{ b }}{% endfor %}", False),
        ("{% for b in ['x', 'y'] %}{{ b }}{% endfor %}", True),
        ("{% macro m(x) %}{{ x }}{% endmacro %}{{ m(a) }}", False),
        ("{% macro m(x) %}{{ x }}{% endmacro %}{{ m('a') }}", True),
        ("{{ a | map('hardened.qdrant.qdrant_value', 'network') | join(' ') }}", True),
        ("{{ a | join(' ') }}", False),
    ],
)
def test_the_reading_sees_what_is_loose(text, good):
    assert (loose(text) == []) is good


# --- by rendering --------------------------------------------------------------------------------------------------------

DEFAULTS = {}
for _role in ("qdrant", "qdrant_firewall", "qdrant_tls", "qdrant_proxy"):
    DEFAULTS.update(yaml.safe_load((ROLES / _role / "defaults/main.yml").read_text(encoding="utf-8")))
NODES = [
    {"name": name, "address": address, "bracketed": _values.bracketed(address), "http_port": 6333, "grpc_port": 6334, "server_name": name}
    for name, address in (("node1", "192.0.2.11"), ("node2", "2001:db8::12"))
]
GOOD = {
    **{name: given for name, given in DEFAULTS.items() if "{{" not in str(given)},
    "qdrant_address": "192.0.2.11",
    "qdrant_cluster_enabled": True,
    "qdrant_docker_publish": ["192.0.2.11"],
    "qdrant_proxy_address": "192.0.2.21",
    "qdrant_proxy_open": ["snapshots", "metrics"],
    "qdrant_proxy_ocsp_resolvers": ["192.0.2.53", "2001:db8::53"],
    "qdrant_firewall_http_port": 6333,
    "qdrant_firewall_grpc_port": 6334,
    "qdrant_firewall_p2p_port": 6335,
    "qdrant_firewall_peers": ["192.0.2.12", "2001:db8::12"],
    "qdrant_firewall_resolvers": ["192.0.2.53", "2001:db8::53"],
    "qdrant_firewall_user": "qdrant",
    "qdrant_firewall_file": "/etc/qdrant/firewall.nft",
    "qdrant_tls_dir": "/etc/qdrant/tls",
    "__qdrant_preflight": {
        "settings": {"service": {"host": "192.0.2.11"}, "log_level": "INFO"},
        "uri": "https://192.0.2.11:6335",
        "bootstrap": "https://192.0.2.12:6335",
        "outbound": {"credential": "outbound-ca.crt"},
        "firewall": {"bridge": "qdrant0"},
        "container": {"gateway": "172.31.253.1"},
    },
    "__qdrant_node": {"python": "/usr/bin/python3"},
    "__qdrant_ids": {"uid": 999, "gid": 999},
    "__qdrant_engine": {"limits": {"pids": True, "memory": True, "cpus": True}},
    "__qdrant_image_id": "sha256:" + "0" * 64,
    "__qdrant_endpoint": "192.0.2.11",
    "__qdrant_libexec": "/opt/qdrant/libexec",
    "__qdrant_root": "/opt/qdrant/root",
    "__qdrant_audit_root": "/opt/qdrant/audit-root",
    "__qdrant_audit_dir": "/var/lib/qdrant/storage/audit",
    "__qdrant_audit_state": "/var/lib/qdrant-audit",
    "__qdrant_tls_dir": "/etc/qdrant/tls/current",
    "__qdrant_outbound_bundle": "/etc/qdrant/outbound-ca.crt",
    "__qdrant_libraries": ["/lib/x86_64-linux-gnu/libstdc++.so.6"],
    "__qdrant_proc_hidden": ["acpi", "sys/kernel"],
    "__qdrant_unset": ["LD_PRELOAD", "RUST_LOG"],
    "__qdrant_firewall_unit": "qdrant-firewall.service",
    "__qdrant_allowed_addresses": ["127.0.0.0/8", "192.0.2.11"],
    "__qdrant_target_names": {"s3.example.com": ["192.0.2.99"]},
    "__qdrant_container_memory": "14400m",
    "__qdrant_container_cpus": 1.5,
    "__qdrant_firewall_plan": {
        "clients": ["192.0.2.20", "2001:db8::/64"],
        "bridge": "qdrant0",
        "targets": [{"address": "192.0.2.99", "port": 443}, {"address": "2001:db8::99", "port": 443}],
    },
    "__qdrant_tls_node": {"python": "/usr/bin/python3"},
    "__qdrant_tls_endpoint": "192.0.2.11",
    "__qdrant_tls_ports": [6333, 6334, 6335],
    "__qdrant_tls_expiry_dir": "/opt/qdrant/expiry",
    "__qdrant_proxy_plan": {
        "nodes": NODES,
        "clients": ["192.0.2.0/24", "2001:db8::/64"],
        "addresses": ["192.0.2.0/24", "::1/128"],
        "listen": "192.0.2.21",
        "body_mb": 32,
        "client_ca": "PEM",
        "revoked": ["0AFF"],
    },
    "__qdrant_proxy_host": {"python": "/usr/bin/python3"},
    "__qdrant_proxy_stage": "/opt/qdrant-proxy/libexec/stage.py",
    "__qdrant_proxy_settings": "/opt/qdrant-proxy/settings",
    "__qdrant_proxy_root": "/opt/qdrant-proxy/root",
    "__qdrant_proxy_run": "/run/qdrant-proxy",
    "__qdrant_proxy_binary": "/usr/sbin/nginx",
    "__qdrant_proxy_libraries": ["/lib/x86_64-linux-gnu/libssl.so.3"],
    "__qdrant_proxy_low_ports": [],
    "__qdrant_proxy_shutdown": 70,
    "__qdrant_proxy_stapling": True,
    "__qdrant_proxy_suites": ["ECDHE-RSA-AES128-GCM-SHA256"],
}
# Each begins a line or a word of its own in one of the formats, or ends a text.
MARK = "HOSTILE"
MEANS = ("x\nMARK=1", "x MARK", "x;MARK{}", 'x";MARK "', "/x%n/MARK", "/x:/MARK:rw", "$MARK", "fe80::1%MARK", "'MARK")
HOSTILE = [text.replace("MARK", MARK) for text in MEANS]


@lru_cache
def template(path):
    return ENVIRONMENT.from_string(path.read_text(encoding="utf-8"))


def render(path, variables):
    return template(path).render(**variables)


def leaves(given, place=()):
    """Where texts and numbers stand in variables."""
    if isinstance(given, dict):
        for key, inner in given.items():
            yield from leaves(inner, (*place, key))
    elif isinstance(given, list):
        for position, inner in enumerate(given):
            yield from leaves(inner, (*place, position))
    else:
        yield place


def used(path):
    names = {node.name for node in ENVIRONMENT.parse(path.read_text(encoding="utf-8")).find_all(nodes.Name)}
    return {name: GOOD[name] for name in sorted(names & GOOD.keys())}


def replaced(place, hostile):
    variables = copy.deepcopy(GOOD)
    inner = variables
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = hostile
    return variables


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_good_values_are_written(path):
    text = render(path, GOOD)
    assert text and "{{" not in text and "None" not in text


CONSTANT = ("__qdrant_firewall_unit", "__qdrant_proc_hidden", "__qdrant_unset")


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_nothing_hostile_is_written(path):
    """With each value in turn: the template fails, or does not write it."""
    for place in leaves(used(path)):
        if place[0] in CONSTANT or path.name == "config.yaml.j2":
            continue
        for hostile in HOSTILE:
            try:
                text = render(path, replaced(place, hostile))
            except (AnsibleError, jinja2.TemplateError):
                continue
            # Another word in a time is for systemd to refuse.
            assert MARK not in text or (place[0] == "qdrant_tls_timer_schedule" and text == render(path, GOOD).replace("hourly", hostile)), (place, hostile)


def test_names_are_not_hostile_either():
    path = ROLES / "qdrant/templates/hosts.j2"
    for hostile in HOSTILE:
        with pytest.raises(AnsibleError):
            render(path, {**GOOD, "__qdrant_target_names": {hostile: ["192.0.2.99"]}})


def test_settings_are_quoted_by_yaml():
    path = ROLES / "qdrant/templates/config.yaml.j2"
    for hostile in HOSTILE:
        settings = {"service": {"host": hostile, hostile: 1}}
        assert yaml.safe_load(render(path, {**GOOD, "__qdrant_preflight": {"settings": settings}})) == settings


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_texts_for_switches_and_numbers_are_their_twins(path):
    """What an INI inventory makes of them gives the same file."""
    twins = {name: str(given) for name, given in used(path).items() if isinstance(given, (bool, int)) and name.startswith("qdrant_")}
    assert render(path, {**GOOD, **twins}) == render(path, GOOD)


def test_addresses_are_written_in_one_notation():
    text = render(ROLES / "qdrant_firewall/templates/firewall.nft.j2", {**GOOD, "qdrant_firewall_peers": ["2001:DB8:0:0::12"]})
    assert "2001:db8::12" in text and "DB8" not in text


def test_an_unknown_kind_and_a_bad_value_are_said():
    with pytest.raises(AnsibleError, match="no kind of value 'text'"):
        qdrant_value.qdrant_value("x", "text")
    with pytest.raises(AnsibleError, match="'x y' is no word"):
        qdrant_value.qdrant_value("x y", "word")
    assert qdrant_value.FilterModule().filters()["qdrant_value"] is qdrant_value.qdrant_value
    choices = yaml.safe_load(qdrant_value.DOCUMENTATION)["options"]["kind"]["choices"]
    assert choices == sorted(_values.KINDS)
