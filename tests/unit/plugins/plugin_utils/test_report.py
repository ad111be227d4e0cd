# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import xml.etree.ElementTree as xml
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _controls, _derived, _reachability, _report
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report import html, junit, markdown, model, sarif, terminal
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report import json as report_json

CATALOGUE = _controls.catalogue()


def report(**states) -> model.Report:
    findings = {host: [_controls.Finding(control, state, "text") for control in CATALOGUE] for host, state in states.items()}
    return model.Report(datetime(2026, 1, 1, tzinfo=UTC), findings, {host: {"node": True} for host in states})


def test_the_summary_of_a_good_deployment_is_a_verdict():
    text = terminal.summary(report(node1="passed", node2="passed"))
    assert "\nVERIFIED: %d of %d controls hold on 2 hosts" % (2 * len(CATALOGUE), 2 * len(CATALOGUE)) in text


def test_the_summary_of_a_bad_deployment_fits_a_screen_and_begins_with_the_worst():
    text = terminal.summary(report(node1="failed", node2="failed"))
    assert len(text.splitlines()) <= 24
    assert text.splitlines()[2].startswith("CRITICAL") and "on node1, node2" in text
    assert "NOT VERIFIED: 0 of" in text


def test_what_could_not_be_judged_is_no_success():
    assert "NOT VERIFIED" in terminal.summary(report(node1="error"))


def test_json_is_stable_and_complete():
    content = json.loads(report_json.render(report(node1="failed")))
    assert content["schema"] == 2 and content["counts"]["failed"] == len(CATALOGUE)
    assert content["hosts"]["node1"][0].keys() >= {"id", "state", "severity", "text", "why", "remedy", "references", "evidence"}
    assert report_json.render(report(node1="failed")) == report_json.render(report(node1="failed"))


def test_junit_counts_as_a_ci_server_does():
    root = xml.fromstring(junit.render(report(node1="failed", node2="error", node3="waived", node4="passed")))
    suites = {suite.get("name"): suite for suite in root}
    assert suites["node1"].get("failures") == suites["node2"].get("errors") == suites["node3"].get("skipped") == str(len(CATALOGUE))
    assert len(suites["node1"].findall("testcase/failure")) == len(CATALOGUE)
    assert suites["node4"].get("failures") == "0" and not suites["node4"].findall("testcase/*")


def test_the_version_is_the_collections():
    galaxy = Path(__file__).parents[4] / "galaxy.yml"
    assert yaml.safe_load(galaxy.read_text(encoding="utf-8"))["version"] == sarif.VERSION


def test_each_format_is_named_where_people_look_for_it():
    project = Path(__file__).parents[4]
    texts = [(project / path).read_text(encoding="utf-8") for path in ("roles/qdrant_verify/README.md", "plugins/modules/qdrant_verify.py")]
    assert list(_report.FORMATS) == ["report.html", "report.json", "junit.xml", "report.md", "report.sarif"]
    assert all(name in text for name in _report.FORMATS for text in texts)


def test_sarif_names_rules_and_results():
    run = json.loads(sarif.render(report(node1="failed", node2="waived", node3="passed")))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len(rules) == len(CATALOGUE) and len(run["results"]) == 2 * len(CATALOGUE)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert ("suppressions" in result) == result["message"]["text"].startswith("node2")


NASTY = "<script>alert(1)</script> | `x` \u0007 ]]> &"


def nasty() -> model.Report:
    findings = {"<b>node": [_controls.Finding(CATALOGUE[0], "failed", NASTY, {"x": NASTY})]}
    return model.Report(datetime(2026, 1, 1, tzinfo=UTC), findings, {"<b>node": {"node": True, "address": NASTY}})


def test_what_hosts_say_is_text_in_every_format():
    page = html.render(nasty())
    assert page.count("<script>") == 1 and "<b>node" not in page
    assert xml.fromstring(junit.render(nasty())) is not None
    assert json.loads(sarif.render(nasty())) and json.loads(report_json.render(nasty()))
    table = [line for line in markdown.render(nasty()).splitlines() if "alert" in line]
    assert len(table) == 1 and "<script>" not in table[0] and table[0].replace("\\|", "").count("|") == 6


def test_the_page_asks_nobody_for_anything():
    page = html.render(report(node1="failed"))
    assert not re.search(r"(src|href|action)\s*=|@import|url\(|https?://", page)


