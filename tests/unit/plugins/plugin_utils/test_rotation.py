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
    nodes = [_rotation.Node("node%d" % number, _keys.identify(service, SALT, digests)) for number, service in enumerate(files, 1)]
    alternate, read_only = bool(wanted["alt_api_key"]), bool(wanted["read_only_api_key"])
    return _rotation.plan(nodes, version=version, alternate=alternate, read_only=read_only, **{"strategy": "rolling", **options})


def text(found: _rotation.Plan) -> str:
    return "\n".join([*found.lines, *map(str, found.problems)])


def test_three_phases_and_none_refuses_a_client_that_moves_between_them():
    phases = [keys("A"), keys("A", "B"), keys("B", "A"), keys("B")]
    steps = []
    for before, after in itertools.pairwise(phases):
        # Every mixture of nodes that were restarted and nodes that were not: an interrupted phase goes on.
        for done in range(3):
            found = plan([after] * done + [before] * (3 - done), after)
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
    assert "enforce_internal_auth" in text(plan([keys("A", "B")], keys("B"), internal_auth=True))
    assert plan([keys("A", "B")], keys("B", "A"), internal_auth=True).problems == []


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


def test_nodes_authenticate_to_each_other_only_when_all_can():
    config = {"service": {"enforce_internal_auth": True}}
    assert "node2 still run" in str(_rotation.check_internal_auth(config, {"node1": "1.18.0", "node2": "1.17.4"})[0])
    assert _rotation.check_internal_auth(config, {"node1": "1.18.0", "new": None}) == []
    assert _rotation.check_internal_auth({}, {"node1": "1.16.3"}) == [] and _rotation.check_internal_auth(None, {}) == []
