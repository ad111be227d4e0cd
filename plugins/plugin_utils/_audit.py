# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log as the inventory wants it, and what of a server's settings it shows, for the preflight and for the look at what runs."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _network, _preflight, _secret_settings, _settings, _variables

Read = t.Callable[..., t.Any]
DAYS, MEGABYTES = 30, 1024  # the defaults of qdrant_audit_days and qdrant_audit_max_mb
# Sections and settings that a server shows of itself (_evidence.web.shown).
SHOWN = (
    "log_level",
    "logger",
    "audit",
    "feature_flags",
    "cluster.enabled",
    "cluster.grpc_timeout_ms",
    "cluster.consensus",
    "service.jwt_rbac",
    "storage.quotas",
)


def is_wanted(read: Read, version: _settings.Version) -> bool:
    """Return whether there should be an audit log. The role's default is one wherever the version has it."""
    wanted = read("qdrant_audit")
    return version >= _settings.SINCE["audit"] if wanted is None else bool(wanted)


def behind_proxies(read: Read, clients: t.Collection[str], groups: t.Mapping[str, t.Sequence[str]], hostvars: t.Mapping[str, t.Any]) -> bool:
    """Return whether proxies of this collection are all the clients that a node has, so that what a request says of where it came from is their word.

    ``clients`` are the addresses and networks that the node's firewall lets in. Without a firewall anybody may come.
    """
    group = read("qdrant_proxy_group", "qdrant_proxy")
    accepted, _problems = _preflight.accepted_risks(read("qdrant_accepted_risks", []))
    if group not in groups or not clients or "no-firewall" in accepted:
        return False
    return set(clients) <= set(_network.clients([group], groups, _network.host_variables(hostvars)).addresses())


def settings(read: Read, version: _settings.Version, proxied: bool) -> _settings.Settings:
    """Return the section ``audit`` of the hardened settings; empty for none.

    A file an hour, so that the oldest ones, which go when there are too many bytes, take little with them.
    """
    if not is_wanted(read, version):
        return {}
    days = read("qdrant_audit_days", DAYS)
    section = {"enabled": True, "dir": _settings.AUDIT, "rotation": "hourly", "max_log_files": days * 24 if isinstance(days, int) else DAYS * 24}
    return {**section, "trust_forwarded_headers": proxied}


def most_bytes(read: Read) -> int:
    """Return the bytes that the audit log may have when it is looked at: the bound, and a quarter for what comes between two looks of the timer."""
    return int(read("qdrant_audit_max_mb", MEGABYTES)) * (1 << 20) * 5 // 4


def shown(read: Read, proxied: bool) -> dict[str, t.Any]:
    """Return the settings that the inventory wants and a server shows, by dotted name, without secrets. Of a hardened node, whatever runs."""
    version = _preflight.parse_version(read("qdrant_version", _variables.fallback("qdrant_version"))) or (0, 0, 0)
    config = read("qdrant_config", {})
    nodes: dict[str, t.Any] = {"address": "", "http_port": 0, "grpc_port": 0, "p2p_port": 0, "cluster": False, "dashboard": False}
    hardened = _settings.hardened(**nodes, version=version, jwt_rbac=bool(read("qdrant_jwt_rbac", False)), audit=settings(read, version, proxied))
    # Of a cluster the observer knows itself whether it should be one.
    del hardened["cluster"]
    merged = _secret_settings.split(_settings.merge(hardened, config if isinstance(config, dict) else {}))[0]
    found: dict[str, t.Any] = {}
    for path in _settings.paths(merged):
        value = _settings.lookup(merged, path)
        # Where the log lies is seen by whether something is written there.
        if path != "audit.dir" and (path in SHOWN or path.startswith(tuple(f"{name}." for name in SHOWN))):
            if isinstance(value, (str, int, bool)):
                found[path] = value
            elif isinstance(value, float):
                found[path] = str(value)
    return found
