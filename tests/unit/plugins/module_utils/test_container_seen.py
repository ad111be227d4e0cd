# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a container, from what the engine tells; and what is taken of an image."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import jinja2
import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _container, _firewall, _image, _node

TEMPLATE = Path(__file__).parents[4] / "roles/qdrant/templates/seccomp.json.j2"


def profile(io_uring: bool = False) -> str:
    """The filter, as the role writes it."""
    environment = jinja2.Environment(autoescape=False)
    environment.filters["bool"] = bool
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(qdrant_io_uring=io_uring)


FOUND = {
    "Image": "sha256:1",
    "State": {"Running": True, "Pid": 7},
    "HostConfig": {
        "NetworkMode": "qdrant",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true", "seccomp=" + json.dumps(json.loads(profile()))],
        "PortBindings": {"6333/tcp": [{"HostIp": "192.0.2.1", "HostPort": "6333"}], "6334/tcp": [{"HostIp": "", "HostPort": "6334"}]},
        "LogConfig": {"Type": "json-file", "Config": {}},
        "RestartPolicy": {"Name": ""},
    },
    "Config": {"User": "995:995", "Env": ["A=the-key-of-the-node"], "Healthcheck": {"Test": ["NONE"]}},
    "NetworkSettings": {"Networks": {"qdrant": {}}},
    "Mounts": [{"Source": "/etc", "Destination": "/host", "RW": False, "Propagation": "rslave"}],
}


def run(arguments):
    assert arguments[:3] == ["docker", "network", "inspect"]
    return 0, json.dumps([{"Name": "qdrant", "Internal": False, "Containers": {"x": {"Name": "qdrant"}}}]), ""


@pytest.fixture
def seen(tmp_path):
    (tmp_path / "seccomp.json").write_text(profile(), encoding="utf-8")

    def container(**host):
        found = copy.deepcopy(FOUND)
        found["HostConfig"].update(host)
        return _container.container(found, run, str(tmp_path / "seccomp.json"), ["the-key-of-the-node"])

    return container


def test_a_container_as_the_engine_tells_it(seen):
    container = seen()
    assert container["network"]["published"] == ["0.0.0.0:6334", "192.0.2.1:6333"]
    assert container["network"]["not_internal"] == ["qdrant"]
    assert container["no_new_privileges"] and container["secrets_in_inspect"]
    assert container["seccomp"] == {"default": "SCMP_ACT_ERRNO", "dangerous": [], "io_uring": [], "executable_memory": [], "as_file": True}
    assert (container["log"]["limited"], container["health"]["checked"], container["restart"]) == (False, False, "no")
    assert container["mounts"] == [{"source": "/etc", "destination": "/host", "writable": False, "propagation": "rslave"}]


def test_filters_that_are_not_ours(seen):
    assert seen(SecurityOpt=[])["seccomp"]["default"] == "builtin"
    loose = seen(SecurityOpt=["seccomp=unconfined"])["seccomp"]
    assert "ptrace" in loose["dangerous"] and loose["io_uring"] and not loose["as_file"]
    foreign = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mmap", "bpf"], "action": "SCMP_ACT_ALLOW"}]}
    own = seen(SecurityOpt=["seccomp=" + json.dumps(foreign), "no-new-privileges"])
    assert own["seccomp"] == {"default": "SCMP_ACT_ALLOW", "dangerous": ["bpf"], "io_uring": [], "executable_memory": ["mmap"], "as_file": False}
    assert own["no_new_privileges"]


def test_silence_of_the_engine_is_no_answer():
    assert _container.ask(lambda arguments: (0, '{"a": 1}', ""), "info") == {"a": 1}
    with pytest.raises(OSError, match="printed nothing"):
        _container.ask(lambda arguments: (0, "", ""), "info")
    with pytest.raises(OSError, match="no such container"):
        _container.ask(lambda arguments: (1, "", "no such container"), "info")


def test_an_image_is_there_if_the_engine_says_so():
    assert _node.has_image("sha256:1", lambda arguments: (0, "sha256:1\n", ""))
    assert not _node.has_image("sha256:1", lambda arguments: (1, "", "no such image"))

    def no_engine(_arguments):
        raise FileNotFoundError("docker")

    assert not _node.has_image("sha256:1", no_engine)


def test_ports_elsewhere():
    assert _container.elsewhere(["192.0.2.1:6333", "0.0.0.0:6334"], ["192.0.2.1"]) == ["0.0.0.0:6334"]


