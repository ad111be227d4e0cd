# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that go on reading and writing, over REST and gRPC, through any node that answers, and count what goes wrong.

A client here does what a client of a cluster has to do: it tries the next node when one does not answer, and takes the trusted CAs from
the file that is published for it whenever it connects anew. A request has failed when that did not help.
"""

from __future__ import annotations

import os
import random
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from qdrant_client import QdrantClient, models

NAME = "load"
BASE = 300  # points that are there from the start, and are read all the time
ATTEMPTS = 40  # of one request, over the nodes in turn
PAUSE = 0.25  # seconds between two attempts
BETWEEN = 0.1  # seconds between two requests of one client
TIMEOUT = 5  # seconds for one attempt
WRITERS = {False: 1_000_000, True: 2_000_000}  # by transport (gRPC or not), the first number of its points


def vector(number: int, version: int = 0) -> list[float]:
    return [float(number % 7), float(number % 11), float(version), 1.0]


def connect(address: str, key: str, bundle: Path, grpc: bool) -> QdrantClient:
    return QdrantClient(
        url="https://%s:6333" % address,
        api_key=key,
        prefer_grpc=grpc,
        verify=ssl.create_default_context(cafile=str(bundle)),
        timeout=TIMEOUT,
        check_compatibility=False,
        # A connection for each request, so each one meets the certificate of its moment. And Qdrant lets those that are kept alive finish before it
        # stops, for 30 s: two dozen restarts would take a quarter of an hour. QDRANT_TEST_KEEP_ALIVE=1 has it so.
        limits=None if os.environ.get("QDRANT_TEST_KEEP_ALIVE") else httpx.Limits(max_keepalive_connections=0),
        grpc_options={"root_certificates": bundle.read_bytes()} if grpc else None,
    )


@dataclass
class Book:
    """What one client saw."""

    requests: int = 0
    retries: int = 0
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    acknowledged: dict[int, int] = field(default_factory=dict)  # version by point


class Load:
    """Two readers and two writers, one of each over REST and over gRPC."""

    def __init__(self, addresses: list[str], key: str, bundle: Path) -> None:
        self._addresses, self._key, self._bundle = addresses, key, bundle
        self._stop = threading.Event()
        self.books: dict[str, Book] = {}
        self._threads: list[threading.Thread] = []

    def prepare(self) -> None:
        """The collection, with two copies of each shard, and its first points."""
        client = connect(self._addresses[0], self._key, self._bundle, grpc=False)
        client.delete_collection(NAME)
        vectors = models.VectorParams(size=4, distance=models.Distance.EUCLID)
        client.create_collection(NAME, vectors_config=vectors, shard_number=3, replication_factor=2, write_consistency_factor=1)
        points = [models.PointStruct(id=number, vector=vector(number), payload={"version": 0}) for number in range(BASE)]
        client.upsert(NAME, points, wait=True)

    def __enter__(self) -> Load:
        for grpc in (False, True):
            for work in (self._read, self._write):
                name = "%s %s" % ("gRPC" if grpc else "REST", work.__name__.strip("_"))
                book = self.books[name] = Book()
                self._threads.append(threading.Thread(target=work, args=(grpc, book), name=name, daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _request(self, clients: dict[str, QdrantClient], grpc: bool, book: Book, action) -> object:
        """The result of an action on some node, or None, after it failed on all of them again and again."""
        book.requests += 1
        first, errors = random.randrange(len(self._addresses)), []
        for attempt in range(ATTEMPTS):
            address = self._addresses[(first + attempt) % len(self._addresses)]
            try:
                if address not in clients:
                    clients[address] = connect(address, self._key, self._bundle, grpc)
                return action(clients[address])
            except Exception as error:  # whatever it is, the next node may answer
                errors.append("%s %s: %s" % (time.strftime("%H:%M:%S"), address, " ".join(str(error).split())[:160]))
                clients.pop(address, None)
                book.retries += 1
                time.sleep(PAUSE)
        book.failed.append("; ".join(errors[-3:]))
        return None

    def _read(self, grpc: bool, book: Book) -> None:
        clients: dict[str, QdrantClient] = {}
        while not self._stop.is_set():
            number = random.randrange(BASE)
            found = self._request(clients, grpc, book, lambda client, number=number: client.retrieve(NAME, [number], with_vectors=True))
            if found is not None and [(point.id, point.vector, point.payload) for point in found] != [(number, vector(number), {"version": 0})]:
                book.wrong.append("%s point %d was read as %s" % (time.strftime("%H:%M:%S"), number, found))
            self._stop.wait(BETWEEN)

    def _write(self, grpc: bool, book: Book) -> None:
        """New points, and every fifth time a change of one that is there."""
        clients: dict[str, QdrantClient] = {}
        number = WRITERS[grpc]
        while not self._stop.is_set():
            again = number % 5 == 0 and book.acknowledged
            target = random.choice(list(book.acknowledged)) if again else number
            version = book.acknowledged.get(target, 0) + 1
            point = models.PointStruct(id=target, vector=vector(target, version), payload={"version": version})
            if self._request(clients, grpc, book, lambda client, point=point: client.upsert(NAME, [point], wait=True)) is not None:
                book.acknowledged[target] = version
            number += 1
            self._stop.wait(BETWEEN)

    def expected(self) -> dict[int, int]:
        """Version by point, of all that was acknowledged."""
        versions = {number: 0 for number in range(BASE)}
        for book in self.books.values():
            versions.update(book.acknowledged)
        return versions

    def differences(self, address: str, grpc: bool) -> list[str]:
        """What one node has of all that was acknowledged that is not as it was written."""
        client, expected = connect(address, self._key, self._bundle, grpc), self.expected()
        found, offset = {}, None
        while True:
            points, offset = client.scroll(NAME, limit=1000, offset=offset, with_payload=True, with_vectors=True)
            found.update({point.id: (point.vector, point.payload) for point in points})
            if offset is None:
                break
        wanted = {number: (vector(number, version), {"version": version}) for number, version in expected.items()}
        return ["point %d is %s, written was %s" % (number, found.get(number), want) for number, want in wanted.items() if found.get(number) != want]

    def summary(self) -> str:
        return "\n".join(
            "%-10s %6d requests, %4d retries, %d failed, %d wrong" % (name, book.requests, book.retries, len(book.failed), len(book.wrong))
            for name, book in self.books.items()
        )
