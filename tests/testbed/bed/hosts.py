# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a test bed: made, waited for, renewed, removed.

Everything that must be remembered is a label of the network or of a container, so nothing goes out of step with the engine.
"""

from __future__ import annotations

import io
import ipaddress
import json
import os
import re
import shutil
import socket
import tarfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import addresses, cgroups, images
from .engine import docker
from .inventory import USER, Member, render
from .shell import Failure, apt_install, cache_dir, locked, run, say

LABEL = "hardened.qdrant.testbed"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_BOOT_SECONDS = 120
# What systemd needs, and no more: `--privileged` asks for capabilities that the machine itself may lack.
_RIGHTS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--cgroupns=host",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp:exec",
)
# systemd does not make the root shared inside a container; without that, LoadCredential= silently delivers nothing.
_BOOT = ("sh", "-c", "mount --make-rshared / && exec /lib/systemd/systemd")
# systemd's own signal for an orderly shutdown (systemd(1)).
_STOP = ("--stop-signal=SIGRTMIN+3", "--stop-timeout=90")


@dataclass(frozen=True)
class Spec:
    """A host as it is asked for."""

    name: str
    image: str
    group: str


@dataclass(frozen=True)
class Host:
    """A host as it is."""

    name: str
    image: str
    group: str
    index: int
    ipv4: str
    ipv6: str
    state: str
    testbed: str

    @property
    def container(self) -> str:
        """The name of its container."""
        return container_name(self.testbed, self.name)


@dataclass(frozen=True)
class Testbed:
    """A test bed as it is."""

    name: str
    subnets: addresses.Subnets
    output: Path
    group: str
    extra: tuple[str, ...]
    docker_volume: bool
    hosts: tuple[Host, ...]

    @property
    def files(self) -> Path:
        """Keys. Hidden, since Ansible reads every visible file of a folder that is given as an inventory."""
        return self.output / ".testbed"


def container_name(testbed: str, host: str) -> str:
    """The container of a host."""
    return f"hardened-qdrant-{testbed}-{host}"


def network_name(testbed: str) -> str:
    """The network of a test bed."""
    return f"hardened-qdrant-{testbed}"


def parse_spec(text: str, group: str) -> Spec:
    """A host from NAME=IMAGE.

    :raises Failure: the text has another form.
    """
    name, _equals, image = text.partition("=")
    if not _NAME.fullmatch(name) or image not in images.SUITES:
        raise Failure(f"{text!r}: write NAME=IMAGE, with a name of a-z, 0-9 and -, and one of the images {', '.join(images.SUITES)}")
    return Spec(name, image, group)


def parse_member(text: str) -> tuple[str, str]:
    """Group and NAME=IMAGE from GROUP:NAME=IMAGE.

    :raises Failure: the text has another form.
    """
    group, colon, host = text.partition(":")
    if not colon or not re.fullmatch(r"[a-z][a-z0-9_]*", group):
        raise Failure(f"{text!r}: write GROUP:NAME=IMAGE, with a group of a-z, 0-9 and _")
    return group, host


def check_name(name: str) -> None:
    """Refuse names that cannot be part of the name of a container.

    :raises Failure: it is one.
    """
    if not _NAME.fullmatch(name):
        raise Failure(f"{name!r} cannot be the name of a test bed: use up to 31 of a-z, 0-9 and -, starting with a letter")


def default_output(name: str) -> Path:
    """Where a test bed's inventory goes if nothing is said."""
    return cache_dir() / "testbeds" / name


# Looking ------------------------------------------------------------------------------------------------------------


def names() -> list[str]:
    """All test beds that the engine knows, running or not."""
    found = [
        docker(kind, "ls", *every, "--filter", f"label={LABEL}", "--format", f'{{{{.Label "{LABEL}"}}}}')
        for kind, every in (("network", ()), ("container", ("--all",)))
    ]
    return sorted({name for text in found for name in text.split()})


