# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes new API keys in a vault file of their own, for a rotation. Never overwrites, never shows."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _files, _init, _vault

NAMES = ("qdrant_api_key", "qdrant_alt_api_key", "qdrant_read_only_api_key")


class ActionModule(_action.ControllerAction):
    """One call, on the controller alone."""

    _VALID_ARGS = frozenset(("file", "names", "vault_id"))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        names = self._task.args.get("names") or ["qdrant_api_key", "qdrant_read_only_api_key"]
        if not isinstance(names, list) or not set(names) <= set(NAMES):
            raise AnsibleActionFail("names is not a list of some of {}.".format(", ".join(NAMES)))
        path = Path(os.path.abspath(os.path.expanduser(str(self._task.args.get("file") or ""))))
        if path.is_dir():
            raise AnsibleActionFail(f"{path} is a folder. Name a file that is yet to be made.")
        if os.path.lexists(path):
            raise AnsibleActionFail(f"{path} is there already, and keys are never overwritten. Name another file, or use the keys that it holds.")
        try:
            encrypt = _vault.encrypter(self._loader, str(self._task.args.get("vault_id") or ""), "hardened.qdrant.new_api_keys")
            _files.look(path)
            if not self._task.check_mode:
                _files.write(path, encrypt(_init.keys(names)), 0o600, 0o700)
        except (_files.FileError, _vault.VaultError) as error:
            raise AnsibleActionFail(str(error)) from None
        return {**result, "changed": True, "file": str(path), "names": list(names)}
