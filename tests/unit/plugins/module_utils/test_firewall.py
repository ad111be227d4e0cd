# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of file and kernel. What nft itself does is tested on real hosts."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _firewall


def answering(code, output="", error=""):
    calls = []

    def run(arguments):
        calls.append(arguments)
        return code, output, error

    run.calls = calls
    return run


def test_a_table_that_is_not_there_is_empty():
    assert _firewall.listing("inet x", answering(1, error="No such file")) == ""


def test_a_rehearsal_runs_in_a_namespace_of_its_own():
    run = answering(0, "table inet x {}")
    assert _firewall.rehearse("inet x", "/draft", run) == "table inet x {}"
    assert run.calls[0][:2] == ["unshare", "--net"] and run.calls[0][-1] == "/draft"


def test_what_nft_refuses_is_an_error_in_its_own_words():
    with pytest.raises(_firewall.FirewallError, match="syntax error"):
        _firewall.rehearse("inet x", "/draft", answering(1, error="syntax error, unexpected"))
    with pytest.raises(_firewall.FirewallError, match="busy"):
        _firewall.load("/file", answering(1, error="busy"))


def test_what_the_kernel_has_more_or_less_than_the_file():
    def run(command):
        return 0, "table inet x {\n\ta drop\n\tb drop\n}" if command[0] == "unshare" else "table inet x {\n\ta drop\n\tc   accept\n}", ""

    assert _firewall.differences("inet x", "/file", run) == ["- b drop", "+ c accept"]
    assert _firewall.differences("inet x", "/file", answering(0, "table inet x {}")) == []
    assert _firewall.differences("inet x", "/file", answering(1, error="/file:3:1: syntax error\nmore")) == ["nft refuses the file: /file:3:1: syntax error"]


def test_where_no_namespace_is_to_be_had_nothing_is_claimed(monkeypatch):
    monkeypatch.setattr(_firewall.time, "sleep", lambda _seconds: None)
    with pytest.raises(OSError, match="no network namespace"):
        _firewall.differences("inet x", "/file", answering(1, error="unshare: unshare failed: No space left on device"))
    with pytest.raises(OSError, match="could not be listed"):
        _firewall.differences("inet x", "/file", answering(0, ""))


# --- what a table does to a stranger's packet, from the JSON that nft prints -------------------------------------------


def base(hook="prerouting", policy="accept", name="guard"):
    return {"chain": {"name": name, "hook": hook, "prio": -300, "policy": policy}}


def rule(*expressions, chain="guard"):
    return {"rule": {"chain": chain, "expr": list(expressions)}}


def match(left, right, operator="=="):
    return {"match": {"op": operator, "left": left, "right": right}}


def payload(protocol, field, right, operator="=="):
    return match({"payload": {"protocol": protocol, "field": field}}, right, operator)


def meta(key, right, operator="=="):
    return match({"meta": {"key": key}}, right, operator)


DPORT = payload("tcp", "dport", {"set": [6333, 6335]})
DROP, ACCEPT, RETURN = {"drop": None}, {"accept": None}, {"return": None}
INET = {"table": {"family": "inet", "name": "x"}}


def address_set(name, *elements):
    return {"set": {"name": name, "elem": list(elements)}}


EVERYONE = address_set("p", {"prefix": {"addr": "0.0.0.0", "len": 0}})
INNER = {"chain": {"name": "inner"}}


