# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _limits


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("infinity", _limits.UNLIMITED),
        ("90%", _limits.UNLIMITED),
        ("1024", 1024),
        (2048, 2048),
        ("16G", 16 << 30),
        ("1.5M", 3 << 19),
        ("nonsense", _limits.UNLIMITED),
    ],
)
def test_memory(value, number):
    assert _limits.memory(value) == number


def test_limits_without_an_inventory_are_the_roles():
    assert _limits.wanted(lambda _name, default: default) == {"open_files": 65536, "tasks": 4096, "memory": _limits.UNLIMITED}


@pytest.mark.parametrize("setting", [{"async_scorer": True}, {"io_uring": "auto"}])
def test_settings_that_need_io_uring(setting):
    settings = {"storage": {"performance": setting}}
    problem = str(_limits.check_io_uring(settings, False)[0])
    assert f"qdrant_config.storage.performance.{next(iter(setting))}" in problem and "qdrant_io_uring: true" in problem
    assert not _limits.check_io_uring(settings, True)


@pytest.mark.parametrize("setting", [{}, {"async_scorer": False}, {"async_scorer": None, "io_uring": "disabled"}])
def test_settings_that_do_not(setting):
    assert not _limits.check_io_uring({"storage": {"performance": setting}}, False)
