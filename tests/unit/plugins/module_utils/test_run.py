# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that a busy host loses are not taken for answers."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _firewall, _node, _run


def replies(*answers):
    """A run_command that gives these answers in turn, and what it was asked."""
    left, asked = list(answers), []

    def run(arguments, **_options):
        asked.append(arguments)
        return left.pop(0)

    return run, asked


def test_silence_is_asked_again():
    run, asked = replies((0, "", ""), (0, "\n", ""), (0, "active", ""))
    assert _run.patient(run)(["systemctl"]) == (0, "active", "") and len(asked) == 3


def test_an_answer_and_a_refusal_are_taken_at_once():
    for answer in ((0, "active", ""), (1, "", "no such unit")):
        run, asked = replies(answer)
        assert _run.patient(run)(["systemctl"]) == answer and len(asked) == 1


def test_what_prints_nothing_by_right_ends():
    run, asked = replies(*[(0, "", "")] * 3)
    assert _run.patient(run)(["true"]) == (0, "", "") and len(asked) == 3


class Module:
    """As much of an AnsibleModule as running a program takes."""

    def run_command(self, arguments, handle_exceptions=True):
        assert not handle_exceptions, "a program that is missing must not end the module"
        return 0, "%s in %s" % (arguments[0], self.run_command_environ_update["LC_ALL"]), ""


def test_modules_find_the_administrators_programs_and_read_english():
    module = Module()
    assert _run.questions(module)(["nft"]) == (0, "nft in C", "")
    assert module.run_command_environ_update["PATH"].startswith("/usr/sbin:")


def test_a_file_whose_listing_was_lost_does_not_differ_from_the_kernel():
    table = "table inet x {\n}\n"
    run, asked = replies((0, "", ""), (0, table, ""), (0, "", ""), (0, table, ""))
    assert _firewall.differences("inet x", "/f", run) == [] and len(asked) == 4


def test_a_systemd_that_says_nothing_is_no_unit_that_is_up_to_date():
    with pytest.raises(OSError, match="said nothing of qdrant.service"):
        _node.unit_state("qdrant.service", lambda arguments: (0, "\n", ""))
