# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation says of the code what the code is: numbers, commands, playbooks, messages and links."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls

PROJECT = Path(__file__).parents[2]
README = PROJECT / "README.md"
# Sources of the site have links of their own kind, and the site's build checks them.
PAGES = [path for pattern in ("*.md", "docs/**/*.md", "roles/*/README.md") for path in sorted(PROJECT.glob(pattern)) if "docsite" not in path.parts]
PLAYBOOKS = {path.stem for path in (PROJECT / "playbooks").glob("*.yml")}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# Lines of a terminal; the first screen of most.
SCREEN = 24


def named(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and GitLab make them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text_of(path), flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_short_and_begins_with_what_needs_nothing_set_up():
    lines = text_of(README).splitlines()
    assert len(lines) <= 80
    screen = "\n".join(lines[:SCREEN])
    commands = re.findall(r"^(\./scripts/\w+)\b", screen, re.MULTILINE)
    assert commands == ["./scripts/quickstart", "./scripts/test"]
    assert all(os.access(PROJECT / command, os.X_OK) for command in commands)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page):
    for target in LINK.findall(text_of(page)):
        if target.startswith("https://"):
            continue
        place, _hash, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def test_the_index_names_every_page():
    index = PROJECT / "docs/README.md"
    linked = {(index.parent / target.partition("#")[0]).resolve() for target in LINK.findall(text_of(index)) if not target.startswith("https://")}
    assert [named(page) for page in PAGES if page.parent != PROJECT and page != index and page.resolve() not in linked] == []


def test_one_page_names_every_playbook():
    page = text_of(PROJECT / "docs/own-hosts.md")
    names = set(re.findall(r"^\| `hardened\.qdrant\.(\w+)` \|", page, re.MULTILINE))
    parts = set(re.findall(r"`(\w+)`", next(line for line in page.splitlines() if line.endswith("not to be run by themselves."))))
    assert names | parts == PLAYBOOKS
    assert not names & parts


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_playbook_that_a_page_runs_exists(page):
    commands = re.sub(r"\\\n\s*", "", text_of(page))
    run = [re.findall(r"hardened\.qdrant\.(\w+)", line)[:1] for line in commands.splitlines() if "ansible-playbook" in line]
    assert {name for names in run for name in names} <= PLAYBOOKS


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_stage_that_a_page_runs_exists(page):
    for script, pattern in {"test": r"^stages=\((.*)\)$", "quickstart": r"^all_stages=\((.*)\)$"}.items():
        stages = re.search(pattern, text_of(PROJECT / "scripts" / script), re.MULTILINE)[1].split()
        assert set(re.findall(rf"scripts/{script} ([a-z_]+)\b", text_of(page))) <= {*stages}


def test_numbers_are_those_of_the_catalogue_and_the_cases():
    proxies = sum(control.subject == "proxy" for control in _controls.catalogue())
    nodes = len(_controls.catalogue()) - proxies
    proof = " ".join(text_of(PROJECT / "docs/proof.md").split())
    assert "%d controls are judged" % nodes in " ".join(text_of(README).split())
    assert "%d declared controls are judged" % nodes in proof and "%d more are about the proxies" % proxies in proof
    cases = sum(len(yaml.safe_load(text_of(path))) for path in (PROJECT / "tests/live/bad_inputs").glob("*.yml"))
    assert "| %d bad inventories," % cases in proof


def test_the_default_version_is_the_roles():
    version = yaml.safe_load(text_of(PROJECT / "roles/qdrant/defaults/main.yml"))["qdrant_version"]
    assert f"Where upstream cannot be asked it is {version}," in text_of(PROJECT / "docs/proof.md")


def test_messages_that_the_troubleshooting_explains_are_said():
    rows = re.findall(r"^\| `([^`]+)`", text_of(PROJECT / "docs/troubleshooting.md"), re.MULTILINE)
    assert len(rows) >= 10
    patterns = ("plugins/**/*.py", "roles/*/tasks/*.yml", "roles/*/files/*.py", "playbooks/*.yml")
    said = " ".join(" ".join(text_of(path).split()) for pattern in patterns for path in sorted(PROJECT.glob(pattern)))
    assert [row for row in rows if row not in said] == []
