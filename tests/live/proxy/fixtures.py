# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxies of the scenario, and data behind them."""

from __future__ import annotations

import pytest
from proxied import Proxy
from qdrant_client import models

NAME = "live_proxy"


@pytest.fixture(scope="session")
def proxies(deployment) -> list[Proxy]:
    return [
        Proxy(host, host.vars.get("qdrant_proxy_http_port", 6333), host.vars.get("qdrant_proxy_grpc_port", 6334), deployment.ca)
        for host in sorted(deployment.proxies, key=lambda host: host.name, reverse=True)
    ]


@pytest.fixture(scope="session")
def proxy(proxies) -> Proxy:
    """The one on a host of its own."""
    return proxies[0]


@pytest.fixture(scope="session")
def key(deployment) -> str:
    return deployment.secrets["qdrant_api_key"]


@pytest.fixture(scope="session")
def collection(proxy, key) -> str:
    """A collection on both nodes, made through the proxy."""
    client = proxy.client(key)
    client.delete_collection(NAME)
    client.create_collection(NAME, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT), shard_number=2, replication_factor=2)
    points = [models.PointStruct(id=number, vector=[float(number), 1.0], payload={"number": number}) for number in range(20)]
    client.upsert(NAME, points, wait=True)
    return NAME
