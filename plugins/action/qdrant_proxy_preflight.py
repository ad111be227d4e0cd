# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects what the checks of _proxy need from a proxy's variables and its nodes', and puts their findings into one message."""

from __future__ import annotations

import time
import typing as t
from datetime import UTC, datetime

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.plugin_utils import (
    _action,
    _foreign,
    _inputs,
    _network,
    _own,
    _plaintext,
    _preflight,
    _proxy,
    _settings,
    _tls_providers,
    _values,
    _variables,
)
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

display = Display()

PORTS = ("qdrant_proxy_http_port", "qdrant_proxy_grpc_port")
README = "The README of the role qdrant_proxy lists a proxy's requirements"


class ActionModule(_action.ControllerAction):
    """Refuses bad input, and returns what the rest of the run needs. Nothing that it returns is secret."""

    _VALID_ARGS = frozenset()

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        self._vars = variables
        self._found = Findings()
        name = self._vars["inventory_hostname"]
        try:
            result.update(self._check(name))
        except (_variables.VariableError, _own.OwnError) as error:
            self._found.problems.append(Problem(f"proxy {name}", str(error).rstrip("."), README))
        if self._found.problems:
            lines = "\n".join(f"  - {problem}" for problem in dict.fromkeys(self._found.problems))
            raise AnsibleActionFail(f"The input for the proxy {name} was refused, and nothing was changed:\n{lines}")
        for warning in self._found.warnings:
            display.warning(f"{name}: {warning}")
        return {**result, "changed": False, "warnings_found": self._found.warnings}

    # Variables

    def _read(self, name: str, default: t.Any = None) -> t.Any:
        """Return a variable's value. One of the wrong type is a problem, and the role's default stands in for it while the rest is judged."""
        try:
            return self._typed(name, default)
        except _variables.WrongType as error:
            self._found.refuse(name, error.what, error.remedy)
            return _variables.fallback(name, default)

    def _typed(self, name: str, default: t.Any = None) -> t.Any:
        return _variables.read(self._templar, self._vars, name, default)

    def _of_node(self, node: str, name: str, default: t.Any = None) -> t.Any:
        """Return a variable of a node, as its inventory and this run give it."""
        return _variables.of_host(node, self._vars["hostvars"], name, default)

    def _take(self, found: Findings) -> None:
        self._found.problems += found.problems
        self._found.warnings += found.warnings

    # Checks

    def _check(self, name: str) -> dict[str, t.Any]:
        group, now = self._read("qdrant_proxy_nodes_group", "qdrant"), datetime.now(UTC)
        names = list(self._vars["groups"].get(group, []))
        plans = {node: self._of_node(node, "__qdrant_preflight") or {} for node in names}
        plans = {node: plan for node, plan in plans.items() if plan.get("settings")}
        nodes = [self._node(node, plans[node]) for node in names if node in plans]
        self._take(_proxy.check_nodes(name, nodes, [node for node in names if node not in plans], group))
        first = next(iter(plans.values()), {})
        accepted = self._accepted(names)
        secrets = {secret: self._vars.get(secret) for secret in _plaintext.PROXY_SECRETS}
        self._take(Findings(_plaintext.check(secrets, accepted, _variables.origin)))
        self._take(Findings(_inputs.check(self._typed, _inputs.PROXY, self._vars)))
        address = _values.written(_values.address, self._read("qdrant_proxy_address", "") or "")
        ports = {variable: self._read(variable) for variable in PORTS}
        p2p = _settings.lookup(first.get("settings", {}), "cluster.p2p.port")
        self._take(_proxy.check_place(name, address, ports, nodes, p2p))
        self._take(Findings(_preflight.check_paths({variable: self._read(variable) for variable in ("qdrant_proxy_install_dir", "qdrant_proxy_config_dir")})))
        meant = self._clients(accepted)
        # A node of this host that nobody else reaches need not let anybody in.
        allowed = {node: plan["firewall"]["clients"] for node, plan in plans.items() if not plan["local"]}
        self._take(_proxy.check_let_in(name, address, allowed, self._read("qdrant_proxy_group", "qdrant_proxy")))
        numbers = {variable: self._read(variable) for variable in _proxy.NUMBERS}
        dashboard = bool(_settings.lookup(first.get("settings", {}), "service.enable_static_content"))
        self._take(_proxy.check_values(numbers, self._read("qdrant_proxy_open", []), self._read("qdrant_proxy_error_log"), dashboard))
        host = self._read("__qdrant_proxy_host", {})
        self._take(Findings(_preflight.check_clock(host.get("time"), time.time(), name)))
        unit, nginx = self._read("__qdrant_proxy_unit", "qdrant-proxy.service"), self._read("__qdrant_proxy_binary", "/usr/sbin/nginx")
        self._take(Findings(_foreign.proxy(host, user=str(self._read("qdrant_proxy_user", "qdrant-proxy")), unit=unit, nginx=nginx).problems))
        plan = first.get("tls", {})
        bundles = plan.get("bundles", {})
        # What any node trusts, in any phase and by any provider: no client's certificate may come from there.
        trusts = [bundle for other in plans.values() for bundle in other.get("tls", {}).get("bundles", {}).values()]
        client_ca, revoked = self._client_ca(trusts, now)
        tls = self._tls(names, bundles, trusts, address, now)
        responders = self._responders()
        return {
            "nodes": [node.as_dict() for node in nodes],
            "clients": meant.addresses(),
            # As numbers all of them: a running unit that is told of them does not know the word localhost.
            "addresses": sorted({*meant.addresses(), *(node.address for node in nodes), address, "127.0.0.0/8", "::1/128", *responders}),
            "listen": _proxy.bracketed(address),
            "body_mb": self._body_mb(first.get("settings", {})),
            "client_ca": client_ca,
            "revoked": revoked,
            "tls": {**tls, "bundles": bundles, "phase": plan.get("phase", "current"), "steps": plan.get("steps", [])},
        }

    def _body_mb(self, settings: dict[str, t.Any]) -> int:
        """Return the largest body that nodes take, in megabytes."""
        try:
            return _values.integer(_settings.lookup(settings, _proxy.BODY) or _proxy.BODY_MB, 1, _proxy.NUMBERS["qdrant_proxy_snapshot_mb"][1])
        except _values.BadValue as error:
            self._found.refuse(f"qdrant_config.{_proxy.BODY} of the nodes", error.what, error.remedy)
            return _proxy.BODY_MB

    def _accepted(self, names: list[str]) -> dict[str, str]:
        """Return the risks that are accepted, for this host or for the nodes."""
        entries = self._read("qdrant_accepted_risks", None)
        if entries is None and names:
            entries = self._of_node(names[0], "qdrant_accepted_risks", [])
        accepted, problems = _preflight.accepted_risks(entries or [])
        self._found.problems += problems
        return accepted

    def _node(self, name: str, plan: dict[str, t.Any]) -> _proxy.Node:
        seen = (self._of_node(name, "__qdrant_node") or {}).get("tls") or {}
        server_name = _proxy.server_name(
            self._of_node(name, "qdrant_tls_names", [name]),
            self._of_node(name, "qdrant_tls_extra_names", []),
            seen.get("certificate", ""),
            _tls_providers.signs_here(self._of_node(name, "qdrant_tls_provider", _tls_providers.DEFAULT)),
        )
        service = plan["settings"]["service"]
        return _proxy.Node(name, plan["endpoint"], service["http_port"], service["grpc_port"], server_name, plan["local"])

    def _clients(self, accepted: dict[str, str]) -> _network.Meant:
        entries = self._read("qdrant_proxy_clients", [])
        meant = _network.clients(entries, self._vars["groups"], _network.host_variables(self._vars["hostvars"]), where="qdrant_proxy_clients")
        self._take(_proxy.check_clients(meant, entries, accepted))
        return meant

    def _client_ca(self, nodes_trust: list[str], now: datetime) -> tuple[str, list[str]]:
        value = self._read("qdrant_proxy_client_ca", "")
        revoked, found = _proxy.serials(self._read("qdrant_proxy_client_revoked", []))
        self._take(found)
        if not value:
            return "", revoked
        _found, text = _own.authorities(value, self._loader, "qdrant_proxy_client_ca")
        self._take(_proxy.check_client_ca(text, nodes_trust, now))
        return text, revoked

    def _responders(self) -> list[str]:
        addresses = []
        for variable in ("qdrant_proxy_ocsp_resolvers", "qdrant_proxy_ocsp_responders"):
            entries = self._read(variable, [])
            self._take(_proxy.check_addresses(variable, entries))
            addresses += [_values.written(_values.address, entry) for entry in entries]
        return addresses

    def _tls(self, names: list[str], bundles: dict[str, str], trusts: list[str], address: str, now: datetime) -> dict[str, t.Any]:
        """Return where the proxy's certificate comes from. The CA that signs by itself was checked with the nodes."""
        theirs = self._of_node(names[0], "qdrant_tls_provider", _tls_providers.DEFAULT) if names else _tls_providers.DEFAULT
        name = self._read("qdrant_proxy_tls_provider", "") or theirs
        used = (self._read("qdrant_proxy_tls_extra_" + kind, []) for kind in ("names", "addresses"))
        needed = _proxy.needed(_tls_providers.names_alone(name), address, *used)
        host = _tls_providers.Host(
            name=self._vars["inventory_hostname"],
            read=lambda variable: self._read(variable, _variables.fallback(variable, "")),
            secret=lambda variable: self._read(variable, ""),
            loader=self._loader,
            needed=needed,
            now=now,
            prefix=_tls_providers.PROXIES,
        )
        try:
            provider = _tls_providers.named(name, _tls_providers.PROXIES)
            self._take(provider.proxy(host, _tls_providers.Nodes(theirs, next(iter(bundles.values()), ""), trusts)))
        except _values.BadValue as error:
            self._found.refuse("qdrant_proxy_tls_provider", error.what, error.remedy)
        return {"provider": name, "addresses": [entry[3:] for entry in needed if entry.startswith("IP:")]}