@pytest.mark.parametrize("evidence", [{}, {"unit": {"error": "x"}, "certificate": {"error": "x"}, "web": {"error": "x"}}])
def test_a_node_of_which_little_is_known_is_shown(evidence):
    findings = {"node1": [_controls.Finding(CATALOGUE[0], "error", "text")]}
    assert "unknown" in html.render(model.Report(datetime(2026, 1, 1, tzinfo=UTC), findings, {"node1": evidence}))


def reached(*views, address="192.0.2.1") -> model.Report:
    """A report of one node, as others saw it."""
    findings = {"node1": [_controls.Finding(CATALOGUE[0], "passed", "")]}
    document = {"node": True, "address": address, "vantages": list(views), "config": {"values": {"cluster.enabled": True}}}
    return model.Report(datetime(2026, 1, 1, tzinfo=UTC), findings, {"node1": _derived.with_knowledge(document, 7)})


def view(role, outcome, further=()):
    """What a host of a role saw, the same of each port."""
    ports = {port: {"connect": outcome} for port in _reachability.PORTS}
    view = {"from": role + "1", "role": role, **ports}
    if further is not None:
        view["further"] = [{"address": "2001:db8::1", "family": "ipv6", **{port: {"connect": seen} for port in _reachability.PORTS}} for seen in further]
    return view


def cells(report, family) -> list[tuple]:
    found = _reachability.matrix(_reachability.connections(report.evidence))
    return [(cell["role"], cell["port"], cell["text"], cell["right"]) for cell in found if cell["family"] == family]


@pytest.mark.parametrize(
    ("seen", "text", "right"),
    [
        (view("outsider", "timeout", ["timeout"]), "0 of 1 open", True),
        (view("outsider", "timeout", ["timeout", "open"]), "1 of 2 open", False),
        # What was not tried is not safe, and not unsafe either.
        (view("outsider", "timeout", []), "no address", None),
        (view("peer", "timeout", None), "not tried", None),
        (view("outsider", "timeout", ["no route"]), "no route", None),
        # But what should have been tried of a stranger's, and was not, or ended nobody knows how, is wrong, as its control fails.
        (view("outsider", "timeout", None), "not tried", False),
        (view("outsider", "timeout", [None]), "unknown", False),
        (view("outsider", "timeout", ["no route", "timeout"]), "0 of 1 open", True),
        (view("outsider", "timeout", ["no route", "open"]), "1 of 1 open", False),
        # What the server does not listen on need not be reached.
        (view("peer", "open", ["refused"]), "0 of 1 open", True),
        (view("peer", "open", ["open"]), "1 of 1 open", True),
    ],
)
def test_the_matrix_says_what_was_tried_over_ipv6(seen, text, right):
    assert cells(reached(seen), "ipv6") == [(seen["role"], port, text, right) for port in _reachability.PORTS]


def test_the_matrix_says_what_was_tried_at_the_nodes_own_address():
    assert cells(reached(view("client", "open")), "ipv4") == [
        ("client", "rest", "1 of 1 open", True),
        ("client", "grpc", "1 of 1 open", True),
        ("client", "p2p", "1 of 1 open", False),
    ]
    assert cells(reached(view("client", "no route")), "ipv4") == [
        ("client", "rest", "no route", False),
        ("client", "grpc", "no route", False),
        ("client", "p2p", "no route", None),
    ]
    # A node of IPv6, with no address of IPv4.
    report = reached(view("outsider", "timeout"), address="2001:db8::1")
    assert {cell[2:] for cell in cells(report, "ipv4")} == {("no address", None)} and {cell[2:] for cell in cells(report, "ipv6")} == {("0 of 1 open", True)}


def test_every_format_for_people_and_the_json_say_who_reaches_what():
    report = reached(view("outsider", "timeout", ["open"]), view("peer", "open", []))
    page, text, content = html.render(report), markdown.render(report), json.loads(report_json.render(report))
    assert "| outsiders | 0 of 1 open | 1 of 1 open (wrong) |" in text and "| peers | 1 of 1 open | no address |" in text
    assert "| outsider1 (outsider) | node1, 2001:db8::1 | cluster port | open |" in text
    assert {row["family"] for row in content["reach"]} == {"ipv4", "ipv6"}
    assert 'id="reached"' in page and "no address" in page and "<figcaption>IPv6</figcaption>" in page
    assert "Who reaches what" not in markdown.render(reached())


def lasting(days, limit, authority=1000.0) -> tuple[str, dict[str, str]]:
    """The page of a node whose certificate has some days left of a year, and the states of the controls that are about that."""
    certificate = {"days_left": days, "life_days": 365.0, "ca": [{"subject": "CN=ca", "days_left": authority}]}
    document = _derived.with_knowledge({"node": True, "certificate": certificate}, limit)
    findings = [_controls.judge(control, document) for control in CATALOGUE if control.id in ("tls-expiry", "tls-ca-expiry")]
    page = html.render(model.Report(datetime(2026, 1, 1, tzinfo=UTC), {"node1": findings}, {"node1": document}))
    return page, {finding.control.id: finding.state for finding in findings}


