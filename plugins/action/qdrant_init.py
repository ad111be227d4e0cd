# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the files that a new deployment starts from, on the controller, and never overwrites one."""

from __future__ import annotations

import os
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _authority, _files, _init, _pinning, _releases, _vault

INVENTORIES = ("hosts", "hosts.yml", "hosts.yaml", "hosts.ini", "inventory", "inventory.yml", "inventory.yaml")


class ActionModule(_action.ControllerAction):
    """One call, on the controller alone."""

    _VALID_ARGS = frozenset(("dir", "group", "vault_id", "common_name", "what", "release", "api_url", "image", "ca_file", "download_url", "timeout"))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        arguments = {"group": "qdrant", "vault_id": "", "what": "deployment", **self._task.args}
        if arguments["what"] not in ("deployment", "next_ca", "client_ca"):
            raise AnsibleActionFail("what is {!r} and must be deployment, next_ca or client_ca.".format(arguments["what"]))
        folder = Path(os.path.abspath(os.path.expanduser(arguments["dir"])))
        settings = folder / "group_vars" / arguments["group"]
        created: list[str] = []
        kept: list[str] = []
        told: list[str] = []

        def put(path: Path, text: str, mode: int) -> None:
            """Write a file or, in check mode, see that it could be written."""
            _files.look(path)
            if not self._task.check_mode:
                _files.write(path, text, mode)

        def create(path: Path, text: t.Callable[[], str], mode: int) -> None:
            """Make a file in one step, if there is none."""
            if os.path.lexists(path):
                kept.append(str(path))
                return
            created.append(str(path))
            put(path, text(), mode)

        def release() -> None:
            """Pin a release for a new deployment, first of all: with anything there, a version was chosen, if only by leaving it to the collection."""
            if settings.is_dir() and any(settings.iterdir()):
                return
            pinned, lines = _pinning.first(settings, arguments, now.date(), self._task.check_mode)
            told.extend(lines)
            if pinned:
                created.append(str(settings / _releases.FILE))

        def deployment() -> None:
            release()
            if any((folder / name).exists() for name in INVENTORIES):
                kept.append(str(next(folder / name for name in INVENTORIES if (folder / name).exists())))
            else:
                create(folder / "hosts.yml", lambda: _init.HOSTS.format(group=arguments["group"]), 0o644)
            create(settings / "main.yml", lambda: _init.SETTINGS, 0o644)
            # Beside the vault, where an inventory folder does not take it for an inventory.
            vault_file, ca_file = settings / "vault.yml", settings / "ca.crt"
            if os.path.lexists(vault_file):
                kept.append(str(vault_file))
            else:
                encrypt = _vault.encrypter(self._loader, arguments["vault_id"], "hardened.qdrant.init")
                text, certificate = _init.vault(arguments.get("common_name") or "Qdrant cluster CA", now)
                # The vault last: while it is missing, the next run makes both anew, and they match.
                put(ca_file, certificate, 0o644)
                created.append(str(ca_file))
                create(vault_file, lambda: encrypt(text), 0o600)

        def next_ca() -> None:
            """The CA that a rollover ends with: a vault of its own, so that no other file is touched. Its name tells it from the one in use."""
            if not settings.is_dir():
                raise AnsibleActionFail(f"{settings} is no folder of group variables. Set qdrant_init_dir to the folder of your inventory.")
            vault_file = settings / "vault_next_ca.yml"
            if os.path.lexists(vault_file):
                kept.append(str(vault_file))
                return
            encrypt = _vault.encrypter(self._loader, arguments["vault_id"], "hardened.qdrant.next_ca")
            name = arguments.get("common_name") or f"Qdrant cluster CA {now.date().isoformat()}"
            create(vault_file, lambda: encrypt(_init.next_vault(name, now)), 0o600)

        def client_ca() -> None:
            """The CA of clients' certificates: a vault of its own beside the proxies' settings."""
            if not (folder / "group_vars").is_dir():
                raise AnsibleActionFail(f"{folder} holds no group variables. Set qdrant_init_dir to the folder of your inventory.")
            vault_file = settings / "vault_client_ca.yml"
            if os.path.lexists(vault_file):
                kept.append(str(vault_file))
                return
            encrypt = _vault.encrypter(self._loader, arguments["vault_id"], "hardened.qdrant.client_ca")
            create(vault_file, lambda: encrypt(_init.client_vault(arguments.get("common_name") or "Qdrant clients CA", now)), 0o600)

        now = datetime.now(UTC)
        try:
            {"next_ca": next_ca, "client_ca": client_ca, "deployment": deployment}[arguments["what"]]()
        except (_authority.AuthorityError, _files.FileError, _pinning.PinningError, _vault.VaultError) as error:
            raise AnsibleActionFail(str(error)) from None
        return {**result, "changed": bool(created), "created": created, "kept": kept, "release": told}
