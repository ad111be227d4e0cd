# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the kernel the inventory lets a server use: limits, and io_uring. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _settings, _values, _variables
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

Read = t.Callable[..., t.Any]

UNLIMITED = (1 << 64) - 1  # as evidence has it
UNITS = "KMGTPE"


def memory(value: t.Any) -> int:
    """Return an amount of memory of systemd's, in bytes. A share of the host's is known there alone, and counts as no limit."""
    text = _values.written(_values.memory, value, "infinity")
    if text == "infinity" or text.endswith("%"):
        return UNLIMITED
    power = UNITS.find(text[-1]) + 1
    return int(float(text.rstrip(UNITS)) * 1024**power)


def wanted(read: Read) -> dict[str, int]:
    """Return the limits that the inventory gives a server, or else the role's."""

    def number(name: str) -> int:
        return int(read(name, _variables.fallback(name)))

    name = "qdrant_memory_max"
    return {"open_files": number("qdrant_limit_nofile"), "tasks": number("qdrant_tasks_max"), "memory": memory(read(name, _variables.fallback(name)))}


def check_io_uring(settings: _settings.Settings, allowed: t.Any) -> list[Problem]:
    """Return the settings that need io_uring where the node refuses it: the server would read vectors the slow way, or not at all, and not say so."""
    if allowed:
        return []
    names = [name for name, off in (("async_scorer", (None, False)), ("io_uring", (None, "disabled"))) if _of(settings, name) not in off]
    remedy = "Remove it, or let the server use io_uring, which the kernel has had many weaknesses in: qdrant_io_uring: true"
    return [Problem(f"qdrant_config.storage.performance.{name}", "it needs io_uring, which the node refuses", remedy) for name in names]


def _of(settings: _settings.Settings, name: str) -> t.Any:
    return _settings.lookup(settings, f"storage.performance.{name}")
