# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of Qdrant that a user wrote among the settings: taken out of them, and checked. Nothing here shows a value."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _secret_names
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _settings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem, Settings


def split(settings: Settings, path: tuple[str, ...] = ()) -> tuple[Settings, Settings]:
    """Return settings without those that are secret, and these alone, nested as before: merged, they are what they were.

    A list goes as a whole, for Qdrant replaces lists and does not merge them.
    """
    public: Settings = {}
    secret: Settings = {}
    for name, value in settings.items():
        here = (*path, str(name))
        if _secret_names.is_secret(here, value) or _within_list(value, here):
            secret[name] = value
        elif isinstance(value, dict):
            rest, hidden = split(value, here)
            if hidden:
                secret[name] = hidden
            if rest or not hidden:
                public[name] = rest
        else:
            public[name] = value
    return public, secret


def _within_list(value: t.Any, path: tuple[str, ...]) -> bool:
    """Return whether something within a list is secret."""
    if not isinstance(value, (list, tuple)):
        return False
    return any(_secret_names.is_secret((), entry) or _within_list(entry, path) or (isinstance(entry, dict) and bool(split(entry, path)[1])) for entry in value)


def of_config(config: t.Any) -> Settings:
    """Return the secret settings of the variable ``qdrant_config``; none where it is no mapping, which the preflight refuses."""
    return split(config)[1] if isinstance(config, dict) else {}


def by_name(config: t.Any) -> dict[str, t.Any]:
    """Return the secret values of ``qdrant_config``, templated or not, by the name that messages give them."""

    def walk(value: t.Any, name: str) -> t.Iterator[tuple[str, t.Any]]:
        if isinstance(value, (dict, list, tuple)):
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            for key, entry in entries:
                yield from walk(entry, f"{name}.{key}")
        else:
            yield name, value

    return dict(walk(of_config(config), "qdrant_config"))


def check(config: t.Any) -> list[Problem]:
    """Return the problems of the known secrets of ``qdrant_config`` that have no variable of their own."""
    problems = []
    for path in _secret_names.SETTINGS:
        value = _settings.lookup(config, path)
        if value is None or path in _settings.MANAGED:
            continue
        where = f"qdrant_config.{path}"
        if not isinstance(value, str):
            what = "it is not a text but {}".format(type(value).__name__.lstrip("_"))
            problems.append(Problem(where, what, "Put it in quotes: without, YAML changes a text that looks like a number"))
        elif not value:
            problems.append(Problem(where, "it is empty", "Set it, or remove it"))
        elif value != value.strip() or not value.isprintable():
            problems.append(Problem(where, "it holds white space at an end, or characters that cannot be printed", "Write it on one line, in quotes"))
    return problems
