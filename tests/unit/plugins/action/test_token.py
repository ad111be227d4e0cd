# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin qdrant_token: where tokens go, when they stay, and what never shows them."""

from __future__ import annotations

import stat
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.action import ActionBase
from ansible_collections.hardened.qdrant.plugins.action import qdrant_token
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _tokens

KEY, OTHER = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa", "Zk3vQ9rT1xW7yB5nM2cD8fH4jL6pS0aE"


class Templar:
    """Values are what they are."""

    @staticmethod
    def template(value):
        return value


@pytest.fixture
def token(monkeypatch, tmp_path):
    """Run the action; its result. ``screen`` holds what it displayed."""
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_named: {})
    screen: list = []
    monkeypatch.setattr(qdrant_token.display, "display", lambda text, **named: screen.append((text, named)))
    monkeypatch.setattr(qdrant_token.display, "warning", lambda text: screen.append((text, {})))

    def run(entry=None, key=KEY, check=False, vault=True, variables=None, **arguments):
        plugin = qdrant_token.ActionModule.__new__(qdrant_token.ActionModule)
        plugin._task = SimpleNamespace(args={"application": "shop", **arguments}, check_mode=check, async_val=0)
        plugin._templar = Templar()
        secrets = [("default", VaultSecret(b"secret"))] if vault else []
        plugin._loader = SimpleNamespace(_vault=VaultLib(secrets))
        entries = [{"application": "shop", "access": {"a": "rw"}, "lifetime": "1h", "file": str(tmp_path / "tokens/shop"), **(entry or {})}]
        return plugin.run(task_vars={"qdrant_api_key": key, "qdrant_access": entries, **(variables or {})})

    run.screen = screen
    return run


def test_the_key_that_stays_signs_where_the_nodes_are_known(token, tmp_path):
    running = {"api_key": "api_key", "alt_api_key": "alt_api_key", "read_only_api_key": None}
    nodes = {"node1": {"running": running, "disk": running, "enforces": False, "staying": {"key": "alt_api_key", "since": 1.0}, "outage": None}}
    keys = {"qdrant_alt_api_key": OTHER}
    token(nodes=nodes, variables=keys)
    text = (tmp_path / "tokens/shop").read_text().strip()
    assert _tokens.claims_of(text, OTHER) and _tokens.claims_of(text, KEY) is None
    assert not token(nodes=nodes, variables=keys)["changed"], "phase 1 runs again, and the token stays"
    nodes["node1"]["staying"] = {"key": "api_key", "since": 1.0}
    assert token(nodes=nodes, variables=keys)["reasons"] == ["the key did not sign it"]


def test_a_token_is_made_once_and_never_in_the_result(token, tmp_path):
    first = token()
    path = tmp_path / "tokens/shop"
    text = path.read_text().strip()
    assert first["changed"] and first["reasons"] == ["there is none"] and text not in str(first)
    assert _tokens.claims_of(text, KEY)["sub"] == "shop"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = token()
    assert not again["changed"] and path.read_text().strip() == text and again["expires"] == first["expires"]
    assert token(key=OTHER)["reasons"] == ["the key did not sign it"]
    assert token(key=OTHER, force="true")["reasons"] == ["asked for"]
    path.chmod(0o644)
    assert token(key=OTHER)["changed"] and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token.screen == []


def test_check_mode_writes_nothing(token, tmp_path):
    assert token(check=True, show=True)["changed"] and not (tmp_path / "tokens").exists() and token.screen == []


def test_a_vault_file(token, tmp_path):
    assert token(entry={"vault": True})["changed"]
    text = (tmp_path / "tokens/shop").read_text()
    assert text.startswith("$ANSIBLE_VAULT;") and not token(entry={"vault": True})["changed"]
    assert token(entry={"vault": True}, key=OTHER)["changed"]
    with pytest.raises(AnsibleActionFail, match="--vault-id qdrant@prompt"):
        token(entry={"vault": True}, vault=False)


def test_it_is_shown_on_the_screen_alone_and_on_demand(token):
    result = token(entry={"file": ""}, show=True)
    ((text, named),) = token.screen
    assert text.startswith("shop: ey") and named == {"screen_only": True}
    assert not result["changed"] and text.split()[1] not in str(result)


def test_collections_that_do_not_exist_are_warned_of(token):
    assert token(known_collections=["b"])["unknown_collections"] == ["a"]
    assert "does not have: a" in token.screen[0][0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"application": "other"}, "no entry 'other'. It has: shop"),
        ({"access": "r"}, "lifetime: it is missing"),
        ({"lifetime": "1h"}, "access: it is missing"),
        ({"access": {"*": "r"}, "lifetime": "1h"}, "no wildcard"),
        ({"key": ""}, "it is empty"),
        ({"entry": {"lifetime": ""}}, "does not expire"),
    ],
)
def test_bad_input_makes_no_token(token, tmp_path, arguments, expected):
    with pytest.raises(AnsibleActionFail, match="No token was made") as error:
        token(**arguments)
    assert expected in str(error.value) and not (tmp_path / "tokens").exists()


def test_no_token_is_put_where_ansible_would_take_it_for_an_inventory(token, tmp_path):
    with pytest.raises(AnsibleActionFail, match="outside of it"):
        token(variables={"ansible_inventory_sources": [str(tmp_path)]})
