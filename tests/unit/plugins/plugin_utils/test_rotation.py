# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a rotation: through all phases of 1.17 and later, and the cut-over of earlier versions. Keys are played by letters."""

from __future__ import annotations

import itertools
import json

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _keys, _secrets
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _rotation

OLD_VERSION, NEW_VERSION = (1, 16, 3), (1, 18, 0)
KEYS = {"A": "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa", "B": "Zk3vQ9rT1xW7yB5nM2cD8fH4jL6pS0aE", "R": "Mk3vQ9rT1xW7yB5nM2cD8fH4jL6pS0aE", "": ""}

SALT = _digests.salt()


def keys(main: str, alternate: str = "", read_only: str = "R") -> dict:
    return {"api_key": KEYS[main], "alt_api_key": KEYS[alternate], "read_only_api_key": KEYS[read_only]}


def plan(running: list, wanted: dict, version=NEW_VERSION, **options) -> _rotation.Plan:
    """A plan for nodes that run these keys (None: that do not run), made as the playbook makes it: from the file that is written to the node."""
    files = [service and json.loads(_secrets.render(service))["service"] for service in running]
    digests = {name: _digests.digest(key.encode(), SALT) for name, key in wanted.items() if key}
    enforces, disk = options.pop("enforces", False), options.pop("disk", wanted)
    on_disk = _keys.identify(disk and json.loads(_secrets.render(disk))["service"], SALT, digests)
    nodes = [_rotation.Node("node%d" % number, _keys.identify(service, SALT, digests), on_disk, enforces) for number, service in enumerate(files, 1)]
    alternate, read_only = bool(wanted["alt_api_key"]), bool(wanted["read_only_api_key"])
    return _rotation.plan(nodes, _rotation.Wanted(version, alternate, read_only, **{"strategy": "rolling", **options}))


def text(found: _rotation.Plan) -> str:
    return "\n".join([*found.lines, *map(str, found.problems)])


def test_three_phases_and_none_refuses_a_client_that_moves_between_them():
    phases = [keys("A"), keys("A", "B"), keys("B", "A"), keys("B")]
    steps = []
    for before, after in itertools.pairwise(phases):
        # Every mixture of nodes that were restarted and nodes that were not: an interrupted phase goes on.
        for done in range(3):
            # Nodes that ask each other for a key know each other's all the time.
            found = plan([after] * done + [before] * (3 - done), after, internal_auth=True)
            assert found.problems == [] and set(list(found.steps.values())[:done]) <= {_rotation.NONE}
        steps.append(found.step)
        # The key that clients use before a phase and the one that they use after it: each is known to every node all the time.
        common = (set(before.values()) & set(after.values())) - {KEYS["R"], ""}
        assert common, "some key must work through the whole phase"
        assert plan([after] * 3, after).step == _rotation.NONE
    assert steps == [_rotation.DEPLOY, _rotation.PROMOTE, _rotation.RETIRE]


def test_the_rendered_secrets_of_each_phase():
    rendered = [json.loads(_secrets.render(service)) for service in (keys("A"), keys("A", "B"), keys("B", "A"), keys("B"))]
    alternates = [content["service"].get("alt_api_key") for content in rendered]
    assert alternates == [None, KEYS["B"], KEYS["A"], None], "an empty alternate is not written, for Qdrant might take an empty key"
    assert [content["service"]["api_key"] for content in rendered] == [KEYS["A"], KEYS["A"], KEYS["B"], KEYS["B"]]


def test_tokens_end_with_the_key_that_signed_them():
    assert not plan([keys("A")], keys("A", "B")).tokens_die
    assert not plan([keys("A", "B")], keys("B", "A")).tokens_die
    assert plan([keys("A", "B")], keys("B")).tokens_die
    assert plan([keys("B", "A")], keys("B")).tokens_die
    assert plan([keys("A")], keys("B"), OLD_VERSION).tokens_die
    assert not plan([keys("A")], keys("A", read_only=""), OLD_VERSION).tokens_die


def test_old_versions_are_cut_over_and_say_so():
    found = plan([keys("A")] * 3, keys("B"), OLD_VERSION)
    assert found.step == _rotation.CUT_OVER and found.problems == []
    assert "CUT-OVER" in text(found) and "1.16.3 has no alternate key" in text(found) and "hold both keys" in text(found)
    assert "all nodes at once" in text(plan([keys("A")] * 3, keys("B"), OLD_VERSION, strategy="parallel"))
    assert "An earlier run did node1;" in text(plan([keys("B"), keys("A")], keys("B"), OLD_VERSION))
    assert "An earlier run did node1;" in text(plan([keys("B", read_only=""), keys("A")], keys("B", read_only=""), OLD_VERSION))


