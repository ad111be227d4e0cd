# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills in what the module of the same name needs and the inventory knows: where the node is, and whom to try to reach."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _audit, _container, _document, _limits, _network, _outbound, _own, _variables

# The module's options, and the variables of the role qdrant that they are taken from where the task does not set them.
FROM_VARIABLES = {
    "user": "qdrant_user",
    "install_dir": "qdrant_install_dir",
    "config_dir": "qdrant_config_dir",
    "data_dir": "qdrant_data_dir",
    "snapshots_dir": "qdrant_snapshots_dir",
    "http_port": "qdrant_http_port",
    "grpc_port": "qdrant_grpc_port",
}


class ActionModule(_action.HostAction):
    """One call of the module, with the inventory's values."""

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = dict(self._task.args)
        try:
            self._fill(arguments, variables)
        except (_variables.VariableError, _own.OwnError) as error:
            raise AnsibleActionFail(str(error)) from None
        result = self._execute_module(module_name="hardened.qdrant.qdrant_evidence", module_args=arguments, task_vars=variables)
        return _document.sealed(result, arguments)

    def _fill(self, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> None:
        def read(name: str, default: t.Any = None) -> t.Any:
            return _variables.read(self._templar, variables, name, default)

        name = variables["inventory_hostname"]
        nodes = list(variables["groups"].get(read("qdrant_nodes_group", "qdrant"), []))
        for option, variable in FROM_VARIABLES.items():
            value = read(variable)
            if value is not None:
                arguments.setdefault(option, value)
        arguments.setdefault("node", name in nodes)
        # A proxy is a client of the nodes.
        proxies = variables["groups"].get(read("qdrant_proxy_group", "qdrant_proxy"), [])
        arguments.setdefault("role", "peer" if name in nodes else read("qdrant_verify_role", "client" if name in proxies else "outsider"))
        addresses = {node: _variables.address_of(node, variables["hostvars"]) for node in nodes}
        if arguments["node"]:
            self._fill_container(arguments, read, str(read("qdrant_address") or addresses.get(name) or ""))
            if read("qdrant_cluster_enabled", len(nodes) > 1):
                arguments.setdefault("p2p_port", read("qdrant_p2p_port", 6335))
            # Who should be let in, as of now: names are resolved again, so that one that changed shows.
            meant = _network.clients(read("qdrant_firewall_clients", []), variables["groups"], _network.host_variables(variables["hostvars"]))
            arguments.setdefault("clients", meant.addresses())
            proxied = _audit.behind_proxies(read, arguments["clients"], variables["groups"], variables["hostvars"])
            arguments.setdefault("settings", _audit.shown(read, proxied))
            arguments.setdefault("audit_bytes", _audit.most_bytes(read))
            arguments.setdefault("io_uring", bool(read("qdrant_io_uring", False)))
            arguments.setdefault("limits", _limits.wanted(read))
            arguments.setdefault("peers", _network.peers(read, [address for node, address in addresses.items() if node != name and address]))
            own, bundle = _outbound.fingerprints(read, self._loader)
            arguments.setdefault("authorities", own)
            arguments.setdefault("outbound_authorities", bundle)
            arguments.setdefault("names", _network.names_of(_network.targets(read("qdrant_firewall_targets", []))[0]))
        ports = {"rest": read("qdrant_http_port", 6333), "grpc": read("qdrant_grpc_port", 6334), "p2p": read("qdrant_p2p_port", 6335)}
        unknown = [node for node, address in addresses.items() if not address and (node != name or not arguments["node"])]
        if unknown:
            raise AnsibleActionFail("The address of {} is not known. Set qdrant_address in the inventory.".format(", ".join(unknown)))
        given = read("qdrant_verify_addresses", "auto")
        if given != "auto" and not (isinstance(given, (list, tuple)) and not _network.check_addresses("", list(given), "")):
            raise AnsibleActionFail(f"qdrant_verify_addresses is {given!r}, and must be a list of addresses, such as [2001:db8::12], or auto.")
        others = [node for node in nodes if node != name or not arguments["node"]]
        further = {node: _variables.further_addresses(node, variables["hostvars"]) for node in others}
        arguments.setdefault("targets", [{"name": node, "address": addresses[node], "further": further[node], "ports": ports} for node in others])

    @staticmethod
    def _fill_container(arguments: dict[str, t.Any], read: t.Callable[..., t.Any], address: str) -> None:
        """Where the node asks its server, and where that listens. Variables of a role that did not run have the role's defaults."""
        deployment = read("qdrant_deployment", "systemd")
        pattern, publish = read("qdrant_docker_network", "published"), read("qdrant_docker_publish", [address])
        places = _container.places(deployment, pattern, address, str(read("qdrant_docker_address", _container.ADDRESS)))
        arguments.setdefault("address", places.endpoint)
        arguments.setdefault("deployment", deployment)
        arguments.setdefault("bind_address", places.bind)
        arguments.setdefault("bridge", places.bridge)
        if deployment == "docker":
            arguments.setdefault("container_network", pattern)
            arguments.setdefault("publish", publish if pattern == "published" else [])
