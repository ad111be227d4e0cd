# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchers saw since before the first converge: nothing was open that should have been closed, not for a moment."""

from __future__ import annotations

import json

# A converge and a second run take at least 20 s, so a watcher that works knocked more often than this at each port.
KNOCKS = 100


def seen(host) -> dict:
    """The watcher's book. The watcher ends here: what follows needs no watcher, and is quicker without its knocking."""
    host.run("systemctl stop watch.service", check=False)
    return json.loads(host.run("cat /opt/watch/seen.json"))


def knocks(book: dict, question: str) -> int:
    return sum(count for key, count in book["counts"].items() if key.startswith(question + ":"))


def test_no_stranger_was_let_in(deployment):
    for outsider in deployment.outsiders:
        book = seen(outsider)
        assert book["violations"] == [], outsider.name
        for node in deployment.nodes:
            for port in ("rest", "grpc", "p2p"):
                assert knocks(book, f"{node.address} {port}") > KNOCKS, (outsider.name, node.name, port, book["counts"])


def test_no_peer_got_an_answer_without_key_or_tls(deployment):
    for node in deployment.nodes:
        others = [other for other in deployment.nodes if other is not node]
        if not others:
            continue
        book = seen(node)
        assert book["violations"] == [], node.name
        for other in others:
            assert knocks(book, f"{other.address} rest") > KNOCKS, (node.name, other.name)
            # The watcher was there when the server was: it was turned away by it, not by an empty port.
            assert book["counts"].get(f"{other.address} rest: 401", 0) > 10, (node.name, book["counts"])
