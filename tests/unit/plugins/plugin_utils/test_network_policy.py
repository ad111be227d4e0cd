# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicies: what is refused, and what is rendered. What they mean is asked of another program, in tests/kubernetes."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.action.qdrant_network_policy import DEFAULTS
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _network_policy

ACCEPTED = [{"risk": "clients-everyone", "reason": "a public demo"}]


def resolver(name):
    return {"s3.example.com": ["198.51.100.7", "2001:db8::7"]}.get(name, [])


def parse(risks=(), **given):
    return _network_policy.parse({**DEFAULTS, **given}, risks, resolver)


def problems(**given):
    return [str(problem) for problem in parse(**given)[1].problems]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"clients": [{"cidr": "0.0.0.0/0"}]}, "clients[0].cidr: 0.0.0.0/0 is everyone"),
        ({"clients": [{"cidr": "::/0"}]}, "clients-everyone"),
        ({"clients": [{"cidr": "0.0.0.0/1"}, {"cidr": "128.0.0.0/1"}]}, "0.0.0.0/1 is nearly everyone"),
        ({"clients": [{"cidr": "%d.0.0.0/8" % number} for number in range(256)]}, "together are all of IPv4"),
        ({"targets": [{"host": "%d.0.0.0/8" % number, "port": 443} for number in range(0, 8)]}, "together are nearly all of IPv4"),
        ({"clients": [{"cidr": "fe80::%eth0/64"}]}, "is no network"),
        ({"clients": [{"namespaces": {}}]}, "empty labels select all namespaces"),
        ({"clients": [{"namespace": "shop", "pods": {}}]}, "empty labels select all pods"),
        ({"clients": [{"cidr": "192.0.2.1/24"}]}, "is no network"),
        ({"clients": [{"cidr": "192.0.2.0/33"}]}, "is no network"),
        ({"clients": [{"namspace": "shop"}]}, "there is no key 'namspace'. Write namespace"),
        ({"clients": [{}]}, "neither namespace, namespaces, pods nor cidr"),
        ({"clients": [{"namespace": "shop", "cidr": "192.0.2.0/24"}]}, "it has namespace and cidr"),
        ({"clients": [{"namespace": "shop", "namespaces": {"a": "b"}}]}, "it has namespace and namespaces"),
        ({"clients": [{"namespace": "Shop"}]}, "no name of a namespace"),
        ({"clients": [{"namespace": "shop", "ports": ["p2p"]}]}, "the cluster's port is for peers alone"),
        ({"clients": [{"namespace": "shop", "ports": []}]}, "are no ports of the API"),
        ({"clients": [{"pods": {"app": True}}]}, "True is no value of a label"),
        ({"clients": [{"pods": {"-app": "x"}}]}, "no name of a label"),
        ({"clients": [{"pods": "app=shop"}]}, "no mapping of labels"),
        ({"clients": ["192.0.2.0/24"]}, "clients[0]: '192.0.2.0/24' is no mapping"),
        ({"clients": {"namespace": "shop"}}, "clients: it is no list"),
        ({"targets": [{"host": "0.0.0.0/0", "port": 443}]}, "targets[0]: 0.0.0.0/0 is everywhere"),
        ({"targets": [{"host": "gone.example.com", "port": 443}]}, "no name that the controller can resolve"),
        ({"targets": [{"pods": {"app": "minio"}}]}, "None is no port"),
        ({"targets": [{"namespaces": {}, "port": 443}]}, "empty labels select all namespaces. Name what is needed"),
        ({"dns": [{"cidr": "0.0.0.0/0"}]}, "dns[0].cidr: 0.0.0.0/0 is everyone. Name what is needed"),
        ({"labels": {}}, "empty labels select every pod of the namespace"),
        ({"http_port": 70000}, "70000 is no port"),
        ({"grpc_port": 6333}, "two ports are the same"),
        ({"namespace": "a b"}, "'a b' is no name"),
        ({"statefulset": ""}, "'' is no name"),
    ],
)
def test_bad_input_is_refused_with_place_and_remedy(given, words):
    assert any(words in text for text in problems(**given)), problems(**given)


