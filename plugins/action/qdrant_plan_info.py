# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of qdrant_plan_info: makes entries of the wanted state, secrets by a salted digest."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _digests
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _wanted, _wanted_action


class ActionModule(_wanted_action.WantedAction):
    """One call of the module."""

    set_here = ("entries",)

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = self._arguments()
        wanted, secret = self._wanted(variables)
        arguments.update(wanted={}, parts=None, entries=_wanted.question(wanted, secret, _digests.salt()))
        result = self._execute_module(module_args=arguments, task_vars=variables)
        result.pop("invocation", None)
        return result
