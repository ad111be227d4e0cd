# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans a rotation of keys on the controller, from what every node has and runs, says what it does and costs, and refuses what must not be."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _preflight, _rotation, _settings, _tokens, _variables

display = Display()


class ActionModule(_action.ControllerAction):
    """One call plans for all nodes. Of the keys it only reads whether they are set."""

    _VALID_ARGS = frozenset(("nodes",))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}

        def read(name: str, default: t.Any = None) -> t.Any:
            return _variables.read(self._templar, variables, name, default)

        try:
            version = _preflight.parse_version(read("qdrant_version")) or (0, 0, 0)
            plan = _rotation.plan(
                [_rotation.Node(str(name), keys.get("running"), keys.get("disk") is not None) for name, keys in self._task.args["nodes"].items()],
                version=version,
                alternate=bool(read("qdrant_alt_api_key", "")),
                read_only=bool(read("qdrant_read_only_api_key", "")),
                strategy=str(read("qdrant_restart_strategy", "rolling")),
                revoke=boolean(read("qdrant_revoke_now", False)),
                cut_over=boolean(read("qdrant_rotation_cut_over", False)),
                internal_auth=_settings.lookup(read("qdrant_config", {}), "service.enforce_internal_auth") is True,
            )
            grants = _tokens.parse_entries(read("qdrant_access", []))[0]
        except _variables.VariableError as error:
            raise AnsibleActionFail(str(error)) from None
        if plan.problems:
            lines = "\n".join(f"  - {problem}" for problem in plan.problems)
            raise AnsibleActionFail(f"The rotation was refused, and nothing was changed:\n{lines}")
        tokens = [self._token(grant) for grant in grants] if plan.tokens_die else []
        if plan.tokens_die:
            plan.lines.append("Tokens that the old key signed end with it. Of qdrant_access: %s. This run makes them anew." % (", ".join(tokens) or "none"))
            plan.lines.append("Tokens that were made elsewhere end as well, and are not known here.")
        display.display("\n" + "\n".join(plan.lines) + "\n")
        # In the first phase clients move to the new key, which is the alternate yet.
        key = "qdrant_alt_api_key" if plan.step == _rotation.DEPLOY else "qdrant_api_key"
        result.update(changed=False, step=plan.step, steps=plan.steps, read_only=plan.read_only, lines=plan.lines, dying_tokens=tokens, token_key=key)
        return result

    @staticmethod
    def _token(grant: _tokens.Grant) -> str:
        """Return a token as the announcement names it."""
        if not grant.file:
            return f"{grant.application} (kept nowhere: show it, and hand it over)"
        there = os.path.isfile(os.path.abspath(os.path.expanduser(grant.file)))
        return "{} ({}{})".format(grant.application, grant.file, "" if there else ", not made yet")
