# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of file and kernel. What nft itself does is tested on real hosts."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _firewall


def answering(code, output="", error=""):
    calls = []

    def run(arguments):
        calls.append(arguments)
        return code, output, error

    run.calls = calls
    return run


def test_a_table_that_is_not_there_is_empty():
    assert _firewall.listing("inet x", answering(1, error="No such file")) == ""


def test_a_rehearsal_runs_in_a_namespace_of_its_own():
    run = answering(0, "table inet x {}")
    assert _firewall.rehearse("inet x", "/draft", run) == "table inet x {}"
    assert run.calls[0][:2] == ["unshare", "--net"] and run.calls[0][-1] == "/draft"


def test_what_nft_refuses_is_an_error_in_its_own_words():
    with pytest.raises(_firewall.FirewallError, match="syntax error"):
        _firewall.rehearse("inet x", "/draft", answering(1, error="syntax error, unexpected"))
    with pytest.raises(_firewall.FirewallError, match="busy"):
        _firewall.load("/file", answering(1, error="busy"))


def test_a_draft_lies_beside_the_file_and_can_be_read_like_it(tmp_path):
    path = tmp_path / "firewall.nft"
    draft = _firewall.draft(str(path), "rules")
    assert os.path.dirname(draft) == str(tmp_path) and _firewall.read(draft) == "rules" and os.stat(draft).st_mode & 0o777 == 0o644
    assert _firewall.read(str(path)) == ""
