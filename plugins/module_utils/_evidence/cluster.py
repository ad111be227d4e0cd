# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster as the node sees it."""

from __future__ import annotations

import typing as t
import urllib.parse

from ansible_collections.hardened.qdrant.plugins.module_utils import _cluster
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import ways
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json


def observe(rest: ways.Way, key: str | None, known: t.Collection[str]) -> Json:
    """Return the cluster as the node sees it. Strangers are peers whose address is neither the node's nor among the known ones."""
    if key and not rest.trusted:
        raise OSError("a server that does not verify is not shown a key")
    seen = _cluster.observe(_cluster.Node(rest.target, rest.tls, key))
    hosts = {peer["uri"]: urllib.parse.urlsplit(peer["uri"]).hostname for peer in seen["peers"]}
    return {**seen, "strangers": sorted(uri for uri, host in hosts.items() if host not in {rest.target.address, *known})}
