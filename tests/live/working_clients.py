# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that go on reading and writing while something is done to the deployment, and count what goes wrong.

What a request is, and what a client of its kind does before it gives up, is said by the class for each kind of test.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter

KINDS = [(way, what) for way in ("rest", "grpc") for what in ("read", "write")]
FIRST = {"rest": 1_000_000, "grpc": 2_000_000}  # numbers of the points that are written
PATIENCE = 180  # seconds that the last requests may take, with all their tries


class WorkingClients:
    """A reader and a writer over REST, and the same over gRPC, at one request after another.

    :param pause: seconds between two requests of one client.
    :param seconds: after this time they end, and say so in ``failed``: nothing here works on unnoticed.
    """

    def __init__(self, pause: float, seconds: float) -> None:
        self._pause, self._seconds, self._deadline = pause, seconds, time.monotonic() + seconds
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=kind, name=" ".join(kind), daemon=True) for kind in KINDS]
        self.done: Counter = Counter()  # requests by kind
        self.failed: list[str] = []

    def request(self, way: str, what: str, number: int) -> None:
        """Make one request, with all the tries that are a client's own business.

        :raises Exception: it failed.
        """
        raise NotImplementedError

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"

    def _run(self, way: str, what: str) -> None:
        for number in itertools.count(FIRST[way]):
            if self._stop.is_set():
                return
            if time.monotonic() > self._deadline:
                self._failed(way, what, "was not stopped within %d s" % self._seconds)
                return
            try:
                self.request(way, what, number)
                self.done[way, what] += 1
            except Exception as error:  # whatever it is, this request failed
                self._failed(way, what, f"{type(error).__name__}: {error}")
            self._stop.wait(self._pause)

    def _failed(self, way: str, what: str, why: str) -> None:
        self.failed.append("{} {} {}: {}".format(time.strftime("%H:%M:%S"), way, what, " ".join(why.split())[:500]))