def test_all_that_is_wrong_is_told_at_once():
    assert len(problems(clients=[{"cidr": "x"}, {"namspace": "a"}], http_port=0)) == 4


def test_everyone_can_be_accepted_as_client_and_as_nothing_else():
    everyone = [{"cidr": "0.0.0.0/0"}, {"namespaces": {}}]
    wanted, found = parse(ACCEPTED, clients=everyone)
    assert found.problems == []
    assert [rule.peer for rule in wanted.clients] == [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"namespaceSelector": {}}]
    assert parse([{"risk": "clients-everyone", "reason": ""}], clients=everyone)[1].problems
    assert parse(ACCEPTED, targets=[{"host": "0.0.0.0/0", "port": 443}])[1].problems
    assert parse(ACCEPTED, clients=[{"cidr": "bad"}])[1].problems


def test_no_client_and_no_name_server_are_warnings():
    _wanted, found = parse(dns=[])
    assert found.problems == [] and len(found.warnings) == 2
    assert parse(clients=[{"namespace": "shop"}])[1].warnings == []


def test_names_of_targets_become_their_addresses():
    wanted, found = parse(targets=[{"host": "s3.example.com", "port": 443}, {"namespace": "minio", "pods": {"app": "minio"}, "port": 9000}])
    assert found.problems == []
    assert [rule.peer.get("ipBlock", {}).get("cidr") for rule in wanted.targets] == ["198.51.100.7/32", "2001:db8::7/128", None]
    assert wanted.targets[2].ports == (("TCP", 9000),)


def test_four_policies_with_all_their_fields_whatever_is_asked_for():
    for given in ({}, {"clients": [{"namespace": "shop"}], "dns": []}):
        rendered = _network_policy.policies(parse(**given)[0])
        assert [one["metadata"]["name"] for one in rendered] == ["qdrant-" + suffix for suffix in ("default-deny", "peers", "clients", "targets")]
        for one in rendered:
            spec = one["spec"]
            assert spec["podSelector"] == {"matchLabels": DEFAULTS["labels"]}
            assert {kind.lower() for kind in spec["policyTypes"]} == {key for key in spec if key in ("ingress", "egress")}
            # An empty list of sources, targets or ports means all of them.
            assert all(all(rule.values()) for direction in ("ingress", "egress") for rule in spec.get(direction, []))


def test_ports_follow_the_users():
    wanted, _found = parse(http_port=7333, grpc_port=7334, p2p_port=7335, clients=[{"namespace": "shop", "ports": ["grpc"]}])
    _deny, peers, clients, _targets = _network_policy.policies(wanted)
    assert [port["port"] for port in peers["spec"]["ingress"][0]["ports"]] == [7335, 7333]
    assert [port["port"] for port in clients["spec"]["ingress"][0]["ports"]] == [7334]


def test_the_patch_and_the_values_say_the_same():
    patch = _network_policy.patch(parse(statefulset="db", namespace="data")[0])
    pod = patch["spec"]["template"]["spec"]
    assert patch["metadata"] == {"name": "db", "namespace": "data"} and pod["automountServiceAccountToken"] is False
    values = _network_policy.values()
    assert pod["securityContext"] == values["podSecurityContext"] and pod["containers"][0]["securityContext"] == values["containerSecurityContext"]
    context = values["containerSecurityContext"]
    assert context["runAsUser"] == 1000 and context["runAsNonRoot"] and context["readOnlyRootFilesystem"] and context["capabilities"] == {"drop": ["ALL"]}
    assert context["allowPrivilegeEscalation"] is False and context["seccompProfile"] == {"type": "RuntimeDefault"}
    # Kubernetes refuses a root container in such a pod.
    assert values["updateVolumeFsOwnership"] is False


def test_files_are_yaml_without_anchors():
    wanted, _found = parse(clients=[{"namespace": "shop"}])
    files = _network_policy.files(wanted)
    assert list(yaml.safe_load_all(files["network-policies.yaml"])) == _network_policy.policies(wanted)
    assert yaml.safe_load(files["values.yaml"]) == _network_policy.values()
    assert not any("&id" in text for text in files.values())