def test_the_engine_holds_the_ports_that_it_publishes():
    """That is no interface of the engine's; another port is."""
    info = {"ServerVersion": "26.1.5", "SecurityOptions": ["name=seccomp,profile=builtin"], "LiveRestoreEnabled": True}
    answers = {
        ("docker", "info"): json.dumps(info),
        ("docker", "network"): json.dumps([{"Options": {"com.docker.network.bridge.enable_icc": "false"}}]),
        ("docker", "ps"): "NAMES\nqdrant\nother\n",
        ("docker", "container"): json.dumps([{**FOUND, "Name": "/qdrant"}, {**FOUND, "Name": "/other", "Config": {"User": "root"}}]),
        ("systemctl", "show"): "7\n",
    }
    sockets = ["192.0.2.1:6333", "0.0.0.0:6334", "127.0.0.1:2375"]
    socket = _container.socket_state
    try:
        _container.socket_state = lambda: {"owner": 0, "mode": "0660"}
        engine = _container.engine(lambda arguments: (0, answers[tuple(arguments[:2])], ""), lambda pid: sockets)
    finally:
        _container.socket_state = socket
    assert engine["tcp"] == ["127.0.0.1:2375"] and engine["root_containers"] == ["other"]


def test_our_filter_lets_nothing_through_that_leads_out():
    ours = json.loads(profile())
    allowed = [name for rule in ours["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]]
    assert ours["defaultAction"] == "SCMP_ACT_ERRNO" and not set(allowed) & set(_container.DANGEROUS)
    unconditional = [name for rule in ours["syscalls"] if not rule.get("args") for name in rule["names"]]
    assert len(unconditional) == len(set(unconditional)) and not {"clone", "mmap", "mprotect", "socket"} & set(unconditional)


class Engine:
    """Docker's command as far as a look into an image needs it. `put` is called with the path that `docker cp` writes."""

    def __init__(self, put):
        self.put, self.containers = put, {"hardened-qdrant-look"}  # a killed run left one

    def __call__(self, arguments):
        action, name = arguments[1], "hardened-qdrant-look"
        if action == "rm":
            self.containers.discard(name)
        elif action == "create":
            assert name not in self.containers and "--network=none" in arguments
            self.containers.add(name)
        elif action == "cp":
            if self.put is None:
                return 1, "", "Could not find the file /qdrant/qdrant in container"
            self.put(Path(arguments[-1]))
        return 0, "", ""


def test_the_servers_digest_is_taken_from_a_container_that_never_ran(tmp_path):
    content = b"server" * 1000
    engine = Engine(lambda path: path.write_bytes(content))
    assert _image.server_digest("sha256:1", engine, str(tmp_path)) == hashlib.sha256(content).hexdigest()
    assert engine.containers == set() and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("put", "message"),
    [(lambda path: path.symlink_to("/bin/sh"), "no server at"), (lambda path: path.mkdir(), "no server at"), (None, "docker cp: Could not find")],
)
def test_an_image_without_the_server_is_refused(tmp_path, put, message):
    engine = Engine(put)
    with pytest.raises(_image.ImageError, match=message):
        _image.server_digest("sha256:1", engine, str(tmp_path))
    assert engine.containers == set()


# --- the guard, for a container's packets ------------------------------------------------------------------------------


def table(*rules):
    """A table with chains at forward and input, whose rules are given as (chain, expressions)."""
    chains = [{"chain": {"name": name, "hook": name, "policy": "accept"}} for name in ("prerouting", "forward", "input")]
    return [{"table": {"family": "inet"}}, *chains, *({"rule": {"chain": chain, "expr": expressions}} for chain, expressions in rules)]


def met(key, value):
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": value}}


NEW = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}


def test_a_containers_packets():
    guard = table(
        ("prerouting", [met("iifname", "qdrant0"), {"accept": None}]),
        ("prerouting", [{"drop": None}]),
        ("forward", [NEW, {"accept": None}]),
        ("forward", [met("iifname", "qdrant0"), {"reject": {}}]),
    )
    assert _firewall.container_verdict(guard, "ipv4", 443, "qdrant0") == "drop"
    # Nothing stops it at input.
    assert _firewall.container_verdict(guard, "ipv4", 22, "qdrant0", to_host=True) == "accept"
    # The exception for the container is none for strangers.
    assert _firewall.stranger_verdict(guard, "ipv4", 6333, "qdrant0") == "drop"
    assert _firewall.container_verdict(table(("forward", [met("iifname", "eth0"), {"drop": None}])), "ipv6", 443, "qdrant0") == "accept"