@pytest.mark.parametrize(
    ("objects", "ipv4", "ipv6"),
    [
        ([base(), rule(DPORT, {"counter": "c"}, DROP)], "drop", "drop"),
        ([base(), rule(payload("tcp", "dport", {"set": [{"range": [6000, 7000]}]}), DROP)], "drop", "drop"),
        ([base(), rule(payload("tcp", "dport", 22), DROP)], "accept", "accept"),
        ([base(), rule(payload("udp", "dport", 6335), DROP)], "accept", "accept"),
        ([], "accept", "accept"),
        ([base()], "accept", "accept"),
        ([base(policy="drop")], "drop", "drop"),
        # Peers and the host itself are no strangers.
        ([base(), address_set("p", "192.0.2.1"), rule(payload("ip", "saddr", "@p"), ACCEPT), rule(DPORT, DROP)], "drop", "drop"),
        ([base(), rule(meta("iif", "lo"), ACCEPT), rule(DPORT, DROP)], "drop", "drop"),
        # A set that holds everyone holds strangers.
        ([base(), EVERYONE, rule(DPORT, payload("ip", "saddr", "@p"), ACCEPT), rule(DPORT, DROP)], "accept", "drop"),
        ([base(), rule(DPORT, payload("ip", "saddr", "192.0.2.1", "!="), DROP)], "drop", "accept"),
        # What holds for one family alone.
        ([base(), rule(meta("nfproto", "ipv4"), DPORT, DROP)], "drop", "accept"),
        ([{"table": {"family": "ip", "name": "x"}}, base(), rule(DPORT, DROP)], "drop", "accept"),
        # What may let pass counts as open; what may drop does not count as shut.
        ([base(), rule(meta("mark", 7), ACCEPT), rule(DPORT, DROP)], "accept", "accept"),
        ([base(), rule(meta("iifname", "eth7"), DPORT, DROP)], "accept", "accept"),
        # A hole before the drop, and one behind it.
        ([base(), rule(DPORT, ACCEPT), rule(DPORT, DROP)], "accept", "accept"),
        ([base(), rule(DPORT, DROP), rule(DPORT, ACCEPT)], "drop", "drop"),
        ([base(), rule(match({"ct": {"key": "state"}}, ["established"]), ACCEPT), rule(DPORT, DROP)], "drop", "drop"),
        # Hooks that no incoming packet passes.
        ([base(hook="output"), rule(DPORT, DROP)], "accept", "accept"),
        ([base(hook="input"), rule(DPORT, DROP)], "drop", "drop"),
        # Chains that are called.
        ([base(), rule(DPORT, {"jump": {"target": "inner"}}), INNER, rule(DROP, chain="inner")], "drop", "drop"),
        ([base(), rule({"goto": {"target": "inner"}}), INNER, rule(RETURN, chain="inner"), rule(DPORT, DROP)], "accept", "accept"),
        ([base(), rule({"jump": {"target": "guard"}}), rule(DPORT, DROP)], "accept", "accept"),  # the kernel refuses loops; this must end
        ([base(), rule(DPORT, RETURN), rule(DPORT, DROP)], "accept", "accept"),
    ],
)
def test_what_becomes_of_a_stranger(objects, ipv4, ipv6):
    table = [] if objects and "table" in objects[0] else [INET]
    found = {family: _firewall.stranger_verdict([*table, *objects], family, 6335) for family in ("ipv4", "ipv6")}
    assert found == {"ipv4": ipv4, "ipv6": ipv6}


def test_what_drops_only_up_to_a_limit_does_not_drop_for_certain():
    limit = {"limit": {"rate": 1, "per": "second"}}
    assert _firewall.stranger_verdict([INET, base(), rule(DPORT, limit, DROP)], "ipv4", 6335) == "accept"
    assert _firewall.stranger_verdict([INET, base(), rule(DPORT, limit, {"log": {"prefix": "x"}}), rule(DPORT, DROP)], "ipv4", 6335) == "drop"


# --- what becomes of what the server sends to a stranger ---------------------------------------------------------------

OUT = {"chain": {"name": "outgoing", "hook": "output", "prio": -300, "policy": "accept"}}
REJECT = {"reject": {"type": "tcp reset"}}
JUMP = rule(meta("skuid", 999), {"jump": {"target": "egress"}}, chain="outgoing")


def egress(*expressions):
    return rule(*expressions, chain="egress")


@pytest.mark.parametrize(
    ("objects", "ipv4", "ipv6"),
    [
        ([OUT, JUMP, egress(REJECT)], "drop", "drop"),
        ([OUT, JUMP, egress(meta("l4proto", 6), REJECT)], "drop", "drop"),
        ([OUT, rule(meta("skuid", "qdrant"), DROP, chain="outgoing")], "drop", "drop"),
        # Somebody else's user, hook, or chain.
        ([OUT, rule(meta("skuid", 33), {"jump": {"target": "egress"}}, chain="outgoing"), egress(REJECT)], "accept", "accept"),
        ([base(), rule(meta("skuid", 999), DROP)], "accept", "accept"),
        ([JUMP, egress(REJECT)], "accept", "accept"),
        ([OUT, JUMP], "accept", "accept"),
        # Answers, peers, named targets and the node itself are no strangers.
        ([OUT, JUMP, egress(payload("tcp", "sport", {"set": [6333, 6335]}), ACCEPT), egress(REJECT)], "drop", "drop"),
        ([OUT, JUMP, egress(meta("oif", "lo"), ACCEPT), egress(REJECT)], "drop", "drop"),
        ([OUT, JUMP, address_set("p", "192.0.2.1"), egress(payload("ip", "daddr", "@p"), ACCEPT), egress(REJECT)], "drop", "drop"),
        # A set that holds everyone, a port that is open to everyone, a way out that holds at times.
        ([OUT, JUMP, address_set("p", {"prefix": {"addr": "::", "len": 0}}), egress(payload("ip6", "daddr", "@p"), ACCEPT), egress(REJECT)], "drop", "accept"),
        ([OUT, JUMP, egress(payload("tcp", "dport", 443), ACCEPT), egress(REJECT)], "accept", "accept"),
        ([OUT, JUMP, egress({"limit": {"rate": 5}}, REJECT)], "accept", "accept"),
    ],
)
def test_what_becomes_of_what_the_server_sends(objects, ipv4, ipv6):
    found = {family: _firewall.server_verdict([INET, *objects], family, 443, ["qdrant", "999"]) for family in ("ipv4", "ipv6")}
    assert found == {"ipv4": ipv4, "ipv6": ipv6}


