# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of wanted state: what it may say, and what a host is sent of it."""

from __future__ import annotations

import dataclasses
import json

import jsonschema
import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _digests
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _wanted

DOCUMENT = {
    "folders": [{"path": "/etc/qdrant"}, {"path": "/var/lib/qdrant", "owner": "qdrant", "group": "qdrant", "mode": "0700"}, {"path": "/m", "mode": None}],
    "files": [
        {"path": "/etc/qdrant/config.yaml", "content": "a: 1\n", "part": "settings"},
        {"path": "/etc/qdrant/secrets.yaml", "secret": True, "mode": "0600", "part": "secrets"},
    ],
    "links": [
        {"path": "/opt/qdrant/current", "target": "releases/1", "part": "release"},
        {"path": "/etc/qdrant/tls/current", "staged": "/etc/qdrant/tls/next"},
    ],
    "absent": [{"path": "/etc/qdrant/old", "part": "settings"}],
}


def test_owner_and_mode_stand_in_the_document_or_are_the_usual_ones():
    entries = {entry.path: entry for entry in _wanted.parse(DOCUMENT).entries}
    assert (entries["/etc/qdrant"].owner, entries["/etc/qdrant"].mode, entries["/m"].mode) == ("root", "0755", None)
    assert (entries["/var/lib/qdrant"].owner, entries["/var/lib/qdrant"].mode) == ("qdrant", "0700")
    assert (entries["/etc/qdrant/config.yaml"].mode, entries["/etc/qdrant/secrets.yaml"].mode) == ("0644", "0600")
    assert _wanted.parse({}).entries == ()


def test_parts_are_taken_alone():
    wanted = _wanted.parse(DOCUMENT)
    assert wanted.secret and not wanted.of(["settings"]).secret
    assert [entry.path for entry in wanted.of(["settings"]).entries] == ["/etc/qdrant/config.yaml", "/etc/qdrant/old"]
    assert wanted.of(None) == wanted and wanted.of([]).entries == ()


@pytest.mark.parametrize(
    ("section", "entry", "what"),
    [
        ("files", {"path": "etc/x", "content": ""}, "files.0.path: a value that fits pattern"),
        ("files", {"path": "/etc/x y", "content": ""}, "files.0.path"),
        ("files", {"path": "/etc/x\n", "content": ""}, "files.0.path"),
        ("files", {"content": ""}, "files.0: path is missing"),
        ("files", {"path": "/x"}, "files.0: exactly one of content and secret"),
        ("files", {"path": "/x", "content": "", "secret": True}, "files.0: exactly one of content and secret"),
        ("files", {"path": "/x", "content": {"a": 1}}, "files.0.content: a value that fits type string"),
        ("files", {"path": "/x", "content": "", "mode": 420}, "files.0.mode"),
        ("files", {"path": "/x", "content": "", "mode": "u+x"}, "files.0.mode"),
        ("files", {"path": "/x", "content": "", "owner": "a b"}, "files.0.owner"),
        ("files", {"path": "/x", "content": "", "setype": "z"}, "files.0: it has more than content, group, mode, owner, part, path, secret"),
        ("links", {"path": "/x", "target": "../../etc"}, "links.0.target"),
        ("links", {"path": "/x"}, "links.0: exactly one of staged and target"),
        ("absent", {"path": "/x", "mode": "0644"}, "absent.0: it has more than part, path"),
        ("others", {"path": "/x"}, "the document: it has more than absent, files, folders, links"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(section, entry, what):
    with pytest.raises(_wanted.WantedError) as error:
        _wanted.parse({section: [entry]})
    assert what in str(error.value)


def test_a_path_is_named_once():
    with pytest.raises(_wanted.WantedError, match="/x is named twice"):
        _wanted.parse({"folders": [{"path": "/x"}], "files": [{"path": "/x", "content": ""}]})


@pytest.mark.parametrize("document", [None, [], "text", {"files": {}}, {"files": None}])
def test_what_is_no_document_is_refused(document):
    with pytest.raises(_wanted.WantedError):
        _wanted.parse(document)


def test_a_message_shows_no_text_of_a_file():
    with pytest.raises(_wanted.WantedError) as error:
        _wanted.parse({"files": [{"path": "/x", "content": ["the-text"]}]})
    assert "the-text" not in str(error.value)


def test_a_host_is_sent_a_digest_first_and_the_secrets_on_demand():
    wanted, salt = _wanted.parse(DOCUMENT), _digests.salt()
    asked = _wanted.question(wanted, "the-secret", salt)
    ordered, secrets = _wanted.order(wanted, "the-secret")
    assert "the-secret" not in json.dumps([asked, ordered]) and secrets == {"/etc/qdrant/secrets.yaml": "the-secret"}
    (secret,) = (entry for entry in asked if "digest" in entry)
    assert secret["path"] == "/etc/qdrant/secrets.yaml" and secret["digest"] == _digests.digest(b"the-secret", salt)
    assert not any("digest" in entry for entry in ordered)
    assert [entry["path"] for entry in asked] == [entry["path"] for entry in ordered] and len(asked) == 8


def test_the_schema_is_one_and_names_every_field():
    schema = json.loads(_wanted.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"].keys() == _wanted.SECTIONS.keys()
    fields = {field.name for field in dataclasses.fields(_wanted.Entry)} - {"kind"}
    assert fields == {name for part in schema["$defs"].values() for name in part.get("properties", ())}
