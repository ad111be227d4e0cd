# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls a module that is not this collection's, across the border (_border) and within a deadline."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _border, _text

# Asked for facts, which come back as data below the key "facts".
FACTS = ("ansible.builtin.setup",)


class ActionModule(_action.HostAction):
    """One call of the module, by its own action plugin where it has one."""

    deadline = 900.0
    _VALID_ARGS = frozenset(("module", "options", "deadline"))

    def _seconds(self) -> float:
        return float(self._task.args.get("deadline") or self.deadline)

    def _asked(self) -> str:
        return str(self._task.args.get("module"))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        name, arguments = self._task.args.get("module"), self._task.args.get("options") or {}
        if not isinstance(name, str) or name.count(".") < 2 or not isinstance(arguments, dict):
            raise AnsibleActionFail("module must be a module's full name, such as ansible.builtin.file, and options a mapping of its options.")
        self._asks_for_facts = name in FACTS
        if not self._shared_loader_obj.action_loader.has_plugin(name):
            return self._execute_module(module_name=name, module_args=dict(arguments), task_vars=variables)
        task = self._task.copy()
        task.action, task.args = name, dict(arguments)
        action = self._shared_loader_obj.action_loader.get(
            name,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        self._send_nothing_to_disk()
        try:
            return self._admit(action.run(task_vars=variables), variables)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            # Ansible's own actions expect of their modules what those document.
            problem = f"makes no sense ({type(error).__name__}: {_text.clean(str(error), 100)})"
            raise AnsibleActionFail(_border.misshapen(self._host(variables), name, problem)) from None
        finally:
            action.cleanup()
