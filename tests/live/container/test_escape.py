# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody who took over the server can do from within: attempts under its own user, capabilities and filter, which `docker exec` gives them.

Each attempt has a counterpart that works, so that one which fails for want of a program proves nothing and is seen.
"""

from __future__ import annotations

import pytest

# Numbers of x86_64's system calls, for what the image has no program for.
PERL = "perl -e '$! = 0; exit(syscall(%s) == -1 && $!{EPERM} ? 7 : 0)'"
REFUSED = 7


def inside(node, script: str) -> tuple[int, str]:
    """Run a script of bash in the container; return its exit code and what it said."""
    output = node.run(f"docker exec -i qdrant bash -s 2>&1 <<'INSIDE'\n{script}\nINSIDE\necho $?")
    said, _newline, code = output.rstrip("\n").rpartition("\n")
    return int(code), said


@pytest.fixture(scope="module")
def node(deployment):
    return deployment.nodes[0]


@pytest.mark.parametrize("place", ["/", "/etc", "/qdrant", "/config", "/usr/local/bin", "/run/credentials/qdrant.service", "/dev/mqueue"])
def test_nothing_can_be_written_but_data(node, place):
    code, said = inside(node, f"echo x > {place}/intruder")
    assert code != 0 and ("Read-only file system" in said or "Permission denied" in said), said


@pytest.mark.parametrize("place", ["/qdrant/storage", "/qdrant/snapshots", "/tmp", "/dev/shm"])
def test_what_was_written_cannot_be_executed(node, place):
    code, said = inside(node, f"cd {place} && cp /usr/bin/true intruder && chmod 0755 intruder && ./intruder; code=$?; rm -f intruder; exit $code")
    assert code == 126 and "Permission denied" in said, said
    assert inside(node, "/usr/bin/true") == (0, "")


def test_settings_and_secrets_cannot_be_changed(node):
    for path in ("/config/config.yaml", "/run/credentials/qdrant.service/secrets.yaml"):
        code, said = inside(node, f"test -r {path} && echo x >> {path}")
        assert code != 0 and ("Read-only file system" in said or "Permission denied" in said), said


def test_there_are_no_rights_and_no_way_to_get_any(node):
    code, status = inside(node, "grep -E '^(Uid|Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert code == 0 and "\t0" not in fields["Uid"]
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (fields["NoNewPrivs"].strip(), fields["Seccomp"].strip()) == ("1", "2")
    code, said = inside(node, "cat /etc/shadow")
    assert code != 0 and "Permission denied" in said


@pytest.mark.parametrize(
    "attempt",
    [
        "unshare --user --map-root-user true",
        "unshare --mount true",
        "unshare --net true",
        "mount -t tmpfs none /tmp",
        "nsenter --target 1 --mount true",
        "chroot / true",
    ],
)
def test_no_namespace_no_mount_no_other_root(node, attempt):
    code, said = inside(node, f"command -v {attempt.split()[0]} >/dev/null || exit 99; {attempt}")
    assert code not in (0, 99) and ("not permitted" in said or "denied" in said or "must be superuser" in said), said


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("memory that is written and executed", "9, 0, 4096, 7, 0x22, -1, 0"),
        ("ptrace", "101, 0, 0, 0, 0"),
        ("bpf", "321, 0, 0, 0"),
        ("keyctl", "250, 0, -3, 0"),
        ("io_uring_setup", "425, 1, 0"),
        ("userfaultfd", "323, 0"),
        ("a socket to programs of the host", "41, 1, 1, 0"),
        ("a socket to the kernel", "41, 16, 3, 0"),
        ("clone into a user namespace", "56, 0x10000011, 0, 0, 0, 0"),
    ],
)
def test_system_calls_that_lead_out_are_refused(node, name, arguments):
    assert inside(node, PERL % arguments)[0] == REFUSED, name


def test_what_the_server_needs_is_not_refused(node):
    """The counterpart: memory that is written alone, and a socket of IP."""
    for arguments in ("9, 0, 4096, 3, 0x22, -1, 0", "41, 2, 1, 0"):
        assert inside(node, PERL % arguments)[0] == 0


def test_the_engines_socket_is_out_of_reach(node):
    node.run("test -S /run/docker.sock")
    for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock"):
        assert inside(node, f"test -e {path}")[0] == 1


def test_no_process_of_the_host_is_in_sight(node):
    code, said = inside(node, "for name in /proc/[0-9]*/comm; do cat $name; done")
    assert code == 0 and set(said.split()) <= {"docker-init", "qdrant", "bash", "cat", "tini"}, said


def reaches(node, address: str, port: int) -> int:
    return inside(node, "timeout 3 bash -c 'exec 3<>/dev/tcp/%s/%d'" % (address, port))[0]


# An address of nobody's (RFC 5737), which another host has for a while, and to which its host knows the way: the internet, as far as it goes here.
INTERNET = "203.0.113.5"


@pytest.fixture
def internet(deployment, node):
    outsider = deployment.outsiders[0]
    outsider.run(f"ip address replace {INTERNET}/32 dev lo")
    node.run(f"ip route replace {INTERNET} via {outsider.address}")
    yield INTERNET
    node.run(f"ip route del {INTERNET}")
    outsider.run(f"ip address del {INTERNET}/32 dev lo")


def test_it_reaches_itself_and_nobody_else(deployment, node, internet):
    assert reaches(node, "172.31.253.2", 6333) == 0
    others = {
        "the host, by its address": (node.address, 22),
        "the host, by the network's gateway": ("172.31.253.1", 22),
        "another host": (deployment.outsiders[0].address, 22),
        "the test bed's gateway": (node.vars["testbed_gateway"], 22),
        "the internet": (internet, 22),
    }
    for name, (address, port) in others.items():
        assert reaches(node, address, port) != 0, name
    # The counterpart: these do listen.
    for address in (node.address, "172.31.253.1", deployment.outsiders[0].address, internet):
        node.run(f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/22'")


def test_names_are_not_resolved(node):
    """Nor do questions about names carry anything out: the engine's resolver has nobody to ask."""
    assert inside(node, "timeout 5 getent hosts example.com")[0] != 0


def test_the_guard_refuses_even_if_the_engine_would_not(deployment, node):
    """Docker keeps an internal network in by rules of its own. Without those, the guard's still hold."""
    node.run("iptables -I FORWARD 1 -j ACCEPT; iptables -t nat -I POSTROUTING 1 -s 172.31.253.0/29 -j MASQUERADE")
    node.run("nft reset counters table inet hardened_qdrant >/dev/null")
    pid = node.run("docker inspect --format '{{.State.Pid}}' qdrant").strip()
    node.run(f"nsenter -t {pid} -n ip route replace default via 172.31.253.1")
    try:
        assert reaches(node, deployment.outsiders[0].address, 22) != 0
        counters = node.run("nft list counter inet hardened_qdrant dropped_egress")
        assert "packets 0 " not in counters, counters
    finally:
        node.run(f"iptables -D FORWARD -j ACCEPT; iptables -t nat -D POSTROUTING -s 172.31.253.0/29 -j MASQUERADE; nsenter -t {pid} -n ip route del default")
