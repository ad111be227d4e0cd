# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of this collection's modules against their documentation: what RETURN says is all that a host can say, and it must say it in that form.

Any value may be null, for what a host does not know of itself. What RETURN does not name is left out of the answer.
"""

from __future__ import annotations

import ast
import functools
import math
import typing as t
from pathlib import Path

import yaml

MODULES = Path(__file__).parent.parent / "modules"

# What every module may answer beside what it documents. Of ansible_facts the interpreter, at most: the border saw to that.
COMMON = frozenset("changed failed skipped msg diff rc invocation warnings deprecations exception module_stdout module_stderr ansible_facts".split())

# The types of Ansible's documentation, by those of JSON.
TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "complex": (dict,),
}


class Misshapen(Exception):
    """An answer that is not as documented. The message says where, and what belongs there; never what was there."""


@functools.lru_cache
def documented(module: str) -> dict[str, t.Any]:
    """Return what a module of this collection returns, as its RETURN documents it, by its name without the collection's."""
    for node in ast.parse((MODULES / (module + ".py")).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RETURN":
            return yaml.safe_load(ast.literal_eval(node.value)) or {}
    return {}


def check(module: str, answer: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return an answer without what the module does not document.

    :raises Misshapen: something that it documents is missing, or of another type.
    """
    shape = documented(module)
    kept = {key: value for key, value in answer.items() if key in shape or key in COMMON}
    if answer.get("failed") or answer.get("skipped"):
        return kept
    missing = sorted(key for key, described in shape.items() if described.get("returned") == "always" and key not in answer)
    if missing:
        raise Misshapen("leaves out {}".format(", ".join(missing)))
    for key, described in shape.items():
        if key in answer:
            _fits(key, answer[key], described)
    return kept


def _fits(where: str, value: t.Any, described: t.Mapping[str, t.Any]) -> None:
    wanted = described.get("type", "raw")
    if wanted == "raw" or value is None:
        return
    if not isinstance(value, TYPES[wanted]) or (isinstance(value, bool) and wanted in ("int", "float")):
        raise Misshapen(f"has something else than a value of the type {wanted} at {where}")
    if isinstance(value, float) and not math.isfinite(value):
        raise Misshapen(f"has no finite number at {where}")
    if isinstance(value, list) and "elements" in described:
        for number, entry in enumerate(value):
            _fits("%s[%d]" % (where, number), entry, {**described, "type": described["elements"], "elements": "raw"})
    elif isinstance(value, dict):
        for key, inner in (described.get("contains") or {}).items():
            if key in value:
                _fits(f"{where}.{key}", value[key], inner)
