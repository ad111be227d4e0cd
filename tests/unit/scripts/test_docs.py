# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is around Sphinx in scripts/lib/docs: the pages of playbooks, and the checks of the site."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

_PROJECT = Path(__file__).resolve().parents[3]
_PLAYBOOK = """---
# Make the nodes run it. docs/access.md
# explains why.
- name: Refuse bad input
  ansible.builtin.import_playbook: hardened.qdrant.preflight

- name: "Write what is due: {{ title | default('all') }}"
  hosts: qdrant
# Another comment.
"""


@pytest.fixture(scope="module", name="docs")
def _docs() -> ModuleType:
    """scripts/lib/docs, which is a program without a suffix."""
    loader = importlib.machinery.SourceFileLoader("docs", str(_PROJECT / "scripts/lib/docs"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("docs", loader))
    loader.exec_module(module)
    return module


def write(folder: Path, **pages: str) -> None:
    for name, text in pages.items():
        (folder / (name + ".html")).write_text(text)


def test_a_playbook_has_its_comment_and_its_steps(docs):
    page = docs.playbook_page("site", _PLAYBOOK)
    assert page.startswith("# site\n\nMake the nodes run it. [docs/access.md](../docs/access.md) explains why.\n\n")
    assert "ansible-playbook -i inventory hardened.qdrant.site\n" in page
    assert page.endswith("1. Refuse bad input ([preflight](preflight.md))\n1. Write what is due\n")


def test_a_playbook_of_the_controller_needs_no_inventory(docs):
    assert "ansible-playbook hardened.qdrant.init\n" in docs.playbook_page("init", "---\n- name: Start\n  hosts: localhost\n")


def test_guides_are_copied_with_what_they_link_to(docs, tmp_path):
    checkout = tmp_path / "checkout"
    for path in ("docs/docsite/index.md", "docs/access.md", "plugins/schema.json", "plugins/other.json"):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text("x")
    (checkout / "docs/evidence.md").write_text("[schema](../plugins/schema.json) [guide](access.md#keys) [site](https://example.com) [none](no.md)")
    docs.copy_guides(checkout, tmp_path / "source")
    copied = {str(path.relative_to(tmp_path / "source")) for path in (tmp_path / "source").rglob("*") if path.is_file()}
    assert copied == {"index.md", "docs/access.md", "docs/evidence.md", "plugins/schema.json"}


def test_links_lead_somewhere(docs, tmp_path):
    write(tmp_path, a='<a href="b.html#x">b</a><a href="#y">y</a><h1 id="y"></h1><a href="https://example.com/">away</a>', b='<p id="x"></p>')
    assert not list(docs.broken(tmp_path))


@pytest.mark.parametrize("link", ["c.html", "b.html#z", "#z", "img/none.png"])
def test_a_link_that_leads_nowhere_is_named(docs, tmp_path, link):
    write(tmp_path, a=f'<a href="{link}">there</a>', b='<p id="x"></p>')
    assert list(docs.broken(tmp_path)) == [f"a.html: the link to {link} leads nowhere"]


def test_what_is_missing_is_named(docs, tmp_path):
    write(tmp_path, a='<p id="x"></p>')
    assert list(docs.missing(tmp_path, ["a.html", "b.html"], ["a.html#x", "a.html#y", "b.html#x"])) == [
        "b.html is missing",
        "a.html#y is missing",
        "b.html#x is missing",
    ]


def test_everything_that_the_collection_offers_needs_a_page(docs):
    pages = set(docs.wanted_pages(_PROJECT))
    assert {
        "reference/qdrant_certificate_module.html",
        "reference/qdrant_jwt_filter.html",
        "reference/qdrant_role.html",
        "roles/qdrant_tls/README.html",
        "playbooks/site.html",
        "docs/architecture.html",
        "docs/developer/threat-model.html",
    } <= pages
    assert "docs/controls.html#evidence-valid" in set(docs.wanted_anchors(_PROJECT))


def test_nothing_came_with_a_release_that_is_not_there_yet():
    """The changelog's entry names what is new by this."""

    def numbers(version: str) -> list[int]:
        return [int(word) for word in str(version).split(".")]

    release = numbers(yaml.safe_load((_PROJECT / "galaxy.yml").read_text(encoding="utf-8"))["version"])
    for path in (_PROJECT / "plugins").rglob("*.py"):
        for version in re.findall(r"^ *version_added: *(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert numbers(version.strip("\"'")) <= release, path
