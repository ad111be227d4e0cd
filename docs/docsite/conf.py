# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings for the documentation site, which scripts/lib/docs builds."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from docutils import nodes

if t.TYPE_CHECKING:
    from sphinx.application import Sphinx

_GALAXY = yaml.safe_load((Path(__file__).parents[2] / "galaxy.yml").read_text(encoding="utf-8"))

project = f"{_GALAXY['namespace']}.{_GALAXY['name']}"
author = ", ".join(_GALAXY["authors"])
project_copyright = author
version = release = _GALAXY["version"]

extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
highlight_language = "YAML+Jinja"
pygments_style = "ansible"
# Quotes in commands must stay what they are.
smartquotes = False
# Links to headings (page.md#heading), as deep as the pages have them.
myst_heading_anchors = 4
# A reference that leads nowhere is a warning, and a warning is an error.
nitpicky = True

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sourcelink = False


_ANSIBLE = "https://docs.ansible.com/ansible/latest/"
# What antsibull-docs refers to of Ansible's own documentation.
_LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def _ansible(app: Sphinx, env: t.Any, node: nodes.Element, text: nodes.Node) -> nodes.reference | None:
    """Return the link for a reference to Ansible's documentation, or to a plugin of another collection. The build needs no network for it."""
    target = node.get("reftarget", "")
    words = target.split("__parameter-")[0].split(".")
    page = _LABELS.get(target)
    if page is None:
        if len(words) != 4 or words[0] != "ansible_collections" or words[1:3] == project.split("."):
            return None
        page = f"collections/{'/'.join(words[1:])}.html"
    link = nodes.reference("", "", internal=False, refuri=_ANSIBLE + page)
    link += text
    return link


def setup(app: Sphinx) -> None:
    """Register what Sphinx calls."""
    app.connect("missing-reference", _ansible)
