# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin qdrant_network_policy: files once, shown in the difference, and none where something is wrong."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.hardened.qdrant.plugins.action import qdrant_network_policy

FILES = ["network-policies.yaml", "values.yaml", "statefulset-patch.yaml"]


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Run the action; its result."""
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_named: {})
    run_warnings: list = []
    monkeypatch.setattr(qdrant_network_policy.display, "warning", run_warnings.append)

    def run(check=False, variables=None, **arguments):
        plugin = qdrant_network_policy.ActionModule.__new__(qdrant_network_policy.ActionModule)
        plugin._task = SimpleNamespace(args={"dir": str(tmp_path / "out"), **arguments}, check_mode=check)
        return plugin.run(task_vars=variables or {})

    run.warnings = run_warnings
    return run


def test_files_are_written_once_and_a_change_is_shown(call, tmp_path):
    umask = os.umask(0o077)
    try:
        first = call(clients=[{"namespace": "shop"}])
    finally:
        os.umask(umask)
    paths = [tmp_path / "out" / name for name in FILES]
    assert first["changed"] and first["files"] == [str(path) for path in paths] and len(first["diff"]) == 3
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in paths)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    again = call(clients=[{"namespace": "shop"}])
    assert not again["changed"] and again["diff"] == []
    other = call(clients=[{"namespace": "reports"}])
    assert other["changed"] and [diff["after_header"] for diff in other["diff"]] == [str(paths[0])]
    assert "shop" in other["diff"][0]["before"] and "shop" not in other["diff"][0]["after"]
    paths[1].chmod(0o600)
    assert call(clients=[{"namespace": "reports"}])["changed"] and stat.S_IMODE(paths[1].stat().st_mode) == 0o644


def test_check_mode_predicts_and_writes_nothing(call, tmp_path):
    assert call(check=True)["changed"] and not (tmp_path / "out").exists()


def test_without_a_folder_the_result_alone_has_them(call, tmp_path):
    result = call(dir="")
    assert not result["changed"] and result["files"] == [] and len(result["policies"]) == 4 and list(tmp_path.iterdir()) == []
    assert any("names nobody" in warning for warning in call.warnings)


def test_nothing_is_written_where_something_is_wrong(call, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AnsibleActionFail, match="(?s)everyone.*file is a file"):
        call(clients=[{"cidr": "::/0"}], dir=str(tmp_path / "file"))
    with pytest.raises(AnsibleActionFail, match="in the inventory's folder"):
        call(dir=str(tmp_path / "kubernetes"), variables={"ansible_inventory_sources": [str(tmp_path)]})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_written_is_told(call, tmp_path):
    (tmp_path / "out/values.yaml").mkdir(parents=True)
    with pytest.raises(AnsibleActionFail, match="values.yaml is not read: it is a folder"):
        call()


def test_the_documented_defaults_are_those_in_use():
    from ansible_collections.hardened.qdrant.plugins.modules import qdrant_network_policy as module

    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert {name: option["default"] for name, option in options.items()} == qdrant_network_policy.DEFAULTS
    assert Path(module.__file__).name == "qdrant_network_policy.py"
