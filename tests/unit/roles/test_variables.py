# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role says the same of its variables in its defaults, its argument specs and its README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).parents[3] / "roles").iterdir() if path.is_dir())


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def options(role):
    return {name: spec for entry in entry_points(role).values() for name, spec in entry["options"].items()}


def entry_points(role):
    return load(role / "meta/argument_specs.yml")["argument_specs"]


def includes(tasks):
    """Of some tasks, those that include a role, as (role, entry point)."""
    for task in tasks:
        for part in ("block", "rescue", "always"):
            yield from includes(task.get(part, []))
        for word in ("ansible.builtin.include_role", "ansible.builtin.import_role"):
            if word in task:
                yield task[word]["name"], task[word].get("tasks_from", "main")


@pytest.fixture(params=ROLES, ids=[role.name for role in ROLES])
def role(request):
    return request.param


def test_roles_are_found():
    assert {"qdrant", "qdrant_tls", "qdrant_firewall"} <= {role.name for role in ROLES}


def test_defaults_and_argument_specs_hold_the_same(role):
    specs = options(role)
    defaults = load(role / "defaults/main.yml")
    assert specs.keys() == defaults.keys()
    for name, value in defaults.items():
        if specs[name].get("type") in ("bool", "int") and str(value).startswith("{{"):
            # A template is a text, and a default must be of its option's type. The description says what it comes to.
            assert "default" not in specs[name] and "y default" in specs[name]["description"], name
        else:
            assert str(specs[name].get("default")).split() == str(value).split(), name


def test_every_variable_is_described_and_in_the_readme(role):
    readme = (role / "README.md").read_text(encoding="utf-8")
    for name, spec in options(role).items():
        assert spec.get("description"), name
        assert f"`{name}`" in readme, name


def test_names_carry_the_role(role):
    for name in load(role / "defaults/main.yml"):
        assert name.startswith(role.name + "_"), name
    if (role / "vars/main.yml").exists():
        for name in load(role / "vars/main.yml"):
            assert name.startswith(f"__{role.name}_"), name


def test_roles_stay_small(role):
    """House style: main.yml only includes, about 12 tasks a file."""

    def count(tasks):
        return sum(count(task["block"]) + count(task.get("rescue", [])) if "block" in task else 1 for task in tasks)

    for path in sorted((role / "tasks").rglob("*.yml")):
        tasks = load(path)
        assert count(tasks) <= 12, path
        if path.name == "main.yml":
            assert len(tasks) <= 10, path
            assert all(any("include" in key or "import" in key for key in task) for task in tasks), path


def test_a_role_includes_of_another_what_that_declares(role):
    """Its entry points, by name, and no file that its author may move."""
    for path in sorted((role / "tasks").rglob("*.yml")):
        assert "../" not in path.read_text(encoding="utf-8"), path
        for name, entry_point in includes(load(path)):
            other = role.parent / name.removeprefix("hardened.qdrant.")
            assert other != role and entry_point in entry_points(other), f"{path} includes {entry_point} of {name}"


def test_every_entry_point_is_there(role):
    for name in entry_points(role):
        assert (role / "tasks" / (name + ".yml")).is_file()


def test_one_role_knows_a_package_manager(role):
    for path in sorted(role.rglob("*.yml")):
        knows = any("ansible.builtin." + word in path.read_text(encoding="utf-8") for word in ("apt", "dnf", "package:", "deb822"))
        assert not knows or role.name == "qdrant_common", path


def test_entry_points_of_the_readme_are_task_files(role):
    section = (role / "README.md").read_text(encoding="utf-8").partition("## Entry points")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", section)) - {"tasks_from"}
    ours = {path.stem for path in (role / "tasks").glob("*.yml")}
    others = {other.name for other in role.parent.iterdir()}
    assert named - ours - others == set()
    if section:
        assert named & ours
