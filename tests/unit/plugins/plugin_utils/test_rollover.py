# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a replacement of the CA: read from disks, and safe wherever a run was killed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _rollover

NOW = datetime.now(UTC)
LIFE = timedelta(days=90)
OLD, NEW, STRANGE = (_authority.load(*_authority.create(name, NOW), NOW, LIFE) for name in ("old", "new", "strange"))
FOLLOWING = NEW.pem()
WANTED = _certificate.Wanted("node", ["node"], ["192.0.2.1"], "ecdsa-p256", OLD.pem(), OLD.pem())


def leaf(store, authority) -> str:
    _pending, request = store.make_request(WANTED)
    return _authority.sign(authority, request, WANTED, NOW, LIFE)


@pytest.fixture(scope="module")
def disks(tmp_path_factory) -> dict:
    """What a node's disk shows in each phase."""
    store = _certificate.Store(str(tmp_path_factory.mktemp("tls")))
    leaves = {authority: leaf(store, authority) for authority in (OLD, NEW, STRANGE)}
    shown = {}
    for phase in _rollover.PHASES:
        signer, trust = _rollover.authorities(phase, OLD.pem(), NEW.pem())
        shown[phase] = (leaves[OLD if signer == OLD.pem() else NEW], trust)
    return {**shown, "strange": (leaves[STRANGE], STRANGE.pem()), "": ("", ""), "garbage": ("nothing", "nothing")}


def phase_of(disks, *names, following=FOLLOWING):
    states = {"node%d" % number: _rollover.state(*disks[name], OLD.pem(), following) for number, name in enumerate(names, 1)}
    return _rollover.phase_of(states, OLD.pem(), following)


@pytest.mark.parametrize("number", range(len(_rollover.PHASES)))
def test_all_nodes_in_a_phase_are_in_that_phase(disks, number):
    name = _rollover.PHASES[number]
    assert phase_of(disks, name, name, name) == (name, [])


@pytest.mark.parametrize("number", range(1, len(_rollover.PHASES)))
@pytest.mark.parametrize("done", [1, 2])
def test_a_killed_run_is_in_the_phase_that_it_was_writing(disks, number, done):
    before, after = _rollover.PHASES[number - 1 : number + 1]
    assert phase_of(disks, *[after] * done, *[before] * (3 - done)) == (after, [])


@pytest.mark.parametrize("number", range(1, len(_rollover.PHASES)))
def test_neighbouring_phases_trust_each_other(disks, number):
    """The order of the phases is right because of this: whatever two nodes that differ by one phase show, the other one trusts."""
    for ours, theirs in (_rollover.PHASES[number - 1 : number + 1], _rollover.PHASES[number - 1 : number + 1][::-1]):
        shown = _certificate.load_certificates(disks[ours][0])[0]
        assert any(_certificate.is_signed_by(shown, ca) for ca in _certificate.load_certificates(disks[theirs][1])), (ours, theirs)


def test_a_fresh_node_and_one_that_cannot_be_read_do_not_count(disks):
    assert phase_of(disks, "reissue", "", "garbage") == ("reissue", [])
    assert phase_of(disks, "", "", "") == ("current", [])


def test_a_ca_that_was_exchanged_in_the_vault_is_refused(disks):
    phase, problems = phase_of(disks, "strange", "strange", following="")
    assert phase == "current" and len(problems) == 1
    assert "all nodes trust a CA that is neither" in str(problems[0]) and "qdrant_tls_rollover=true" in str(problems[0])
    # One node has no peers, and one of several that differs is mended from the others' CA.
    assert phase_of(disks, "strange", following="") == ("current", [])
    assert phase_of(disks, "strange", "current", following="") == ("current", [])


def test_a_next_ca_that_got_lost_is_refused_once_nodes_depend_on_it(disks):
    assert phase_of(disks, "trust", "current", following="") == ("current", [])
    for names in (("reissue", "trust"), ("reissue", "reissue"), ("drop", "reissue"), ("drop", "drop")):
        assert phase_of(disks, *names, following="")[1], names


def test_phases_that_no_run_leaves_side_by_side_are_refused(disks):
    assert "node2: it does not trust the next CA" in str(phase_of(disks, "reissue", "current")[1][0])
    assert "node2: it has no certificate of the next CA" in str(phase_of(disks, "drop", "trust")[1][0])


def test_a_run_goes_on_from_where_the_nodes_are():
    assert _rollover.begins("current", "drop") == ["trust", "reissue", "drop"]
    assert _rollover.begins("reissue", "drop") == ["reissue", "drop"]
    assert _rollover.begins("current", "trust") == ["trust"]
    assert _rollover.begins("reissue", "trust") == []
    assert _rollover.begins("drop", "drop") == ["drop"]