# --- the way back, counters, and the inventory -------------------------------------------------------------------------


def test_a_rollback_restores_what_was_there(tmp_path):
    path, folder = tmp_path / "firewall.nft", tmp_path / "kept"
    path.write_text("the file before")
    calls = []

    def run(arguments):
        calls.append(arguments)
        if arguments[0] == "systemctl" and "is-active" in arguments:
            return 3, "", ""
        return 0, "table inet x { before }", ""

    _firewall.arm("inet x", str(path), 30, run, str(folder))
    assert (folder / "table.nft").read_text() == "table inet x\ndelete table inet x\ntable inet x { before }"
    assert (folder / "file").read_text() == "the file before"
    assert "systemctl stop" not in (folder / "undo.sh").read_text()
    assert calls[-1][0] == "systemd-run" and "--on-active=30s" in calls[-1] and calls[-1][-1] == str(folder / "undo.sh")


def test_a_rollback_that_is_armed_already_keeps_what_it_kept(tmp_path):
    (tmp_path / "table.nft").write_text("the oldest")
    _firewall.arm("inet x", str(tmp_path / "f"), 30, answering(0, "table inet x { killed run's }"), str(tmp_path))
    assert (tmp_path / "table.nft").read_text() == "the oldest"


def test_no_guard_before_means_no_qdrant_after():
    script = _firewall.rollback_script("inet x", "/etc/firewall.nft", "/run/kept", had_table=False, had_file=False)
    assert script.index("systemctl stop qdrant-firewall.service") < script.index("nft --file") and "rm -f /etc/firewall.nft" in script


def test_a_rollback_that_cannot_be_armed_is_an_error_before_anything_is_loaded(tmp_path):
    def run(arguments):
        return (1, "", "no bus") if arguments[0] == "systemd-run" else (3, "", "")

    with pytest.raises(_firewall.FirewallError, match="no bus"):
        _firewall.arm("inet x", str(tmp_path / "f"), 30, run, str(tmp_path / "kept"))


def test_disarming_says_whether_it_came_in_time(tmp_path):
    (tmp_path / "undo.sh").write_text("")
    assert _firewall.disarm(answering(0), str(tmp_path)) is True and not (tmp_path / "undo.sh").exists()
    assert _firewall.disarm(answering(3), str(tmp_path)) is False


def test_counters_by_name():
    objects = [{"counter": {"name": "dropped_p2p", "packets": 3, "bytes": 180}}, INET]
    assert _firewall.counters(objects) == {"dropped_p2p": {"packets": 3, "bytes": 180}}


@pytest.mark.parametrize(
    ("sets", "missing", "unwanted"),
    [
        ({"peers4": ["192.0.2.11-192.0.2.12"], "clients6": ["2001:db8::1"]}, [], []),
        ({"peers4": ["192.0.2.11"], "clients6": ["2001:db8::1"]}, ["peers 192.0.2.12/32"], []),
        ({"peers4": ["192.0.2.11", "192.0.2.12", "192.0.2.20"], "clients6": ["2001:db8::1"]}, [], ["peers 192.0.2.20/32"]),
        ({"peers4": ["192.0.2.11", "192.0.2.12"], "clients6": ["2001:db8::2"]}, ["clients 2001:db8::1/128"], ["clients 2001:db8::2/128"]),
        ({}, ["clients 2001:db8::1/128", "peers 192.0.2.11/32", "peers 192.0.2.12/32"], []),
    ],
)
def test_sets_beside_the_inventory(sets, missing, unwanted):
    named = {"peers": ["192.0.2.11", "192.0.2.12"], "clients": ["2001:db8::1"]}
    assert _firewall.beside(sets, named) == {"missing": missing, "unwanted": unwanted}


def test_elements_of_sets_in_their_usual_notation():
    elements = ["192.0.2.1", {"prefix": {"addr": "192.0.2.0", "len": 24}}, {"range": ["192.0.2.1", "192.0.2.9"]}, {"elem": {"val": "192.0.2.3"}}]
    expected = ["192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9", "192.0.2.3"]
    assert _firewall.named_sets([address_set("p", *elements)]) == {"p": expected}
