# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects what the checks of _preflight need from a node's variables, and puts their findings into one message."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import time
import typing as t
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _network, _preflight, _settings, _variables
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

display = Display()

FOLDERS = ("qdrant_install_dir", "qdrant_config_dir", "qdrant_data_dir", "qdrant_snapshots_dir")
PORTS = ("qdrant_http_port", "qdrant_grpc_port", "qdrant_p2p_port")


@lru_cache
def digest(path: str, _size: int, _time: float) -> str:
    """SHA-256 of a file on the controller, once per content and run."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ActionModule(ActionBase):
    """Refuses bad input, and returns what the rest of the run needs. Nothing that it returns is secret."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        self._vars = task_vars or {}
        self._problems: list[Problem] = []
        self._warnings: list[str] = []
        name = self._vars["inventory_hostname"]
        try:
            result.update(self._check(name))
        except _variables.VariableError as error:
            self._problems.append(Problem("host %s" % name, str(error).rstrip("."), "Mend the variable"))
        if self._problems:
            lines = "\n".join("  - %s" % problem for problem in dict.fromkeys(self._problems))
            raise AnsibleActionFail("The input for %s was refused, and nothing was changed:\n%s" % (name, lines))
        for warning in self._warnings:
            display.warning("%s: %s" % (name, warning))
        return {**result, "changed": False, "warnings_found": self._warnings}

    # Variables

    def _read(self, name: str, default: t.Any = None) -> t.Any:
        return _variables.read(self._templar, self._vars, name, default)

    def _secret(self, name: str) -> t.Any:
        """A variable that may not be readable; then that is the problem, and it counts as not set."""
        try:
            return self._read(name, "")
        except _variables.VariableError as error:
            self._problems.append(Problem(name, str(error).rstrip("."), "It must be readable"))
            return None

    def _take(self, found: _preflight.Findings | list[Problem]) -> None:
        if isinstance(found, list):
            self._problems += found
        else:
            self._problems += found.problems
            self._warnings += found.warnings

    def _of_host(self, host: str, name: str) -> t.Any:
        """A variable of another host, as its inventory and facts give it."""
        variables = self._vars["hostvars"].get(host, {})
        try:
            return variables.get(name)
        except Exception:  # whatever keeps a peer's variable from being templated, it is not known here
            return None

    def _address_of(self, host: str) -> str:
        """A node's address: set in its inventory, or its default IPv4 address."""
        if host == self._vars["inventory_hostname"]:
            return str(self._read("qdrant_address", "") or "")
        return _variables.address_of(host, self._vars["hostvars"])

    # Checks

    def _check(self, name: str) -> dict[str, t.Any]:
        names = list(self._vars["groups"].get(self._read("qdrant_nodes_group"), []))
        states = {host: self._of_host(host, "__qdrant_node") or {} for host in names}
        addresses = {host: self._address_of(host) for host in names}
        ports = {port: self._read(port) for port in PORTS}
        cluster = bool(self._read("qdrant_cluster_enabled"))
        version = _preflight.parse_version(self._read("qdrant_version")) or (0, 0, 0)
        accepted, problems = _preflight.accepted_risks(self._read("qdrant_accepted_risks"))
        self._take(problems)

        self._take(_preflight.check_keys(self._secret("qdrant_api_key"), self._secret("qdrant_read_only_api_key"), self._read("qdrant_jwt_rbac")))
        self._check_authority()
        self._take(_preflight.check_addresses(addresses, name, cluster))
        self._take(_preflight.check_ports(ports))
        self._take(_preflight.check_paths({folder: self._read(folder) for folder in FOLDERS}))
        self._take(_preflight.check_cluster(names, self._unreachable(names), cluster, states.get(name, {}).get("cluster_scheme"), name))
        self._take(_preflight.check_clock(states.get(name, {}).get("time"), time.time(), name))
        firewall = self._check_firewall([address for host, address in addresses.items() if host != name], states.get(name, {}), accepted)
        self._check_release(states.get(name, {}), accepted)
        settings = self._check_settings(addresses.get(name, ""), ports, cluster, version, accepted)
        if self._read("qdrant_deployment") != "systemd":
            self._problems.append(Problem("qdrant_deployment", "there is no such deployment", "Write systemd"))

        uris = {host: self._uri(address, ports["qdrant_p2p_port"]) for host, address in addresses.items()}
        return {
            "settings": settings,
            "peers": [{"name": host, "address": addresses[host]} for host in names if host != name],
            "firewall": firewall,
            "uri": uris.get(name, ""),
            "bootstrap": _preflight.bootstrap(name, names, states, uris, cluster) if name in names else "",
            "accepted": [{"risk": risk, "reason": reason} for risk, reason in accepted.items()],
        }

    def _check_authority(self) -> None:
        certificate, key = self._secret(_authority.CERTIFICATE_VARIABLE), self._secret(_authority.KEY_VARIABLE)
        if certificate is None or key is None:  # already a problem
            return
        days = self._read("qdrant_tls_validity_days", 90)
        try:
            _authority.load(certificate, key, datetime.now(timezone.utc), timedelta(days=int(days)))
        except _authority.AuthorityError as error:
            self._problems += [Problem("TLS", line.rstrip("."), "The role qdrant_tls explains what a CA needs") for line in str(error).splitlines()]

    def _check_firewall(self, peers: list[str], state: dict[str, t.Any], accepted: dict[str, str]) -> dict[str, t.Any]:
        """Who is to be let in and out, and by which of the host's firewalls."""
        wanted, found, meant = _network.plan(
            self._read,
            groups=self._vars["groups"],
            hosts=_network.host_variables(self._vars["hostvars"]),
            there=state.get("firewalls") or {},
            peers=_network.peers(self._read, peers),
        )
        if "no-firewall" not in accepted:
            self._take(found)
            clients = self._read("qdrant_firewall_clients", [])
            # Names are checked above; what is left of a list that holds names alone is not an empty list.
            if meant.literals or not meant.named:
                self._take(_preflight.check_clients(meant.literals if isinstance(clients, list) else clients, accepted))
            if wanted["why"] and not found.problems:
                display.display("%s: the firewall is nftables%s" % (self._vars["inventory_hostname"], self._beside(wanted)))
        return wanted

    @staticmethod
    def _beside(wanted: dict[str, t.Any]) -> str:
        told = ", and %s is told as well" % wanted["backend"] if wanted["backend"] != "nftables" else ""
        return "%s: %s" % (told, wanted["why"])

    def _check_release(self, state: dict[str, t.Any], accepted: dict[str, str]) -> None:
        version, file = self._read("qdrant_version"), self._read("qdrant_binary_file")
        checksum = self._read("qdrant_checksum")
        problems = _preflight.check_release(
            version=version,
            checksum=checksum,
            known=self._read("__qdrant_checksums", {}),
            architecture=state.get("architecture"),
            file=file,
            url=self._read("qdrant_download_url"),
        )
        if file and not problems:
            status = os.stat(file)
            if digest(file, status.st_size, status.st_mtime) != str(checksum).removeprefix("sha256:").lower():
                problems.append(Problem("qdrant_checksum", "it is not the SHA-256 of %s" % file, "Check where the file came from before you change it"))
        self._take(problems)
        self._take(_preflight.check_upgrade(state.get("installed_version"), version, accepted))
        parsed = _preflight.parse_version(version)
        if parsed:
            self._warnings += ["Qdrant %s %s." % (version, text) for text in _settings.advisories(parsed)]

    def _check_settings(
        self, address: str, ports: dict[str, t.Any], cluster: bool, version: _settings.Version, accepted: dict[str, str]
    ) -> _settings.Settings:
        config = self._read("qdrant_config")
        self._take(_settings.check(config, version))
        hardened = _settings.hardened(
            address=address,
            http_port=ports["qdrant_http_port"],
            grpc_port=ports["qdrant_grpc_port"],
            p2p_port=ports["qdrant_p2p_port"],
            cluster=cluster,
            version=version,
            jwt_rbac=bool(self._read("qdrant_jwt_rbac")),
            dashboard=bool(self._read("qdrant_dashboard")),
        )
        settings = _settings.merge(hardened, config)
        self._take(_preflight.check_risks(_settings.weakened(settings), address in ("0.0.0.0", "::"), accepted))
        return settings

    def _unreachable(self, names: list[str]) -> list[str]:
        """Nodes of the group that this run lost on its way here."""
        started, left = self._vars.get("ansible_play_hosts_all", []), self._vars.get("ansible_play_hosts", [])
        return [host for host in names if host in started and host not in left]

    @staticmethod
    def _uri(address: str, port: t.Any) -> str:
        try:
            return "https://%s:%s" % ("[%s]" % address if ipaddress.ip_address(address).version == 6 else address, port)
        except ValueError:
            return ""
