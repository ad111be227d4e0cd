# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reached what, as a table that people read. What is right was judged before, by _reachability."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _reachability

PORTS = {"rest": "REST", "grpc": "gRPC", "p2p": "cluster port"}
FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}
COLUMNS = tuple((port, family) for port in PORTS for family in FAMILIES)


def table(cells: t.Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return the matrix as lines of a table, one a role: {role, cells}, the cells in the order of COLUMNS."""
    by_place = {(cell["role"], cell["port"], cell["family"]): cell for cell in cells}
    nothing = {"text": _reachability.NOT_TRIED, "right": None}
    return [{"role": role, "cells": [by_place.get((role, *column), nothing) for column in COLUMNS]} for role in roles(cells)]


def roles(cells: t.Sequence[dict[str, t.Any]]) -> list[str]:
    """Return the roles that a matrix speaks of."""
    return [role for role in _reachability.ROLES if any(cell["role"] == role for cell in cells)]
