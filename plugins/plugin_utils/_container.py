# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user asks of a container: checked on the controller, and turned into what the unit and the firewall need. Pure functions."""

from __future__ import annotations

import ipaddress
import os
import re
import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _values
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings, risk_problem

DEPLOYMENTS = ("systemd", "docker")
NETWORKS = ("published", "internal", "host")
# The network's interface on the host. Rules of the firewall name it, so it must be known before it is there.
BRIDGE = "qdrant0"
ADDRESS = "172.31.253.2"  # the role's default
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MEMORY = re.compile(r"[1-9][0-9]*[KMG]?")
MINIMUM_VERSION = 20  # of the engine: the first that knows cgroup namespaces
ANY = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Places:
    """Where a server of a deployment is: the address that it listens on, the one that the node itself asks it at, and the way between."""

    bind: str
    endpoint: str
    bridge: str = ""  # the interface of its network; none on the host's

    @property
    def local(self) -> bool:
        """Return whether its host alone reaches it."""
        return bool(self.bridge) and self.endpoint == self.bind


def places(deployment: t.Any, network: t.Any, address: str, container_address: str) -> Places:
    """Return the places of a server. ``address`` is the node's."""
    if deployment != "docker" or network == "host":
        return Places(address, address)
    if network == "internal":
        return Places(container_address, container_address, BRIDGE)
    return Places(container_address, address, BRIDGE)


@dataclass(frozen=True)
class Wanted:
    """What the unit needs to know of the container, beside the variables themselves."""

    image: str  # as it is pulled: by digest, if there is one
    identity: str  # what the release is named after: the digest in hex
    gateway: str


Read = t.Callable[..., t.Any]


def reference(image: str, version: str, digest: str) -> str:
    """Return an image as it is pulled. With a digest its tag says nothing, and is left out."""
    name = image.replace("{version}", version)
    if not digest:
        return name
    return "{}@{}".format(re.sub(r":[^:/]+$", "", name), digest)


def check(
    read: Read, *, address: str, cluster: bool, version: str, accepted: t.Collection[str], engine: t.Mapping[str, t.Any], file_digest: t.Callable[[str], str]
) -> tuple[dict[str, t.Any], Findings]:
    """Return the problems of the container that is asked for, and what it needs. ``engine`` is ``docker`` of qdrant_node_info."""
    found = Findings()
    image, identity = _image(read, version, accepted, file_digest, found)
    gateway = _network(read, address, cluster, accepted, found)
    _engine(read, engine, found)
    _limits(read, found)
    return asdict(Wanted(image, identity, gateway)), found


def _image(read: Read, version: str, accepted: t.Collection[str], file_digest: t.Callable[[str], str], found: Findings) -> tuple[str, str]:
    """Return the image's reference and what identifies it."""
    image, digest, archive = (str(read(name, "") or "") for name in ("qdrant_image", "qdrant_image_digest", "qdrant_image_archive"))
    checksum = str(read("qdrant_checksum", "") or "").removeprefix("sha256:").lower()
    if str(read("qdrant_binary_file", "") or ""):
        remedy = "Use qdrant_image or qdrant_image_archive, or qdrant_deployment: systemd"
        found.refuse("qdrant_binary_file", "a container runs the server of its image", remedy)
    if archive:
        if digest:
            found.refuse("qdrant_image_digest", "an image that is loaded from a file has none", "Set qdrant_checksum to the file's SHA-256 instead")
        if not os.path.isfile(archive):
            found.refuse("qdrant_image_archive", f"{archive} is no file on the controller", "Write the path of an archive of docker save")
        elif not checksum:
            remedy = f"Nothing unverified is installed: set it to the output of sha256sum {archive}"
            found.refuse("qdrant_checksum", "nothing is known of the image's archive", remedy)
        elif file_digest(archive) != checksum:
            found.refuse("qdrant_checksum", f"it is not the SHA-256 of {archive}", "Check where the file came from before you change it")
        return os.path.basename(archive), checksum
    name = image.replace("{version}", version)
    if "@" in name or name.startswith("sha256:") or _values.written(_values.image, name, "") != name:
        what = f"{_values.shown(name)} is no image's name"
        found.refuse("qdrant_image", what, "Write it without its digest, such as docker.io/qdrant/qdrant:v1.19.0-unprivileged")
    if digest and not DIGEST.fullmatch(digest):
        found.refuse("qdrant_image_digest", "it is no digest", "Write sha256: and 64 hexadecimal digits, as docker images --digests prints them")
    elif not digest and "image-unpinned" not in accepted:
        found.problems.append(risk_problem("qdrant_image_digest", "it is empty, and whoever holds the registry could exchange the server", "image-unpinned"))
    return reference(image, version, digest), digest.removeprefix("sha256:")


