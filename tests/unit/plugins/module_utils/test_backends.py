# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw, firewalld and nft print, as seen on Debian 12 and 13, and what is read from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.filter import qdrant_firewall_changes
from ansible_collections.hardened.qdrant.plugins.module_utils import _backends
from ansible_collections.hardened.qdrant.plugins.module_utils._firewalls import base, firewalld, ufw
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _network

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
    parsed = ufw.parse(UFW, PORTS)
    assert parsed["own"] == [{"address": "192.0.2.11", "ports": [6333, 6335]}, {"address": "2001:db8::/64", "ports": [6333, 6334]}]
    assert parsed["foreign"] == ["ufw deny 6335", "ufw limit 6300:6400/tcp"]


def test_an_address_is_no_port():
    assert ufw.parse("ufw allow from 2001:db8::6335 to any port 22 proto tcp", PORTS)["foreign"] == []


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
    zones = firewalld.parse_zones(ZONES)
    assert {name: zone["active"] for name, zone in zones.items()} == {"block": False, "public": True, "work": True}
    assert [(rule["zone"], rule["address"], rule["port"]) for rule in firewalld.own_rich_rules(zones)] == [("public", "192.0.2.11", 6335)]
    foreign = firewalld.foreign_rich_rules(zones, PORTS)
    assert foreign == ["zone public: port 6000-6400/tcp", 'zone public: rule family="ipv4" source address="192.0.2.12" port port="6334" protocol="tcp" reject']


@pytest.mark.parametrize("address", ["192.0.2.11", "198.51.100.0/28", "2001:db8::1"])
def test_a_rule_that_is_written_is_known_again(address):
    rule = firewalld.rich_rule(address, 6335)
    assert firewalld.own_rich_rules({"z": {"rules": [rule]}}) == [{"zone": "z", "address": address, "port": 6335, "rule": rule}]


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
    seen = firewalld.Firewalld().observe(PORTS, run)
    assert seen["own"] == [] and [rule["port"] for rule in seen["halves"]] == [6335, 6333]
    assert seen["active"] and seen["zones"] == ["public", "work"]
    assert firewalld.Firewalld().observe(PORTS, answering([]))["active"] is False


@pytest.mark.parametrize(("status", "active"), [("Status: active\n", True), ("Status: inactive\n", False), ("ERROR: not root", False)])
def test_ufw_filters_only_where_it_says_so(status, active):
    assert ufw.Ufw().observe(PORTS, answering([("status", (0, status, "")), ("show added", (0, UFW, ""))]))["active"] is active


@pytest.mark.parametrize(
    ("text", "ipv6"),
    [("IPV6=yes\n", True), ('IPV6="yes"', True), ("IPV6=no", False), ("# IPV6=yes", False), ("", False), ("IPV6=yes\nIPV6=no\n", False), ("IPV6=YES", True)],
)
def test_ufw_says_whether_it_lets_ipv6_in(text, ipv6, tmp_path):
    assert ufw.takes_ipv6(text) is ipv6
    (tmp_path / "ufw").write_text(text)
    assert ufw.Ufw(str(tmp_path / "ufw")).observe(PORTS, answering([]))["ipv6"] is ipv6
    assert ufw.Ufw(str(tmp_path / "none")).observe(PORTS, answering([]))["ipv6"] is False


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


# --- one unit each -----------------------------------------------------------------------------------------------------

PROJECT = Path(__file__).parents[4]
ROLE = PROJECT / "roles/qdrant_firewall"


def test_all_of_them_are_listed():
    files = {path.stem for path in (PROJECT / "plugins/module_utils/_firewalls").glob("*.py")} - {"__init__", "base"}
    names = [backend.name for backend in _backends.BACKENDS]
    assert files == set(names) == {path.stem for path in (ROLE / "tasks/backends").glob("*.yml")} and len(names) == len(files)
    options = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    assert set(options["qdrant_firewall_backend"]["choices"]) == {"auto", "nftables", *names}
    readme = (ROLE / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in readme or f"`{name}`" in readme for name in names)


def test_the_role_names_none_of_them_outside_its_file():
    of_controller = (path for folder in ("action", "plugin_utils") for path in (PROJECT / "plugins" / folder).glob("*.py"))
    for path in [*ROLE.glob("tasks/*.yml"), ROLE / "vars/main.yml", *of_controller]:
        text = path.read_text(encoding="utf-8")
        assert not any(backend.name in text for backend in _backends.BACKENDS), path


class MadeUp(base.Backend):
    name = "made_up"
    program = "made-up"

    def observe(self, ports, run):
        return {"active": True, "own": [{"address": "192.0.2.9"}], "foreign": ["made up: 6333"]}

    def wanted(self, passes, seen):
        return [{"address": entry["address"]} for entry in passes]

    def cannot_tell(self, passes, seen):
        return ("it is made up", "Write auto") if passes else None

    def speaks_for(self, table, chain):
        return chain == "made-up"


def test_one_more_is_asked_chosen_and_told(monkeypatch):
    """Its class in the list, and its file of tasks, are all that is needed."""
    monkeypatch.setattr(_backends, "BACKENDS", (*_backends.BACKENDS, MadeUp()))
    monkeypatch.setattr(_backends, "installed", lambda program: program == "made-up")
    there = _backends.observe(PORTS, answering([]))
    assert there["made_up"]["active"] and there["ufw"] is None
    assert _backends.foreign_rules([rule("filter", "made-up", 6335, "accept")], PORTS) == []
    chosen, why, found = _network.choose("auto", there)
    assert (chosen, why) == ("made_up", "made_up is active") and "made up: 6333" in found.warnings[0]
    passes = [{"address": "192.0.2.11", "ports": [6333]}]
    assert [problem.what for problem in _network.check_told(chosen, there, passes)] == ["it is made up"]
    told = [{"backend": "made_up", "add": [{"address": "192.0.2.11"}], "remove": [{"address": "192.0.2.9"}]}]
    assert qdrant_firewall_changes.qdrant_firewall_changes(passes, chosen, there) == told
