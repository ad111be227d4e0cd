# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load of clients that hold two keys, as applications should during a cut-over: the other key where one is refused, the next node where one is away."""

from __future__ import annotations

import itertools
import time
from collections import Counter

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from working_clients import KINDS, WorkingClients

NAME = "live_load"
PATIENCE = 90.0  # seconds that one request may take with all its tries: the machine may be slow


class Client:
    """One application: its own connections, REST or gRPC, to all nodes, with all its keys."""

    def __init__(self, deployment, keys: list[str], prefer_grpc: bool) -> None:
        self._deployment, self._keys, self._grpc = deployment, list(keys), prefer_grpc
        self._made: dict = {}
        self.tries: Counter = Counter()

    def _connection(self, node, key: str) -> QdrantClient:
        if (node.name, key) not in self._made:
            with open(self._deployment.ca, "rb") as file:
                trust = file.read()
            self._made[node.name, key] = QdrantClient(
                url=f"https://{node.address}:6333",
                api_key=key,
                prefer_grpc=self._grpc,
                verify=self._deployment.ca,
                timeout=15,
                check_compatibility=False,
                grpc_options={"root_certificates": trust} if self._grpc else None,
            )
        return self._made[node.name, key]

    def move(self, key: str) -> None:
        """Another key from the next request on, and no other."""
        self._keys = [key]

    def points(self, node) -> set[int]:
        """The numbers of the points that a node answers with, by the key that is tried first."""
        found, offset = set(), None
        while True:
            records, offset = self._connection(node, self._keys[0]).scroll(NAME, limit=1000, with_payload=False, offset=offset)
            found |= {record.id for record in records}
            if offset is None:
                return found

    def request(self, action):
        """The result of one request: any node, any key. Raises what the last try ended with."""
        deadline, last = time.monotonic() + PATIENCE, None
        for node in itertools.cycle(self._deployment.nodes):
            keys = list(self._keys)
            for position, key in enumerate(keys):
                try:
                    result = action(self._connection(node, key))
                except (UnexpectedResponse, ResponseHandlingException, grpc.RpcError) as error:
                    last = error
                    self.tries[self._kind(error)] += 1
                    self._made.pop((node.name, key), None)
                    if not self._refused(error):
                        break  # the node is the trouble, not the key
                else:
                    self.tries["key %d" % sorted(keys).index(key)] += 1
                    if position:  # this key is the one that works; it is tried first from now on
                        self._keys.insert(0, self._keys.pop(position))
                    return result
            if time.monotonic() > deadline:
                raise last

    @staticmethod
    def _refused(error) -> bool:
        return getattr(error, "status_code", None) == 401 or (isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.UNAUTHENTICATED)

    @staticmethod
    def _kind(error) -> str:
        if isinstance(error, UnexpectedResponse):
            return "REST %d" % error.status_code
        return f"gRPC {error.code().name}" if isinstance(error, grpc.RpcError) else "REST connection"


class Load(WorkingClients):
    """Clients of all kinds that hold all these keys."""

    def __init__(self, deployment, keys: list[str], seconds: float = 900.0) -> None:
        super().__init__(pause=0.1, seconds=seconds)
        self.clients = {(way, what): Client(deployment, keys, way == "grpc") for way, what in KINDS}
        self.written: list[int] = []

    def request(self, way: str, what: str, number: int) -> None:
        client = self.clients[way, what]
        if what == "write":
            point = models.PointStruct(id=number, vector=[float(number % 7), 1.0], payload={"number": number})
            client.request(lambda connection: connection.upsert(NAME, [point], wait=True))
            self.written.append(number)
        else:
            client.request(lambda connection: connection.query_points(NAME, query=[1.0, 1.0], limit=3))
