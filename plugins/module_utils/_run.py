# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules run programs: found where root's are, in English, and so that a busy host does not answer with silence."""

from __future__ import annotations

import functools
import typing as t

ATTEMPTS = 3

# Arguments in, (return code, standard output, standard error) out. A program that is not there is an OSError.
Run = t.Callable[[t.List[str]], t.Tuple[int, str, str]]


def commands(module: t.Any) -> Run:
    """How a module runs programs that change something."""
    # What is administered lies in sbin, which is not on every user's path.
    module.run_command_environ_update = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    return functools.partial(module.run_command, handle_exceptions=False)


def questions(module: t.Any) -> Run:
    """How a module runs programs that only tell something."""
    return patient(commands(module))


def patient(run: Run) -> Run:
    """The same, but it asks again where a program ended well and printed nothing.

    Ansible's run_command loses the output of a program that ends in the moment in which a second of silence has passed. What prints nothing by
    right is asked three times for nothing, and quickly.
    """

    def ask(arguments: list[str]) -> tuple[int, str, str]:
        result = run(arguments)
        for _attempt in range(ATTEMPTS - 1):
            if result[0] != 0 or result[1].strip():
                break
            result = run(arguments)
        return result

    return ask
