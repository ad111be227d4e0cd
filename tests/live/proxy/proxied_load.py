# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that read and write through a proxy, over REST and gRPC, until they are stopped. A request is tried twice: so do clients' libraries."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter

from qdrant_client import models

PAUSE = 0.05


class Load:
    """Four clients. ``failed`` are requests that failed twice, ``retried`` those that the second try saved."""

    def __init__(self, proxy, key: str, collection: str, seconds: float = 240.0) -> None:
        self._proxy, self._key, self._collection = proxy, key, collection
        self._stop, self._deadline = threading.Event(), time.monotonic() + seconds
        self.failed: list[str] = []
        self.retried: list[str] = []
        self.done: Counter = Counter()
        self.written: list[int] = []
        kinds = [(way, what) for way in ("rest", "grpc") for what in ("read", "write")]
        self._threads = [threading.Thread(target=self._run, args=kind, daemon=True) for kind in kinds]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_unused) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def _run(self, way: str, what: str) -> None:
        client = self._proxy.client(self._key, way == "grpc", timeout=60)
        first = {"rest": 1_000, "grpc": 10_000_000}[way]
        for number in itertools.count(first):
            if self._stop.is_set() or time.monotonic() > self._deadline:
                return
            if self._request(client, way, what, number):
                self.done[way, what] += 1
            self._stop.wait(PAUSE)

    def _request(self, client, way: str, what: str, number: int) -> bool:
        for attempt in (1, 2):
            try:
                if what == "write":
                    client.upsert(self._collection, [models.PointStruct(id=number, vector=[float(number % 7), 1.0])], wait=True)
                    self.written.append(number)
                else:
                    client.query_points(self._collection, query=[1.0, 1.0], limit=3)
                return True
            except Exception as error:  # whatever it is, this try failed
                text = "%s %s: %s: %s" % (way, what, type(error).__name__, str(error)[:200])
                (self.failed if attempt == 2 else self.retried).append(text)
        return False
