# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of file and kernel. What nft itself does is tested on real hosts."""

from __future__ import annotations

import os

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


def test_a_draft_lies_beside_the_file_and_can_be_read_like_it(tmp_path):
    path = tmp_path / "firewall.nft"
    draft = _firewall.draft(str(path), "rules")
    assert os.path.dirname(draft) == str(tmp_path) and _firewall.read(draft) == "rules" and os.stat(draft).st_mode & 0o777 == 0o644
    assert _firewall.read(str(path)) == ""


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


def test_elements_of_sets_in_their_usual_notation():
    elements = ["192.0.2.1", {"prefix": {"addr": "192.0.2.0", "len": 24}}, {"range": ["192.0.2.1", "192.0.2.9"]}, {"elem": {"val": "192.0.2.3"}}]
    expected = ["192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9", "192.0.2.3"]
    assert _firewall.named_sets([address_set("p", *elements)]) == {"p": expected}
