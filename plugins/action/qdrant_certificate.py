# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of qdrant_certificate: signs, in memory, what the module on the node asks for."""

from __future__ import annotations

import time
import typing as t
from datetime import UTC, datetime, timedelta

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import (
    _action,
    _authority,
    _own,
    _requests,
    _rollover,
    _tls_providers,
    _values,
    _variables,
)

MODULE = "hardened.qdrant.qdrant_certificate"


class ActionModule(_action.HostAction):
    """Module, signature, module again. Where nothing is due, the first call is all."""

    set_here = ("source", "issuer", "trust", "pending", "certificate", "private_key")
    sends_secrets = True

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = self._arguments()
        try:
            provider = _tls_providers.named(arguments.get("provider") or _tls_providers.DEFAULT)
        except _values.BadValue as error:
            raise AnsibleActionFail(f"provider: {error}.") from None
        # All that the host is told of it.
        arguments["source"] = provider.source
        names, needed = arguments.get("dns_names") or [], arguments.get("needed") or ()
        arguments["common_name"], arguments["dns_names"] = provider.asked(arguments["common_name"], names, needed)
        if provider.source != _tls_providers.CONTROLLER:
            return self._of_another(provider, arguments, variables)
        life = timedelta(days=int(arguments.get("validity_days") or 90))
        try:
            authority, arguments["trust"] = self._authority(variables, arguments.get("phase") or _rollover.CURRENT, life)
            arguments["issuer"] = authority.pem()
            result = self._ask(arguments, variables)
            if result.get("failed") or "request" not in result:
                return result
            self._compare_clocks(result["time"])
            wanted = self._wanted(arguments)
            request = self._checked(result["request"], wanted, variables)
            arguments["certificate"] = _authority.sign(authority, request, wanted, datetime.now(UTC), life)
        except (_authority.AuthorityError, _requests.RequestError, _variables.VariableError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        return self._install(arguments, result, variables)

    def _install(self, arguments: dict[str, t.Any], result: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the second call of the module, with the certificate. The reasons are the first call's, and so is the state before."""
        installed = self._ask({**arguments, "pending": result.get("pending", "")}, variables)
        if not installed.get("failed"):
            installed["reasons"] = result["reasons"]
            before = (result.get("diff") or {}).get("before", "")
            installed["diff"] = {**(installed.get("diff") or {}), "before": before}
        return installed

    def _ask(self, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's answer. What waits to be signed is the controller's to say, not the host's."""
        result = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables)
        result.pop("waiting", None)
        return result

    @staticmethod
    def _wanted(arguments: dict[str, t.Any]) -> _certificate.Wanted:
        """What the task's arguments ask for, as the module reads them too."""
        return _certificate.Wanted(
            common_name=arguments["common_name"],
            dns_names=list(arguments.get("dns_names") or []),
            ip_addresses=list(arguments.get("ip_addresses") or []),
            key_type=arguments.get("key_type") or "ecdsa-p256",
            issuer=arguments.get("issuer") or "",
            trust=arguments["trust"],
            needed=tuple(arguments.get("needed") or ()),
            purposes=tuple(purpose + "Auth" for purpose in arguments.get("purposes") or ("server", "client")),
        )

    @staticmethod
    def _checked(request: t.Any, wanted: _certificate.Wanted, variables: dict[str, t.Any]) -> str:
        """Return a host's request, if it asks for what is wanted with a key of its own. Raises RequestError."""
        name = variables["inventory_hostname"]
        seen = {}
        for host in set(variables["hostvars"]) - {name}:
            for register in ("__qdrant_node", "__qdrant_proxy_host"):
                try:
                    seen[host] = variables["hostvars"][host][register]["tls"]["certificate"]
                except Exception:  # whatever keeps it from being templated, or from being there: it is not known here
                    continue
        return _requests.check(name, request, wanted, _requests.owners(wanted.trust, seen))

    def _of_another(self, provider: _tls_providers.Provider, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return certificates that another party signs. The preflight has checked what was provided; the node checks it again.

        Who signs a request that waits is not this plugin's business: the user, or tasks of the role that ask a server.
        """
        try:
            trusted, arguments["trust"] = _own.authorities(_variables.read(self._templar, variables, _own.TRUST, ""), self._loader, _own.TRUST)
            if provider.source == _tls_providers.PROVIDED:
                chain, key = (_own.text(_variables.read(self._templar, variables, name, ""), self._loader, name) for name in (_own.CERTIFICATE, _own.KEY))
                arguments["certificate"] = _certificate.pem_of(_certificate.presented(_own.certificates(chain, _own.CERTIFICATE)))
                arguments["private_key"] = _certificate.key_pem(_own.private_key(key))
                return self._provided(arguments, variables)
            result = self._ask(arguments, variables)
            if result.get("failed") or "request" not in result:
                return result
            self._compare_clocks(result["time"])
            wanted = self._wanted(arguments)
            request = self._checked(result["request"], wanted, variables)
            folder = _own.Folder(arguments.get("csr_dir") or "", variables["inventory_hostname"])
            asked_anew = folder.ask(request)
            chain = folder.signed(request)
            if chain is None:
                return {**result, "request": request, "changed": asked_anew, "waiting": folder.request}
            now = datetime.now(UTC)
            arguments["certificate"] = _requests.check_signed(folder.certificate, chain, request, wanted, trusted, provider.unasked, now)
        except (_own.OwnError, _requests.RequestError, _variables.VariableError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        return self._install(arguments, result, variables)

    def _provided(self, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the user's key, only for a node that does not have it and is to be given it."""
        key = arguments.pop("private_key")
        result = self._ask(arguments, variables)
        if result.get("failed") or not result.get("key_wanted") or self._task.check_mode:
            return result
        return self._ask({**arguments, "private_key": key}, variables)

    def _authority(self, variables: dict[str, t.Any], phase: str, life: timedelta) -> tuple[_authority.Authority, str]:
        """Return the CA that signs in a phase, and those that are trusted then."""

        def read(name: str) -> t.Any:
            return _variables.read(self._templar, variables, name)

        signs_next = phase in (_rollover.REISSUE, _rollover.DROP)
        names = _authority.NEXT if signs_next else _authority.IN_USE
        # A CA on its way out need not last as long as a certificate.
        needed = timedelta(0) if phase == _rollover.TRUST else life
        authority = _authority.load(read(names.certificate), read(names.key), datetime.now(UTC), needed, names)
        current, following = (
            authority.pem() if other == names or phase in (_rollover.CURRENT, _rollover.DROP) else _authority.public(read(other.certificate), other)
            for other in (_authority.IN_USE, _authority.NEXT)
        )
        return authority, _rollover.authorities(phase, current, following)[1]

    @staticmethod
    def _compare_clocks(node_time: float) -> None:
        """A node whose clock is far off would refuse a certificate that is valid from now on."""
        apart = abs(time.time() - node_time)
        if apart > _authority.BACKDATE.total_seconds():
            raise AnsibleActionFail(
                "The clocks of node and controller are %d s apart, and a certificate is valid from %d s before now. "
                "Synchronise them (systemctl enable --now systemd-timesyncd) and run again." % (apart, _authority.BACKDATE.total_seconds())
            )
