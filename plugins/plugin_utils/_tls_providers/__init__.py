# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where certificates come from. Each provider is a class in a file of this folder, which is found by being there: see ``base``.

Nothing outside this folder lists providers but the choices of the roles' argument specs and the READMEs, which a test compares with the classes.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _values
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers.base import (
    AWAITED,
    CONTROLLER,
    NODES,
    PROVIDED,
    PROXIES,
    Cluster,
    Host,
    Nodes,
    Plan,
    Provider,
    Variable,
)

__all__ = ("AWAITED", "CONTROLLER", "NODES", "PROVIDED", "PROXIES", "Cluster", "Host", "Nodes", "Plan", "Provider", "Variable", "every", "named")

DEFAULT = "internal"


@functools.lru_cache
def every() -> dict[str, Provider]:
    """Return all providers, by name."""
    files = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base")
    return {provider.name: provider for provider in (importlib.import_module(f"{__name__}.{file}").PROVIDER for file in files)}


def named(name: t.Any, prefix: str = NODES) -> Provider:
    """Return the provider of a name, for nodes or for proxies.

    :raises BadValue: there is none.
    """
    found = {provider.name: provider for provider in every().values() if provider.serves(prefix)}
    if name not in found:
        raise _values.BadValue(
            "there is no provider {!r}{}".format(name, " for a proxy" if prefix == PROXIES else ""), "Write one of {}".format(", ".join(found))
        )
    return found[name]


def names_alone(name: t.Any) -> bool:
    """Return whether who signs may know clients' names alone, and not a proxy's address; False for what is no provider."""
    return name in every() and every()[name].names_alone


def signs_here(name: t.Any) -> bool:
    """Return whether the controller itself signs, so that certificates will name what is wanted; False for what is no provider."""
    return name in every() and every()[name].source == CONTROLLER


def variables(prefix: str) -> dict[str, Variable]:
    """Return the variables of all providers, for nodes or for proxies, by their full names."""
    return {f"{prefix}_{entry.end}": entry for provider in every().values() for entry in provider.variables_of(prefix)}


def kinds(prefix: str) -> dict[str, t.Callable[[t.Any], t.Any]]:
    """Return the parsers of those variables that have one, by their full names."""
    return {name: entry.kind for name, entry in variables(prefix).items() if entry.kind is not None}


def secrets(prefix: str, *, or_path: bool | None = None) -> tuple[str, ...]:
    """Return the full names of variables that are secret; with ``or_path``, of those that may be, or may not be, the path of a file instead."""
    return tuple(name for name, entry in variables(prefix).items() if entry.secret and or_path in (None, entry.or_path))
