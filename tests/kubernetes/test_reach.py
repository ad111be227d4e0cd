# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom, as network-config-analyzer has it: the whole matrix, and that it notices mutilated policies."""

from __future__ import annotations

import copy

import pytest
from conftest import EVERY_PORT, PODS

NODES = ("qdrant/qdrant-0", "qdrant/qdrant-1")
API = {6333, 6334}
# Everyone that is let in, and by which ports. Whoever is not here, is not let in.
LET_IN = {
    **{node: {6333, 6335} for node in NODES},
    "shop/shop": API,
    "search/crawler": {6334},
    "qdrant/dashboard": {6333},
    "reports/any": API,
    "192.0.2.77": API,
    "2001:db8:1::7": {6333},
}
OUTSIDE = ("192.0.2.77", "192.0.3.1", "203.0.113.9", "198.51.100.7", "8.8.8.8", "10.0.0.200", "2001:db8:1::7", "2001:db8:2::7", "2001:4860:4860::8888")
# Where Qdrant gets to, by protocol.
LET_OUT = {
    "TCP": {**{node: {6333, 6335} for node in NODES}, "kube-system/coredns": {53}, "198.51.100.7": {443}, "minio/minio": {9000}},
    "UDP": {"kube-system/coredns": {53}},
}


def wrong(answer) -> list[str]:
    """Where the answer is another than it must be."""
    found = []
    for node in NODES:
        for other in (*PODS, *OUTSIDE):
            if other == node:
                continue
            for protocol in ("TCP", "UDP", "SCTP"):
                wanted = LET_IN.get(other, set()) if protocol == "TCP" else set()
                if answer.ports(other, node, protocol) != wanted:
                    found.append(f"{other} to {node}, {protocol}")
                if answer.ports(node, other, protocol) != LET_OUT.get(protocol, {}).get(other, set()):
                    found.append(f"{node} to {other}, {protocol}")
    return found


def test_everyone_reaches_what_is_meant_and_nothing_else(reach, policies):
    assert wrong(reach(policies)) == []


def test_the_analyzer_lets_everyone_in_without_policies(reach):
    """So its no is an answer, not a lack of one. What does not concern Qdrant stays as it was."""
    assert reach([]).ports("attack/shop", NODES[0]) == set(EVERY_PORT)
    assert reach([]).ports("8.8.8.8", NODES[0]) == set(EVERY_PORT) and reach([]).ports(NODES[0], "2001:db8:2::7") == set(EVERY_PORT)


def test_pods_of_others_are_left_alone(reach, policies):
    assert reach(policies).ports("attack/shop", "qdrant/neighbour") == set(EVERY_PORT)


def spec(policies, suffix):
    return next(policy["spec"] for policy in policies if policy["metadata"]["name"].endswith(suffix))


def peers_rule_removed(policies):
    spec(policies, "-peers")["ingress"] = []


def policy_types_without_egress(policies):
    """Only policies of egress left out: nothing that Qdrant connects to is denied any more."""
    for policy in policies:
        policy["spec"]["policyTypes"] = ["Ingress"]
        policy["spec"].pop("egress", None)


def selector_emptied(policies):
    spec(policies, "-clients")["ingress"][0]["from"][0] = {"namespaceSelector": {}}


def pod_selector_split_off(policies):
    """The one dash that makes of the pods of a namespace: all pods of the namespace, and such pods of one's own."""
    first = spec(policies, "-clients")["ingress"][0]
    first["from"] = [{key: value} for key, value in first["from"][0].items()]


def ports_forgotten(policies):
    del spec(policies, "-clients")["ingress"][0]["ports"]


def block_widened(policies):
    block = next(rule["from"][0] for rule in spec(policies, "-clients")["ingress"] if "ipBlock" in rule["from"][0])
    block["ipBlock"]["cidr"] = "192.0.2.0/23"


def sources_emptied(policies):
    spec(policies, "-peers")["ingress"][0]["from"] = []


def dns_removed(policies):
    spec(policies, "-targets")["egress"].pop(0)


def deny_selects_nobody(policies):
    """And so do the others: no policy selects Qdrant's pods."""
    for policy in policies:
        policy["spec"]["podSelector"] = {"matchLabels": {"app.kubernetes.io/name": "qdrannt"}}


# Each with one of the answers that it changes.
MUTATIONS = {
    peers_rule_removed: "qdrant/qdrant-1 to qdrant/qdrant-0, TCP",
    policy_types_without_egress: "qdrant/qdrant-0 to 8.8.8.8, TCP",
    selector_emptied: "attack/qdrant to qdrant/qdrant-0, TCP",
    pod_selector_split_off: "shop/stranger to qdrant/qdrant-0, TCP",
    ports_forgotten: "shop/shop to qdrant/qdrant-0, UDP",
    block_widened: "192.0.3.1 to qdrant/qdrant-0, TCP",
    sources_emptied: "2001:4860:4860::8888 to qdrant/qdrant-0, TCP",
    dns_removed: "qdrant/qdrant-0 to kube-system/coredns, UDP",
    deny_selects_nobody: "attack/shop to qdrant/qdrant-1, SCTP",
}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.__name__ for mutation in MUTATIONS])
def test_a_mutilated_set_of_policies_is_noticed(reach, policies, mutation):
    mutilated = copy.deepcopy(policies)
    mutation(mutilated)
    assert MUTATIONS[mutation] in wrong(reach(mutilated))
