# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider internal: what is refused of the CAs, and what is planned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _rollover
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import base
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import internal as provider

NOW = datetime.now(UTC)
LIFE = timedelta(days=90)
OLD, NEW, ENDING = (_authority.create(name, NOW) for name in ("old", "new", "ending"))
NONE = ("", "")
FRESH = base.Cluster(["node1", "node2"], {"node1": {}, "node2": {}})
ASKED = provider.Rollover(True, "drop", "/tmp/bundle.pem")


def internal(current=OLD, following=NONE, cluster=FRESH, rollover=None, now=NOW):
    return provider.judge(current, following, LIFE, cluster, rollover or provider.Rollover(), now)


def cluster(tmp_path, phase):
    """Two nodes in a phase."""
    store = _certificate.Store(str(tmp_path))
    signer, trust = _rollover.authorities(phase, OLD[0], NEW[0])
    authority = _authority.load(*(OLD if signer == OLD[0] else NEW), NOW, LIFE)
    wanted = _certificate.Wanted("node", ["node"], ["192.0.2.1"], "ecdsa-p256", signer, trust)
    shown = {"certificate": _authority.sign(authority, store.make_request(wanted)[1], wanted, NOW, LIFE), "trust": trust}
    return base.Cluster(["node1", "node2"], {"node1": shown, "node2": shown})


def test_a_good_ca_is_taken():
    found, plan = internal()
    assert (found.problems, found.warnings, plan.phase, plan.steps) == ([], [], "current", [])
    assert list(plan.bundles) == ["current"] and OLD[0].strip() == plan.bundles["current"].strip()


def test_a_rollover_needs_a_next_ca_and_a_place_for_the_bundle():
    found, plan = internal(rollover=provider.Rollover(True))
    text = "\n".join(map(str, found.problems))
    assert "hardened.qdrant.next_ca" in text and "qdrant_tls_bundle_file" in text and plan.steps == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"following": OLD, "rollover": ASKED}, "it is the CA that is in use already"),
        ({"following": ("garbage", "")}, "qdrant_tls_next_ca_certificate is not a certificate in PEM form. The playbook hardened.qdrant.next_ca"),
        ({"following": (NEW[0], OLD[1])}, "qdrant_tls_next_ca_certificate does not match qdrant_tls_next_ca_private_key"),
        ({"following": (NEW[0], "")}, "qdrant_tls_next_ca_private_key is not a private key"),
        ({"following": NEW, "rollover": provider.Rollover(True, "later", "/tmp/b")}, "'later' is no phase"),
        ({"following": NEW, "cluster": base.Cluster(["node1", "node2"], {"node1": {}})}, "Missing: node2. Run without --limit"),
        ({"now": NOW + timedelta(days=2000)}, "qdrant_tls_ca_certificate expired on"),
        ({"now": NOW - timedelta(days=1)}, "qdrant_tls_ca_certificate is not valid before"),
    ],
)
def test_bad_input_is_refused(changes, expected):
    found, _plan = internal(**changes)
    assert expected in "\n".join(map(str, found.problems))


def test_a_ca_that_is_about_to_be_replaced_may_end_soon():
    soon = NOW + timedelta(days=3 * 365 - 30)
    following = _authority.create("next", soon)
    assert "before a certificate of 90 days would" in str(internal(now=soon)[0].problems[0])
    assert internal(following=following, rollover=ASKED, now=soon)[0].problems == []


@pytest.mark.parametrize(("phase", "said"), [("trust", "in its phase 'trust'"), ("reissue", "in its phase 'reissue'"), ("drop", "has been replaced")])
def test_a_run_without_the_wish_keeps_the_phase_and_says_so(tmp_path, phase, said):
    found, plan = internal(following=NEW, cluster=cluster(tmp_path, phase))
    assert (found.problems, plan.phase, plan.steps) == ([], phase, []) and said in found.warnings[0]


def test_a_rollover_goes_on_from_the_nodes_phase(tmp_path):
    found, plan = internal(following=NEW, cluster=cluster(tmp_path, "reissue"), rollover=ASKED)
    assert (found.problems, found.warnings, plan.steps) == ([], [], ["reissue", "drop"])
    assert [len(_certificate.load_certificates(plan.bundles[name])) for name in _rollover.PHASES] == [1, 2, 2, 1]


def test_once_all_is_replaced_the_old_ca_need_not_be_valid(tmp_path):
    later = NOW + timedelta(days=3 * 365 + 1)
    found, _plan = internal(following=NEW, cluster=cluster(tmp_path, "drop"), now=later)
    assert all("qdrant_tls_next_ca_certificate" in str(problem) for problem in found.problems)


def test_an_exchanged_ca_is_refused_unless_nodes_restart_together(tmp_path):
    seen = cluster(tmp_path, "current")
    assert "all nodes trust a CA that is neither" in str(internal(current=NEW, cluster=seen)[0].problems[0])
    together = base.Cluster(seen.names, seen.tls, rolling=False)
    assert internal(current=NEW, cluster=together)[0].problems == []
