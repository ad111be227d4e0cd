# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a token on the controller, from an entry of ``qdrant_access`` or from options, and puts it where the user says: never into the result."""

from __future__ import annotations

import time
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _action, _files, _rotation, _token_file, _tokens, _variables, _vault
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

display = Display()

GRANT = ("access", "lifetime", "value_exists", "file", "vault")


class ActionModule(_action.ControllerAction):
    """One token a call. The key is read by name: options are shown, variables are not."""

    _VALID_ARGS = frozenset(("application", *GRANT, "key_variable", "nodes", "show", "force", "vault_id", "known_collections"))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        defaults = {"key_variable": "qdrant_api_key", "nodes": None, "show": False, "force": False, "vault_id": "", "known_collections": None}
        arguments = {**defaults, **self._task.args}
        now = time.time()
        try:
            grant = self._grant(arguments, variables)
            key = _variables.read(self._templar, variables, self._key_variable(arguments), "")
            token = _tokens.sign(grant, key, now)
            path = _token_file.path(grant, variables.get("ansible_inventory_sources"))
            there = _token_file.read(path, self._loader) if path else None
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

    @staticmethod
    def _key_variable(arguments: dict[str, t.Any]) -> str:
        """Return the name of the variable with the key: as given, or the one that stays, where the nodes are."""
        if not arguments["nodes"]:
            return str(arguments["key_variable"])
        return "qdrant_" + _rotation.staying([_rotation.Node.seen(str(name), keys) for name, keys in arguments["nodes"].items()])

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

    def _write(self, path: Path, token: str, grant: _tokens.Grant, vault_id: str) -> None:
        text = token + "\n"
        if grant.vault:
            text = _vault.encrypter(self._loader, vault_id, "hardened.qdrant.tokens")(f'---\nqdrant_token: "{token}"\n')
        _files.write(path, text, 0o600, 0o700)
