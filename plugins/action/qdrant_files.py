# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of qdrant_files: makes entries of the wanted state, and sends secrets only to a host that lacks them."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _digests
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _wanted, _wanted_action

MODULE = "hardened.qdrant.qdrant_files"


class ActionModule(_wanted_action.WantedAction):
    """One call of the module, and another one with the secrets where the host lacks some."""

    set_here = ("entries", "secrets")
    sends_secrets = True

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        seen = self._arguments().get("seen")
        wanted, secret = self._wanted(variables)
        if not wanted.entries or (seen and _wanted.as_seen(wanted, seen)):
            return {"changed": False, "differed": {}, "lacking": [], "diff": []}
        result = self._ask(_wanted.question(wanted, secret, _digests.salt()), variables=variables)
        if result.get("failed") or not result.get("lacking") or self._task.check_mode:
            return result
        written = self._ask(*_wanted.order(wanted, secret), variables=variables)
        if not written.get("failed"):
            # The first call says which part of the secrets differed, and knows the state before.
            written.update({name: result.get(name) for name in ("differed", "diff")})
        return written

    def _ask(self, entries: list[dict[str, t.Any]], secrets: dict[str, str] | None = None, *, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's answer, without what it was sent."""
        arguments = {"wanted": {}, "entries": entries, **({"secrets": secrets} if secrets else {})}
        result = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables)
        result.pop("invocation", None)
        return result