def _network(read: Read, address: str, cluster: bool, accepted: t.Collection[str], found: Findings) -> str:
    """Return the gateway of the container's network: the host's address in there; empty on the host's network, and where it makes no sense."""
    pattern = read("qdrant_docker_network", "published")
    if pattern not in NETWORKS:
        found.refuse("qdrant_docker_network", f"there is no pattern {pattern!r}", "Write {}".format(", ".join(NETWORKS)))
        return ""
    if pattern == "internal" and cluster:
        what = "peers could not reach each other: an internal network has no way out of its host"
        found.refuse("qdrant_docker_network", what, "Write published, with the firewall naming the peers, or host")
    if pattern == "host":
        return ""
    if ":" in address:
        remedy = "Use qdrant_docker_network: host, or qdrant_deployment: systemd"
        found.refuse("qdrant_address", "the container's network has IPv4 alone, and the node's address is IPv6", remedy)
    if pattern == "published":
        _publish(read("qdrant_docker_publish", [address]), accepted, found)
    try:
        subnet = ipaddress.IPv4Network(_values.network_text(read("qdrant_docker_subnet", "")))
    except ValueError as error:
        found.refuse("qdrant_docker_subnet", f"it is no network ({error})", "Write a private one that nothing else on the host uses, such as 172.31.253.0/29")
        return ""
    if not subnet.is_private or subnet.prefixlen > 29:
        found.refuse("qdrant_docker_subnet", f"{subnet} is not private, or too small", "Write a private network of /29 or larger, such as 172.31.253.0/29")
        return ""
    gateway = str(subnet[1])
    container = str(read("qdrant_docker_address", ""))
    if container not in {str(host) for host in list(subnet.hosts())[1:]}:
        what = f"{container} is no address of a container in {subnet}"
        found.refuse("qdrant_docker_address", what, f"Write one behind the gateway's, such as {subnet[2]}")
    if _within(address, subnet):
        found.refuse("qdrant_docker_subnet", f"the node's own address, {address}, lies in it", "Use another network for the container")
    return gateway


def _within(address: str, subnet: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.ip_address(address) in subnet
    except ValueError:  # refused elsewhere
        return False


def _publish(addresses: t.Any, accepted: t.Collection[str], found: Findings) -> None:
    where = "qdrant_docker_publish"
    if not isinstance(addresses, list) or not addresses:
        found.refuse(where, "it is no list of addresses", "Write ['{{ qdrant_address }}']")
        return
    for entry in addresses:
        if str(entry) in ANY:
            if "bind-all-addresses" not in accepted:
                found.problems.append(risk_problem(where, f"{str(entry)!r} is every network of the host", "bind-all-addresses"))
            continue
        if ":" in _values.written(_values.address, entry, ":"):
            found.refuse(where, f"{_values.shown(entry)} is no IPv4 address", "Write addresses of the host, such as 192.0.2.11")


def _engine(read: Read, engine: t.Mapping[str, t.Any], found: Findings) -> None:
    """Whether the host's engine can be used; one that is not there yet can be installed."""
    if read("qdrant_docker_install", False) and not engine.get("version") and engine.get("distribution") not in (None, "", "debian", "ubuntu"):
        what = "the role installs the engine on Debian and Ubuntu alone, and this is {}".format(engine["distribution"])
        found.refuse("qdrant_docker_install", what, "Install the engine yourself, and leave this out")
    if not engine.get("cli") or not engine.get("version"):
        if engine.get("cli") and not read("qdrant_docker_install", False):
            found.refuse("qdrant_deployment", "the host's Docker engine does not answer", "Start it: systemctl start docker")
        elif not read("qdrant_docker_install", False):
            found.refuse("qdrant_deployment", "the host has no Docker engine", "Install one, or let the role: qdrant_docker_install: true")
        return
    if int(re.match(r"\d*", str(engine["version"]))[0] or 0) < MINIMUM_VERSION:  # type: ignore[index]
        found.refuse("qdrant_deployment", "Docker {} is too old".format(engine["version"]), "Update the host's engine to %d.10 or later" % MINIMUM_VERSION)
    if engine.get("userns"):
        what = "the host's engine maps users (userns-remap), and data and secrets would belong to others in the container"
        found.refuse("qdrant_deployment", what, "The server has no root to map: switch userns-remap off for this host, or write systemd")


def _limits(read: Read, found: Findings) -> None:
    memory = str(read("qdrant_memory_max", "infinity"))
    if memory != "infinity" and not MEMORY.fullmatch(memory):
        found.refuse("qdrant_memory_max", f"Docker does not know {memory!r}", "Write bytes, with K, M or G, such as 16G")
    cpus = read("qdrant_docker_cpus", 0)
    try:
        _values.number(cpus)
    except _values.BadValue:
        found.refuse("qdrant_docker_cpus", f"{_values.shown(cpus)} is no number of processors", "Write one such as 1.5, or 0 for all")
