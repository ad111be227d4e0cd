# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw, firewalld and nft print, as seen on Debian 12 and 13, and what is read from it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _backends

PORTS = (6333, 6334, 6335)

UFW = """\
Added user rules (see 'ufw status' for running firewall):
ufw allow 22/tcp
ufw allow from 192.0.2.11 to any port 6333,6335 proto tcp comment 'hardened.qdrant'
ufw allow from 2001:db8::/64 to any port 6333,6334 proto tcp comment 'hardened.qdrant'
ufw deny 6335
ufw allow from 192.0.2.63 to any port 443 proto tcp comment 'was 6335'
ufw limit 6300:6400/tcp
"""


def test_rules_of_ufw_are_own_or_foreign():
    parsed = _backends.parse_ufw(UFW, PORTS)
    assert parsed["own"] == [{"address": "192.0.2.11", "ports": [6333, 6335]}, {"address": "2001:db8::/64", "ports": [6333, 6334]}]
    assert parsed["foreign"] == ["ufw deny 6335", "ufw limit 6300:6400/tcp"]


def test_an_address_is_no_port():
    assert _backends.parse_ufw("ufw allow from 2001:db8::6335 to any port 22 proto tcp", PORTS)["foreign"] == []


ZONES = """\
block
  target: %%REJECT%%
  ports:
  rich rules:

public (default, active)
  target: default
  interfaces: eth0
  ports: 22/tcp 6000-6400/tcp
  source-ports: 6335/tcp
  rich rules:
\trule priority="-6335" family="ipv4" source address="192.0.2.11" port port="6335" protocol="tcp" accept
\trule family="ipv4" source address="192.0.2.12" port port="6334" protocol="tcp" reject
\trule family="ipv4" source-port port="6334" protocol="tcp" accept
work (active)
  target: default
  rich rules:
"""


def test_zones_of_firewalld():
    zones = _backends.parse_zones(ZONES)
    assert {name: zone["active"] for name, zone in zones.items()} == {"block": False, "public": True, "work": True}
    assert [(rule["zone"], rule["address"], rule["port"]) for rule in _backends.own_rich_rules(zones)] == [("public", "192.0.2.11", 6335)]
    foreign = _backends.foreign_rich_rules(zones, PORTS)
    assert foreign == ["zone public: port 6000-6400/tcp", 'zone public: rule family="ipv4" source address="192.0.2.12" port port="6334" protocol="tcp" reject']


@pytest.mark.parametrize("address", ["192.0.2.11", "198.51.100.0/28", "2001:db8::1"])
def test_a_rule_that_is_written_is_known_again(address):
    rule = _backends.rich_rule(address, 6335)
    assert _backends.own_rich_rules({"z": {"rules": [rule]}}) == [{"zone": "z", "address": address, "port": 6335, "rule": rule}]


def answering(answers):
    def run(arguments):
        for words, answer in answers:
            if words in " ".join(arguments):
                return answer
        return 1, "", "not asked for"

    return run


def test_what_firewalld_forgets_at_a_reload_is_no_whole_rule():
    permanent = ZONES.replace('"6335" protocol="tcp" accept', '"6333" protocol="tcp" accept', 1)
    answers = {"--state": "running", "--get-default-zone": "public\n", "--permanent": permanent, "zones": ZONES}
    run = answering([(words, (0, output, "")) for words, output in answers.items()])
    seen = _backends.firewalld(PORTS, run)
    assert seen["own"] == [] and [rule["port"] for rule in seen["halves"]] == [6335, 6333]
    assert seen["active"] and seen["zones"] == ["public", "work"]
    assert _backends.firewalld(PORTS, answering([]))["active"] is False


@pytest.mark.parametrize(("status", "active"), [("Status: active\n", True), ("Status: inactive\n", False), ("ERROR: not root", False)])
def test_ufw_filters_only_where_it_says_so(status, active):
    assert _backends.ufw(PORTS, answering([("status", (0, status, "")), ("show added", (0, UFW, ""))]))["active"] is active


@pytest.mark.parametrize(
    ("text", "ipv6"),
    [("IPV6=yes\n", True), ('IPV6="yes"', True), ("IPV6=no", False), ("# IPV6=yes", False), ("", False), ("IPV6=yes\nIPV6=no\n", False), ("IPV6=YES", True)],
)
def test_ufw_says_whether_it_lets_ipv6_in(text, ipv6, tmp_path):
    assert _backends.ufw_ipv6(text) is ipv6
    (tmp_path / "ufw").write_text(text)
    assert _backends.ufw(PORTS, answering([]), str(tmp_path / "ufw"))["ipv6"] is ipv6
    assert _backends.ufw(PORTS, answering([]), str(tmp_path / "none"))["ipv6"] is False


def rule(table, chain, right, *verdicts, family="ip"):
    match = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": right}}
    return {"rule": {"family": family, "table": table, "chain": chain, "expr": [match, *({verdict: None} for verdict in verdicts)]}}


def test_foreign_rules_are_those_of_others_that_name_a_port():
    objects = [
        rule("nat", "PREROUTING", 9335, "redirect"),
        rule("nat", "PREROUTING", {"set": [80, 6335]}, "dnat"),
        rule("filter", "INPUT", {"range": [6000, 7000]}, "drop"),
        rule("filter", "ufw-user-input", 6335, "accept"),
        rule("hardened_qdrant", "guard", 6335, "drop", family="inet"),
        rule("firewalld", "filter_IN_public_allow", 6335, "accept", family="inet"),
        {"chain": {"name": "x"}},
    ]
    assert _backends.foreign_rules(objects, PORTS) == ["table ip nat, chain PREROUTING: dnat", "table ip filter, chain INPUT: drop"]


def test_a_host_without_any_of_them(monkeypatch):
    monkeypatch.setattr(_backends, "installed", lambda _program: False)
    assert _backends.observe(PORTS, answering([])) == {"ufw": None, "firewalld": None, "foreign": []}


def test_all_of_them_are_asked(monkeypatch):
    monkeypatch.setattr(_backends, "installed", lambda _program: True)
    ruleset = json.dumps({"nftables": [rule("filter", "INPUT", 6335, "drop")]})
    run = answering([("nft", (0, ruleset, "")), ("ufw status", (0, "Status: active", "")), ("--state", (1, "", "not running"))])
    seen = _backends.observe(PORTS, run)
    assert seen["ufw"]["active"] and not seen["firewalld"]["active"] and len(seen["foreign"]) == 1


def test_a_program_is_installed_where_it_can_be_run(tmp_path):
    assert not _backends.installed("nft", [str(tmp_path)])
    (tmp_path / "nft").write_text("")
    assert not _backends.installed("nft", [str(tmp_path)])
    (tmp_path / "nft").chmod(0o755)
    assert _backends.installed("nft", [str(tmp_path)])
