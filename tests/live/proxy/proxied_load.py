# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that read and write through a proxy. A request is tried again at once: so do clients' libraries.

Not twice but three times: of two nodes, one cannot agree without the other. A write that finds one away fails after half a minute, when the other may
be away in its turn. That is Qdrant's, and none of the proxy's business.
"""

from __future__ import annotations

import time

from qdrant_client import models
from working_clients import KINDS, WorkingClients

TRIES = 3


class Load(WorkingClients):
    """``retried`` are the tries that failed and were followed by another."""

    def __init__(self, proxy, key: str, collection: str, seconds: float = 240.0) -> None:
        super().__init__(pause=0.1, seconds=seconds)
        self._collection = collection
        self._clients = {(way, what): proxy.client(key, way == "grpc", timeout=60) for way, what in KINDS}
        self.retried: list[str] = []
        self.written: list[int] = []

    def request(self, way: str, what: str, number: int) -> None:
        for tries_left in reversed(range(TRIES)):
            try:
                self._try(way, what, number)
                return
            except Exception as error:  # whatever it is, this try failed
                if not tries_left:
                    raise
                self.retried.append("{} {} {}: {}: {}".format(time.strftime("%H:%M:%S"), way, what, type(error).__name__, str(error)[:200]))

    def _try(self, way: str, what: str, number: int) -> None:
        client = self._clients[way, what]
        if what == "write":
            client.upsert(self._collection, [models.PointStruct(id=number, vector=[float(number % 7), 1.0])], wait=True)
            self.written.append(number)
        else:
            client.query_points(self._collection, query=[1.0, 1.0], limit=3)