@pytest.mark.parametrize(
    ("days", "limit", "authority"),
    [(20.0, 7, 1000.0), (20.0, 30, 1000.0), (5.0, 3, 1000.0), (3.0, 3, 1000.0), (60.0, 7, 80.0), (60.0, 7, 90.5), (200.0, 300, 20.0)],
)
def test_the_page_is_red_where_a_certificate_fails_its_control(days, limit, authority):
    """By the limit of the user, whatever share of its life is left, and by that of CAs."""
    page, states = lasting(days, limit, authority)
    bars = dict(re.findall(r'<div class="time">([^:]+): [^<]*<div class="bar"><i class="(\w*)"', page))
    assert {name: kind == "soon" for name, kind in bars.items()} == {
        "node1": states["tls-expiry"] == "failed", "CA CN=ca": states["tls-ca-expiry"] == "failed",
    }  # fmt: skip
    assert re.findall(r'days left<div class="bar"><i class="(\w*)"', page) == ["soon" if states["tls-expiry"] == "failed" else ""]


def test_the_limit_of_cas_is_the_one_that_the_control_names():
    assert "%d days" % _derived.AUTHORITY_DAYS in next(control.title for control in CATALOGUE if control.id == "tls-ca-expiry")


def test_nothing_judged_is_not_verified():
    assert model.Report(datetime(2026, 1, 1, tzinfo=UTC), {}, {}).verdict() == "NOT VERIFIED"


@pytest.mark.parametrize(("version", "said"), [("1.19.0", True), ("1.16.3", False), ("?", None), (None, None)])
def test_the_report_says_what_no_setting_closes(version, said):
    seen = model.Report(datetime(2026, 1, 1, tzinfo=UTC), {"node1": []}, {"node1": {"web": {"version": version}}})
    for page in (html.render(seen), markdown.render(seen)):
        assert ("What no setting of Qdrant closes" in page) == (said is not None) and ("StorageRead" in page) == bool(said)
    assert bool(json.loads(report_json.render(seen))["unclosed"]) == (said is not None)


def test_the_report_says_who_can_do_what():
    rows = [row.as_dict() for row in _access.table([("shop|x", "30d", _access.Scope(collections={"<a>": "rw"}))], read_only=True)]
    report = model.Report(datetime(2026, 1, 1, tzinfo=UTC), {}, {}, access=rows)
    assert json.loads(report_json.render(report))["access"][2]["may"]["write"] == "<a>"
    assert "| shop\\|x | 30d after it was made | everywhere | &lt;a> |" in markdown.render(report)
    page = html.render(report)
    assert 'id="access"' in page and "&lt;a&gt;" in page and "<a>" not in page.split('id="access"')[1].split("</table>")[0]


def test_a_matrix_has_the_controls_of_all_hosts():
    few = model.Report(
        datetime(2026, 1, 1, tzinfo=UTC),
        {"a": [_controls.Finding(CATALOGUE[0], "failed", "x")], "b": [_controls.Finding(control, "passed") for control in CATALOGUE]},
        {"a": {}, "b": {}},
    )
    page = html.render(few)
    assert all(f'">{control.id}</td>' in page for control in CATALOGUE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"),
        ("a\\|b", "a\\\\\\|b"),
        ("[x](https://a.b)", "\\[x\\](https:\\//a.b)"),
        ("www.a.b", "www\\.a.b"),
        ("# a", "\\# a"),
        ("<b>&#x202e;", "&lt;b>&amp;#x202e;"),
        ("`a` *b* _c_ ~d~ $e$", "\\`a\\` \\*b\\* \\_c\\_ \\~d\\~ \\$e\\$"),
        ("read_only_key", "read_only_key"),
    ],
)
def test_markdown_has_no_marks_of_hosts(text, shown):
    assert markdown._cell(text) == shown


def test_sarif_has_no_placeholders_and_links_of_hosts():
    finding = _controls.Finding(CATALOGUE[0], "failed", "{0} [x](https://a.b)")
    content = json.loads(sarif.render(model.Report(datetime(2026, 1, 1, tzinfo=UTC), {"a": [finding]}, {"a": {}})))
    assert content["runs"][0]["results"][0]["message"]["text"].endswith("{{0}} [x] (https://a.b)")
