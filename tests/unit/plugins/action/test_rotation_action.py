# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugins qdrant_rotation and qdrant_new_keys."""

from __future__ import annotations

import stat
from types import SimpleNamespace

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.action import ActionBase
from ansible_collections.hardened.qdrant.plugins.action import qdrant_new_keys, qdrant_rotation
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _preflight

OLD, NEW = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa", "Zk3vQ9rT1xW7yB5nM2cD8fH4jL6pS0aE"
VAULT = VaultLib([("default", VaultSecret(b"secret"))])


class Templar:
    """Values are what they are."""

    @staticmethod
    def template(value):
        return value


def action(kind, monkeypatch, check=False, vault=VAULT, **arguments):
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_named: {})
    plugin = kind.__new__(kind)
    plugin._task, plugin._templar = SimpleNamespace(args=arguments, check_mode=check, async_val=0), Templar()
    plugin._loader = SimpleNamespace(_vault=vault)
    return plugin


def rotation(monkeypatch, running, disk=(), **variables):
    shown: list[str] = []
    monkeypatch.setattr(qdrant_rotation.display, "display", shown.append)
    plugin = action(qdrant_rotation.ActionModule, monkeypatch, nodes={"node1": {"running": running, "disk": disk}})
    entry = {"application": "shop", "access": "r", "lifetime": "1h"}
    given = {"qdrant_version": "1.16.3", "qdrant_api_key": NEW, "qdrant_access": [entry], "qdrant_config": {}, **variables}
    return plugin.run(task_vars=given), "".join(shown)


def test_a_rotation_is_announced_with_the_tokens_that_end(monkeypatch):
    result, shown = rotation(monkeypatch, {"api_key": "other", "alt_api_key": None, "read_only_api_key": None})
    assert result["step"] == "cut-over" and result["token_key"] == "qdrant_api_key" and not result["changed"]
    assert "shop (kept nowhere" in result["dying_tokens"][0] and "CUT-OVER" in shown and NEW not in shown + str(result)


def test_tokens_move_to_the_new_key_in_the_first_phase(monkeypatch):
    running = {"api_key": "api_key", "alt_api_key": None, "read_only_api_key": None}
    result, _shown = rotation(monkeypatch, running, qdrant_version="1.17.0", qdrant_alt_api_key=OLD)
    assert (result["step"], result["token_key"], result["dying_tokens"]) == ("deploy", "qdrant_alt_api_key", [])


def test_a_refused_rotation_says_why(monkeypatch):
    with pytest.raises(AnsibleActionFail, match="nothing was changed"):
        rotation(monkeypatch, {"api_key": "other", "alt_api_key": None, "read_only_api_key": None}, qdrant_version="1.19.0")


def test_a_node_that_was_not_deployed_is_named(monkeypatch):
    with pytest.raises(AnsibleActionFail, match="host node1: there is no node"):
        rotation(monkeypatch, None, disk=None)


def test_new_keys_are_made_once_and_not_shown(monkeypatch, tmp_path):
    path = tmp_path / "keys/new.yml"
    action(qdrant_new_keys.ActionModule, monkeypatch, check=True, file=str(path)).run()
    assert not path.exists()
    result = action(qdrant_new_keys.ActionModule, monkeypatch, file=str(path)).run()
    keys = yaml.safe_load(VAULT.decrypt(path.read_text()))
    assert list(keys) == result["names"] == ["qdrant_api_key", "qdrant_read_only_api_key"] and stat.S_IMODE(path.stat().st_mode) == 0o600
    for name, key in keys.items():
        assert _preflight.check_key(name, key) == [] and key not in str(result)
    with pytest.raises(AnsibleActionFail, match="never overwritten"):
        action(qdrant_new_keys.ActionModule, monkeypatch, file=str(path)).run()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({"names": ["x"]}, "names is not a list"), ({"file": ""}, "is a folder"), ({"vault_id": "prod"}, "--vault-id prod@prompt")],
)
def test_what_makes_no_new_keys(monkeypatch, tmp_path, arguments, expected):
    with pytest.raises(AnsibleActionFail, match=expected):
        action(qdrant_new_keys.ActionModule, monkeypatch, **{"file": str(tmp_path / "new.yml"), **arguments}).run()
    with pytest.raises(AnsibleActionFail, match="hardened.qdrant.new_api_keys --vault-id"):
        action(qdrant_new_keys.ActionModule, monkeypatch, vault=VaultLib([]), file=str(tmp_path / "new.yml")).run()
