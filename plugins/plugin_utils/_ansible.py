# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection takes of Ansible's own inside, which is no public interface: all of it is here. Tried with ansible-core 2.19 to 2.22."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import typing as t

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.vars import manager

try:
    from ansible.module_utils import secrets
except ImportError:  # before 2.22
    secrets = None


def facts_are_variables() -> bool:
    """Return whether facts are variables too (``inject_facts_as_vars``, on by default), which outrank the inventory's."""
    return bool(constants.config.get_config_value("INJECT_FACTS_AS_VARS"))


@contextlib.contextmanager
def facts_kept_apart() -> t.Iterator[None]:
    """Yield no variable of any host is a fact meanwhile. For this process alone: an action runs in a process of its own."""
    # What the variable manager makes variables of, in every release, whatever the setting.
    before, manager.clean_facts = manager.clean_facts, lambda _facts: {}
    try:
        yield
    finally:
        manager.clean_facts = before


def hide(value: t.Any) -> None:
    """Have Ansible leave a secret out of whatever it prints, by its interface for that, which 2.22 brought. It knows what its own vaults held by itself."""
    if secrets is not None and isinstance(value, str) and value:
        secrets.register_secret(str(value))


def shadowed(variables: t.Mapping[str, t.Any], host: str) -> list[str]:
    """Return the names of variables of a host that its facts replace: this collection's own, and all that its inventory sets.

    :param variables: a task's variables.
    """
    if not facts_are_variables():
        return []
    hostvars = variables.get("hostvars")
    if hostvars is None or host not in hostvars or not hasattr(hostvars, "raw_get"):
        facts, inventory = variables.get("ansible_facts") or {}, {}
    else:
        with facts_kept_apart():
            inventory = hostvars.raw_get(host)
        facts = inventory.get("ansible_facts") or {}
    # Ansible's own facts lost their prefix on their way here. Its own variables it protects itself.
    return sorted(name for name in facts if (name in inventory and name != "ansible_facts") or str(name).startswith(("qdrant_", "__qdrant")))


@contextlib.contextmanager
def listening(hear: t.Callable[[dict[str, t.Any]], dict[str, t.Any]]) -> t.Iterator[None]:
    """Yield pass the output of each command on the host through a function meanwhile, before Ansible reads it; that of further actions, too.

    For this process alone: an action runs in a process of its own.

    :param hear: takes a command's result, {rc, stdout, stderr, ...}, and returns what is made of it.
    """
    before = ActionBase._low_level_execute_command

    @functools.wraps(before)
    def execute(action: ActionBase, *positional: t.Any, **named: t.Any) -> dict[str, t.Any]:
        return hear(before(action, *positional, **named))

    ActionBase._low_level_execute_command = execute
    try:
        yield
    finally:
        ActionBase._low_level_execute_command = before


class _Over(BaseException):
    """A deadline has passed. No Exception, so that no connection plugin takes it for a fault of its own and tries again."""


class DeadlineError(Exception):
    """A deadline has passed."""


@contextlib.contextmanager
def deadline(seconds: float) -> t.Iterator[None]:
    """End what is within after that many seconds, with the programs that this process started for it.

    :raises DeadlineError: it did not end by itself.
    """

    def ring(_signal: int, _frame: t.Any) -> t.NoReturn:
        raise _Over

    previous = signal.signal(signal.SIGALRM, ring)
    left = signal.setitimer(signal.ITIMER_REAL, seconds)[0]
    try:
        yield
    except _Over:
        _end_children()
        raise DeadlineError from None
    finally:
        # The task's own timeout, if it has one, goes on.
        signal.signal(signal.SIGALRM, previous)
        signal.setitimer(signal.ITIMER_REAL, left)


def _end_children() -> None:
    """End the programs that this process started: a connection whose other end does not answer would stay."""
    with contextlib.suppress(OSError):
        with open("/proc/self/task/%d/children" % os.getpid(), encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
