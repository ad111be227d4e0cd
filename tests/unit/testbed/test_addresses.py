# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.hardened.qdrant.tests.testbed.bed import addresses
from hypothesis import given
from hypothesis import strategies as st


def test_first_choice_is_the_start_of_the_first_range() -> None:
    chosen = next(addresses.candidates("one", []))
    assert str(chosen.ipv4) == "172.30.0.0/24"
    assert chosen.gateway == "172.30.0.1"
    assert chosen.host(0)[0] == "172.30.0.10"


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (["172.30.0.0/24"], "172.30.1.0/24"),
        (["172.30.0.0/24", "172.30.1.128/25"], "172.30.2.0/24"),
        # A network of Docker's that swallows the whole range.
        (["172.16.0.0/12"], "10.213.0.0/24"),
        (["172.16.0.0/12", "10.0.0.0/8"], "192.168.128.0/24"),
        # The default route covers everything and takes nothing.
        (["0.0.0.0/0", "::/0"], "172.30.0.0/24"),
        # A route whose host part is set, as some routing daemons write it.
        (["172.30.0.77/24"], "172.30.1.0/24"),
    ],
)
def test_used_networks_are_left_out(used: list[str], expected: str) -> None:
    assert str(next(addresses.candidates("one", used)).ipv4) == expected


def test_no_room_gives_no_candidate() -> None:
    assert not list(addresses.candidates("one", ["172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16"]))
    assert not list(addresses.candidates("one", ["fd00::/8"]))


def test_addresses_follow_from_the_name() -> None:
    assert next(addresses.candidates("one", [])) == next(addresses.candidates("one", []))
    assert next(addresses.candidates("one", [])).ipv6 != next(addresses.candidates("two", [])).ipv6


@given(name=st.text(min_size=1), used=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 30)), max_size=20))
def test_candidates_are_private_and_free(name: str, used: list[tuple[int, int]]) -> None:
    networks = [ipaddress.IPv4Network(entry, strict=False) for entry in used]
    chosen = next(addresses.candidates(name, map(str, networks)), None)
    if chosen is None:
        return
    assert chosen.ipv4.is_private
    assert chosen.ipv6.subnet_of(ipaddress.IPv6Network("fd00::/8"))
    assert not any(chosen.ipv4.overlaps(network) for network in networks)
    ipv4, ipv6 = chosen.host(3)
    assert ipaddress.ip_address(ipv4) in chosen.ipv4
    assert ipaddress.ip_address(ipv6) in chosen.ipv6
