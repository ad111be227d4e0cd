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
from ansible_collections.hardened.qdrant.plugins.module_utils import _keys
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _preflight, _tokens

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


def rotation(monkeypatch, running, disk=(), deploys=False, seen=None, **variables):
    shown: list[str] = []
    monkeypatch.setattr(qdrant_rotation.display, "display", shown.append)
    plugin = action(qdrant_rotation.ActionModule, monkeypatch, nodes={"node1": {"running": running, "disk": disk, **(seen or {})}}, deploys=deploys)
    entry = {"application": "shop", "access": "r", "lifetime": "1h"}
    given = {"qdrant_version": "1.16.3", "qdrant_api_key": NEW, "qdrant_access": [entry], "qdrant_config": {}, **variables}
    return plugin.run(task_vars=given), "".join(shown)


def test_a_rotation_is_announced_with_the_tokens_that_end(monkeypatch):
    result, shown = rotation(monkeypatch, {"api_key": "other", "alt_api_key": None, "read_only_api_key": None})
    assert result["step"] == "cut-over" and result["remake_tokens"] and result["note"] == "" and not result["changed"]
    assert "shop (kept nowhere" in result["dying_tokens"][0] and "CUT-OVER" in shown and NEW not in shown + str(result)


def test_the_first_phase_notes_the_key_that_stays(monkeypatch, tmp_path):
    running = {"api_key": "api_key", "alt_api_key": None, "read_only_api_key": None}
    result, _shown = rotation(monkeypatch, running, qdrant_version="1.17.0", qdrant_alt_api_key=OLD)
    assert (result["step"], result["dying_tokens"], result["remake_tokens"]) == ("deploy", [], True)
    note = tmp_path / "note"
    note.write_text(result["note"])
    assert OLD not in result["note"] and NEW not in result["note"]
    service, named = {"api_key": NEW, "alt_api_key": OLD}, {"api_key": "api_key", "alt_api_key": "alt_api_key"}
    assert _keys.staying(str(note), service, named)["key"] == "alt_api_key"


BOTH = {"api_key": "api_key", "alt_api_key": "other", "read_only_api_key": None}


def entries(folder, **signers):
    """Applications with the tokens in their files, by the key that signed them."""
    made = []
    for name, key in signers.items():
        made.append({"application": name, "access": "r", "lifetime": "1h", "file": str(folder / name)})
        if key:
            (folder / name).write_text(_tokens.sign(_tokens.parse_entry(made[-1], 0)[0], key))
            (folder / name).chmod(0o600)
    return made


def test_tokens_of_a_key_that_stays_are_not_said_to_end(monkeypatch, tmp_path):
    access = entries(tmp_path, shop=NEW, search=OLD, web=None)
    result, shown = rotation(monkeypatch, BOTH, qdrant_version="1.19.0", qdrant_access=access)
    assert result["step"] == "retire" and "Phase 3 of 3" in shown
    assert f"Of qdrant_access: search ({tmp_path}/search), web ({tmp_path}/web, not made yet). This run makes them anew." in shown
    assert f"signed live on. Of qdrant_access: shop ({tmp_path}/shop)." in shown and "shop" not in str(result["dying_tokens"])
    result, shown = rotation(monkeypatch, BOTH, qdrant_version="1.19.0", qdrant_access=entries(tmp_path, shop=NEW))
    assert result["dying_tokens"] == [] and "end with it" not in shown and "made elsewhere" in shown
    assert "eyJ" not in shown + str(result)


def test_a_run_that_deploys_speaks_of_keys_only_if_one_changes(monkeypatch, tmp_path):
    same = {"api_key": "api_key", "alt_api_key": None, "read_only_api_key": None}
    result, shown = rotation(monkeypatch, same, deploys=True, qdrant_access=entries(tmp_path, shop=NEW))
    assert shown == "" and not result["remake_tokens"]
    # A run was killed before it made the tokens.
    assert rotation(monkeypatch, same, deploys=True, qdrant_access=entries(tmp_path, shop=OLD))[0]["remake_tokens"]
    assert "Phase 3" in rotation(monkeypatch, BOTH, deploys=True, qdrant_version="1.19.0", qdrant_access=entries(tmp_path, shop=OLD))[1]


def test_settings_count_where_they_come_into_use(monkeypatch):
    """Keys alone leave the settings as they are: what nodes ask each other for is what they say themselves."""
    cut_over = {"api_key": "other", "alt_api_key": None, "read_only_api_key": None}
    wanted = {"qdrant_version": "1.19.0", "qdrant_rotation_cut_over": True, "__qdrant_preflight": {"settings": {"service": {"enforce_internal_auth": True}}}}
    assert rotation(monkeypatch, cut_over, **wanted)[0]["step"] == "cut-over"
    for options in ({"deploys": True}, {"seen": {"enforces": True}}):
        with pytest.raises(AnsibleActionFail, match="refuse each other's key"):
            rotation(monkeypatch, cut_over, **options, **wanted)
    with pytest.raises(AnsibleActionFail, match="host node2: they are no part"):
        parallel = {"qdrant_restart_strategy": "parallel", "groups": {"qdrant": ["node1", "node2"]}}
        rotation(monkeypatch, cut_over, deploys=True, **wanted, **parallel)


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
