# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller adds to a host's evidence before it is judged: what others saw of it, what the user and this collection know, and what follows.

Controls and reports read what is derived here, so that neither compares anything a second time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls, _preflight, _reachability, _settings, _weaknesses

Json = dict[str, t.Any]
MAJOR = 1000  # minor versions that a major one counts for
AUTHORITY_DAYS = 90  # that a CA must have left, for its replacement takes planning


def with_vantages(documents: dict[str, Json]) -> dict[str, Json]:
    """Return the documents of nodes, with what the other hosts saw of them: [{from, role, rest, grpc, p2p, further}] as ``vantages``.

    And those of proxies, and of hosts whose evidence does not fit, whatever they are.
    """
    nodes = {}
    for name, document in documents.items():
        if "proxy" in document or document.get("document", {}).get("problems"):
            nodes[name] = document
        if document.get("node"):
            views = [
                {"from": other, "role": view.get("role"), **_view(view["seen"][name])}
                for other, view in sorted(documents.items())
                if other != name and isinstance(view.get("seen"), dict) and name in view["seen"]
            ]
            nodes[name] = {**document, "vantages": views}
    return nodes


def _view(seen: Json) -> Json:
    """Return what a host saw of a node, the node's further addresses as a list."""
    if not isinstance(seen.get("further"), dict):
        return seen
    further = [{"address": address, "family": _reachability.family(address), **ports} for address, ports in sorted(seen["further"].items())]
    return {**seen, "further": further}


def with_knowledge(document: Json, certificate_days: int, weaknesses: _weaknesses.Known | None = None) -> Json:
    """Return a document with ``limits`` (days), what is known of its version (``advisories``, and which settings it ``supports``), and the judgements.

    ``weaknesses`` is the list to judge by, left out the collection's own. Without a version both of these are missing, so what depends on them fails.
    """
    document = {**document, "limits": {"certificate_days": certificate_days, "authority_days": AUTHORITY_DAYS}}
    web = document.get("web")
    version = _preflight.parse_version(web.get("version")) if isinstance(web, dict) else None
    if version is not None:
        document.update(advisories=(weaknesses or _weaknesses.own()).of(version), supports=_settings.supports(version))
    return {**document, **judgements(document)}


def versions(documents: t.Mapping[str, Json]) -> dict[str, Json]:
    """Return by node what the nodes of its cluster run, as ``versions``: {lowest, highest, apart, nodes}.

    ``apart`` is the number of minor versions between the two, a major one counted as more than any; ``nodes`` are texts. Of hosts whose version is not
    known another control says so.
    """
    running: dict[str, _settings.Version] = {}
    for host, document in documents.items():
        web, effective = document.get("web"), document.get("effective")
        if isinstance(web, dict) and isinstance(effective, dict) and effective.get("cluster") is True:
            version = _preflight.parse_version(web.get("version"))
            if version:
                running[host] = version
    if not running:
        return {}
    lowest, highest = min(running.values()), max(running.values())
    apart = highest[1] - lowest[1] if highest[0] == lowest[0] else MAJOR
    texts = {version: "%d.%d.%d" % version for version in running.values()}
    found = {
        "lowest": texts[lowest],
        "highest": texts[highest],
        "apart": apart,
        "nodes": [f"{host} {texts[version]}" for host, version in sorted(running.items())],
    }
    return {host: {"versions": found} for host in running}


def settings_beside(wanted: t.Any, shown: t.Any) -> list[str]:
    """Return where a server runs something else than the inventory wants, of the settings that it shows, as texts.

    Words are compared without their case, as Qdrant reads them. Of quotas, one that is not wanted is there too much: it was set past the settings.
    """
    if not isinstance(wanted, dict) or not isinstance(shown, dict):
        return []
    found = [
        f"{name} is {_controls.shown(shown[name])}, wanted {_controls.shown(value)}"
        for name, value in sorted(wanted.items())
        if name in shown and _word(shown[name]) != _word(value)
    ]
    if "storage.quotas.enabled" in wanted:
        surplus = sorted(name for name in shown if name.startswith("storage.quotas.") and name not in wanted)
        missing = sorted(name for name in wanted if name.startswith("storage.quotas.") and name not in shown)
        found += [f"{name} is {_controls.shown(shown[name])}, wanted none" for name in surplus]
        found += [f"{name} is not set, wanted {_controls.shown(wanted[name])}" for name in missing if "storage.quotas.enabled" in shown]
    return found


def _word(value: t.Any) -> t.Any:
    return value.lower() if isinstance(value, str) else value


def judgements(document: Json) -> Json:
    """Return what follows from a document: ``reached``, ``differs`` and ``validity``.

    ``reached``: see _reachability. ``differs``: the ``settings`` and ``quotas`` that run and are not wanted. ``validity``: how long certificates last,
    {certificate, authorities} for ``node`` and ``proxy``. What is not there has no judgement, so what depends on it fails.
    """
    found: Json = {}
    reached = _reachability.judged(document)
    if reached is not None:
        found["reached"] = reached
    wanted, effective = document.get("wanted"), document.get("effective")
    if isinstance(wanted, dict) and isinstance(effective, dict) and "settings" in effective:
        beside = settings_beside(wanted.get("settings"), effective["settings"])
        quotas = [text for text in beside if text.startswith("storage.quotas.")]
        found["differs"] = {"settings": [text for text in beside if text not in quotas], "quotas": quotas}
    proxy, limits = document.get("proxy"), document.get("limits")
    certificates = {"node": document.get("certificate"), "proxy": proxy.get("certificate") if isinstance(proxy, dict) else None}
    found["validity"] = {
        name: _validity(certificate, limits) for name, certificate in certificates.items() if isinstance(certificate, dict) and isinstance(limits, dict)
    }
    return found


def _validity(certificate: Json, limits: Json) -> Json:
    """Return how long a certificate and the CAs beside it last, or why that is not known."""
    if set(certificate) == {"error"}:
        return certificate
    authorities = certificate.get("ca")
    return {
        "certificate": _lasts(certificate, limits.get("certificate_days")),
        "authorities": [_lasts(ca, limits.get("authority_days")) for ca in authorities if isinstance(ca, dict)] if isinstance(authorities, list) else None,
    }


def _lasts(described: Json, limit: t.Any) -> Json:
    """Return {subject, days_left, limit, enough} of a certificate; ``enough`` is None where it cannot be told."""
    left = described.get("days_left")
    known = all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in (left, limit))
    return {"subject": described.get("subject"), "days_left": left, "limit": limit, "enough": left > limit if known else None}
