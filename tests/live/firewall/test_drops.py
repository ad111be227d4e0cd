# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard says of the packets that it drops.

The kernel logs what nft's log statement writes for its first network namespace alone, and test hosts have their own: nothing reaches their kernel's
log. What can be seen is that packets come to the rule that logs, as the kernel traces them, and how many it takes before its limit.
"""

from __future__ import annotations

import re

import pytest
from vantages import info

SENT = 14  # connections, each one packet; more than the ten that are logged at once
# A first packet is sent again after a second, so whoever waits less sends one.
SEND = """python3 -c '
import socket, sys
for _number in range(int(sys.argv[3])):
    with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as connection:
        connection.settimeout(0.2)
        try:
            connection.connect((sys.argv[1], int(sys.argv[2])))
            sys.exit("open")
        except TimeoutError:
            pass
' %s %d %d"""
TRACE = """
nft -f /etc/qdrant/firewall.nft
nft -f - <<'RULES'
table inet watching
delete table inet watching
table inet watching {
    chain watching {
        type filter hook prerouting priority raw - 1; policy accept;
        tcp dport 6335 meta nftrace set 1
    }
}
RULES
systemd-run --quiet --collect --unit=trace --property=StandardOutput=file:/run/trace nft monitor trace
sleep 1
"""


@pytest.fixture(scope="module")
def quiet(deployment):
    """Nobody else knocks. The watchers are not needed any more."""
    for host in [*deployment.nodes, *deployment.outsiders]:
        host.run("systemctl stop watch", check=False)


def test_counters_rise_by_what_was_sent(deployment, quiet):
    """Of each port its own number, the same over both families."""
    host, outsider = deployment.nodes[0], deployment.outsiders[0]
    before = info(deployment, host.name)[host.name]["counters"]
    for address in (host.address, host.vars["testbed_ipv6"]):
        for port, number in ((6333, 2), (6334, 3), (6335, 7)):
            outsider.run(SEND % (address, port, number))
    after = info(deployment, host.name)[host.name]["counters"]
    assert {name: after[name]["packets"] - before[name]["packets"] for name in after} == {"dropped_api": 10, "dropped_p2p": 14, "dropped_egress": 0}
    assert all(after[name]["bytes"] > before[name]["bytes"] for name in ("dropped_api", "dropped_p2p"))


def test_a_dropped_packet_comes_to_the_rule_that_logs_but_not_every_one(deployment, quiet):
    host, outsider = deployment.nodes[0], deployment.outsiders[0]
    try:
        host.run(TRACE)
        outsider.run(SEND % (host.address, 6335, SENT))
        host.run("for _try in $(seq 50); do [ $(grep -c 'verdict drop' /run/trace) -lt %d ] || break; sleep 0.1; done" % SENT)
        trace = host.run("cat /run/trace")
    finally:
        host.run("systemctl stop trace; nft delete table inet watching; rm -f /run/trace")
    dropped = re.findall(r"hardened_qdrant guard rule tcp dport 6335 counter name \S+ drop \(verdict drop\)", trace)
    logged = re.findall(r'hardened_qdrant log_p2p rule limit rate 10/minute burst 10 packets log prefix "hardened_qdrant p2p: "', trace)
    assert len(dropped) == SENT, trace
    # Ten at once, and one in each six seconds after.
    assert 10 <= len(logged) <= 12, trace
