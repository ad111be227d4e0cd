# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a node keeps its parts and is to be found, and how what it wrote is read."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

from ansible_collections.hardened.qdrant.plugins.module_utils import _node, _read, _wire

# Bytes of a text, such as the kernel's table of connections, with 150 for each.
LONGEST = 64 << 20
Json = dict[str, t.Any]
# Seconds: within a host an answer takes milliseconds.
LOCAL_TIMEOUT = 6.0


@dataclass(frozen=True)
class Place:
    """Where a node keeps its parts and is to be found."""

    unit: str
    user: str
    install_dir: str
    config_dir: str
    data_dir: str
    snapshots_dir: str
    address: str
    http_port: int
    grpc_port: int
    p2p_port: int | None
    # How the server runs; where it listens, which in a container is not where it is asked; and the interface of the container's network.
    deployment: str = "systemd"
    bind_address: str | None = None
    bridge: str = ""
    # What its certificate is verified by, if that is not the address.
    server_name: str = ""

    @property
    def in_container(self) -> bool:
        return self.deployment == "docker"

    @property
    def layout(self) -> _node.Layout:
        return _node.Layout(self.unit, self.install_dir, self.config_dir, self.data_dir)

    @property
    def secrets(self) -> str:
        return os.path.join(self.config_dir, "secrets.yaml")

    @property
    def tls(self) -> str:
        return os.path.join(self.config_dir, "tls", "current")

    @property
    def trust(self) -> str:
        return os.path.join(self.tls, "ca.crt")

    def ports(self) -> dict[str, _wire.Target]:
        ports = {"rest": self.http_port, "grpc": self.grpc_port, "p2p": self.p2p_port}
        return {name: _wire.Target(self.address, port) for name, port in ports.items() if port}


def read(path: str) -> str:
    return _read.text(path, LONGEST)
