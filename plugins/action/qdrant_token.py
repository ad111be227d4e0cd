# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a token on the controller, from an entry of ``qdrant_access`` or from options, and puts it where the user says: never into the result."""

from __future__ import annotations

import os
import time
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import yaml
from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _action, _files, _tokens, _variables, _vault
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

display = Display()

GRANT = ("access", "lifetime", "value_exists", "file", "vault")


class ActionModule(_action.ControllerAction):
    """One token a call. The key is read by name: options are shown, variables are not."""

    _VALID_ARGS = frozenset(("application", *GRANT, "key_variable", "show", "force", "vault_id", "known_collections"))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        arguments = {"key_variable": "qdrant_api_key", "show": False, "force": False, "vault_id": "", "known_collections": None, **self._task.args}
        now = time.time()
        try:
            grant = self._grant(arguments, variables)
            key = _variables.read(self._templar, variables, arguments["key_variable"], "")
            token = _tokens.sign(grant, key, now)
            path = self._path(grant, variables)
            there = self._read(path)
            reasons = _tokens.due(grant, there, key, now) if path else ["no file is named, so it is kept nowhere"]
            if boolean(arguments["force"]) and not reasons:
                reasons = ["asked for"]
            if path and reasons and not self._task.check_mode:
                self._write(path, token, grant, arguments["vault_id"])
        except _tokens.TokenError as error:
            raise AnsibleActionFail("No token was made:\n{}".format("\n".join(f"  - {problem}" for problem in error.problems))) from None
        except _variables.VariableError as error:
            raise AnsibleActionFail(f"No token was made: {error}") from None
        except (_files.FileError, _vault.VaultError) as error:
            raise AnsibleActionFail(str(error)) from None
        shown = token if reasons else there
        if boolean(arguments["show"]) and not self._task.check_mode:
            # On the screen alone: a log keeps what it gets.
            display.display(f"{grant.application}: {shown}", screen_only=True)
        unknown = _tokens.unknown_collections(grant, arguments["known_collections"]) if arguments["known_collections"] is not None else []
        if unknown:
            display.warning("The token of {} names collections that the server does not have: {}".format(grant.application, ", ".join(unknown)))
        expires = (_tokens.claims_of(shown or "", key) or {}).get("exp", now)
        return {
            **result,
            "changed": bool(path and reasons),
            "application": grant.application,
            "reasons": reasons,
            "file": str(path) if path else "",
            "expires": datetime.fromtimestamp(expires, UTC).isoformat(timespec="seconds"),
            "may": _access.row(grant.application, "token", "", grant.scope).as_dict()["may"],
            "unknown_collections": unknown,
        }

    def _grant(self, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> _tokens.Grant:
        """What the token is for: options, or the application's entry in the inventory."""
        application = str(arguments.get("application") or "")
        given = {name: arguments[name] for name in GRANT if arguments.get(name) not in (None, "")}
        if "access" in given or "lifetime" in given:
            if "vault" in given:
                given["vault"] = boolean(given["vault"])
            grant, problems = _tokens.parse_entry({"application": application, **given}, 0)
            problems = [Problem(problem.where.replace("qdrant_access[0].", ""), problem.what, problem.remedy) for problem in problems]
        else:
            grants, problems = _tokens.parse_entries(_variables.read(self._templar, variables, "qdrant_access", []))
            grant = next((entry for entry in grants if entry.application == application), None)
            if grant is None and not problems:
                names = ", ".join(entry.application for entry in grants) or "none"
                problems = [Problem("application", f"qdrant_access has no entry {application!r}. It has: {names}", "Add one, or give access and lifetime")]
        if problems or grant is None:
            raise _tokens.TokenError(problems)
        return grant

    @staticmethod
    def _path(grant: _tokens.Grant, variables: dict[str, t.Any]) -> Path | None:
        """Return the token's file. Raises TokenError for one that Ansible would read as part of the inventory, a token as the name of a host."""
        if not grant.file:
            return None
        path = Path(os.path.abspath(os.path.expanduser(grant.file)))
        for source in variables.get("ansible_inventory_sources") or []:
            if os.path.isdir(source) and Path(os.path.abspath(source)) in path.parents:
                what = f"{path} is in the inventory's folder, which Ansible reads as a whole"
                raise _tokens.TokenError([Problem(f"file of {grant.application}", what, "Write a path outside of it")])
        return path

    def _read(self, path: Path | None) -> str | None:
        """Return the token that is there; None for none, and for a file that is no token's or is open to others."""
        found = _files.look(path) if path else None
        if found is None or not found.private:
            return None
        text = found.data.decode("utf-8", "replace")
        if not _vault.encrypted(text):
            return text.strip()
        content = _vault.decrypt(self._loader, text)
        try:
            token = yaml.safe_load(content or "")["qdrant_token"]
        except (yaml.YAMLError, KeyError, TypeError):
            return None
        return token if isinstance(token, str) else None

    def _write(self, path: Path, token: str, grant: _tokens.Grant, vault_id: str) -> None:
        text = token + "\n"
        if grant.vault:
            text = _vault.encrypter(self._loader, vault_id, "hardened.qdrant.tokens")(f'---\nqdrant_token: "{token}"\n')
        _files.write(path, text, 0o600, 0o700)
