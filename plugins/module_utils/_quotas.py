# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas of disk and memory, which a server of 1.19 or later enforces, and may have been given past its settings."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _cluster

NAMES = ("enabled", "max_disk_usage_percent", "max_resident_memory_percent", "release_margin_percent")


def plain(quotas: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return quotas as the server says them: those that are set, and whether they are enforced at all, which they are not by default."""
    found = {name: quotas[name] for name in NAMES if quotas.get(name) is not None}
    return {"enabled": False, **found}


def read(node: _cluster.Node) -> dict[str, t.Any] | None:
    """Return the quotas that a server enforces, or None for a server that has none.

    :raises ClusterError: it gave no usable answer.
    """
    try:
        answer = node.get("/quotas")
    except _cluster.NotThere:
        return None
    config = answer.get("config") if isinstance(answer, dict) else None
    if not isinstance(config, dict):
        raise _cluster.ClusterError("GET /quotas: the answer is not Qdrant's")
    return plain(config)
