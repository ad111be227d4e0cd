# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two observations of the same nodes, other than what differs always."""

from __future__ import annotations

import re
import typing as t

# Places of the evidence that are never twice the same: times, counters, process numbers, room on disk, and who leads at the moment.
VOLATILE = re.compile(
    r"(time|seconds"
    r"|process\.(pid|start_ticks)"
    r"|unit\.properties\.(MainPID|InvocationID)"
    r"|certificate\.(days_left|ca\[\d+\]\.days_left)"
    r"|cluster\.(leader|term|commit|send_failures)(\..*)?"
    r"|effective\.started"
    r"|audit\.(bytes|files|own_request\.remote)"
    r"|host\.room\..*"
    r"|(seen\.[^.]+|vantages\[\d+\])(\.further.+)?\.[a-z0-9]+\.clock_offset"
    r")"
)
MISSING = "(nothing)"


def places(value: t.Any, path: str = "") -> t.Iterator[tuple[str, t.Any]]:
    """Yield all values of a document with their paths. A list of plain values is one value; one of mappings is walked by position."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from places(value[key], f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        for number, entry in enumerate(value):
            yield from places(entry, "%s[%d]" % (path, number))
    else:
        yield path, value


def between(before: dict[str, t.Any], after: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    """Return the changes, as [{host, place, was, is}], sorted. A host or place that one side lacks is (nothing) there."""
    found = []
    for host in sorted(set(before) | set(after)):
        was, now = dict(places(before.get(host, {}))), dict(places(after.get(host, {})))
        for place in sorted(set(was) | set(now)):
            if was.get(place, MISSING) != now.get(place, MISSING) and not VOLATILE.fullmatch(place):
                found.append({"host": host, "place": place, "was": was.get(place, MISSING), "is": now.get(place, MISSING)})
    return found
