# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients and targets, from what a user names to addresses; and the choice among a host's firewalls."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _network

ADDRESSES = {"app.example.com": ["192.0.2.20", "2001:db8::20"], "db.internal": ["192.0.2.30"]}
GROUPS = {"applications": ["app1", "app2"], "empty": []}
HOSTS = {
    "app1": {"ansible_host": "192.0.2.21"},
    "app2": {"qdrant_firewall_addresses": ["192.0.2.22", "2001:db8::22"], "ansible_host": "10.0.0.1"},
    "db.internal": {},
    "lost": {"ansible_host": "no.such.name"},
}


def resolver(name):
    return ADDRESSES.get(name, [])


def clients(*entries):
    return _network.clients(list(entries), GROUPS, HOSTS, resolver)


@pytest.mark.parametrize(
    ("entries", "addresses"),
    [
        (["192.0.2.1", "198.51.100.0/24", "2001:DB8:0::/64"], ["192.0.2.1", "198.51.100.0/24", "2001:db8::/64"]),
        (["applications"], ["192.0.2.21", "192.0.2.22", "2001:db8::22"]),
        (["app2"], ["192.0.2.22", "2001:db8::22"]),
        (["app.example.com"], ["192.0.2.20", "2001:db8::20"]),
        # A host of the inventory that has no address there is resolved.
        (["db.internal"], ["192.0.2.30"]),
        # Each once, whoever names it.
        (["applications", "192.0.2.21"], ["192.0.2.21", "192.0.2.22", "2001:db8::22"]),
    ],
)
def test_whoever_is_named_becomes_addresses(entries, addresses):
    meant = clients(*entries)
    assert meant.addresses() == addresses and meant.problems == []


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("no.such.name", "no name that the controller can resolve"),
        ("192.0.2.300", "neither an address nor a network"),
        ("not a name", "neither an address nor a network"),
        ("lost", "the address of lost is not known"),
    ],
)
def test_whoever_is_not_known_is_refused(entry, what):
    assert [what in str(problem) for problem in clients(entry).problems] == [True]


def test_a_name_whose_address_changes_is_a_difference():
    first = clients("app.example.com").addresses()
    moved = _network.clients(["app.example.com"], GROUPS, HOSTS, lambda _name: ["192.0.2.99"]).addresses()
    assert first != moved and moved == ["192.0.2.99"]


def test_an_empty_group_is_said_and_other_types_are_left_to_the_preflight():
    assert clients("empty").warnings and clients("empty").problems == []
    assert clients(None, 5).literals == [None, 5] and clients(None).addresses() == []
    assert _network.clients("192.0.2.1", GROUPS, HOSTS, resolver).addresses() == []


def test_targets():
    found, problems = _network.targets([{"host": "app.example.com", "port": 443}, {"host": "203.0.113.0/24", "port": 9000}], resolver)
    named = {"port": 443, "name": "app.example.com"}
    assert found == [{"address": "192.0.2.20", **named}, {"address": "2001:db8::20", **named}, {"address": "203.0.113.0/24", "port": 9000}]
    assert problems == []
    assert _network.names_of(found) == {"app.example.com": ["192.0.2.20", "2001:db8::20"]}


def test_targets_are_judged_together_and_take_a_port_as_text():
    halves = [{"host": network, "port": port} for network, port in (("0.0.0.0/1", 443), ("128.0.0.0/1", "8443"))]
    found, problems = _network.targets(halves, resolver)
    assert [str(problem.what) for problem in problems] == ["its networks together are all of IPv4"] and found[1]["port"] == 8443