def find(name: str) -> Testbed | None:
    """The test bed with this name, or None."""
    ids = docker("network", "ls", "--quiet", "--filter", f"label={LABEL}={name}").split()
    if not ids:
        return None
    network = json.loads(docker("network", "inspect", ids[0]))[0]
    labels, ranges = network["Labels"], [config["Subnet"] for config in network["IPAM"]["Config"]]
    subnets = addresses.Subnets(
        ipaddress.IPv4Network(next(text for text in ranges if ":" not in text)), ipaddress.IPv6Network(next(text for text in ranges if ":" in text))
    )
    ids = docker("container", "ls", "--all", "--quiet", "--filter", f"label={LABEL}={name}").split()
    containers = json.loads(docker("container", "inspect", *ids)) if ids else []
    hosts = sorted((_host(name, subnets, container) for container in containers), key=lambda host: host.index)
    return Testbed(
        name,
        subnets,
        Path(labels[f"{LABEL}.output"]),
        labels[f"{LABEL}.group"],
        tuple(labels[f"{LABEL}.extra"].split()),
        labels[f"{LABEL}.docker-volume"] == "yes",
        tuple(hosts),
    )


def _host(testbed: str, subnets: addresses.Subnets, container: dict) -> Host:
    labels = container["Config"]["Labels"]
    index = int(labels[f"{LABEL}.index"])
    ipv4, ipv6 = subnets.host(index)
    return Host(labels[f"{LABEL}.host"], labels[f"{LABEL}.image"], labels[f"{LABEL}.group"], index, ipv4, ipv6, container["State"]["Status"], testbed)


# Making -------------------------------------------------------------------------------------------------------------


def up(name: str, specs: Sequence[Spec], *, output: Path | None, group: str, extra: Iterable[str], docker_volume: bool) -> Testbed:
    """Create what is missing, start what is stopped, wait until it all works, and write the inventory.

    :raises Failure: a host is there with another image, or does not boot.
    """
    check_name(name)
    with locked(f"testbed-{name}"):
        testbed = find(name)
        if testbed is None:
            if not specs:
                raise Failure(f"there is no test bed {name}: say which hosts it has, e.g. --host node1=debian12")
            testbed = _create_network(name, (output or default_output(name)).absolute(), group, tuple(extra), docker_volume)
        _refuse_changes(testbed, output, tuple(extra), docker_volume)
        present = {host.name: host for host in testbed.hosts}
        wrong = [
            f"{host.name} is {host.image} in {host.group}"
            for host, spec in ((present.get(spec.name), spec) for spec in specs)
            if host and (host.image, host.group) != (spec.image, spec.group)
        ]
        if wrong:
            raise Failure(f"the test bed {name} has other hosts: {'; '.join(wrong)}: `testbed down {name}` first")
        missing = [spec for spec in specs if spec.name not in present]
        free = max((host.index for host in testbed.hosts), default=-1) + 1
        created = _create(testbed, [(spec, free + number) for number, spec in enumerate(missing)])
        stopped = [host for host in testbed.hosts if host.state != "running"]
        return _finish(name, [host.container for host in stopped] + created)


def _refuse_changes(testbed: Testbed, output: Path | None, extra: tuple[str, ...], docker_volume: bool) -> None:
    """Refuse what would change a test bed that is there, instead of silently not doing it."""
    wrong = []
    if output and output.absolute() != testbed.output:
        wrong.append(f"has its files in {testbed.output}")
    if extra and set(extra) != set(testbed.extra):
        wrong.append(f"was made with {' '.join(testbed.extra) or 'no extra packages'}")
    if docker_volume and not testbed.docker_volume:
        wrong.append("was made without --docker-volume")
    if wrong:
        raise Failure(f"the test bed {testbed.name} {' and '.join(wrong)}: `testbed down {testbed.name}` first")


def reset(name: str) -> Testbed:
    """Replace every host by a fresh one with the same name, image and addresses."""
    with locked(f"testbed-{name}"):
        testbed = need(name)
        images.ensure({host.image for host in testbed.hosts}, testbed.extra)
        _remove_containers(testbed.name)
        created = _create(testbed, [(Spec(host.name, host.image, host.group), host.index) for host in testbed.hosts])
        return _finish(name, created)


def need(name: str) -> Testbed:
    """The test bed with this name.

    :raises Failure: there is none.
    """
    testbed = find(name)
    if testbed is None:
        raise Failure(f"there is no test bed {name}; there are: {', '.join(names()) or 'none'}")
    return testbed


