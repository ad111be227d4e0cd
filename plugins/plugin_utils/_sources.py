# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where certificates come from: checks of a provider's input, before any host is changed, and what the nodes shall trust.

Pure functions: values in, problems and a plan out. Neither holds a secret.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _own, _rollover
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings

READ_MORE = "The README of the role qdrant_tls lists a CA's requirements"


@dataclass(frozen=True)
class Cluster:
    """The nodes as this run sees them."""

    names: t.Sequence[str]
    # Of every node that was looked at: {certificate, trust}, PEM texts, empty where there is none.
    tls: t.Mapping[str, t.Mapping[str, str]]
    # Whether nodes are restarted one at a time: then they must go on trusting each other while they differ.
    rolling: bool = True

    def unseen(self) -> list[str]:
        return [name for name in self.names if name not in self.tls]


@dataclass(frozen=True)
class Rollover:
    """What the user asks for: whether to replace the CA, up to which phase, and where the clients' trust is published."""

    wanted: bool = False
    until: str = _rollover.DROP
    bundle_file: str = ""


@dataclass
class Plan:
    """The phase that the cluster is in, the phases that this run goes through, and by phase whom clients should trust, in PEM form."""

    phase: str = _rollover.CURRENT
    steps: list[str] = field(default_factory=list)
    bundles: dict[str, str] = field(default_factory=dict)


def provided(
    name: str, chain: t.Sequence[t.Any], key: t.Any, trusted: t.Sequence[t.Any], trust: str, needed: t.Sequence[str], cluster: Cluster, now: datetime
) -> tuple[Findings, Plan]:
    """Return the provider ``provided``, for one node. ``trust`` is the PEM text of the trusted CAs."""
    found = Findings()
    for text in _own.problems(chain, key, trusted, needed, now):
        variable, _space, what = text.partition(" ")
        found.refuse(variable, "it " + what, "The README of the role qdrant_tls lists a node's requirements")
    _check_splits(found, name, chain, trusted, cluster, now)
    return found, Plan(bundles={_rollover.CURRENT: trust})


def csr(name: str, folder: str, trusted: t.Sequence[t.Any], trust: str, cluster: Cluster, now: datetime) -> tuple[Findings, Plan]:
    """Return the provider ``csr``, for one node. What is signed is checked when it is there."""
    found = Findings()
    if not folder:
        found.refuse("qdrant_tls_csr_dir", "it is empty", "Name a folder on the controller for the signing requests")
    return signed_elsewhere(found, name, trusted, trust, cluster, now)


def signed_elsewhere(
    found: Findings, name: str, trusted: t.Sequence[t.Any], trust: str, cluster: Cluster, now: datetime
) -> tuple[Findings, Plan]:
    """Return a provider whose certificates are not there yet, for one node: new trusted CAs must not cut off the certificates that there are."""
    refused = {ca.subject.rfc4514_string(): _certificate.strict_authority(ca) for ca in trusted}
    # Others may be on their way out, and what was signed is looked at when it is there.
    if trusted and all(refused.values()):
        for subject, what in refused.items():
            found.refuse(_own.TRUST, "it holds %s, which %s, %s" % (subject, " and ".join(what), _certificate.STRICT), READ_MORE)
    seen = cluster.tls.get(name, {})
    if seen.get("certificate") and seen.get("trust"):
        try:
            _check_splits(found, name, _certificate.load_certificates(seen["certificate"]), trusted, cluster, now)
        except _certificate.CertificateError:
            pass  # what cannot be read is replaced
    return found, Plan(bundles={_rollover.CURRENT: trust})


def _check_splits(found: Findings, name: str, chain: t.Sequence[t.Any], trusted: t.Sequence[t.Any], cluster: Cluster, now: datetime) -> None:
    apart = _own.splits(name, chain, trusted, cluster.tls, now) if cluster.rolling else []
    if apart:
        found.refuse(
            _own.TRUST,
            "with their new certificates, %s and %s would refuse each other while nodes restart one by one" % (name, ", ".join(apart)),
            "Change in three runs: first write the old and the new CA here, then the new certificates, then the new CA alone. "
            "Or restart all nodes at once: -e qdrant_restart_strategy=parallel",
        )


def refuse_authority(found: Findings, error: Exception) -> None:
    """Refuse a CA's problems, which come as lines, each naming its variable."""
    for line in str(error).splitlines():
        found.refuse("TLS", line.rstrip("."), READ_MORE)


def internal(
    current: tuple[t.Any, t.Any], following: tuple[t.Any, t.Any], life: timedelta, cluster: Cluster, rollover: Rollover, now: datetime
) -> tuple[Findings, Plan]:
    """Return the provider ``internal``. ``current`` and ``following`` are certificate and key of the CA in use and of the next one, if there is one."""
    found, plan = Findings(), Plan()
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
            found.warnings.append("%s is the CA that is in use. Remove it and its key." % _authority.NEXT.certificate)
    states = {name: _rollover.state(tls.get("certificate", ""), tls.get("trust", ""), ours, theirs) for name, tls in cluster.tls.items()}
    plan.phase, problems = _rollover.phase_of(states, ours, theirs)
    found.problems += problems if cluster.rolling else []
    if rollover.wanted and theirs and rollover.until in _rollover.PHASES:
        plan.steps = _rollover.begins(plan.phase, rollover.until)
    plan.bundles = {name: _rollover.authorities(name, ours, theirs)[1] for name in (_rollover.PHASES if theirs else (_rollover.CURRENT,))}
    _check_keys(found, current, following if theirs else ("", ""), life, plan, now)
    _say_where_it_stands(found, plan, rollover)
    return found, plan


def _check_request(found: Findings, rollover: Rollover, has_next: bool, cluster: Cluster) -> None:
    if rollover.wanted and not has_next:
        remedy = "Make one with the playbook hardened.qdrant.next_ca, which adds it to your inventory in a vault of its own"
        found.refuse(_authority.NEXT.certificate, "there is no next CA to roll over to", remedy)
    if rollover.wanted and not rollover.bundle_file:
        what = "clients would not get to know the next CA before nodes use it"
        found.refuse("qdrant_tls_bundle_file", what, "Name a file on the controller, from which your clients take their trusted CAs")
    if rollover.until not in _rollover.PHASES[1:]:
        found.refuse("qdrant_tls_rollover_until", "%r is no phase" % rollover.until, "Write one of %s" % ", ".join(_rollover.PHASES[1:]))
    if has_next and cluster.unseen():
        what = "there is a next CA, and which phase the cluster is in shows only when all nodes are looked at. Missing: %s" % ", ".join(cluster.unseen())
        found.refuse(_authority.NEXT.certificate, what, "Run without --limit")


def _check_keys(
    found: Findings, current: tuple[t.Any, t.Any], following: tuple[t.Any, t.Any], life: timedelta, plan: Plan, now: datetime
) -> None:
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


def _say_where_it_stands(found: Findings, plan: Plan, rollover: Rollover) -> None:
    if rollover.wanted or plan.phase == _rollover.CURRENT:
        return
    if plan.phase == _rollover.DROP:
        found.warnings.append(
            "The CA has been replaced. Move the values of qdrant_tls_next_ca_certificate and qdrant_tls_next_ca_private_key to "
            "qdrant_tls_ca_certificate and qdrant_tls_ca_private_key, and remove the former."
        )
    else:
        found.warnings.append(
            "A replacement of the CA is in its phase '%s', which this run keeps. Finish it by hardened.qdrant.rotate_certificates "
            "with -e qdrant_tls_rollover=true." % plan.phase
        )