def test_a_better_way_is_asked_for():
    assert "set the new key as qdrant_alt_api_key" in text(plan([keys("A")], keys("B")))
    assert plan([keys("A")], keys("B"), cut_over=True).problems == []
    assert "not known to the nodes yet" in text(plan([keys("A")], keys("B", "A"))), "the phase before was left out"


def test_read_only_keys_and_nodes_that_do_not_run():
    found = plan([keys("A", read_only="B"), keys("A")], keys("A"))
    assert found.read_only == ["node1"] and "CUT-OVER of qdrant_read_only_api_key" in text(found) and found.step == _rotation.NONE
    assert plan([keys("A")], keys("A", read_only="")).read_only == ["node1"]
    assert "Nothing to rotate" in text(plan([keys("A")], keys("A")))
    found = plan([keys("A"), None], keys("A"))
    assert found.steps["node2"] == _rotation.START and "node2 do not run" in text(found)


def test_a_revocation_keeps_no_key():
    found = plan([keys("A")] * 3, keys("B", read_only=""), OLD_VERSION, revoke=True)
    assert found.problems == [] and "REVOCATION" in text(found) and found.tokens_die
    assert "read_only_api_key of node1, node2, node3 is still wanted" in text(plan([keys("A")] * 3, keys("B"), OLD_VERSION, revoke=True))
    assert "api_key of node1" in text(plan([keys("A")], keys("A", read_only=""), OLD_VERSION, revoke=True))
    assert "is still wanted" in text(plan([keys("A")], keys("B", "A", read_only=""), revoke=True))
    # Where a revocation was interrupted, some nodes have the new keys.
    assert plan([keys("B", read_only=""), keys("A")], keys("B", read_only=""), OLD_VERSION, revoke=True).problems == []


@pytest.mark.parametrize(
    ("alternate", "version", "expected"),
    [
        (KEYS["B"], OLD_VERSION, "from 1.17.0 on"),
        (KEYS["A"], NEW_VERSION, "equals qdrant_api_key"),
        (KEYS["R"], NEW_VERSION, "equals qdrant_read_only_api_key"),
        ("short", NEW_VERSION, "shorter than 32"),
        (17, NEW_VERSION, "not a text"),
    ],
)
def test_alternates_that_are_refused(alternate, version, expected):
    others = {"qdrant_api_key": KEYS["A"], "qdrant_read_only_api_key": KEYS["R"]}
    assert expected in " ".join(map(str, _rotation.check_alternate(alternate, others, version)))


def test_alternates_that_are_taken():
    assert _rotation.check_alternate(KEYS["B"], {"qdrant_api_key": KEYS["A"]}, (1, 17, 0)) == []
    assert _rotation.check_alternate("", {}, OLD_VERSION) == [] and _rotation.check_alternate(None, {}, OLD_VERSION) == []


@pytest.mark.parametrize("on", [{"internal_auth": True}, {"enforces": True}])
def test_nodes_that_ask_each_other_for_keys_are_never_cut_over_one_at_a_time(on):
    """Seen with 1.18.3 and 1.19.0: the node with the new key cannot reach the others, and stays out; all with the same key, it is in again."""
    before, after = [keys("A")] * 3, keys("B")
    refused = text(plan(before, after, cut_over=True, **on))
    assert "enforce_internal_auth nodes refuse each other's key" in refused and "qdrant_restart_strategy=parallel" in refused
    assert "cut_over=true -e qdrant_restart_strategy=parallel" in text(plan(before, after, **on)), "both are said at once"
    # A run of before left one node with the new key.
    assert "refuse each other's key" in text(plan([keys("B"), keys("A"), keys("A")], after, cut_over=True, **on))
    found = plan(before, after, cut_over=True, strategy="parallel", **on)
    assert found.problems == [] and found.tokens_die and "all of them restart at once" in text(found)
    assert plan(before, keys("B", read_only=""), revoke=True, **on).problems == []
    # The old key is not kept in phase 2, or phase 2 was left out.
    assert "Set it to the old key for this step" in text(plan([keys("A", "B")], keys("B"), **on))
    assert plan([keys("A", "B")], keys("B"), strategy="parallel", **on).problems == []
    assert "First leave qdrant_api_key as it was" in text(plan([keys("A")], keys("B", "A"), **on))
    assert "refuse each other's key" in text(plan([{"api_key": "", "read_only_api_key": KEYS["R"]}], keys("A"), cut_over=True, **on))
    # Nobody is asked for a key.
    assert plan(before, after, cut_over=True).problems == []
    assert plan(before, keys("A", read_only=""), **on).problems == [], "nodes show their main key alone"


