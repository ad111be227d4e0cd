# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases in which one CA replaces another, told from the nodes' certificates alone.

Peers verify each other, so no node may show a certificate that another one does not trust::

    phase     signs     trusted           why it may follow the one before
    current   current   current
    trust     current   current and next  every certificate still comes from the current CA
    reissue   next      current and next  every node trusts both
    drop      next      next              every certificate comes from the next CA

A phase is written to all nodes, and all nodes run it, before the next one begins. So at any moment nodes differ by one phase at most, and
the latest phase that any node's disk shows is the one that an interrupted run was in. There is no other record to get lost.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

CURRENT, TRUST, REISSUE, DROP = PHASES = ("current", "trust", "reissue", "drop")


@dataclass(frozen=True)
class State:
    """What a node's disk says: SHA-256 of the CAs that it trusts, and which of the two known CAs signed its certificate."""

    trusted: frozenset[str]
    signed_by_current: bool
    signed_by_next: bool


def state(certificate: str, trust: str, current: str, following: str) -> State | None:
    """Return the state that a node's certificate and trusted CAs show, all in PEM form; None where it has none that can be read.

    ``following`` is the next CA, or empty.
    """
    try:
        leaf = _certificate.load_certificates(certificate)[0]
        trusted = _certificate.load_certificates(trust)
        known = [_certificate.load_certificates(pem)[0] if pem else None for pem in (current, following)]
    except _certificate.CertificateError:
        return None
    signed = [ca is not None and _certificate.is_signed_by(leaf, ca) for ca in known]
    return State(frozenset(map(_certificate.fingerprint, trusted)), *signed)


def authorities(phase: str, current: str, following: str) -> tuple[str, str]:
    """Return the CA that signs in a phase, and those that are trusted, in PEM form."""
    both = current.strip() + "\n" + following.strip() + "\n"
    return {
        CURRENT: (current, current),
        TRUST: (current, both),
        REISSUE: (following, both),
        DROP: (following, following),
    }[phase]


def phase_of(states: t.Mapping[str, State | None], current: str, following: str) -> tuple[str, list[Problem]]:
    """Return the phase that a cluster is in, and why its certificates must not be touched, if so. States are by node's name."""
    seen = {name: entry for name, entry in states.items() if entry is not None}
    ours = _certificate.fingerprint(_certificate.load_certificates(current)[0])
    theirs = _certificate.fingerprint(_certificate.load_certificates(following)[0]) if following else ""
    # One node alone has no peers to be cut off from.
    strange = frozenset.intersection(*(entry.trusted for entry in seen.values())) - {ours, theirs} if len(seen) > 1 else frozenset()
    if strange:
        return CURRENT, [_unknown(strange)]
    if not theirs:
        return CURRENT, []
    unsigned = sorted(name for name, entry in seen.items() if not entry.signed_by_next)
    distrusting = sorted(name for name, entry in seen.items() if theirs not in entry.trusted)
    if any(theirs in entry.trusted and ours not in entry.trusted and entry.signed_by_next for entry in seen.values()):
        return DROP, _inconsistent(unsigned, "has no certificate of the next CA, while other nodes trust no other")
    if any(entry.signed_by_next for entry in seen.values()):
        return REISSUE, _inconsistent(distrusting, "does not trust the next CA, while other nodes have certificates of it")
    return (TRUST if len(distrusting) < len(seen) else CURRENT), []


def begins(phase: str, last: str) -> list[str]:
    """Return the phases that a rollover goes through from where the nodes are, up to and including ``last``, in their order."""
    return [name for name in PHASES[1:] if PHASES.index(phase) <= PHASES.index(name) <= PHASES.index(last)]


def _unknown(strange: t.Collection[str]) -> Problem:
    return Problem(
        "qdrant_tls_ca_certificate",
        "all nodes trust a CA that is neither this one nor the next (SHA-256 {}), and without it they would refuse each other".format(
            ", ".join(digest[:16] + "..." for digest in sorted(strange))
        ),
        "Put that CA back, write the new one to qdrant_tls_next_ca_certificate and qdrant_tls_next_ca_private_key, "
        "and run hardened.qdrant.rotate_certificates with -e qdrant_tls_rollover=true",
    )


def _inconsistent(names: list[str], what: str) -> list[Problem]:
    remedy = "Something else than this collection changed it. Put back its earlier generation (the symlink tls/current), and run again"
    return [Problem(f"host {name}", f"it {what}", remedy) for name in names]
