# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Jinja expression of roles and playbooks takes a switch by ``| bool`` and counts with a number by ``| int``.

Inventories in INI form and ``-e`` make texts of them, and the text "false" is true.
"""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _variables
from jinja2 import nodes

PROJECT = Path(__file__).parents[3]
TYPES = {name: spec["type"] for name, spec in _variables.declared().items()}
TYPES |= {"qdrant_client_force": "bool", "qdrant_client_validity_days": "int"}  # of a playbook alone
# Expressions of tasks that are no template: Ansible reads them as one.
CONDITIONS = ("when", "changed_when", "failed_when", "until", "that", "check_mode", "become")


ENVIRONMENT = jinja2.Environment(autoescape=True)  # parses alone


def expressions(value, key=""):
    """The Jinja texts of a YAML document, with the key that they stand at."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from expressions(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner, key)
    elif isinstance(value, str):
        if key in CONDITIONS and "{{" not in value:
            yield key, f"{{{{ {value} }}}}"
        elif "{{" in value:
            yield key, value


def files():
    for pattern in ("roles/*/tasks/**/*.yml", "roles/*/vars/*.yml", "roles/*/defaults/*.yml", "playbooks/*.yml"):
        yield from sorted(PROJECT.glob(pattern))


def sources():
    for path in files():
        for _key, text in expressions(yaml.safe_load(path.read_text(encoding="utf-8"))):
            yield path.relative_to(PROJECT), text
    for path in sorted(PROJECT.glob("roles/*/templates/*.j2")):
        yield path.relative_to(PROJECT), path.read_text(encoding="utf-8")


SOURCES = list(sources())


def through(parents, wanted):
    """Whether a value goes through one of these filters, whatever default stands in between; a list's, through map."""
    for parent in parents:
        if isinstance(parent, nodes.Filter):
            if parent.name in wanted:
                return True
            if parent.name == "map" and isinstance(parent.args[0], nodes.Const) and parent.args[0].value in wanted:
                return True
            if parent.name != "default":
                return False
        elif not isinstance(parent, nodes.List):
            return False
    return False


def uses(text):
    """The names in a template, each with what it stands in, from the inside out."""

    def walk(node, parents):
        if isinstance(node, nodes.Name) and node.ctx == "load":
            yield node.name, parents
        for child in node.iter_child_nodes():
            # A default's own argument is what stands in for the value, and goes the same way.
            yield from walk(child, [node, *parents])

    yield from walk(ENVIRONMENT.parse(text), [])


def bare(text):
    """The variable that a text is, and nothing else: an argument of a module, which has a type; or of another variable."""
    found = re.fullmatch(r"\{\{ (qdrant_\w+)(?: \| default\([^()]*\))? \}\}", text)
    return found[1] if found else ""


def wrong(kind, wanted):
    for path, text in SOURCES:
        for name, parents in uses(text):
            if TYPES.get(name) == kind and not through(parents, wanted) and (kind == "bool" or bare(text) != name):
                yield "{}: {} in {}".format(path, name, " ".join(text.split())[:120])


def test_switches_are_taken_by_bool():
    assert list(wrong("bool", ("bool",))) == []


def test_numbers_are_counted_with_by_int():
    assert list(wrong("int", ("int", "float", "hardened.qdrant.qdrant_value"))) == []


def test_fractions_are_counted_with_by_float():
    assert list(wrong("float", ("float", "hardened.qdrant.qdrant_value"))) == []


@pytest.mark.parametrize(("text", "good"), [("{{ a | bool }}", True), ("{{ a | default(false) | bool }}", True), ("{{ x if a else y }}", False)])
def test_the_test_sees_uses(text, good):
    assert [through(parents, ("bool",)) for name, parents in uses(text) if name == "a"] == [good]


def test_sources_are_found():
    assert len(SOURCES) > 300 and any(name == "qdrant_dashboard" or name == "qdrant_tls_timer" for _path, text in SOURCES for name, _parents in uses(text))
