# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a client's key and certificate on the controller, and puts them where the user says: never into the result."""

from __future__ import annotations

import os
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _authority, _clients, _files, _variables

DEFAULTS = {"validity_days": 90, "key_type": "ecdsa-p256", "force": False, "nodes_group": "qdrant"}


class ActionModule(_action.ControllerAction):
    """One client a call. The CA is read by name: options are shown, variables are not."""

    _VALID_ARGS = frozenset(("name", "dir", *DEFAULTS))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        arguments = {**DEFAULTS, **self._task.args}
        name, key_type, now = arguments.get("name"), arguments["key_type"], datetime.now(UTC)
        try:
            days = int(arguments["validity_days"])
            _clients.check(name, days, key_type)
            folder = self._folder(arguments.get("dir"), variables)
            certificate, key = (
                _variables.read(self._templar, variables, variable, "") for variable in (_authority.CLIENTS.certificate, _authority.CLIENTS.key)
            )
            authority = _authority.load(certificate, key, now, timedelta(days=days), _authority.CLIENTS)
            _clients.check_apart(authority.pem(), self._trust(variables, str(arguments["nodes_group"])))
            files = {ending: folder / (f"{name}.{ending}") for ending in ("crt", "key")}
            there = {ending: self._read(path) for ending, path in files.items()}
            reasons = _clients.due(there["crt"], there["key"], authority.pem(), key_type, now)
            if boolean(arguments["force"]) and not reasons:
                reasons = ["asked for"]
            if reasons and not self._task.check_mode:
                there["key"], there["crt"] = _clients.issue(authority, str(name), key_type, timedelta(days=days), now)
                # The certificate last: while one of the two is old, they do not match, and the next run makes both anew.
                for ending in ("key", "crt"):
                    _files.write(files[ending], str(there[ending]), 0o600, 0o700)
        except _files.FileError as error:
            raise AnsibleActionFail(str(error)) from None
        except (_clients.ClientError, _authority.AuthorityError, _certificate.CertificateError, _variables.VariableError, ValueError) as error:
            raise AnsibleActionFail(f"No certificate was made: {error}") from None
        described = _certificate.describe(_certificate.load_certificates(there["crt"])[0], now) if there["crt"] and not self._waits(reasons) else {}
        return {
            **result,
            "changed": bool(reasons),
            "reasons": reasons,
            "files": [str(path) for path in files.values()],
            "serial": described.get("serial", ""),
            "not_after": described.get("not_after", ""),
        }

    def _waits(self, reasons: list[str]) -> bool:
        """Return whether what is there is about to be replaced."""
        return bool(reasons) and self._task.check_mode

    @staticmethod
    def _folder(given: t.Any, variables: dict[str, t.Any]) -> Path:
        """Return the folder for the files. Raises ClientError for one that Ansible would read as part of the inventory."""
        if not given:
            raise _clients.ClientError("dir is missing. Name a folder on the controller.")
        path = Path(os.path.abspath(os.path.expanduser(str(given))))
        for source in variables.get("ansible_inventory_sources") or []:
            inventory = Path(os.path.abspath(source))
            if os.path.isdir(source) and (inventory == path or inventory in path.parents):
                raise _clients.ClientError(f"{path} is in the inventory's folder, which Ansible reads as a whole. Write a path outside of it.")
        return path

    @staticmethod
    def _read(path: Path) -> str | None:
        """Return a file that is there; None for none, and for one that is open to others."""
        found = _files.look(path)
        return found.data.decode("ascii", "replace") if found and found.private else None

    def _trust(self, variables: dict[str, t.Any], group: str) -> list[str]:
        """Return the CAs that the nodes trust."""
        return _clients.nodes_trust(lambda host, name: variables["hostvars"][host].get(name), variables["groups"].get(group, []), self._loader)
