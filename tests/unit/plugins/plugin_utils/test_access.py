# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access model. That the server keeps to it is proved by tests/live/access."""

from __future__ import annotations

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access

BY_NAME = {operation.name: operation for operation in _access.OPERATIONS}


def allowed(scope, collection="a") -> set[str]:
    return {name for name, operation in BY_NAME.items() if _access.may(scope, operation, collection)}


def test_each_right_allows_what_it_should():
    everything = set(BY_NAME)
    changing = {"write", "index", "snapshot", "create", "delete"}
    assert allowed(_access.FULL) == everything
    assert allowed(_access.READ_ONLY) == everything - changing
    assert allowed(_access.NOBODY) == set()
    assert allowed(_access.Scope(collections={"a": "r"})) == {"list", "read", "snapshots", "telemetry"}
    assert allowed(_access.Scope(collections={"a": "rw"})) == {"list", "read", "write", "index", "snapshots", "snapshot", "telemetry"}
    assert allowed(_access.Scope(collections={"a": "prw"})) == {"list", "read", "write", "telemetry"}
    assert allowed(_access.Scope(collections={"b": "rw"})) == {"list", "telemetry"}


def test_the_table_names_who_where_and_no_more():
    scope = _access.Scope(collections={"b": "r", "a": "rw"})
    rows = {row.who: row for row in _access.table([("shop", "30d", scope)], read_only=True)}
    assert list(rows) == ["qdrant_api_key", "qdrant_read_only_api_key", "shop", "without a key"]
    shop = rows["shop"].as_dict()
    assert (shop["may"]["read"], shop["may"]["write"], shop["may"]["create"], shop["may"]["list"]) == ("a, b", "a", "", "everywhere")
    assert not any(rows["without a key"].cells)
    assert "qdrant_alt_api_key" in [row.who for row in _access.table([], read_only=False, alternate=True)]
