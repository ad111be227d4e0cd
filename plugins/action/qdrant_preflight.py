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
from datetime import UTC, datetime
from functools import lru_cache

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.plugin_utils import (
    _action,
    _audit,
    _container,
    _foreign,
    _inputs,
    _known_settings,
    _limits,
    _network,
    _outbound,
    _own,
    _plaintext,
    _preflight,
    _rotation,
    _secret_settings,
    _settings,
    _tls_providers,
    _tokens,
    _values,
    _variables,
    _weaknesses,
    _weaknesses_file,
)
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

display = Display()

FOLDERS = ("qdrant_install_dir", "qdrant_config_dir", "qdrant_data_dir", "qdrant_snapshots_dir")
PORTS = ("qdrant_http_port", "qdrant_grpc_port", "qdrant_p2p_port")


@lru_cache
def digest(path: str, _size: int, _time: float) -> str:
    """Return SHA-256 of a file on the controller, once per content and run."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ActionModule(_action.ControllerAction):
    """Refuses bad input, and returns what the rest of the run needs. Nothing that it returns is secret."""

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        self._vars = variables
        self._problems: list[Problem] = []
        self._warnings: list[str] = []
        name = self._vars["inventory_hostname"]
        try:
            result.update(self._check(name))
        except _variables.VariableError as error:
            self._problems.append(Problem(f"host {name}", str(error).rstrip("."), "Mend the variable"))
        if self._problems:
            lines = "\n".join(f"  - {problem}" for problem in dict.fromkeys(self._problems))
            raise AnsibleActionFail(f"The input for {name} was refused, and nothing was changed:\n{lines}")
        for warning in self._warnings:
            display.warning(f"{name}: {warning}")
        return {**result, "changed": False, "warnings_found": self._warnings}

    # Variables

    def _read(self, name: str, default: t.Any = None) -> t.Any:
        """Return a variable's value. One of the wrong type is a problem, and the role's default stands in for it while the rest is judged."""
        try:
            return self._typed(name, default)
        except _variables.WrongType as error:
            self._problems.append(Problem(name, error.what, error.remedy))
            return _variables.fallback(name, default)

    def _typed(self, name: str, default: t.Any = None) -> t.Any:
        return _variables.read(self._templar, self._vars, name, default)

    def _secret(self, name: str) -> t.Any:
        """Return a variable that may not be readable; then that is the problem, and it counts as not set."""
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
        """Return a variable of another host, as its inventory and facts give it."""
        variables = self._vars["hostvars"].get(host, {})
        try:
            return variables.get(name)
        except Exception:  # whatever keeps a peer's variable from being templated, it is not known here
            return None

    def _address_of(self, host: str) -> str:
        """Return a node's address: set in its inventory, or as the controller reaches it."""
        if host == self._vars["inventory_hostname"]:
            return _values.written(_values.address, self._read("qdrant_address", "") or "")
        return _variables.address_of(host, self._vars["hostvars"])

    # Checks

    def _check(self, name: str) -> dict[str, t.Any]:
        names = list(self._vars["groups"].get(self._read("qdrant_nodes_group"), []))
        states = {host: self._of_host(host, "__qdrant_node") or {} for host in names}
        addresses = {host: self._address_of(host) for host in names}
        ports = {port: self._read(port) for port in PORTS}
        cluster = bool(self._read("qdrant_cluster_enabled", len(names) > 1))
        self._take(_inputs.check(self._typed, _inputs.NODE, self._vars))
        version = _preflight.parse_version(self._read("qdrant_version")) or (0, 0, 0)
        accepted, problems = _preflight.accepted_risks(self._read("qdrant_accepted_risks"))
        self._take(problems)

        self._take(_preflight.check_keys(self._secret("qdrant_api_key"), self._secret("qdrant_read_only_api_key"), self._read("qdrant_jwt_rbac")))
        self._take(_tokens.check_entries(self._read("qdrant_access", []), self._read("qdrant_jwt_rbac"), accepted))
        others = {key: self._secret(key) for key in ("qdrant_api_key", "qdrant_read_only_api_key")}
        self._take(_rotation.check_alternate(self._secret("qdrant_alt_api_key"), others, version))
        self._take(_plaintext.check(_plaintext.of_node(self._vars), accepted, _variables.origin))
        tls = self._check_tls(names, states)
        outbound = self._check_outbound(accepted)
        self._take(_preflight.check_addresses(addresses, name, cluster))
        self._take(_preflight.check_own_address(addresses.get(name, ""), states.get(name, {}).get("has_addresses"), name))
        self._take(_preflight.check_ports(ports))
        self._take(_preflight.check_paths({folder: self._read(folder) for folder in FOLDERS}))
        self._take(_preflight.check_cluster(names, self._unreachable(names), cluster, states.get(name, {}).get("cluster_scheme"), name))
        self._take(_preflight.check_clock(states.get(name, {}).get("time"), time.time(), name))
        firewall = self._check_firewall([address for host, address in addresses.items() if host != name], states.get(name, {}), accepted)
        deployment = self._read("qdrant_deployment")
        if deployment not in _container.DEPLOYMENTS:
            self._problems.append(Problem("qdrant_deployment", "there is no such deployment", "Write {}".format(" or ".join(_container.DEPLOYMENTS))))
        places = self._places(addresses.get(name, ""))
        container = self._check_container(addresses.get(name, ""), cluster, states.get(name, {}), accepted) if deployment == "docker" else {}
        self._check_release(states.get(name, {}), accepted, deployment)
        self._take(_preflight.check_upgrade(states, self._read("qdrant_version"), accepted))
        take_over = self._check_foreign(states.get(name, {}), deployment, places.bridge, accepted)
        proxied = _audit.behind_proxies(self._read, firewall.get("clients", []), self._vars["groups"], self._vars["hostvars"])
        settings = self._check_settings(places.bind, ports, cluster, version, accepted, proxied)
        self._take(_settings.check_quotas({**{host: self._of_host(host, "qdrant_config") or {} for host in names}, name: self._read("qdrant_config")}))
        waits = _rotation.without_internal_auth(states, name) if _settings.lookup(settings, "service.enforce_internal_auth") is True else []
        if waits:
            # The server's own default is not to ask. A later part of the run, or the next one, finds all nodes upgraded.
            del settings["service"]["enforce_internal_auth"]

        uris = {host: self._uri(address, ports["qdrant_p2p_port"]) for host, address in addresses.items()}
        return {
            "settings": settings,
            "internal_auth_waits": waits,
            "peers": [{"name": host, "address": addresses[host]} for host in names if host != name],
            "firewall": {**firewall, "bridge": places.bridge},
            "outbound": outbound,
            "endpoint": places.endpoint,
            "local": places.local,
            "container": container,
            "uri": uris.get(name, ""),
            "bootstrap": _preflight.bootstrap(name, names, states, uris, cluster) if name in names else "",
            "tls": {"phase": tls.phase, "steps": tls.steps, "bundles": tls.bundles},
            "take_over": take_over,
            "accepted": [{"risk": risk, "reason": reason} for risk, reason in accepted.items()],
        }

    def _check_tls(self, names: list[str], states: dict[str, dict[str, t.Any]]) -> _tls_providers.Plan:
        """Return where certificates come from, and which phase of a replacement of the CA the nodes are in."""
        cluster = _tls_providers.Cluster(
            names,
            {host: state.get("tls") or {} for host, state in states.items() if state},
            self._read("qdrant_restart_strategy", "rolling") == "rolling",
        )
        host = _tls_providers.Host(
            name=self._vars["inventory_hostname"],
            read=lambda variable: self._read(variable, _variables.fallback(variable, "")),
            secret=self._secret,
            loader=self._loader,
            needed=self._needed(),
            now=datetime.now(UTC),
        )
        try:
            provider = _tls_providers.named(self._read("qdrant_tls_provider", _tls_providers.DEFAULT))
        except _values.BadValue as error:
            self._problems.append(Problem("qdrant_tls_provider", error.what, error.remedy))
            return _tls_providers.Plan()
        found, plan = provider.node(host, cluster)
        self._take(found)
        days = [self._read(f"qdrant_tls_{which}_days", default) for which, default in (("warn", 30), ("fail", 7), ("validity", 90))]
        self._take(_preflight.check_expiry(*days, provider.source == _tls_providers.CONTROLLER))
        return plan

    def _check_outbound(self, accepted: dict[str, str]) -> dict[str, str]:
        """Whom the server's outgoing connections trust: {credential, pem}, the text of a bundle of the user's."""
        try:
            credential, found, pem = _outbound.wanted(self._read, self._loader)
        except _own.OwnError as error:
            what, _dot, remedy = str(error).removeprefix(_outbound.VARIABLE).strip().rstrip(".").partition(". ")
            self._problems.append(Problem(_outbound.VARIABLE, "it " + what, remedy or "Name a file on the controller with the CAs in PEM form"))
            return {"credential": _outbound.OWN, "pem": ""}
        if found:
            self._take(_outbound.check(found, str(self._read(_outbound.VARIABLE)), accepted, datetime.now(UTC)))
        return {"credential": credential, "pem": pem}

    def _needed(self) -> list[str]:
        """What a certificate of the user's must name: the address that peers use, and what clients were said to use."""
        address = str(self._read("qdrant_address", "") or "")
        addresses = [self._read("qdrant_tls_address") or address, *self._read("qdrant_tls_extra_addresses", [])]
        # The node itself asks the server there, and verifies.
        addresses += {self._places(address).endpoint} - {address, *addresses}
        return [f"IP:{address}" for address in addresses] + [f"DNS:{name}" for name in self._read("qdrant_tls_extra_names", [])]

    def _check_firewall(self, peers: list[str], state: dict[str, t.Any], accepted: dict[str, str]) -> dict[str, t.Any]:
        """Who is to be let in and out, and by which of the host's firewalls."""
        wanted, found, meant = _network.plan(
            self._read,
            groups=self._vars["groups"],
            hosts=_network.host_variables(self._vars["hostvars"]),
            there=state.get("firewalls") or {},
            peers=_network.peers(self._read, peers),
            nodes=peers,
        )
        if "no-firewall" not in accepted:
            self._take(found)
            clients = self._read("qdrant_firewall_clients", [])
            # Names are checked above; what is left of a list that holds names alone is not an empty list.
            if meant.literals or not meant.named:
                self._take(_preflight.check_clients(meant.literals if isinstance(clients, list) else clients))
            self._take(_preflight.check_wide("qdrant_firewall_clients", meant.addresses(), accepted))
            if wanted["why"] and not found.problems:
                display.display("{}: the firewall is nftables{}".format(self._vars["inventory_hostname"], self._beside(wanted)))
        return wanted

    @staticmethod
    def _beside(wanted: dict[str, t.Any]) -> str:
        told = ", and {} is told as well".format(wanted["backend"]) if wanted["backend"] != "nftables" else ""
        return "{}: {}".format(told, wanted["why"])

    def _places(self, address: str) -> _container.Places:
        pattern, container_address = self._read("qdrant_docker_network"), str(self._read("qdrant_docker_address", ""))
        return _container.places(self._read("qdrant_deployment"), pattern, address, container_address)

    def _check_container(self, address: str, cluster: bool, state: dict[str, t.Any], accepted: dict[str, str]) -> dict[str, t.Any]:
        """Return the container that is asked for, and whether the host can run it."""

        def file_digest(path: str) -> str:
            status = os.stat(path)
            return digest(path, status.st_size, status.st_mtime)

        wanted, found = _container.check(
            self._read,
            address=address,
            cluster=cluster,
            version=str(self._read("qdrant_version")),
            accepted=accepted,
            engine={**(state.get("docker") or {}), "distribution": (state.get("machine") or {}).get("distribution")},
            file_digest=file_digest,
        )
        self._take(found)
        return wanted

    def _check_foreign(self, state: dict[str, t.Any], deployment: str, bridge: str, accepted: dict[str, str]) -> dict[str, t.Any]:
        """What somebody else made, and stands in the way. Return what of it is to be taken over."""
        wanted, found = _foreign.accepted(self._read(_foreign.VARIABLE, []))
        self._take(found)
        judged = _foreign.node(
            state,
            user=str(self._read("qdrant_user", "qdrant")),
            unit=self._read("__qdrant_unit", "qdrant.service"),
            deployment=deployment,
            bridged=bool(bridge),
            firewall="no-firewall" not in accepted,
            timer=boolean(self._read("qdrant_tls_timer", False), strict=False),
            audit=_audit.is_wanted(self._read, _preflight.parse_version(self._read("qdrant_version")) or (0, 0, 0)),
            firewall_file=str(self._read("qdrant_firewall_file", "") or "{}/firewall.nft".format(self._read("qdrant_config_dir"))),
            wanted=wanted,
        )
        self._take(judged.problems)
        self._warnings += _foreign.unneeded(wanted, judged.taken)
        return judged.taken

    def _check_release(self, state: dict[str, t.Any], accepted: dict[str, str], deployment: str) -> None:
        version, file = self._read("qdrant_version"), self._read("qdrant_binary_file")
        checksum = self._read("qdrant_checksum")
        pinned, known = self._read("qdrant_checksums", {}), self._read("__qdrant_checksums", {})
        self._take(_preflight.check_checksums(pinned, known))
        # An image is checked with its container; what a version must be like is the same.
        problems = _preflight.check_release(
            version=version,
            checksum=checksum,
            known=_preflight.known_checksums(pinned, known),
            architecture=state.get("architecture"),
            file=file,
            url=self._read("qdrant_download_url"),
        )
        if deployment == "docker":
            problems = [problem for problem in problems if problem.where == "qdrant_version"]
        elif file and not problems:
            status = os.stat(file)
            if digest(file, status.st_size, status.st_mtime) != str(checksum).removeprefix("sha256:").lower():
                problems.append(Problem("qdrant_checksum", f"it is not the SHA-256 of {file}", "Check where the file came from before you change it"))
        self._take(problems)
        parsed = _preflight.parse_version(version)
        if parsed:
            self._warnings += [f"Qdrant {version} {text}." for text in self._weaknesses().of(parsed)]

    def _weaknesses(self) -> _weaknesses.Known:
        """Return the list of weaknesses, the collection's own where the user's cannot be used."""
        try:
            known, warnings = _weaknesses_file.load(str(self._read(_weaknesses.VARIABLE, "") or ""), datetime.now(UTC).date())
        except _weaknesses_file.Refused as error:
            self._problems.append(error.problem)
            return _weaknesses.own()
        self._warnings += warnings
        return known

    def _check_settings(
        self, address: str, ports: dict[str, t.Any], cluster: bool, version: _settings.Version, accepted: dict[str, str], proxied: bool
    ) -> _settings.Settings:
        """Return the node's settings without secrets. ``proxied``: whether all its clients are proxies of this collection."""
        config = self._read("qdrant_config")
        self._take(_known_settings.check(config, version, accepted))
        self._take(_secret_settings.check(config))
        self._take(_settings.check_audit(_audit.is_wanted(self._read, version), version))
        hardened = _settings.hardened(
            address=address,
            http_port=ports["qdrant_http_port"],
            grpc_port=ports["qdrant_grpc_port"],
            p2p_port=ports["qdrant_p2p_port"],
            cluster=cluster,
            version=version,
            jwt_rbac=bool(self._read("qdrant_jwt_rbac")),
            dashboard=bool(self._read("qdrant_dashboard")),
            audit=_audit.settings(self._read, version, proxied),
        )
        settings = _settings.merge(hardened, config if isinstance(config, dict) else {})
        weakened = [risk for risk in _settings.weakened(settings) if risk.name != "audit-forwarded-headers" or not proxied]
        self._take(_preflight.check_risks(weakened, address in ("0.0.0.0", "::"), accepted))
        self._take(_limits.check_io_uring(settings, self._read("qdrant_io_uring")))
        inference = _settings.lookup(settings, "inference.address")
        # Names among the targets are resolved for it.
        targets = _network.targets(self._read("qdrant_firewall_targets", []))[0] if inference else []
        self._take(_preflight.check_inference(inference, targets, accepted))
        # What is secret goes the way of the API keys, by the action plugin of qdrant_files.
        return _secret_settings.split(settings)[0]

    def _unreachable(self, names: list[str]) -> list[str]:
        """Return nodes of the group that this run lost on its way here."""
        started, left = self._vars.get("ansible_play_hosts_all", []), self._vars.get("ansible_play_hosts", [])
        return [host for host in names if host in started and host not in left]

    @staticmethod
    def _uri(address: str, port: t.Any) -> str:
        try:
            return "https://{}:{}".format(f"[{address}]" if ipaddress.ip_address(address).version == 6 else address, port)
        except ValueError:
            return ""
