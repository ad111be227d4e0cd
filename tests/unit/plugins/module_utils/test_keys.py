# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys by name."""

from __future__ import annotations

import json

from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _keys, _secrets

OLD, NEW, READ = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa", "Zk3vQ9rT1xW7yB5nM2cD8fH4jL6pS0aE", "Xk3vQ9rT1xW7yB5nM2cD8fH4jL6pS0aF"


SALT = _digests.salt()


def digests(**keys: str) -> dict[str, str]:
    return {name: _digests.digest(key.encode(), SALT) for name, key in keys.items()}


def test_keys_are_named_and_never_returned():
    wanted = digests(api_key=NEW, alt_api_key=OLD)
    found = _keys.identify({"api_key": OLD, "alt_api_key": NEW, "read_only_api_key": READ}, SALT, wanted)
    assert found == {"api_key": "alt_api_key", "alt_api_key": "api_key", "read_only_api_key": "other"}
    assert _keys.identify({"api_key": NEW}, SALT, wanted) == {"api_key": "api_key", "alt_api_key": None, "read_only_api_key": None}
    assert _keys.identify({"api_key": ""}, SALT, digests(api_key="")) == {"api_key": None, "alt_api_key": None, "read_only_api_key": None}
    assert _keys.identify({"api_key": "ä"}, SALT, wanted)["api_key"] == "other"
    assert _keys.identify({"api_key": NEW}, _digests.salt(), wanted)["api_key"] == "other", "a digest is good under its own salt alone"
    assert _keys.identify(None, SALT, wanted) is None


def test_files_that_make_no_sense_hold_no_keys(tmp_path):
    path = tmp_path / "secrets.yaml"
    assert _keys.load(str(path)) is None
    for text in ("", "[]", "{}", '{"service": []}', "service: {}"):
        path.write_text(text)
        assert _keys.load(str(path)) is None
    path.write_text(_secrets.render({"api_key": NEW, "alt_api_key": OLD, "read_only_api_key": ""}))
    assert _keys.load(str(path)) == {"api_key": NEW, "alt_api_key": OLD}
    assert json.loads(path.read_text()) == {"service": {"alt_api_key": OLD, "api_key": NEW}}, "an empty key is never written"


def test_how_long_a_unit_was_down():
    assert _keys.outage({"ActiveExitTimestampMonotonic": "1000000", "ActiveEnterTimestampMonotonic": "3500000"}) == 2.5
    assert _keys.outage({"ActiveExitTimestampMonotonic": "0", "ActiveEnterTimestampMonotonic": "3500000"}) is None
    assert _keys.outage({"ActiveExitTimestampMonotonic": "9", "ActiveEnterTimestampMonotonic": "3"}) is None
    assert _keys.outage({}) is None and _keys.outage({"ActiveExitTimestampMonotonic": "", "ActiveEnterTimestampMonotonic": ""}) is None
