# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of a test bed's network."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Private ranges (RFC 1918) in the order in which they are tried. The first is used least by home and office networks.
_POOLS = ("172.30.0.0/16", "10.213.0.0/16", "192.168.128.0/17")
# Hosts start at .10; the gateway, which is the controller, has .1.
_FIRST_HOST = 10


@dataclass(frozen=True)
class Subnets:
    """One IPv4 /24 and one IPv6 /64."""

    ipv4: ipaddress.IPv4Network
    ipv6: ipaddress.IPv6Network

    @property
    def gateway(self) -> str:
        """The controller's IPv4 address, as the hosts see it."""
        return str(self.ipv4[1])

    @property
    def gateway_ipv6(self) -> str:
        """The controller's IPv6 address, as the hosts see it."""
        return str(self.ipv6[1])

    def host(self, index: int) -> tuple[str, str]:
        """IPv4 and IPv6 address of the host with this index, from 0."""
        return str(self.ipv4[_FIRST_HOST + index]), str(self.ipv6[_FIRST_HOST + index])


def candidates(name: str, used: Iterable[str]) -> Iterator[Subnets]:
    """Subnets for the test bed `name` that overlap with nothing in `used` (networks in CIDR form), best first.

    The IPv6 network is a unique local one (RFC 4193). Its global identifier comes from the name, not from chance, so that a
    test bed that is made again has the same addresses.
    """
    taken = [ipaddress.ip_network(network, strict=False) for network in used]
    taken4 = [network for network in taken if network.version == 4 and network.prefixlen]
    taken6 = [network for network in taken if network.version == 6 and network.prefixlen]
    digest = hashlib.sha256(name.encode()).digest()
    for pool in _POOLS:
        for number, ipv4 in enumerate(ipaddress.IPv4Network(pool).subnets(new_prefix=24)):
            if any(ipv4.overlaps(network) for network in taken4):
                continue
            ipv6 = ipaddress.IPv6Network((b"\xfd" + digest[:5] + number.to_bytes(2, "big") + bytes(8), 64))
            if not any(ipv6.overlaps(network) for network in taken6):
                yield Subnets(ipv4, ipv6)
