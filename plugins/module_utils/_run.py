# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to programs, asked so that a busy host does not answer them with silence."""

from __future__ import annotations

import typing as t

ATTEMPTS = 3


def patient(run: t.Callable[..., t.Tuple[t.Any, ...]]) -> t.Callable[..., t.Tuple[t.Any, ...]]:
    """A ``run_command`` that asks again where a program ended well and printed nothing. For questions alone: nothing that changes something.

    Ansible's run_command loses the output of a program that ends in the moment in which a second of silence has passed. What prints nothing by
    right is asked three times for nothing, and quickly.
    """

    def ask(arguments: list[str], **options: t.Any) -> tuple[t.Any, ...]:
        result = run(arguments, **options)
        for _attempt in range(ATTEMPTS - 1):
            if result[0] != 0 or result[1].strip():
                break
            result = run(arguments, **options)
        return result

    return ask