def _create_network(name: str, output: Path, group: str, extra: tuple[str, ...], docker_volume: bool) -> Testbed:
    labels = {
        LABEL: name,
        f"{LABEL}.output": str(output),
        f"{LABEL}.group": group,
        f"{LABEL}.extra": " ".join(extra),
        f"{LABEL}.docker-volume": "yes" if docker_volume else "no",
    }
    options = [f"--label={key}={value}" for key, value in labels.items()]
    # Not more than the way out takes: where path MTU discovery fails, larger packets vanish.
    options += ["--ipv6", f"--opt=com.docker.network.driver.mtu={_mtu()}"]
    for attempt, subnets in enumerate(addresses.candidates(name, _used_networks())):
        try:
            docker(
                "network",
                "create",
                *options,
                f"--subnet={subnets.ipv4}",
                f"--gateway={subnets.gateway}",
                f"--subnet={subnets.ipv6}",
                f"--gateway={subnets.gateway_ipv6}",
                network_name(name),
            )
        except Failure as error:
            # Another test bed may have taken it since.
            if "overlap" not in str(error) or attempt == 9:
                raise
        else:
            say(f"network {subnets.ipv4} and {subnets.ipv6}")
            return Testbed(name, subnets, output, group, extra, docker_volume, ())
    raise Failure("no free private subnet for a network: remove test beds (`testbed list`, `testbed down`) or unused Docker networks")


def _used_networks() -> list[str]:
    """Networks of the engine and routes of the machine."""
    used = []
    for network in docker("network", "ls", "--quiet").split():
        # Each by itself: one of another test bed may go between the list and the look.
        for seen in json.loads(_quietly("network", "inspect", network) or "[]"):
            used += [config["Subnet"] for config in seen["IPAM"]["Config"] or []]
    for version in ("-4", "-6") if shutil.which("ip") else ():
        used += [route["dst"] for route in json.loads(run(["ip", version, "-json", "route"]) or "[]") if "/" in route["dst"]]
    return used


def _mtu() -> int:
    if not shutil.which("ip"):
        return 1500
    ways_out = json.loads(run(["ip", "-json", "route", "show", "default"]) or "[]")
    devices = [json.loads(run(["ip", "-json", "link", "show", route["dev"]]))[0]["mtu"] for route in ways_out if "dev" in route]
    return min([1500, *devices])


def _create(testbed: Testbed, wanted: list[tuple[Spec, int]]) -> list[str]:
    """Create containers, not started yet. Returns their names."""
    if not wanted:
        return []
    images.ensure({spec.image for spec, unused in wanted}, testbed.extra)
    tree = cgroups.source(Path("/proc/mounts").read_text())
    for spec, index in wanted:
        ipv4, ipv6 = testbed.subnets.host(index)
        name = container_name(testbed.name, spec.name)
        labels = {LABEL: testbed.name, f"{LABEL}.host": spec.name, f"{LABEL}.image": spec.image, f"{LABEL}.group": spec.group, f"{LABEL}.index": str(index)}
        options = [f"--label={key}={value}" for key, value in labels.items()]
        if testbed.docker_volume:
            docker("volume", "create", f"--label={LABEL}={testbed.name}", f"{name}-docker")
            options.append(f"--volume={name}-docker:/var/lib/docker")
        docker(
            "create",
            "--name",
            name,
            "--hostname",
            spec.name,
            *options,
            *_RIGHTS,
            *_STOP,
            "--env=container=docker",
            f"--volume={tree}:/sys/fs/cgroup:rw",
            f"--network={network_name(testbed.name)}",
            f"--network-alias={spec.name}",
            f"--ip={ipv4}",
            f"--ip6={ipv6}",
            images.tag(spec.image, testbed.extra),
            *_BOOT,
        )
    return [container_name(testbed.name, spec.name) for spec, unused in wanted]


def _finish(name: str, to_start: list[str]) -> Testbed:
    """Start containers, hand the key over, wait, write the files. What `up` and `reset` have in common."""
    testbed = need(name)
    key = _ensure_key(testbed.files)
    public = key.with_suffix(".pub").read_bytes()
    started = time.monotonic()
    for host in testbed.hosts:
        docker("cp", "-", f"{host.container}:/home/{USER}/.ssh", stdin=_archive("authorized_keys", public))
    if to_start:
        docker("start", *to_start)
    with ThreadPoolExecutor(max_workers=len(testbed.hosts)) as pool:
        lines = list(pool.map(lambda host: _wait(host, started), testbed.hosts))
    _write(testbed.files / "known_hosts", "".join(lines), 0o600)
    members = [Member(host.name, host.group, host.ipv4, host.ipv6) for host in testbed.hosts]
    text = render(name, members, gateway=testbed.subnets.gateway, gateway_ipv6=testbed.subnets.gateway_ipv6, key=key, known_hosts=testbed.files / "known_hosts")
    _write(testbed.output / "inventory.yml", text, 0o644)
    say(f"test bed {name} is up: {testbed.output / 'inventory.yml'}")
    return find(name) or testbed