def test_a_target_whose_address_is_given_is_not_resolved():
    found, problems = _network.targets([{"host": "no.such.name", "address": "192.0.2.9", "port": 443}], resolver)
    assert problems == [] and _network.names_of(found) == {"no.such.name": ["192.0.2.9"]}
    assert found == [{"address": "192.0.2.9", "port": 443, "name": "no.such.name"}]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("s3.example.com", "not {host: NAME, port: NUMBER}"),
        ({"host": "192.0.2.1"}, "not {host: NAME, port: NUMBER}"),
        ({"host": "192.0.2.1", "port": "https"}, "is no port"),
        ({"host": "fe80::1%eth0", "port": 443}, "neither an address nor a network"),
        ({"host": "192.0.2.1\n", "port": 443}, "no name that the controller can resolve"),
        ({"host": "128.0.0.0/1", "port": 443}, "128.0.0.0/1 is nearly everywhere"),
        ({"host": "192.0.2.1", "port": 70000}, "is no port"),
        ({"host": "192.0.2.1/24", "port": 443}, "within a network"),
        ({"host": "no.such.name", "port": 443}, "no name that the controller can resolve"),
        ({"host": "0.0.0.0/0", "port": 443}, "everywhere"),
        ({"host": "192.0.2.1", "address": "192.0.2.1", "port": 443}, "is no name that could have the address"),
        ({"host": "two\n192.0.2.1 lines", "address": "192.0.2.1", "port": 443}, "is no name that could have the address"),
        ({"host": "s3.example.com", "address": "0.0.0.0/0", "port": 443}, "is no address that s3.example.com could have"),
        ({"host": "s3.example.com", "address": "127.0.0.1", "port": 443}, "is no address that s3.example.com could have"),
        ({"host": "s3.example.com", "address": "0.0.0.0", "port": 443}, "is no address that s3.example.com could have"),
        ({"host": "localhost", "address": "192.0.2.9", "port": 443}, "is no name that could have the address"),
        ({"host": "s3.example.com", "address": "fe80::1%eth0", "port": 443}, "is no address that s3.example.com could have"),
        ({"host": "s3.example.com", "address": "192.0.2.9", "port": 443, "ports": 1}, "not {host: NAME, port: NUMBER}"),
    ],
)
def test_targets_that_are_refused(entry, what):
    problems = _network.targets([entry], resolver)[1]
    assert len(problems) == 1 and what in str(problems[0])


def test_resolvers_are_addresses():
    assert _network.resolvers(["192.0.2.53", "2001:db8::53"]) == []
    assert len(_network.resolvers(["dns.example.com", "192.0.2.0/24"])) == 2 and _network.resolvers("x")


def test_who_passes_to_which_ports():
    found = _network.passes(["192.0.2.11", "192.0.2.12"], ["192.0.2.12", "198.51.100.0/28"], 6333, 6334, 6335)
    assert found == [
        {"address": "192.0.2.11", "ports": [6333, 6335]},
        {"address": "192.0.2.12", "ports": [6333, 6334, 6335]},
        {"address": "198.51.100.0/28", "ports": [6333, 6334]},
    ]


ON, OFF = {"active": True, "own": [], "foreign": []}, {"active": False, "own": [], "foreign": []}


@pytest.mark.parametrize(
    ("backend", "there", "chosen", "refused", "warned"),
    [
        ("auto", {}, "nftables", "", 0),
        ("auto", {"ufw": None, "firewalld": None}, "nftables", "", 0),
        ("auto", {"ufw": OFF, "firewalld": OFF}, "nftables", "", 0),
        ("auto", {"ufw": ON}, "ufw", "", 0),
        ("auto", {"ufw": OFF, "firewalld": ON}, "firewalld", "", 0),
        ("auto", {"ufw": ON, "firewalld": ON}, "firewalld", "both active", 0),
        ("ufw", {"ufw": ON}, "ufw", "", 0),
        ("ufw", {"ufw": OFF}, "ufw", "installed but not active", 0),
        ("firewalld", {"firewalld": None}, "firewalld", "not installed", 0),
        ("ufw", {"ufw": ON, "firewalld": ON}, "ufw", "", 1),
        ("nftables", {"ufw": ON}, "nftables", "", 1),
        ("iptables", {}, "nftables", "no backend 'iptables'", 0),
        ("auto", {"ufw": {**ON, "foreign": ["ufw deny 6335"]}, "foreign": ["table ip nat, chain PREROUTING: redirect"]}, "ufw", "", 2),
    ],
)
def test_the_choice_of_a_firewall(backend, there, chosen, refused, warned):
    name, _why, found = _network.choose(backend, there)
    assert (name, len(found.warnings)) == (chosen, warned)
    assert len(found.problems) == (1 if refused else 0) and refused in str(found.problems)


def test_a_firewall_that_is_installed_and_filters_nothing_is_said():
    assert _network.choose("auto", {"ufw": OFF, "firewalld": None})[1] == "neither firewalld nor ufw is active, though ufw is installed"
    assert _network.choose("auto", {"ufw": OFF, "firewalld": OFF})[1].endswith("though firewalld and ufw are installed")
    assert _network.choose("auto", {"ufw": OFF, "firewalld": ON})[1] == "firewalld is active, though ufw is installed"


