# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live tests and scripts name only what the collection's modules have: they run for minutes before they would say that something has moved."""

from __future__ import annotations

import ast
import importlib
import types
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
OURS = "ansible_collections.hardened.qdrant.plugins"
FILES = [
    path
    for folder in ("tests/live", "tests/report", "tests/sabotage", "tests/bench", "tests/mirror", "tests/registry", "tests/testbed", "scripts")
    for path in sorted((PROJECT / folder).rglob("*"))
    if path.is_file() and (path.suffix == ".py" or (not path.suffix and path.read_bytes().startswith(b"#!/usr/bin/env python")))
]


def imported(tree: ast.Module) -> tuple[dict[str, types.ModuleType], list[str]]:
    """Return the collection's modules that a file imports, by their names there, and the names that do not exist."""
    found, missing = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OURS):
            parent = importlib.import_module(node.module)
            for alias in node.names:
                try:
                    found[alias.asname or alias.name] = importlib.import_module(f"{node.module}.{alias.name}")
                except ModuleNotFoundError:
                    missing += [] if hasattr(parent, alias.name) else [f"{node.module}.{alias.name}"]
    return found, missing


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_names_of_the_collections_modules_exist(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules, missing = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules and not hasattr(modules[node.value.id], node.attr):
            missing.append(f"line {node.lineno}: {node.value.id}.{node.attr}")
    assert missing == []


def test_the_files_are_found():
    assert {"run", "conftest.py", "test_4_sabotage.py"} <= {path.name for path in FILES}