def _ensure_key(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    key = folder / "ssh_key"
    if not (key.exists() and key.with_suffix(".pub").exists()):
        key.unlink(missing_ok=True)
        if not shutil.which("ssh-keygen"):
            apt_install("openssh-client", "ssh-keygen")
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hardened.qdrant test bed", "-f", str(key)])
    return key


def _archive(name: str, content: bytes) -> bytes:
    """A tar archive with one file that belongs to the first user, which is the one that Ansible logs in as."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o600, 1000, 1000
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file at once: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.chmod(mode)
    partial.replace(path)


def _wait(host: Host, started: float) -> str:
    """Wait until systemd has booted and sshd answers. Returns the host's line for known_hosts.

    :raises Failure: it takes too long.
    """
    deadline = time.monotonic() + _BOOT_SECONDS
    while True:
        # Prints its answer and still ends with an error while the state is anything but `running`.
        state = _quietly("exec", host.container, "sh", "-c", "systemctl is-system-running; true")
        if state in ("running", "degraded") and _ssh_answers(host.ipv4):
            break
        if time.monotonic() > deadline:
            used_up = _inotify_used_up(Path("/proc"))
            raise Failure(
                f"{host.name} has not booted after {_BOOT_SECONDS} s (systemd: {state or 'no answer'})"
                + (f": {used_up}" if used_up else f"; look with `docker logs {host.container}` and `docker exec {host.container} journalctl -b`")
            )
        time.sleep(0.25)
    failed = docker("exec", host.container, "systemctl", "list-units", "--failed", "--plain", "--no-legend").splitlines()
    reason = f" ({', '.join(line.split()[0] for line in failed)})" if failed else ""
    say(f"{host.name} {host.image} {host.ipv4}: {state}{reason} after {time.monotonic() - started:.1f} s")
    # Read over the engine's own channel, so there is no first use to trust.
    kind, key = docker("exec", host.container, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    return f"{host.ipv4} {kind} {key}\n"


def _inotify_used_up(proc: Path) -> str:
    """Return what to do where the machine has no inotify instance left for another systemd; empty where it has. Every host takes half a dozen of root's."""
    limit = int((proc / "sys/fs/inotify/max_user_instances").read_text())
    used = 0
    for link in proc.glob("[0-9]*/fd/*"):
        try:
            used += os.readlink(link) == "anon_inode:inotify"
        except OSError:
            continue  # closed meanwhile, or another user's
    if used < limit * 0.9:
        return ""
    return (
        f"{used} of the {limit} inotify instances that the kernel gives a user are taken. Remove test beds (`testbed list`, `testbed down`), or run"
        f" sysctl -w fs.inotify.max_user_instances={limit * 4}"
    )


def _quietly(*arguments: str) -> str:
    try:
        return docker(*arguments, timeout=30)
    except Failure:
        return ""


def _ssh_answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


# Removing -----------------------------------------------------------------------------------------------------------


def down(name: str) -> None:
    """Remove a test bed. One that is not there is removed already.

    The output folder goes if it is the default one; of another folder only the test bed's own files go.
    """
    with locked(f"testbed-{name}"):
        testbed = find(name)
        _remove_containers(name)
        for network in docker("network", "ls", "--quiet", "--filter", f"label={LABEL}={name}").split():
            docker("network", "rm", network)
        shutil.rmtree(default_output(name), ignore_errors=True)
        if testbed and testbed.output.is_dir():
            shutil.rmtree(testbed.files, ignore_errors=True)
            (testbed.output / "inventory.yml").unlink(missing_ok=True)
            if not any(testbed.output.iterdir()):
                testbed.output.rmdir()
    say(f"test bed {name} is removed")


def _remove_containers(name: str) -> None:
    for kind, listing, removal in (("container", ("--all",), ("--force", "--volumes")), ("volume", (), ())):
        found = docker(kind, "ls", *listing, "--quiet", "--filter", f"label={LABEL}={name}").split()
        if found:
            docker(kind, "rm", *removal, *found)
