# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans a change of keys on the controller, from what every node has and runs, says what it does and costs, and refuses what must not be."""

from __future__ import annotations

import json
import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.module_utils import _digests
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _files, _preflight, _rotation, _settings, _token_file, _tokens, _variables

display = Display()


class ActionModule(_action.ControllerAction):
    """One call plans for all nodes. The keys say which of them signed the tokens that are there, and the one that is to stay is noted by its digest."""

    _VALID_ARGS = frozenset(("nodes", "deploys"))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        def read(name: str, default: t.Any = None) -> t.Any:
            return _variables.read(self._templar, variables, name, default)

        deploys = boolean(self._task.args.get("deploys", False))
        nodes = [_rotation.Node.seen(str(name), keys) for name, keys in self._task.args["nodes"].items()]
        try:
            keys = {name: str(read("qdrant_" + name, "") or "") for name in (_rotation.MAIN, _rotation.ALTERNATE)}
            group = (variables.get("groups") or {}).get(read("qdrant_nodes_group", "qdrant")) or []
            settings = (read("__qdrant_preflight", {}) or {}).get("settings") or {}
            plan = _rotation.plan(
                nodes,
                _rotation.Wanted(
                    version=_preflight.parse_version(read("qdrant_version")) or (0, 0, 0),
                    alternate=bool(keys[_rotation.ALTERNATE]),
                    read_only=bool(read("qdrant_read_only_api_key", "")),
                    strategy=str(read("qdrant_restart_strategy", "rolling")),
                    revoke=boolean(read("qdrant_revoke_now", False)),
                    cut_over=boolean(read("qdrant_rotation_cut_over", False)),
                    # Keys alone leave the settings as they are.
                    internal_auth=deploys and _settings.lookup(settings, "service.enforce_internal_auth") is True,
                    deploys=deploys,
                    others=tuple(sorted({str(host) for host in group} - {node.name for node in nodes})),
                ),
            )
            grants = _tokens.parse_entries(read("qdrant_access", []))[0]
        except _variables.VariableError as error:
            raise AnsibleActionFail(str(error)) from None
        if plan.problems:
            lines = "\n".join(f"  - {problem}" for problem in plan.problems)
            raise AnsibleActionFail(f"The change of keys was refused, and nothing was changed:\n{lines}")
        try:
            signed = {grant.application: self._signer(grant, keys, variables.get("ansible_inventory_sources")) for grant in grants}
        except (_files.FileError, _tokens.TokenError) as error:
            raise AnsibleActionFail(str(error)) from None
        dying = self._tell_of_tokens(plan, grants, signed) if plan.tokens_die else []
        if plan.changes or not deploys:
            display.display("\n" + "\n".join(plan.lines) + "\n")
        return {
            "changed": False,
            "step": plan.step,
            "steps": plan.steps,
            "read_only": plan.read_only,
            "lines": plan.lines,
            "dying_tokens": dying,
            "remake_tokens": bool(plan.tokens_die or plan.step in (_rotation.DEPLOY, _rotation.PROMOTE) or _outdated(plan, signed)),
            "note": self._note(keys[_rotation.ALTERNATE]) if plan.step == _rotation.DEPLOY else "",
        }

    def _signer(self, grant: _tokens.Grant, keys: t.Mapping[str, str], sources: t.Sequence[str] | None) -> str | None:
        """Return the name of the key that signed the token in the grant's file, ``other`` for another one, None where there is no token."""
        path = _token_file.path(grant, sources)
        token = _token_file.read(path, self._loader) if path else None
        if token is None or _tokens.check_library():
            return None
        return next((name for name, key in keys.items() if key and _tokens.claims_of(token, key) is not None), _rotation.OTHER)

    @staticmethod
    def _tell_of_tokens(plan: _rotation.Plan, grants: t.Sequence[_tokens.Grant], signed: t.Mapping[str, str | None]) -> list[str]:
        """Say which tokens end with the key that ends, and return them. A key of the vault signed those that live on."""
        ending, living = [], []
        for grant in grants:
            if signed[grant.application] in (_rotation.MAIN, _rotation.ALTERNATE):
                living.append(f"{grant.application} ({grant.file})")
            elif not grant.file:
                ending.append(f"{grant.application} (kept nowhere: show it, and hand it over)")
            else:
                ending.append("{} ({}{})".format(grant.application, grant.file, "" if signed[grant.application] else ", not made yet"))
        if ending or not living:
            plan.lines.append("Tokens that the old key signed end with it. Of qdrant_access: %s. This run makes them anew." % (", ".join(ending) or "none"))
        if living:
            plan.lines.append("Tokens that a key of the vault signed live on. Of qdrant_access: {}.".format(", ".join(living)))
        plan.lines.append("Of tokens that were made elsewhere nothing is known here: those that the old key signed end as well.")
        return ending

    @staticmethod
    def _note(key: str) -> str:
        """Return what a node keeps to know the key that stays, and nobody learns it from."""
        salt = _digests.salt()
        return json.dumps({"digest": _digests.digest(key.encode(), salt), "salt": salt, "since": int(time.time())}, sort_keys=True) + "\n"


def _outdated(plan: _rotation.Plan, signed: t.Mapping[str, str | None]) -> bool:
    """Return whether a token is kept that another key signed than the one that stays: a run was killed before its tokens were made."""
    return any(name not in (None, plan.staying) for name in signed.values())
