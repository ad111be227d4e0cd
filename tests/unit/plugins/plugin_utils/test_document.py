# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for evidence, and all that follows behind it, over documents that a hostile host could send."""

from __future__ import annotations

import copy
import json
import re
import unicodedata
import xml.etree.ElementTree as xml
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls, _derived, _document, _drift, _report
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report import model, terminal
from hypothesis import given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
ADDED = (*_document.ADDED, "vantages")
CATALOGUE = _controls.catalogue()
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def fixture(name: str) -> dict:
    """A real document as a host sent it: without what judging added."""
    return {part: value for part, value in json.loads((HERE / name).read_text(encoding="utf-8")).items() if part not in ADDED}


NODE, CONTAINER, PROXY = fixture("evidence.json"), fixture("evidence_docker.json"), fixture("proxy_evidence.json")
PEER = {**NODE, "address": "172.30.2.11", "seen": {"node1": NODE["seen"]["node2"]}}
OUTSIDER = {"schema": 1, "node": False, "role": "outsider", "address": None, "seen": {"node1": NODE["seen"]["node2"], "node2": NODE["seen"]["node3"]}}
NODE["seen"] = {"node2": NODE["seen"]["node2"]}


def admitted(**documents) -> dict:
    return _document.admitted(documents, {}, ["node1", "node2"])


def problems(document, name="node1") -> list[str]:
    return admitted(**{name: document})[name]["document"]["problems"]


def changed(document, value, *path) -> dict:
    """A document with another value at a place."""
    result = copy.deepcopy(document)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


# --- the schema --------------------------------------------------------------------------------------------------------


def test_the_schema_is_one_and_can_be_used_without_the_collection():
    schema = json.loads(_document.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for document in (NODE, CONTAINER, PROXY, OUTSIDER):
        assert jsonschema.Draft202012Validator(schema).is_valid(document)
    assert not jsonschema.Draft202012Validator(schema).is_valid({})


def definitions() -> list[tuple[str, dict]]:
    def walk(place, value):
        if isinstance(value, dict):
            yield place, value
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            yield from walk(f"{place}/{name}", inner)

    return list(walk("", json.loads(_document.SCHEMA.read_text(encoding="utf-8"))["$defs"]))


@pytest.mark.parametrize(("place", "schema"), [entry for entry in definitions() if "type" in entry[1] and isinstance(entry[1]["type"], (str, list))])
def test_everything_in_the_schema_has_a_bound(place, schema):
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if "string" in kinds:
        assert "maxLength" in schema or "pattern" in schema
    if "array" in kinds:
        assert "maxItems" in schema and "items" in schema
    if "object" in kinds:
        assert schema.get("additionalProperties") is False or "maxProperties" in schema
    if {"integer", "number"} & set(kinds):
        assert "minimum" in schema and "maximum" in schema


def places(value, path=()):
    yield path
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, name))


@pytest.mark.parametrize("document", [NODE, CONTAINER, OUTSIDER], ids=["node", "container", "outsider"])
def test_real_documents_fit_and_keep_far_from_the_bounds(document):
    assert _document.misfits(_document.plain(document), "node" if document["node"] else "vantage") == []
    paths = list(places(document))
    assert max(map(len, paths)) * 2 < _document.DEPTH and len(paths) * 100 < _document.VALUES and len(json.dumps(document)) * 100 < _document.CHARACTERS


def test_a_real_proxy_fits():
    assert _document.misfits(_document.plain(PROXY), "proxy") == []


def test_each_section_may_say_that_it_was_not_seen():
    lack = {"error": "OSError: no\nsuch thing"}
    head = ("schema", "node", "role", "time", "seconds", "address", "deployment", "wanted")
    parts = ("tls", "client_certificates", "auth", "web", "seen")
    for name in set(NODE) - {*head, *parts}:
        assert problems(changed(NODE, lack, name)) == [], name
    inner = ["auth rest none", "tls rest plaintext", "tls rest", "web version", "seen node2 rest", "firewall differences"]
    for path in map(str.split, inner):
        assert problems(changed(NODE, lack, *path)) == [], path


# --- what does not fit -------------------------------------------------------------------------------------------------


