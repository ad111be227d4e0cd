# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as reports: for a terminal, for people, and for pipelines.

A format is one file of this package, with ``FILE``, the name of what it writes, and ``render``, a function from a report to text. What is right is
judged before: a format decides nothing.
"""

from __future__ import annotations

import importlib
import pkgutil
import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import Report


def _formats() -> dict[str, t.Callable[[Report], str]]:
    """Return the formats by the names of their files, the page first: it is the one to open."""
    names = sorted((entry.name for entry in pkgutil.iter_modules(__path__)), key=lambda name: (name != "html", name))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.FILE: module.render for module in modules if hasattr(module, "FILE")}


FORMATS = _formats()
