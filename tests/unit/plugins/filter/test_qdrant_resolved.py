# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's address is the one by which the controller reaches it, if there is one such address; the host is not asked."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.filter.qdrant_resolved import FilterModule
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _variables

resolved = FilterModule.filters()["qdrant_resolved"]


@pytest.fixture(autouse=True)
def _forget():
    """What was resolved before is not known to the next test."""
    _variables.resolved.cache_clear()
    yield
    _variables.resolved.cache_clear()


@pytest.mark.parametrize(
    ("addresses", "one"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1", "2001:db8::1", "2001:db8::2"], "192.0.2.1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["192.0.2.1", "192.0.2.2"], ""),
        (["127.0.0.1", "::1"], ""),
        (["127.0.1.1", "2001:db8::1"], "2001:db8::1"),
        ([], ""),
    ],
)
def test_a_name_with_one_address_has_that(monkeypatch, addresses, one):
    monkeypatch.setattr(_variables, "resolve", lambda name: addresses if name == "node1" else [])
    assert resolved("node1") == one


def test_an_address_stays_what_it_is_and_a_name_without_one_is_none():
    assert resolved("192.0.2.7") == "192.0.2.7" and resolved("2001:db8::7") == "2001:db8::7" and resolved("no such name") == ""


def test_a_node_is_where_its_inventory_says_and_never_where_it_says_itself(monkeypatch):
    monkeypatch.setattr(_variables, "resolve", lambda name: {"node1.example.com": ["192.0.2.1"]}.get(name, []))
    facts = {"ansible_facts": {"default_ipv4": {"address": "203.0.113.66"}}}
    assert _variables.address_of("node1", {"node1": {**facts, "ansible_host": "node1.example.com"}}) == "192.0.2.1"
    assert _variables.address_of("node1", {"node1": {**facts, "qdrant_address": "192.0.2.9"}}) == "192.0.2.9"
    assert _variables.address_of("node1", {"node1": facts}) == ""
