# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills in what the module of the same name needs and the inventory knows: where the proxy is, and what it should let through."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _document, _proxy, _tls_providers, _variables

OPTIONS = ("address", "http_port", "grpc_port", "user", "install_dir", "config_dir")


class ActionModule(_action.HostAction):
    """One call of the module, with the inventory's values."""

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = dict(self._task.args)
        try:
            for option in OPTIONS:
                value = _variables.read(self._templar, variables, "qdrant_proxy_" + option)
                if value is not None:
                    arguments.setdefault(option, value)
            arguments.setdefault("server_name", self._server_name(variables))
            opened = _variables.read(self._templar, variables, "qdrant_proxy_open", [])
            arguments.setdefault("closed_paths", _proxy.closed_paths(opened))
            arguments.setdefault("closed_methods", _proxy.closed_methods(opened))
        except _variables.VariableError as error:
            raise AnsibleActionFail(str(error)) from None
        arguments.setdefault("address", _variables.address_of(variables["inventory_hostname"], variables["hostvars"]))
        if not arguments["address"]:
            raise AnsibleActionFail("The proxy's address is not known. Set qdrant_proxy_address in the inventory.")
        result = self._execute_module(module_name="hardened.qdrant.qdrant_proxy_evidence", module_args=arguments, task_vars=variables)
        return _document.sealed_proxy(result, arguments)

    def _server_name(self, variables: dict[str, t.Any]) -> str:
        """Return the name that clients verify the proxy by; empty for its address."""
        group = _variables.read(self._templar, variables, "qdrant_proxy_nodes_group", "qdrant")
        provider = _variables.read(self._templar, variables, "qdrant_proxy_tls_provider", "")
        for node in variables["groups"].get(group, [])[:1]:
            provider = provider or variables["hostvars"][node].get("qdrant_tls_provider", "")
        return _proxy.verified_name(_tls_providers.names_alone(provider), _variables.read(self._templar, variables, "qdrant_proxy_tls_extra_names", []))
