# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that read and write through any node that answers.

A client here does what a client of a cluster has to do: it tries the next node when one does not answer, and takes the trusted CAs from
the file that is published for it whenever it connects anew. A request has failed when that did not help.
"""

from __future__ import annotations

import os
import random
import ssl
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from qdrant_client import QdrantClient, models
from working_clients import KINDS, WorkingClients

NAME = "load"
BASE = 300  # points that are there from the start, and are read all the time
ATTEMPTS = 40  # of one request, over the nodes in turn
PAUSE = 0.25  # seconds between two attempts
BETWEEN = 0.2  # seconds between two requests of one client
TIMEOUT = 5  # seconds for one attempt
LONGEST = 3600  # seconds that the clients work


def vector(number: int, version: int = 0) -> list[float]:
    return [float(number % 7), float(number % 11), float(version), 1.0]


def connect(address: str, key: str, bundle: Path, grpc: bool) -> QdrantClient:
    return QdrantClient(
        url=f"https://{address}:6333",
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

    retries: int = 0
    wrong: list[str] = field(default_factory=list)
    acknowledged: dict[int, int] = field(default_factory=dict)  # version by point


class Load(WorkingClients):
    """``books`` are the clients' own, by kind."""

    def __init__(self, addresses: list[str], key: str, bundle: Path) -> None:
        super().__init__(pause=BETWEEN, seconds=LONGEST)
        self._addresses, self._key, self._bundle = addresses, key, bundle
        self._clients: dict[tuple[str, str], dict[str, QdrantClient]] = {kind: {} for kind in KINDS}  # each one's own, by address
        self.books = {kind: Book() for kind in KINDS}

    def prepare(self) -> None:
        """The collection, with two copies of each shard, and its first points."""
        client = connect(self._addresses[0], self._key, self._bundle, grpc=False)
        client.delete_collection(NAME)
        vectors = models.VectorParams(size=4, distance=models.Distance.EUCLID)
        client.create_collection(NAME, vectors_config=vectors, shard_number=3, replication_factor=2, write_consistency_factor=1)
        points = [models.PointStruct(id=number, vector=vector(number), payload={"version": 0}) for number in range(BASE)]
        client.upsert(NAME, points, wait=True)

    def request(self, way: str, what: str, number: int) -> None:
        (self._write if what == "write" else self._read)(way, number)

    def _somewhere(self, way: str, what: str, action) -> t.Any:
        """The result of an action on some node, each asked again and again."""
        clients, first, errors = self._clients[way, what], random.randrange(len(self._addresses)), []
        for attempt in range(ATTEMPTS):
            address = self._addresses[(first + attempt) % len(self._addresses)]
            try:
                if address not in clients:
                    clients[address] = connect(address, self._key, self._bundle, way == "grpc")
                return action(clients[address])
            except Exception as error:  # whatever it is, the next node may answer
                errors.append("{} {}: {}".format(time.strftime("%H:%M:%S"), address, str(error)[:160]))
                clients.pop(address, None)
                self.books[way, what].retries += 1
                time.sleep(PAUSE)
        raise TimeoutError("; ".join(errors[-3:]))

    def _read(self, way: str, _number: int) -> None:
        number = random.randrange(BASE)
        found = self._somewhere(way, "read", lambda client: client.retrieve(NAME, [number], with_vectors=True))
        if [(point.id, point.vector, point.payload) for point in found] != [(number, vector(number), {"version": 0})]:
            self.books[way, "read"].wrong.append("%s point %d was read as %s" % (time.strftime("%H:%M:%S"), number, found))

    def _write(self, way: str, number: int) -> None:
        """A new point, or every fifth time a change of one that is there."""
        acknowledged = self.books[way, "write"].acknowledged
        target = random.choice(list(acknowledged)) if number % 5 == 0 and acknowledged else number
        version = acknowledged.get(target, 0) + 1
        point = models.PointStruct(id=target, vector=vector(target, version), payload={"version": version})
        self._somewhere(way, "write", lambda client: client.upsert(NAME, [point], wait=True))
        acknowledged[target] = version

    def expected(self) -> dict[int, int]:
        """Version by point, of all that was acknowledged."""
        versions = dict.fromkeys(range(BASE), 0)
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
            "%-10s %6d requests, %4d retries, %d wrong" % (" ".join(kind), self.done[kind], book.retries, len(book.wrong)) for kind, book in self.books.items()
        )
