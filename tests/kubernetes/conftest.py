# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two programs of others, which share no code with the role: one validates by the schemas of Kubernetes' API, one tells who reaches whom."""

from __future__ import annotations

import functools
import ipaddress
import re
import shutil
import subprocess
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / ".cache/kubernetes/bin"
EVERY_PORT = range(0, 65536)
# A line of the analyzer's: SOURCE => DESTINATION : CONNECTIONS
LINE = re.compile(r"(?P<source>\S+) => (?P<destination>\S+) : (?P<connections>.+)")

# The play that renders: the role's own path, from variables to files.
PLAY = {
    "hosts": "localhost",
    "gather_facts": False,
    "roles": ["hardened.qdrant.qdrant_network_policy"],
}
VARIABLES = {
    "qdrant_network_policy_clients": [
        {"namespace": "shop", "pods": {"app": "shop"}},
        {"namespaces": {"team": "search"}, "pods": {"app": "crawler"}, "ports": ["grpc"]},
        {"pods": {"app": "dashboard"}, "ports": ["http"]},
        {"namespace": "reports"},
        {"cidr": "192.0.2.0/24"},
        {"cidr": "2001:db8:1::/64", "ports": ["http"]},
    ],
    "qdrant_network_policy_targets": [
        {"host": "198.51.100.7", "port": 443},
        {"namespace": "minio", "pods": {"app": "minio"}, "port": 9000},
    ],
}
CHART = {"app": "qdrant", "app.kubernetes.io/name": "qdrant", "app.kubernetes.io/instance": "qdrant"}
# NAMESPACE/NAME of the sample pods, and their labels.
PODS = {
    "qdrant/qdrant-0": {**CHART, "apps.kubernetes.io/pod-index": "0"},
    "qdrant/qdrant-1": {**CHART, "apps.kubernetes.io/pod-index": "1"},
    "qdrant/other-release-0": {**CHART, "app.kubernetes.io/instance": "other"},
    "qdrant/dashboard": {"app": "dashboard"},
    "qdrant/neighbour": {"app": "neighbour"},
    "shop/shop": {"app": "shop"},
    "shop/stranger": {"app": "stranger"},
    "search/crawler": {"app": "crawler"},
    "search/stranger": {"app": "stranger"},
    "reports/any": {"app": "any"},
    "attack/shop": {"app": "shop"},
    # Somebody else's, that looks like a peer.
    "attack/qdrant": CHART,
    "minio/minio": {"app": "minio"},
    "minio/stranger": {"app": "stranger"},
    "kube-system/coredns": {"k8s-app": "kube-dns"},
    "kube-system/stranger": {"app": "stranger"},
}
NAMESPACES = {"search": {"team": "search"}}


def sample() -> list[dict[str, t.Any]]:
    """Namespaces and pods of a cluster in which Qdrant runs among friends and strangers."""
    found: list[dict[str, t.Any]] = []
    for name in sorted({pod.partition("/")[0] for pod in PODS}):
        labels = {"kubernetes.io/metadata.name": name, **NAMESPACES.get(name, {})}
        found.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    for number, (pod, labels) in enumerate(PODS.items()):
        namespace, _slash, name = pod.partition("/")
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        spec = {"containers": [{"name": "main", "image": "example"}]}
        found.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"podIP": "10.0.0.%d" % (number + 1)}})
    return found


@dataclass
class Reach:
    """The analyzer's answer: lines of source, destination and the connections between them."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)

    @staticmethod
    def _is(endpoint: str, who: str) -> bool:
        """Whether an endpoint of the answer is a pod, NAMESPACE/NAME, or holds an address."""
        if "/" in who:
            return endpoint == who + "[Pod]"
        if endpoint.endswith("[Pod]"):
            return False
        first, _dash, last = endpoint.partition("-")
        bounds = [ipaddress.ip_address(one) for one in (first, last or first)]
        address = ipaddress.ip_address(who)
        return address.version == bounds[0].version and int(bounds[0]) <= int(address) <= int(bounds[1])

    def ports(self, source: str, destination: str, protocol: str = "TCP") -> set[int]:
        """The ports of a protocol by which a pod, or an address, connects to another."""
        found: set[int] = set()
        for one, other, connections in self.lines:
            if self._is(one, source) and self._is(other, destination):
                found |= _ports(connections, protocol)
        return found


@functools.cache
def _ports(connections: str, protocol: str) -> frozenset[int]:
    """The ports of a protocol in {protocols:TCP,dst_ports:6333-6334},{protocols:TCP, UDP,dst_ports:53}. What is not understood fails."""
    if connections == "All connections":
        return frozenset(EVERY_PORT)
    found: set[int] = set()
    blocks = re.findall(r"\{[^{}]*\}", connections)
    assert blocks and not re.sub(r"\{[^{}]*\}", "", connections).strip(" ,"), f"the analyzer says what is not understood: {connections!r}"
    for block in blocks:
        match = re.fullmatch(r"\{protocols:(?P<protocols>[A-Z]+(, ?[A-Z]+)*)(,dst_ports:(?P<ports>[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*))?\}", block)
        assert match, f"the analyzer says what is not understood: {connections!r}"
        if protocol not in match["protocols"].replace(" ", "").split(","):
            continue
        for part in (match["ports"] or "0-65535").split(","):
            first, _dash, last = part.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def run(*command: t.Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def reach(tmp_path_factory) -> t.Callable[[list[dict[str, t.Any]]], Reach]:
    """Ask the analyzer what policies let through."""

    def ask(policies: list[dict[str, t.Any]]) -> Reach:
        path = tmp_path_factory.mktemp("reach") / "cluster.yaml"
        path.write_text(yaml.safe_dump_all([*sample(), *policies]), encoding="utf-8")
        done = run(PROGRAMS / "nca", "--connectivity", path, "-n", path, "-p", path, "-o", "txt_no_fw_rules", "--print_ipv6", "--return_0")
        assert done.returncode == 0, done.stderr
        lines = [match.group("source", "destination", "connections") for match in map(LINE.fullmatch, done.stdout.splitlines()) if match]
        assert lines, done.stdout + done.stderr
        # As many lines as arrows: none was overlooked.
        assert len(lines) == done.stdout.count("=>"), done.stdout
        return Reach(lines)

    return ask


@pytest.fixture(scope="session")
def rendered(tmp_path_factory) -> Path:
    """The folder that the role wrote."""
    home = tmp_path_factory.mktemp("rendered")
    play = {**PLAY, "vars": {**VARIABLES, "qdrant_network_policy_dir": str(home / "out")}}
    (home / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = run(shutil.which("ansible-playbook"), "-i", "localhost,", "-c", "local", home / "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    again = run(shutil.which("ansible-playbook"), "-i", "localhost,", "-c", "local", home / "play.yml")
    assert "changed=0" in again.stdout, again.stdout
    return home / "out"


@pytest.fixture(scope="session")
def policies(rendered) -> list[dict[str, t.Any]]:
    return list(yaml.safe_load_all((rendered / "network-policies.yaml").read_text(encoding="utf-8")))
