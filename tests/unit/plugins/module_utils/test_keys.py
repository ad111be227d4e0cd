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


def test_what_the_settings_make_a_node_ask_others_for(tmp_path):
    path = tmp_path / "config.yaml"
    assert not _keys.enforces(str(path))
    for text, expected in (
        ("service:\n  enforce_internal_auth: true\n  x: 1\n", True),
        ("service:\n  enforce_internal_auth: false\n", False),
        ("x: 1\n", False),
    ):
        path.write_text(text)
        assert _keys.enforces(str(path)) is expected


def test_the_note_of_the_key_that_stays(tmp_path):
    note, named = tmp_path / _keys.NOTE, {"api_key": "api_key", "alt_api_key": "alt_api_key", "read_only_api_key": None}
    service = {"api_key": OLD, "alt_api_key": NEW}
    assert _keys.staying(str(note), service, named) is None
    for text in ("", "[]", "{}", '{"salt": "x", "digest": "", "since": 1}', '{"salt": "00", "digest": "", "since": null}'):
        note.write_text(text)
        assert _keys.staying(str(note), service, named) is None
    note.write_text(json.dumps({"salt": SALT, "digest": digests(key=NEW)["key"], "since": 17}))
    assert _keys.staying(str(note), service, named) == {"key": "alt_api_key", "since": 17.0}
    assert _keys.staying(str(note), {"api_key": NEW}, {"api_key": "api_key"}) == {"key": "api_key", "since": 17.0}
    assert _keys.staying(str(note), {"api_key": OLD}, named) is None and _keys.staying(str(note), None, None) is None
