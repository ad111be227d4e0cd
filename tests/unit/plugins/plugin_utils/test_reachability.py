# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may reach what is decided once: whatever somebody saw, the report calls it wrong exactly where a control does."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls, _derived, _reachability

CONTROLS = {control.id: control for control in _controls.catalogue()}
# By control the connections that it is about: role, port, and whether they go to the node's own address.
ABOUT = {
    "reach-p2p-outsider": lambda role, port, own: role != "peer" and port == "p2p" and own,
    "reach-api-outsider": lambda role, port, own: role == "outsider" and port != "p2p" and own,
    "reach-further-outsider": lambda role, port, own: (role == "outsider" or (role == "client" and port == "p2p")) and not own,
    "reach-api-client": lambda role, port, own: role == "client" and port != "p2p" and own,
    "reach-peers": lambda role, port, own: role == "peer" and port != "grpc" and own,
}
GOOD = {
    "client": {"rest": "open", "grpc": "open", "p2p": "timeout"},
    "peer": {"rest": "open", "grpc": "timeout", "p2p": "open"},
    "outsider": {"rest": "timeout", "grpc": "timeout", "p2p": "timeout"},
}
OUTCOMES = ("open", "timeout", "refused", "reset", "unreachable: x", "no route", "protocol: x", "something else", None)
# What was seen at a further address: as at the own one, nothing since there is none, or nothing since nobody said whether there is one.
TRIED, NONE, UNTOLD = "tried", "none", "untold"


def document(role, own, further, clustered=True) -> dict:
    """A node as one host of a role saw it: outcomes by port, and those at further addresses."""
    view = {"from": "host1", "role": role, **{port: {"connect": outcome} for port, outcome in own.items()}}
    if further is not None:
        view["further"] = [{"address": "2001:db8::1", **{port: {"connect": outcome} for port, outcome in ports.items()}} for ports in further]
    return {"node": True, "address": "192.0.2.1", "config": {"values": {"cluster.enabled": clustered}}, "vantages": [view]}


def judged(content: dict) -> tuple[dict[str, str], list[dict]]:
    """The states of the controls about reachability, and the rows of the report."""
    known = _derived.with_knowledge(content, 7)
    return {name: _controls.judge(CONTROLS[name], known).state for name in ABOUT}, _reachability.connections({"node1": known})


SITUATIONS = [
    *itertools.product(GOOD, ("rest", "grpc", "p2p"), OUTCOMES, ("own", "further"), (True, False)),
    *itertools.product(GOOD, ("rest",), ("timeout",), (NONE, UNTOLD), (True, False)),
]


@pytest.mark.parametrize(("role", "port", "outcome", "where", "clustered"), SITUATIONS)
def test_the_report_calls_wrong_what_a_control_does(role, port, outcome, where, clustered):
    own, at_further = dict(GOOD[role]), dict.fromkeys(GOOD[role], "timeout")
    if where == "own":
        own[port] = outcome
    else:
        at_further[port] = outcome
    states, rows = judged(document(role, own, {NONE: [], UNTOLD: None}.get(where, [at_further]), clustered))
    for name, is_about in ABOUT.items():
        rights = [row["ports"][which]["right"] for row in rows for which in row["ports"] if is_about(role, which, row["own"])]
        if name == "reach-peers" and not clustered:
            assert states[name] == "skipped" and False not in rights, "who is no peer needs nothing"
        else:
            wanted = "failed" if False in rights else "passed" if True in rights else "skipped"
            assert states[name] == wanted, (name, rights)
    # And what is wrong is wrong of some control.
    assert any(entry["right"] is False for row in rows for entry in row["ports"].values()) == ("failed" in states.values())


@pytest.mark.parametrize(
    ("role", "port", "outcome", "control"),
    [
        # The page showed each of these in red, and no control failed.
        ("peer", "rest", "timeout", "reach-peers"),
        ("peer", "rest", "no route", "reach-peers"),
        # These failed a control, and the page called them neither right nor wrong.
        ("outsider", "p2p", None, "reach-p2p-outsider"),
        ("client", "p2p", None, "reach-p2p-outsider"),
        ("outsider", "grpc", None, "reach-api-outsider"),
        # These passed a control, and the page said that they say nothing: a word that no host of ours sends is no closed port.
        ("outsider", "p2p", "something else", "reach-p2p-outsider"),
        ("outsider", "rest", "protocol: x", "reach-api-outsider"),
    ],
)
def test_what_once_was_judged_in_two_ways_fails_in_both(role, port, outcome, control):
    states, rows = judged(document(role, {**GOOD[role], port: outcome}, []))
    assert states[control] == "failed"
    assert [row["ports"][port]["right"] for row in rows if row["own"]] == [False]


def test_a_stranger_without_a_way_to_the_node_proves_nothing():
    states, rows = judged(document("outsider", dict.fromkeys(GOOD["outsider"], "no route"), []))
    assert {states[name] for name in ("reach-p2p-outsider", "reach-api-outsider")} == {"skipped"}
    assert {entry["right"] for row in rows for entry in row["ports"].values()} == {None}


def test_a_node_that_has_no_peers_need_not_be_reached_by_the_others():
    """The page was red here, too: nothing listens on the cluster port."""
    states, rows = judged(document("peer", {"rest": "timeout", "grpc": "timeout", "p2p": "timeout"}, [], clustered=False))
    assert states["reach-peers"] == "skipped" and {entry["right"] for row in rows if row["own"] for entry in row["ports"].values()} == {True}


def test_whether_a_node_has_peers_must_be_known():
    content = document("peer", GOOD["peer"], [])
    del content["config"]
    assert judged(content)[0]["reach-peers"] == "error"


def test_a_strange_role_is_a_strangers():
    assert {_reachability.expected("owner", port, own, True) for port in _reachability.PORTS for own in (True, False)} == {"closed"}


def test_nothing_is_known_of_a_node_that_nobody_tried():
    known = _derived.with_knowledge({"node": True}, 7)
    assert "reached" not in known and _reachability.connections({"node1": known}) == []
    assert {_controls.judge(CONTROLS[name], known).state for name in ABOUT} == {"error"}


def test_a_message_names_who_reached_what():
    content = _derived.with_knowledge(document("outsider", {**GOOD["outsider"], "rest": "open", "grpc": "open"}, []), 7)
    assert _controls.judge(CONTROLS["reach-api-outsider"], content).text == "Reached, or not to be told, from host1 rest, host1 grpc."


def test_no_format_and_no_control_compares_outcomes_or_days_itself():
    """What an outcome means, and how many days are enough, is said in one place each."""
    utils = Path(_reachability.__file__).parent
    places = [*(utils / "_report").iterdir(), *(utils / "controls").glob("*.yml")]
    assert len(places) > 20
    for path in places:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"connect\s*[!=]=|days_left\s*[<>]|\.left\s*[<>]|\.life\s*[<>]|[\"'](timeout|refused|no route)[\"']", text), path.name