@pytest.mark.parametrize(
    ("backend", "there", "clients", "refused"),
    [
        ("auto", {"ufw": {**ON, "ipv6": False}}, ["2001:db8::7"], True),
        ("ufw", {"ufw": {**ON, "ipv6": False}}, ["2001:db8::/64", "192.0.2.7"], True),
        ("auto", {"ufw": {**ON, "ipv6": False}}, ["192.0.2.7"], False),
        ("auto", {"ufw": {**ON, "ipv6": True}}, ["2001:db8::7"], False),
        # It is not told, so it is only said that it drops.
        ("nftables", {"ufw": {**ON, "ipv6": False}}, ["2001:db8::7"], False),
        ("auto", {"ufw": {**OFF, "ipv6": False}}, ["2001:db8::7"], False),
    ],
)
def test_an_ufw_without_ipv6_cannot_let_a_client_of_ipv6_in(backend, there, clients, refused):
    values = {
        "qdrant_http_port": 6333,
        "qdrant_grpc_port": 6334,
        "qdrant_p2p_port": 6335,
        "qdrant_firewall_backend": backend,
        "qdrant_firewall_clients": clients,
    }
    problems = _network.plan(values.get, groups={}, hosts={}, there=there, peers=["192.0.2.2"], resolver=resolver)[1].problems
    assert len(problems) == refused and ("IPV6=no" in str(problems)) is refused


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("192.0.2.2", "it is not a list"),
        (["node2"], "'node2' is neither an address nor a network"),
        (["192.0.2.2/24", "192.0.2.2"], "is an address within a network"),
        (["0.0.0.0/0"], "0.0.0.0/0 is everyone"),
        (["192.0.2.2", "::/0"], "::/0 is everyone"),
        (["0.0.0.0/1", "128.0.0.0/1"], "together are all of IPv4"),
        (["192.0.2.2", "fe80::2%eth0"], "neither an address nor a network"),
        ([], "192.0.2.2, a node of the inventory, is not among them"),
        # A peer without an address of the family in use.
        (["2001:db8::2"], "192.0.2.2, a node of the inventory, is not among them"),
        (["192.0.2.2", "2001:db8::2"], ""),
        (["192.0.2.0/28"], ""),
    ],
)
def test_peers_that_are_named_by_hand(given, what):
    values = {"qdrant_http_port": 6333, "qdrant_grpc_port": 6334, "qdrant_p2p_port": 6335, "qdrant_firewall_peers": given}
    problems = _network.plan(values.get, groups={}, hosts={}, there={}, peers=["192.0.2.2"], nodes=["192.0.2.2"], resolver=resolver)[1].problems
    assert what in str(problems) if what else problems == []


def plan(**variables):
    values = {"qdrant_http_port": 6333, "qdrant_grpc_port": 6334, "qdrant_p2p_port": 6335, **variables}
    return _network.plan(values.get, groups=GROUPS, hosts=HOSTS, there={}, peers=["192.0.2.2"], resolver=resolver)


def test_a_plan_holds_what_the_roles_need():
    wanted, found, meant = plan(qdrant_firewall_clients=["applications"], qdrant_firewall_targets=[{"host": "app.example.com", "port": 443}])
    assert found.problems == [] and meant.named == {"applications": ["192.0.2.21", "192.0.2.22", "2001:db8::22"]}
    assert (wanted["backend"], wanted["peers"], len(wanted["targets"]), len(wanted["passes"])) == ("nftables", ["192.0.2.2"], 2, 4)


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ({"qdrant_http_port": 22}, "the port of SSH"),
        ({"qdrant_p2p_port": 2222, "ansible_port": 2222}, "the port of SSH"),
        ({"qdrant_firewall_log_rate": "often"}, "is no rate"),
        ({"qdrant_firewall_rollback": 5}, "no time to reconnect"),
        ({"qdrant_firewall_rollback": True}, "no time to reconnect"),
        ({"qdrant_firewall_backend": "pf"}, "no backend"),
        ({"qdrant_firewall_targets": ["x"]}, "qdrant_firewall_targets"),
    ],
)
def test_a_plan_that_is_refused(variables, what):
    assert what in str(plan(**variables)[1].problems)


def test_a_plan_without_log_or_rollback():
    assert plan(qdrant_firewall_log_rate="", qdrant_firewall_rollback=0)[1].problems == []


def test_peers_are_the_inventorys_unless_they_are_named():
    def unreadable(_name, _default):
        raise _network.VariableError("it cannot be templated")

    assert _network.peers(lambda _name, default: default, ["192.0.2.2"]) == ["192.0.2.2"]
    assert _network.peers(unreadable, ["192.0.2.2"]) == ["192.0.2.2"]
    assert _network.peers(lambda _name, _default: ["2001:db8::2"], ["192.0.2.2"]) == ["2001:db8::2"]


def test_variables_of_a_host_that_cannot_be_read_are_not_set():
    class Broken(dict):
        def get(self, name, default=None):
            if name == "ansible_host":
                raise ValueError(name)
            return super().get(name, default)

    assert _network.host_variables({"a": Broken(qdrant_address="192.0.2.1", ansible_host="x")}) == {"a": {"qdrant_address": "192.0.2.1"}}


def test_a_name_is_resolved_by_the_controller():
    assert "127.0.0.1" in _network.resolve("localhost") and _network.resolve("no such name") == []
