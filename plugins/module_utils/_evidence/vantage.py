# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of other hosts' ports."""

from __future__ import annotations

import email.utils
import functools
import time
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _wire
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import ways
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json

# Seconds: among peers an answer takes milliseconds; a packet that is dropped costs this much.
REMOTE_TIMEOUT = 1.0


def reach(target: _wire.Target, grpc: bool) -> Json:
    """Return whether a port of another host takes connections; and then, what a stranger is answered, with TLS and without, and what time it is there."""
    connect = _wire.can_connect(target, REMOTE_TIMEOUT)
    if connect != "open":
        return {"connect": connect, "plaintext": connect, "answer": connect, "clock_offset": None}
    asked = time.time()
    how: t.Any = {"tls": ways.LOOKING, "timeout": REMOTE_TIMEOUT}
    answer: t.Any = _wire.grpc(target, **how) if grpc else _wire.rest(target, "/collections", **how)
    date = getattr(answer, "headers", {}).get("date")
    return {
        "connect": connect,
        "plaintext": _wire.plaintext(target, REMOTE_TIMEOUT),
        "answer": answer.status if answer.error is None else answer.error,
        # HTTP tells whole seconds, so up to one of them is rounding.
        "clock_offset": round(email.utils.parsedate_to_datetime(date).timestamp() - asked) if date else None,
    }


def questions(targets: t.Iterable[Json]) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions to other hosts' ports. A target is {name, address, ports: {name: number}}, and may have ``further`` addresses."""
    asked: dict[tuple[str, ...], t.Callable[[], t.Any]] = {}
    for entry in targets:
        # None is not the same as no further address: nobody said which ones there are.
        if entry.get("further") is not None:
            asked["seen", entry["name"], "further"] = dict
        places = [((), entry["address"]), *((("further", address), address) for address in entry.get("further") or ())]
        for where, address in places:
            for name, port in entry["ports"].items():
                if port:
                    target = _wire.Target(address, port)
                    asked[("seen", entry["name"], *where, name)] = functools.partial(reach, target, name == "grpc")
    return asked