def deep(levels: int) -> list:
    value: list = []
    for _level in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, "there is none"),
        ({}, "there is none"),
        ([], "it is of type list"),
        ("x", "it is of type str"),
        ({**NODE, "node": False}, "node is false, and the inventory says true"),
        ({**NODE, "schema": 2}, "schema is 2, and must be 1"),
        ({**NODE, "unit": []}, "unit is a list, and must be an object"),
        ({**NODE, "unit": {"active": "yes"}}, "unit.active is a text, and must be true or false"),
        ({**NODE, "unit": {"error": "x", "active": True}}, "unit has error, which no such part has"),
        ({**NODE, "more": 1}, "it has more, which no such part has"),
        ({**NODE, "m\x1b[2Jore": 1}, "it has m\\x1b[2Jore, which"),
        ({5: 1, **NODE}, "it has a name that is no text"),
        ({**NODE, "time": float("inf")}, "time is inf, which is no number"),
        ({**NODE, "time": 10**5000}, "time is a number of 16610 bits"),
        ({**NODE, "time": 1e300}, "time is 1e+300, which does not fit: maximum"),
        ({**NODE, "time": b"x"}, "time is of type bytes"),
        ({**NODE, "address": "\udc80"}, "address has a text that is not Unicode"),
        ({**NODE, "\udc80": 1}, "it has a text that is not Unicode"),
        ({**NODE, "unit": deep(100_000)}, "is nested deeper than 24 levels"),
        ({**NODE, "address": "x" * 70_000}, "address has a length of 70000, and 65536 is the most"),
        ({**NODE, "started": {"reasons": ["x" * 60_000] * 300}}, "more than 500000 values or 16000000 characters"),
        ({**NODE, "process": {"uids": [0] * 600_000}}, "it has more than 500000 values"),
        (changed(NODE, {}, "seen", "node9"), "seen.node9 is no node"),
        (changed(NODE, {}, "seen", "node1"), "seen.node1 is no node"),
        (changed(NODE, {}, "seen", "node2", "further", "1.2.3"), "seen.node2.further: 1.2.3 is no address"),
        (changed(NODE, {}, "seen", "node2", "further", "fe80::1%eth0"), "which does not fit"),
    ],
    ids=range(26),
)
def test_a_misfit_says_where_and_what(document, expected):
    found = problems(document)
    assert len(found) <= _document.PROBLEMS and any(expected in problem for problem in found), found
    assert all(len(problem) < 700 and problem.isprintable() for problem in found)


def test_a_misfit_is_nobody_elses():
    found = admitted(node1={**NODE, "unit": 5}, node2=PEER)
    assert found["node1"] == {"node": True, "document": {"problems": ["unit is a whole number, and must be an object"]}}
    assert found["node2"]["document"]["problems"] == [] and _derived.with_vantages(found)["node2"]["vantages"] == []
    proxy = _document.admitted({"node1": NODE, "p": OUTSIDER}, {"p": {**PROXY, "hsts": "long"}}, ["node1", "node2"])
    assert proxy["p"]["document"]["problems"] == ["proxy: hsts is a text, and must be a whole number"] and proxy["node1"]["document"]["problems"] == []
    # A proxy that is a node has to be one.
    assert _document.admitted({}, {"node1": PROXY}, ["node1"])["node1"]["document"]["problems"]


def test_what_a_witness_says_is_believed_of_those_alone_that_it_was_asked_about():
    told = {"node": False, "role": "outsider", "address": None, "targets": {"node1": {"ports": ["grpc", "p2p", "rest"], "further": ["fded:4f0b:24c4:2::b"]}}}
    view = OUTSIDER["seen"]["node1"]

    def wrong(seen):
        return problems({**OUTSIDER, "seen": seen, "asked": told}, "outsider")

    assert wrong({"node1": view}) == []
    assert wrong({}) == ["seen.node1 is missing"]
    assert wrong({"node1": view, "node2": view}) == ["seen.node2 was not asked for"]
    other = ["seen.node1.further is not of the addresses that were asked for"]
    assert wrong({"node1": {**view, "further": {}}}) == other == wrong({"node1": {name: port for name, port in view.items() if name != "further"}})
    assert wrong({"node1": {name: port for name, port in view.items() if name != "p2p"}}) == ["seen.node1 is not of the ports that were asked for"]


def test_texts_are_clean_behind_the_door():
    found = admitted(node1=changed(NODE, "\x1b]0;x\x07\u202e\n", "release", "current"))["node1"]
    assert found["release"]["current"] == "\\x1b]0;x\\x07\\u202e\n"


# --- properties --------------------------------------------------------------------------------------------------------

