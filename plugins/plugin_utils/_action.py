# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all action plugins of this collection are made of: variables that no host can set, and answers of hosts that pass a border (_border)."""

from __future__ import annotations

import functools
import typing as t

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _ansible, _border, _shapes, _text

# The names of this collection's modules.
OWN = "hardened.qdrant."

Variables = t.Mapping[str, t.Any]


class Action(ActionBase):
    """An action plugin. Those of this collection define ``act``."""

    TRANSFERS_FILES = False

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the task's result, from the variables of its host. Facts are no variables here."""
        raise NotImplementedError

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        host = str(variables.get("inventory_hostname", ""))
        names = _ansible.shadowed(variables, host)
        if names:
            raise AnsibleActionFail(_border.shadow_accusation(host, names))
        with _ansible.facts_kept_apart():
            return self.act(variables)


class ControllerAction(Action):
    """An action that needs no host."""

    _requires_connection = False


class HostAction(Action):
    """An action that asks a host. What the host answers has passed the border when ``_execute_module`` returns it.

    ``deadline``: seconds for the whole task, whatever the host does.
    """

    deadline = 600.0
    # The module's options that the action sets, and no task does.
    set_here: tuple[str, ...] = ()
    # Whether modules are sent keys.
    sends_secrets = False
    # Whether the answer to the module may hold facts, which come back below ``facts``.
    _asks_for_facts = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        if constants.DEFAULT_KEEP_REMOTE_FILES:
            raise AnsibleActionFail(
                "ANSIBLE_KEEP_REMOTE_FILES is set (keep_remote_files in ansible.cfg), so modules and their arguments would stay on the hosts, keys included. "
                "Unset it."
            )
        seconds = self._seconds()
        try:
            with _ansible.deadline(seconds), _ansible.listening(functools.partial(self._hear, task_vars or {})):
                return super().run(tmp, task_vars)
        except _ansible.DeadlineError:
            raise AnsibleActionFail(
                "%s did not end within %d s (%s). The host hangs, or it is slow on purpose: look at its load and its processes, then run again."
                % (self._asked(), seconds, self._host(task_vars or {}))
            ) from None
        except AnsibleConnectionFailure as error:
            # It quotes what the other end said, which may be a host that plays the connection's own fault.
            raise AnsibleConnectionFailure(_text.clean(str(error), limit=_border.SHOWN)) from None
        except AnsibleActionFail:
            raise
        except AnsibleError as error:
            raise AnsibleError(_text.clean(str(error), limit=_border.SHOWN)) from None

    def _arguments(self) -> dict[str, t.Any]:
        """Return the task's arguments, as a copy to add to.

        :raises AnsibleActionFail: they hold what the action sets itself.
        """
        for name in self.set_here:
            if self._task.args.get(name):
                raise AnsibleActionFail(f"The option {name} is set by the action plugin itself. Leave it out.")
        return dict(self._task.args)

    def _seconds(self) -> float:
        """Return the task's deadline. What a module may wait for comes on top."""
        try:
            return self.deadline + float(self._task.args.get("wait") or 0)
        except (TypeError, ValueError):
            return self.deadline  # the module's argument specification says what is wrong

    def _execute_module(self, *positional: t.Any, **named: t.Any) -> dict[str, t.Any]:
        self._send_nothing_to_disk()
        variables, module = named.get("task_vars") or {}, str(named.get("module_name") or self._task.action)
        answer = self._admit(super()._execute_module(*positional, **named), variables)
        if not module.startswith(OWN):
            return answer
        try:
            return _shapes.check(module.removeprefix(OWN), answer)
        except _shapes.Misshapen as error:
            raise AnsibleActionFail(_border.misshapen(self._host(variables), module, error)) from None

    def _hear(self, variables: Variables, output: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the output of a command on the host, safe to be read by Ansible and to be shown.

        Here and no later: Ansible shows a module's warnings by itself, quotes what it cannot parse, and its own actions keep some answers to themselves.
        """
        try:
            heard = _border.hear(str(output.get("stdout") or ""), facts=self._asks_for_facts)
        except _border.Hostile as error:
            raise AnsibleActionFail(_border.accusation(self._host(variables), self._asked(), error)) from None
        said = _text.clean(str(output.get("stderr") or ""), limit=_border.SHOWN, keep="\n\t")
        return {**output, "stdout": heard, "stdout_lines": heard.splitlines(), "stderr": said, "stderr_lines": said.splitlines()}

    def _admit(self, answer: t.Mapping[str, t.Any], variables: Variables) -> dict[str, t.Any]:
        """Return an answer that passed the border.

        :raises AnsibleActionFail: the host is not to be trusted. Neither failed_when nor ignore_errors let that pass: it is no result.
        """
        try:
            return _border.admit(answer, facts=self._asks_for_facts)
        except _border.Hostile as error:
            raise AnsibleActionFail(_border.accusation(self._host(variables), self._asked(), error)) from None

    def _send_nothing_to_disk(self) -> None:
        """Have modules sent by their interpreter's standard input. Without, Ansible's default, what they are sent lies in a file of the host."""
        if "pipelining" in getattr(self._connection, "option_definitions", {}):
            self._connection.set_option("pipelining", True)
        self._play_context.pipelining = True  # for connections without that option, such as those of containers
        if self.sends_secrets and not self._connection.is_pipelining_enabled():
            become = getattr(self._connection.become, "name", "none")
            means = f"the connection {self._connection.transport} with the become method {become}"
            raise AnsibleActionFail(f"Keys would lie in a file of the host: {means} takes modules by files alone. Use ssh and sudo.")

    def _host(self, variables: Variables) -> str:
        return str(self._task.delegate_to or variables.get("inventory_hostname", "the host"))

    def _asked(self) -> str:
        """Return what the host was asked, for messages."""
        return str(self._task.action)


class Question(HostAction):
    """The module of the same name, across the border."""

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        return self._execute_module(module_args=dict(self._task.args), task_vars=variables)
