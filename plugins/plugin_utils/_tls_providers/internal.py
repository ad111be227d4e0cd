# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider ``internal``: the controller signs, with a CA whose key lies in the vault, and knows how to replace that CA."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _rollover
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import base


@dataclass(frozen=True)
class Rollover:
    """What the user asks for: whether to replace the CA, up to which phase, and where the clients' trust is published."""

    wanted: bool = False
    until: str = _rollover.DROP
    bundle_file: str = ""


class Internal(base.Provider):
    """The CA of the vault."""

    name = "internal"
    row = base.Row("on the node", "the controller, with the CA's key from the vault", "`qdrant_tls_ca_certificate`, `qdrant_tls_ca_private_key`")
    # Judged together, by _authority.
    variables = (
        base.Variable("ca_private_key", secret=True, required=True, of_nodes_alone=True),
        base.Variable("next_ca_private_key", secret=True, of_nodes_alone=True),
    )
    source = base.CONTROLLER

    def node(self, host: base.Host, cluster: base.Cluster) -> tuple[Findings, base.Plan]:
        current, following = ((host.secret(names.certificate), host.secret(names.key)) for names in (_authority.IN_USE, _authority.NEXT))
        if None in (*current, *following):  # already a problem
            return Findings(), base.Plan()
        rollover = Rollover(boolean(host.value("rollover"), strict=False), str(host.value("rollover_until")), str(host.value("bundle_file")))
        return judge(current, following, timedelta(days=int(host.value("validity_days"))), cluster, rollover, host.now)

    def check_proxy(self, host: base.Host, nodes: base.Nodes, found: Findings) -> None:
        """Judge whether the nodes' CA can sign. It was checked with the nodes."""
        if nodes.provider != self.name:
            what = f"the nodes' certificates are {nodes.provider}, so there is no key here to sign with"
            found.refuse(host.variable("provider"), what, "Write another provider")
        elif host.value("ca_certificate"):
            found.refuse(host.variable("ca_certificate"), "with internal, the nodes' CA signs", "Remove it, or write another provider")


def refuse_authority(found: Findings, error: Exception) -> None:
    """Refuse a CA's problems, which come as lines, each naming its variable."""
    for line in str(error).splitlines():
        found.refuse("TLS", line.rstrip("."), base.READ_MORE)


def judge(
    current: tuple[t.Any, t.Any], following: tuple[t.Any, t.Any], life: timedelta, cluster: base.Cluster, rollover: Rollover, now: datetime
) -> tuple[Findings, base.Plan]:
    """Return what is wrong with the CAs, and the plan. ``current`` and ``following`` are certificate and key of the CA in use and of the next one, if any."""
    found, plan = Findings(), base.Plan()
    _check_request(found, rollover, bool(following[0]), cluster)
    try:
        ours = _authority.public(current[0], _authority.IN_USE)
        theirs = _authority.public(following[0], _authority.NEXT) if following[0] else ""
    except _authority.AuthorityError as error:
        refuse_authority(found, error)
        return found, plan
    if theirs and _certificate.same_certificates(ours, theirs):
        theirs = ""
        if rollover.wanted:
            found.refuse(_authority.NEXT.certificate, "it is the CA that is in use already", "Remove it, or make another by hardened.qdrant.next_ca")
        else:
            found.warnings.append(f"{_authority.NEXT.certificate} is the CA that is in use. Remove it and its key.")
    states = {name: _rollover.state(tls.get("certificate", ""), tls.get("trust", ""), ours, theirs) for name, tls in cluster.tls.items()}
    plan.phase, problems = _rollover.phase_of(states, ours, theirs)
    found.problems += problems if cluster.rolling else []
    if rollover.wanted and theirs and rollover.until in _rollover.PHASES:
        plan.steps = _rollover.begins(plan.phase, rollover.until)
    plan.bundles = {name: _rollover.authorities(name, ours, theirs)[1] for name in (_rollover.PHASES if theirs else (_rollover.CURRENT,))}
    _check_keys(found, current, following if theirs else ("", ""), life, plan, now)
    _say_where_it_stands(found, plan, rollover)
    return found, plan


def _check_request(found: Findings, rollover: Rollover, has_next: bool, cluster: base.Cluster) -> None:
    if rollover.wanted and not has_next:
        remedy = "Make one with the playbook hardened.qdrant.next_ca, which adds it to your inventory in a vault of its own"
        found.refuse(_authority.NEXT.certificate, "there is no next CA to roll over to", remedy)
    if rollover.wanted and not rollover.bundle_file:
        what = "clients would not get to know the next CA before nodes use it"
        found.refuse("qdrant_tls_bundle_file", what, "Name a file on the controller, from which your clients take their trusted CAs")
    if rollover.until not in _rollover.PHASES[1:]:
        found.refuse("qdrant_tls_rollover_until", f"{rollover.until!r} is no phase", "Write one of {}".format(", ".join(_rollover.PHASES[1:])))
    if has_next and cluster.unseen():
        what = "there is a next CA, and which phase the cluster is in shows only when all nodes are looked at. Missing: {}".format(", ".join(cluster.unseen()))
        found.refuse(_authority.NEXT.certificate, what, "Run without --limit")


def _check_keys(found: Findings, current: tuple[t.Any, t.Any], following: tuple[t.Any, t.Any], life: timedelta, plan: base.Plan, now: datetime) -> None:
    """The CAs that will sign must be able to. One that is about to be replaced need not last as long as a certificate does."""
    checks = []
    if plan.phase in (_rollover.CURRENT, _rollover.TRUST):
        checks.append((current, timedelta(0) if plan.steps else life, _authority.IN_USE))
    if following[0]:
        checks.append((following, life, _authority.NEXT))
    for (certificate, key), needed, names in checks:
        try:
            _authority.load(certificate, key, now, needed, names)
        except _authority.AuthorityError as error:
            refuse_authority(found, error)


def _say_where_it_stands(found: Findings, plan: base.Plan, rollover: Rollover) -> None:
    if rollover.wanted or plan.phase == _rollover.CURRENT:
        return
    if plan.phase == _rollover.DROP:
        found.warnings.append(
            "The CA has been replaced. Move the values of qdrant_tls_next_ca_certificate and qdrant_tls_next_ca_private_key to "
            "qdrant_tls_ca_certificate and qdrant_tls_ca_private_key, and remove the former."
        )
    else:
        found.warnings.append(
            f"A replacement of the CA is in its phase '{plan.phase}', which this run keeps. Finish it by hardened.qdrant.rotate_certificates "
            "with -e qdrant_tls_rollover=true."
        )


PROVIDER = Internal()