ALPHABET = st.characters(exclude_categories=()) | st.sampled_from("|[]()<>&`*_~$\\#!\n\r\t\x1b\x07\x9b\u202e\u2066\u200b\u2028\ud800")
TEXTS = st.text(ALPHABET, max_size=30) | st.sampled_from(
    [
        "\x1b]0;owned\x07",
        "](https://evil.example)",
        "<script>alert(1)</script>",
        "a\\|b | c",
        "{{ 7 * 7 }} {0}",
        "x" * 3000,
        "&#x202e;",
        "\n# x",
        "https://a.b",
        "open",
    ]
)
WORDS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.just(10**400)
VALUES = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=8) | st.builds(
    deep, st.sampled_from([30, 2000])
)
PLACES = [path for path in places(NODE) if path]


@st.composite
def mutations(draw):
    """A real document with something else at some of its places, or instead of it."""
    document = copy.deepcopy(NODE)
    for _change in range(draw(st.integers(1, 3))):
        path, value = draw(st.sampled_from(PLACES)), draw(VALUES)
        inner = document
        try:
            for key in path[:-1]:
                inner = inner[key]
            if isinstance(inner, dict) and draw(st.booleans()):
                inner[draw(TEXTS)] = value
            else:
                inner[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return draw(st.sampled_from([document] * 9 + [draw(VALUES)]))


def report_of(documents: dict) -> model.Report:
    known = {name: _derived.with_knowledge(document, 7) for name, document in _derived.with_vantages(documents).items()}
    findings = {name: _controls.judge_all(CATALOGUE, document, (), name, date(2026, 11, 24)) for name, document in known.items()}
    return model.Report(NOW, findings, known, _drift.between({"node1": NODE}, known), NOW.isoformat())


@given(mutations())
@settings(max_examples=60)
def test_whatever_a_host_says_all_hosts_are_judged_and_all_formats_hold(document):
    report = report_of(admitted(node1=document, node2=PEER, outsider=OUTSIDER))
    assert set(report.findings) == {"node1", "node2"}
    states = {name: {finding.control.id: finding.state for finding in findings} for name, findings in report.findings.items()}
    # The other one is judged as ever: all that this one may do to it is to have its word left out.
    assert len(states["node2"]) > 100 and states["node2"]["evidence-valid"] == "passed" == states["node2"]["auth-rest-anonymous"]
    fits = states["node1"]["evidence-valid"] == "passed"
    assert fits == (report.evidence["node1"]["document"]["problems"] == [])
    if not fits:
        assert states["node1"] == {"evidence-valid": "failed"} and not report.verified()
        assert [view["from"] for view in report.evidence["node2"]["vantages"]] == ["outsider"]
    check(report)


def check(report: model.Report) -> None:
    """All formats are well formed, and steer nothing."""
    texts = {name: render(report) for name, render in _report.FORMATS.items()}
    texts["terminal"] = terminal.summary(report)
    for name, text in texts.items():
        strange = [character for character in text if unicodedata.category(character)[0] == "C" and character not in "\n\t"]
        assert not strange, (name, strange)
        assert not re.search("[\u2028\u2029]", text), name
    for name in ("report.json", "report.sarif"):
        json.loads(texts[name], parse_constant=pytest.fail)
    xml.fromstring(texts["junit.xml"])
    assert texts["report.html"].count("<script>") == 1 and not re.search(r"(src|href|action)\s*=", texts["report.html"].split("</style>")[1].split("<pre>")[0])
    columns = 0
    for line in texts["report.md"].splitlines():
        count = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        if not line.startswith("|"):
            columns = 0
            assert line == "" or re.match(r"# Qdrant verification: |## (What|Who) |\* |Nothing\.|2026-", line), line
        elif not columns:
            columns = count
        assert not columns or count == columns, line
        assert not re.search(r"(?<!\\)(\\\\)*[\[<]|://|www\.|&(?!amp;|lt;)", line), line


@given(st.dictionaries(st.sampled_from(["text", "host", "version", "drift"]), TEXTS))
@settings(max_examples=60)
def test_a_report_is_clean_wherever_a_text_stands(texts):
    """Also where something came past the door."""
    host = texts.get("host", "node1")
    evidence = {"node": True, "address": texts.get("text", "x"), "web": {"version": texts.get("version", "1")}, "odd": [float("nan"), texts.get("text", "")]}
    findings = {host: [_controls.Finding(CATALOGUE[0], state, texts.get("text", ""), evidence) for state in ("failed", "waived")]}
    changes = [{"host": host, "place": texts.get("drift", "a"), "was": texts.get("drift", "a"), "is": [texts.get("text", "")]}]
    check(model.Report(NOW, findings, {host: evidence}, changes, "2026"))
