# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Knocks at nodes' ports every 100 ms while they are deployed, and writes down every answer that a stranger must not get.

Runs on a test host, beside a copy of the collection's _wire.py. As ``outsider`` every connection is a violation. As ``peer`` the
ports may be open, but a request without a key or without TLS must never be answered. Counts what it saw, so that a watcher
that saw nothing is not taken for one that saw nothing wrong. Ends by itself, or by SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import ssl
import sys
import threading
import time
from collections import Counter

import _wire

INTERVAL = 0.1  # seconds between two knocks at a port
TIMEOUT = 0.5


class Unverified(_wire.Tls):
    """A stranger does not care whom it talks to."""

    def context(self, protocols=()):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


class Book:
    """What was seen, by node and question."""

    def __init__(self, path: str) -> None:
        self._path, self._lock = path, threading.Lock()
        self.counts: Counter = Counter()
        self.violations: list = []

    def note(self, question: str, outcome: str, violation: bool) -> None:
        with self._lock:
            self.counts[f"{question}: {outcome}"] += 1
            if violation and len(self.violations) < 1000:
                self.violations.append({"time": time.time(), "question": question, "outcome": outcome})

    def save(self) -> None:
        with self._lock:
            content = {"counts": dict(sorted(self.counts.items())), "violations": self.violations}
        temporary = self._path + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
        os.replace(temporary, self._path)


def as_outsider(target: _wire.Target, _port: str) -> tuple:
    """No stranger gets a connection."""
    outcome = _wire.can_connect(target, TIMEOUT)
    return outcome, outcome == "open"


def as_peer(target: _wire.Target, port: str) -> tuple:
    """A peer without a key, with and without TLS, gets no answer that holds anything."""
    without_tls = _wire.plaintext(target, TIMEOUT)
    if without_tls == "answered":
        return "answered without TLS", True
    if port == "rest":
        answer = _wire.rest(target, "/collections", tls=Unverified(), timeout=TIMEOUT)
        return str(answer.error or answer.status), answer.status is not None and answer.status != 401
    # On the cluster's port a call without a client certificate ends in the handshake.
    answer = _wire.grpc(target, tls=Unverified(), timeout=TIMEOUT)
    return str(answer.error or f"grpc-status {answer.status}"), answer.status == 0


def watch(role: str, target: _wire.Target, port: str, book: Book, stop: threading.Event) -> None:
    ask = {"outsider": as_outsider, "peer": as_peer}[role]
    question = f"{target.address} {port}"
    while not stop.is_set():
        began = time.monotonic()
        outcome, violation = ask(target, port)
        book.note(question, outcome, violation)
        stop.wait(max(0.0, INTERVAL - (time.monotonic() - began)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", choices=["outsider", "peer"], required=True)
    parser.add_argument("--seconds", type=int, default=1800, help="ends by itself after this time")
    parser.add_argument("--output", required=True)
    parser.add_argument("--ports", default="rest=6333,grpc=6334,p2p=6335")
    parser.add_argument("addresses", nargs="+")
    arguments = parser.parse_args()
    ports = {name: int(number) for name, number in (entry.split("=") for entry in arguments.ports.split(","))}
    stop, book = threading.Event(), Book(arguments.output)
    signal.signal(signal.SIGTERM, lambda *_unused: stop.set())
    threads = [
        threading.Thread(target=watch, args=(arguments.role, _wire.Target(address, number), name, book, stop), daemon=True)
        for address in arguments.addresses
        for name, number in ports.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + arguments.seconds
    while not stop.wait(1.0) and time.monotonic() < deadline:
        book.save()
    stop.set()
    for thread in threads:
        thread.join(TIMEOUT * 4)
    book.save()
    return 1 if book.violations else 0


if __name__ == "__main__":
    sys.exit(main())
