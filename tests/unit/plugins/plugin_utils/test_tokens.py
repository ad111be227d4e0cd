# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: what is refused, what they claim, and when a new one is due."""

from __future__ import annotations

import jwt
import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _tokens
from hypothesis import given
from hypothesis import strategies as st

KEY, OTHER = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa", "Zk3vQ9rT1xW7yB5nM2cD8fH4jL6pS0aE"
NOW = 1_800_000_000.0
GRANT = _tokens.Grant("shop", _access.Scope(collections={"b": "r", "a": "rw"}), 3600)
ENTRY = {"application": "shop", "access": {"a": "rw"}, "lifetime": "30d"}


def test_a_token_says_who_what_and_until_when():
    token = _tokens.sign(GRANT, KEY, NOW)
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    access = [{"collection": "a", "access": "rw"}, {"collection": "b", "access": "r"}]
    assert _tokens.claims_of(token, KEY) == {"sub": "shop", "subject": "shop", "exp": NOW + 3600, "access": access}
    assert _tokens.claims_of(token, OTHER) is None and _tokens.claims_of("no token", KEY) is None
    condition = {"collection": "users", "matches": [{"key": "name", "value": "x"}]}
    assert _tokens.Grant("s", _access.READ_ONLY, 60, condition).claims(NOW)["value_exists"] == condition


def test_no_token_goes_without_access():
    with pytest.raises(_tokens.TokenError, match="it is empty"):
        _tokens.sign(_tokens.Grant("shop", _access.NOBODY, 3600), KEY)


@pytest.mark.parametrize("key", ["", None, "Zk3vQ9", "a" * 40, KEY + "\n"])
def test_no_token_is_signed_with_a_key_that_can_be_guessed(key):
    with pytest.raises(_tokens.TokenError) as error:
        _tokens.sign(GRANT, key)
    assert not key or key not in str(error.value)


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (None, "full rights"),
        ("", "full rights"),
        ([], "full rights"),
        ({}, "full rights"),
        ("*", "no wildcard"),
        ({"*": "r"}, "no wildcard"),
        ("rw", "no right 'rw' for everything"),
        ({"a": "w"}, "no right 'w'"),
        ({"a": "m"}, "the right m in a collection"),
        ({"a": None}, "no right None"),
        ({17: "r"}, "17 is no name"),
        ({"a/b": "r"}, "no name of a collection"),
        (17, "neither a right nor rights by collection"),
        (["a"], "an entry is not"),
        ([{"collection": "a", "access": "r"}, {"collection": "a", "access": "rw"}], "twice"),
    ],
)
def test_access_that_is_refused(access, expected):
    scope, problems = _tokens.parse_access("access", access)
    assert scope == _access.NOBODY and any(expected in problem.what for problem in problems)


@pytest.mark.parametrize("access", [{"a": "rw", "b": "prw"}, [{"collection": "a", "access": "rw"}, {"collection": "b", "access": "prw"}]])
def test_access_that_is_taken(access):
    assert _tokens.parse_access("access", access) == (_access.Scope(collections={"a": "rw", "b": "prw"}), [])
    assert _tokens.parse_access("access", "r") == (_access.Scope("r"), [])


@pytest.mark.parametrize("lifetime", [None, "", "forever", "30", 30, True, "0d", "59s", "367d", "-1d", "1y", "999999999d"])
def test_lifetimes_that_are_refused(lifetime):
    assert _tokens.parse_lifetime("lifetime", lifetime)[1]


def test_lifetimes_that_are_taken():
    for text, seconds in {"60s": 60, "12h": 43200, "30d": 2592000, "2w": 1209600, "366d": 31622400}.items():
        assert _tokens.parse_lifetime("lifetime", text) == (seconds, [])
    assert [_tokens.lifetime_text(seconds) for seconds in (61, 3600, 86400, 43200)] == ["61s", "1h", "1d", "12h"]


@pytest.mark.parametrize(
    "condition",
    ["x", {"collection": "a"}, {"collection": "", "matches": []}, {"collection": "a", "matches": []}, {"collection": "a", "matches": [{"key": "k"}]},
     {"collection": "a", "matches": [{"key": "k", "value": 1.5}]}, {"collection": "a", "matches": [{"key": "k", "value": "v"}], "x": 1}],
)  # fmt: skip
def test_conditions_that_are_refused(condition):
    assert _tokens.parse_value_exists("value_exists", condition)


def texts(entries, jwt_rbac=True, accepted=()) -> str:
    return "\n".join(map(str, _tokens.check_entries(entries, jwt_rbac, accepted).problems))


def test_the_inventorys_data():
    assert texts([ENTRY]) == "" and texts([]) == "" and texts([], False) == ""
    assert "qdrant_jwt_rbac: it is false" in texts([ENTRY], False)
    assert "not a list" in texts({"shop": {}}) and "not a mapping" in texts(["shop"])
    assert "qdrant_access[0].lifetime: it is missing" in texts([{"application": "shop", "access": "r"}])
    assert "qdrant_access[1].access: it is missing" in texts([ENTRY, {"application": "x", "lifetime": "1d"}])
    assert "no such setting" in texts([{**ENTRY, "rights": "r"}])
    assert "the same application, shop" in texts([ENTRY, ENTRY])
    assert "the same file, x" in texts([{**ENTRY, "file": "x"}, {**ENTRY, "application": "b", "file": "x"}])
    assert "it is no name" in texts([{**ENTRY, "application": "a b"}])
    assert "not a boolean" in texts([{**ENTRY, "vault": "yes"}])
    assert "risk: token-manage" in texts([{**ENTRY, "access": "m"}]) and texts([{**ENTRY, "access": "m"}], True, ("token-manage",)) == ""
    assert _tokens.check_entries([{**ENTRY, "lifetime": "91d"}], True, ()).warnings


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)))
def test_no_data_crashes_the_check(data):
    _tokens.check_entries(data, True, ())
    _tokens.check_entries([data, {**ENTRY, "access": data, "lifetime": data, "value_exists": data}], True, ())


def test_without_pyjwt_tokens_are_refused_before_anything_changes(monkeypatch):
    monkeypatch.setattr(_tokens, "jwt", None)
    assert "pip install PyJWT" in texts([ENTRY]) and texts([]) == ""
    with pytest.raises(_tokens.TokenError, match="PyJWT is missing"):
        _tokens.sign(GRANT, KEY)


def test_when_a_new_token_is_due():
    token = _tokens.sign(GRANT, KEY, NOW)
    assert _tokens.due(GRANT, None, KEY, NOW) == ["there is none"]
    assert _tokens.due(GRANT, token, KEY, NOW + 1200) == []
    assert _tokens.due(GRANT, token, OTHER, NOW) == ["the key did not sign it"]
    assert _tokens.due(GRANT, "garbage", KEY, NOW) == ["the key did not sign it"]
    assert "less than a third" in _tokens.due(GRANT, token, KEY, NOW + 2500)[0]
    other = _tokens.Grant("shop", _access.Scope("r"), 3600)
    assert _tokens.due(other, token, KEY, NOW) == ["access differs"]
    shorter = _tokens.Grant("shop", GRANT.scope, 600)
    assert _tokens.due(shorter, token, KEY, NOW) == ["it lives longer than it should"]


def test_collections_that_the_server_does_not_have():
    assert _tokens.unknown_collections(GRANT, ["a"]) == ["b"]
    condition = {"collection": "users", "matches": [{"key": "name", "value": "x"}]}
    assert _tokens.unknown_collections(_tokens.Grant("s", _access.READ_ONLY, 60, condition), []) == ["users"]
