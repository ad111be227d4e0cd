# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task is spared only where everything that it would do is seen to be done."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.filter.due import due
from ansible_collections.hardened.qdrant.plugins.module_utils import _node


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("text\n")
    path.chmod(0o644)
    seen = _node.path_state(str(path))
    return {"path": str(path), "kind": "file", "owner": seen["owner"], "group": seen["group"], "mode": "0644", "content": "text\n"}


def test_what_is_as_wanted_is_not_due(file):
    assert due([file], {file["path"]: _node.path_state(file["path"])}) == []


CHANGES = ({"mode": "0600"}, {"owner": "nobody"}, {"group": "nogroup"}, {"kind": "folder"}, {"content": "other"}, {"sha256": "0" * 64})


@pytest.mark.parametrize("change", CHANGES)
def test_each_difference_makes_it_due(file, change):
    wanted = {**{name: value for name, value in file.items() if name != "content" or "sha256" not in change}, **change}
    assert due([wanted], {file["path"]: _node.path_state(file["path"])}) == [wanted]


@pytest.mark.parametrize("observed", [None, {}, {"/other": {}}])
def test_what_was_not_looked_at_is_due(file, observed):
    assert due([file], observed) == [file]


def test_what_is_not_there_is_due(file):
    assert due([file], {file["path"]: _node.path_state("/nonexistent")}) == [file]


def test_a_link_is_not_the_file_that_it_points_to(file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file["path"])
    wanted = {**file, "path": str(link)}
    assert due([wanted], {str(link): _node.path_state(str(link))}) == [wanted]