def test_a_change_that_shuts_nodes_out_is_not_made_to_some_of_them():
    options = {"others": ("node2", "node3"), "cut_over": True, "strategy": "parallel", "enforces": True}
    assert "host node2, node3: they are no part of this run" in text(plan([keys("A")], keys("B"), **options))
    assert plan([keys("A")], keys("A", "B"), **options).problems == []


def test_a_run_that_deploys_plans_alike_and_makes_nodes():
    assert plan([None], keys("A"), disk=None, deploys=True).problems == []
    assert "there is no node" in text(plan([None], keys("A"), disk=None))
    found = plan([keys("A"), None], keys("A"), deploys=True)
    assert not found.changes and plan([keys("A"), None], keys("A", "B"), deploys=True).changes
    assert "set the new key as qdrant_alt_api_key" in text(plan([keys("A")], keys("B"), deploys=True))


def test_a_cluster_that_is_stopped_loses_its_tokens_too():
    assert plan([None], keys("B"), OLD_VERSION, disk=keys("A")).tokens_die and not plan([None], keys("A"), disk=keys("A")).tokens_die


def test_an_alternate_that_is_replaced_ends():
    found = plan([keys("A", "R")], keys("A", "B", read_only=""))
    assert found.step == _rotation.DEPLOY and found.tokens_die and "The alternate that node1 run ends" in text(found)


def noted(running: dict, wanted: dict, staying: str | None, since: float = 1.0) -> _rotation.Node:
    """A node that runs these keys, and has a note of the key that stays."""
    digests = {name: _digests.digest(key.encode(), SALT) for name, key in wanted.items() if key}
    return _rotation.Node("node1", _keys.identify(running, SALT, digests), _keys.identify(running, SALT, digests), False, staying, since)


def test_tokens_are_signed_by_the_key_that_stays():
    first, second = keys("A", "B"), keys("B", "A")
    assert _rotation.staying([]) == "api_key" == _rotation.staying([noted(first, first, None)])
    # Phase 1 is done, or was killed: what runs is the same, and the tokens of the second case are those of the old key.
    assert _rotation.staying([noted(first, first, "alt_api_key")]) == "alt_api_key"
    # Killed before the first restart, or between two: not every node knows the key yet.
    assert _rotation.staying([noted(keys("A"), first, "alt_api_key"), noted(first, first, "alt_api_key")]) == "api_key"
    # Phase 2 is done: the note is that of before, and the key has another name.
    assert _rotation.staying([noted(second, second, "api_key")]) == "api_key"
    # A note that one node kept from another rotation is older.
    assert _rotation.staying([noted(second, second, "alt_api_key", 1.0), noted(second, second, "api_key", 2.0)]) == "api_key"
    assert plan([keys("A")], first).staying == "alt_api_key" and plan([first], second).staying == "api_key"


def test_the_next_phase_is_named_when_the_first_is_done():
    nodes = [noted(keys("A", "B"), keys("A", "B"), "alt_api_key")]
    found = _rotation.plan(nodes, _rotation.Wanted(NEW_VERSION, True, True, "rolling"))
    assert "Nothing to rotate" in text(found) and "Phase 1 of 3 is done" in text(found) and "then make it qdrant_api_key" in text(found)


def test_nobody_is_asked_for_a_key_before_all_nodes_show_one():
    def waits(**nodes) -> list[str]:
        return _rotation.without_internal_auth(nodes, "node1")

    new, asking = {"installed_version": "1.18.0"}, {"installed_version": "1.18.0", "internal_auth": True}
    assert waits(node1=new, node2={"installed_version": "1.17.4"}) == ["node2"]
    assert waits(node1=new, node2={"installed_version": None, "active": False}) == []
    # After a killed upgrade.
    assert waits(node1=new, node2={"installed_version": "1.18.0", "running_version": "1.17.4"}) == ["node2"]
    # A node that is no part of the run may be older, but not where this one asks for keys already.
    assert waits(node1=new, node2={}) == ["node2"] and waits(node1=asking, node2={}) == []
