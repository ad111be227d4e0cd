# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of controls: well formed, and never passing on evidence that lacks what it reads."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls, _derived
from hypothesis import example, given, settings
from hypothesis import strategies as st

CATALOGUE = _controls.catalogue()
IDS = [control.id for control in CATALOGUE]
# Evidence of a healthy node of a real cluster, taken from the report of a run on test hosts.
HEALTHY = json.loads((Path(__file__).parent / "evidence.json").read_text(encoding="utf-8"))
# Evidence of a healthy node in a container, on an internal network. Limits and AppArmor are as on a host whose kernel has them.
CONTAINER = json.loads((Path(__file__).parent / "evidence_docker.json").read_text(encoding="utf-8"))
# And of a healthy proxy beside either.
HEALTHY["proxy"] = CONTAINER["proxy"] = json.loads((Path(__file__).parent / "proxy_evidence.json").read_text(encoding="utf-8"))
TODAY = date(2026, 6, 1)


def evidence_for(control: _controls.Control) -> dict:
    """The healthy node's evidence that a control applies to: the native node's, or else the container's."""
    return HEALTHY if judge(control, HEALTHY).state != "skipped" else CONTAINER


def derived(document: dict) -> dict:
    """A document with what follows from it, as it is judged."""
    return {**document, **_derived.judgements(document)}


def judge(control: _controls.Control, document: dict) -> _controls.Finding:
    return _controls.judge(control, derived(document))


def by_id(name: str) -> _controls.Control:
    return next(control for control in CATALOGUE if control.id == name)


def test_the_catalogue_is_large_and_its_ids_are_unique():
    assert len(CATALOGUE) >= 60 and len(set(IDS)) == len(IDS)


@pytest.mark.parametrize("control", CATALOGUE, ids=IDS)
def test_each_control_says_why_what_to_do_and_where_that_is_from(control):
    assert control.why.endswith(".") and control.remedy.endswith(".") and control.references
    assert not control.title.endswith(".") and control.id == control.id.lower()


@pytest.mark.parametrize("control", CATALOGUE, ids=IDS)
def test_each_control_holds_on_a_healthy_node(control):
    finding = judge(control, evidence_for(control))
    # The proxy of that run asked for no certificates of clients.
    assert finding.state == ("skipped" if control.id == "proxy-client-certificates" else "passed"), finding.text
    # And on the other one, if it applies there.
    for document in (HEALTHY, CONTAINER):
        assert judge(control, document).state in ("passed", "skipped"), document["deployment"]


def test_the_same_controls_hold_for_both_deployments():
    """What is no property of one way to run the server alone is judged for both."""
    states = {document["deployment"]: {control.id: judge(control, document).state for control in CATALOGUE} for document in (HEALTHY, CONTAINER)}
    for control in (control for control in CATALOGUE if control.subject == "node"):
        alone = {"deployment != 'docker'": ("passed", "skipped"), "deployment && deployment == 'docker'": ("skipped", "passed")}
        wanted = next((pair for words, pair in alone.items() if control.when.startswith(words)), None)
        if wanted:
            assert (states["systemd"][control.id], states["docker"][control.id]) == wanted, control.id
        # The container's node is a single one, and no client but its host reaches it.
        elif not control.id.startswith(("cluster-", "config-p2p-", "tls-p2p-", "auth-p2p-", "reach-")):
            assert states["docker"][control.id] == "passed", control.id


def test_controls_are_those_of_what_a_host_is():
    def judged(document):
        return {finding.control.subject for finding in _controls.judge_all(CATALOGUE, document, (), "host", TODAY)}

    assert judged({"node": True}) == {"host", "node"} and judged({"node": False, "proxy": {}}) == {"host", "proxy"}
    assert judged({"node": True, "proxy": {}}) == {"host", "node", "proxy"}
    assert judged({}) == {"host", "node"}, "what is neither is judged, and fails"
    # Of a host that says what no host says, that is the one finding.
    unfit = {"document": {"problems": ["unit.active is a text"]}}
    assert judged({"node": True, **unfit}) == judged({"node": False, "proxy": {}, **unfit}) == judged({"node": False, **unfit}) == {"host"}


def test_evidence_that_does_not_fit_cannot_be_waived():
    with pytest.raises(_controls.ControlError, match="evidence-valid cannot be waived"):
        _controls.parse_waivers([{"control": "evidence-valid", "reason": "It is slow.", "expires": "2099-12-31"}], CATALOGUE)


OWN = {"id": "own", "title": "T", "severity": "low", "why": "W.", "remedy": "R.", "message": "It is {0}"}


@pytest.mark.parametrize(
    ("value", "expect"),
    [
        ("x", "a > `0`"),
        (["x", 1], "max(a) == 'x'"),
        ([{"b": 1}, {"b": "x"}], "max_by(a, &b) == `1`"),
        ({}, "sum(a) == `0`"),
        (True, "length(a) == `1`"),
        ([[]], "join(', ', a) == ''"),
    ],
)
def test_a_condition_that_raises_over_a_strange_type_is_a_failure(value, expect):
    for name in ("expect", "when"):
        control = _controls.parse_control({**OWN, "reads": ["a"], "expect": "`true`", name: expect}, "test")
        finding = judge(control, {"a": value})
        assert (finding.state, finding.text[:20]) == ("error", "It cannot be judged:")


def test_a_value_is_shown_on_one_line_and_clean():
    assert _controls.shown("a\x1b[2J\n\n b\u202e") == "a\\x1b[2J b\\u202e"
    assert _controls.shown(["a", "b\x07"]) == "a, b\\x07" and _controls.shown({"a": 1}) == '{"a": 1}'
    assert len(_controls.shown("x" * 500)) == 200 and _controls.shown("x" * 500).endswith("(cut: 500 characters)")


def test_a_proxy_that_asks_for_certificates_must_refuse_who_has_none():
    document = copy.deepcopy(HEALTHY)
    document["proxy"]["settings"]["ssl_verify_client"] = ["on"]
    control = by_id("proxy-client-certificates")
    assert judge(control, document).state == "failed"
    document["proxy"]["anonymous"]["rest"] = 400
    assert judge(control, document).state == "passed"


def paths(value, prefix=()):
    """Every place in a document."""
    yield prefix
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*prefix, key))


def without(document, path):
    """A copy of a document that lacks one place."""
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


@functools.cache
def mutants(deployment: str) -> list[tuple]:
    """The evidence of a healthy node without each of its places in turn, and what follows from that."""
    document = next(document for document in (HEALTHY, CONTAINER) if document["deployment"] == deployment)
    return [(path, derived(without(document, path))) for path in paths(document) if path]


@pytest.mark.parametrize("control", CATALOGUE, ids=IDS)
def test_no_control_passes_on_evidence_that_lacks_what_it_reads(control):
    """Each place of the evidence is taken away in turn. Where that changes what the control reads, it must not pass."""
    touched = 0
    for path, mutant in mutants(evidence_for(control)["deployment"]):
        reads = [_controls._compiled(expression).search(mutant) for expression in control.reads]
        if any(value is None for value in reads):
            touched += 1
            assert _controls.judge(control, mutant).state in ("error", "skipped" if control.when else "error"), path
            # Skipped only where the condition itself says so, on evidence that is there.
            if _controls.judge(control, mutant).state == "skipped":
                assert _controls._compiled(control.when).search(mutant) is False
    assert touched, "the control reads nothing that the evidence has"


@pytest.mark.parametrize("control", CATALOGUE, ids=IDS)
@pytest.mark.parametrize("evidence", [{}, {"unit": {"error": "x"}, "process": {"error": "x"}, "tls": {"rest": {"error": "x"}}}], ids=["empty", "errors"])
def test_nothing_passes_on_nothing(control, evidence):
    assert judge(control, evidence).state == "error"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.sampled_from([(document, path) for document in (HEALTHY, CONTAINER) for path in paths(document) if path]), JSON)
@example((HEALTHY, ("host", "room", "data", "free_inodes_percent")), "")
def test_malformed_evidence_crashes_nothing(place, value):
    document, path = copy.deepcopy(place[0]), place[1]
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    for control in CATALOGUE:
        assert judge(control, document).state in ("passed", "failed", "error", "skipped")


def seen(role, port, **changed):
    """What one host of a role saw of a port, changed."""

    def change(views):
        view = next(view for view in views if view["role"] == role)
        view[port].update(changed)
        return views

    return change


def further(role, port, **changed):
    """The same at the node's address of IPv6; without a port, nobody said that it has one."""

    def change(views):
        view = next(view for view in views if view["role"] == role)
        if port:
            view["further"][0][port].update(changed)
        else:
            del view["further"]
        return views

    return change


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("auth-rest-anonymous", ("auth", "rest", "none"), 200),
        ("auth-grpc-anonymous", ("auth", "grpc", "none"), 0),
        ("auth-grpc-anonymous", ("auth", "grpc", "none"), "timeout"),
        ("auth-rest-read-only-cannot-write", ("auth", "rest", "read_only_deletes"), 200),
        ("tls-p2p-plaintext", ("tls", "p2p", "plaintext"), "answered"),
        ("tls-grpc-served-is-on-disk", ("tls", "grpc", "sha256"), "other"),
        ("tls-expiry", ("certificate", "days_left"), 6.9),
        ("tls-expiry", ("limits", "certificate_days"), 90),
        ("tls-ca-expiry", ("certificate", "ca", 0, "days_left"), 90),
        ("proxy-certificate-expiry", ("proxy", "certificate", "days_left"), 7),
        ("tls-names-address", ("certificate", "sans"), ["DNS:node1"]),
        ("process-unprivileged", ("process", "uids"), [999, 0, 999, 999]),
        ("process-capabilities-effective", ("process", "capabilities", "eff"), 1),
        ("process-root-read-only", ("process", "root_writable"), True),
        ("process-writable-places", ("process", "writable"), ["/etc"]),
        ("process-no-shell", ("process", "shells"), ["/bin/sh"]),
        ("process-up-to-date", ("started", "reasons"), ["x changed"]),
        ("unit-exposure", ("unit", "exposure"), 1.1),
        ("unit-no-reload", ("unit", "properties", "ExecReload"), "{ path=/bin/kill }"),
        ("config-cors-off", ("web", "cors_origin"), "https://attacker.example"),
        ("firewall-drops", ("firewall", "open_to_strangers", "ipv4"), [6335]),
        ("firewall-drops-ipv6", ("firewall", "open_to_strangers", "ipv6"), [6335]),
        ("firewall-hook", ("firewall", "hooks"), [{"hook": "input", "priority": 0}]),
        ("reach-p2p-outsider", ("vantages",), seen("outsider", "p2p", connect="open")),
        ("reach-p2p-outsider", ("vantages",), seen("client", "p2p", connect="open")),
        ("reach-p2p-outsider", ("vantages",), seen("outsider", "p2p", connect=None)),
        ("reach-api-outsider", ("vantages",), seen("outsider", "grpc", connect="open")),
        ("reach-api-outsider", ("vantages",), seen("outsider", "rest", connect=None)),
        ("reach-further-outsider", ("vantages",), further("outsider", "rest", connect="open")),
        ("reach-further-outsider", ("vantages",), further("outsider", "grpc", connect=None)),
        ("reach-further-outsider", ("vantages",), further("outsider", "p2p", connect="open")),
        ("reach-further-outsider", ("vantages",), further("client", "p2p", connect="open")),
        ("reach-further-outsider", ("vantages",), further("client", "p2p", connect=None)),
        ("reach-further-outsider", ("vantages",), further("outsider", "")),
        ("reach-plaintext", ("vantages",), seen("peer", "p2p", plaintext="answered")),
        ("reach-plaintext", ("vantages",), seen("peer", "p2p", plaintext=None)),
        ("reach-anonymous", ("vantages",), seen("client", "rest", answer=200)),
        ("reach-anonymous", ("vantages",), seen("client", "grpc", answer=0)),
        ("reach-anonymous", ("vantages",), seen("client", "grpc", answer=None)),
        ("reach-api-client", ("vantages",), seen("client", "grpc", connect="timeout")),
        ("reach-clocks", ("vantages",), seen("peer", "rest", clock_offset=-6)),
        ("reach-peers", ("vantages",), seen("peer", "p2p", connect="timeout")),
        ("reach-peers", ("vantages",), seen("peer", "rest", connect="timeout")),
        ("reach-p2p-outsider", ("vantages",), seen("outsider", "p2p", connect="something else")),
        ("auth-rest-token-expired", ("auth", "rest", "token_expired"), 200),
        ("auth-rest-token-unsigned", ("auth", "rest", "token_unsigned"), 404),
        ("auth-grpc-token-elsewhere", ("auth", "grpc", "token_elsewhere"), 5),
        ("auth-p2p-anonymous", ("auth", "p2p", "none"), 0),
        ("tls-p2p-client-none", ("client_certificates", "p2p", "none"), "accepted"),
        ("tls-p2p-client-foreign", ("client_certificates", "p2p", "foreign"), "timeout"),
        ("tls-rest-outdated-version", ("tls", "rest", "outdated_version"), "accepted: TLSv1.1 X"),
        ("process-is-installed", ("process", "exe_is_installed"), False),
        ("process-own-mounts", ("process", "shared_namespaces"), ["mnt"]),
        ("process-open-files", ("process", "open_files_elsewhere"), ["/etc/shadow"]),
        ("config-tokens-as-on-disk", ("effective", "jwt_rbac"), True),
        ("audit-records-requests", ("audit", "own_request", "found"), False),
        ("audit-origin-own", ("audit", "own_request", "believed"), True),
        ("audit-private", ("audit", "open_to_others"), ["/var/lib/qdrant/storage/audit/audit.2026-11-26-10.log"]),
        ("audit-bounded", ("audit", "timer"), False),
        ("audit-bounded", ("audit", "bytes"), 1342177281),
        ("config-as-wanted", ("effective", "settings", "log_level"), "OFF"),
        ("config-quotas-as-wanted", ("effective", "settings", "storage.quotas.max_disk_usage_percent"), 99),
        ("cluster-one-version", ("versions", "highest"), "1.17.0"),
        ("cluster-versions-adjacent", ("versions", "apart"), 2),
        ("version-without-advisories", ("advisories",), ["x"]),
        ("version-is-installed", ("web", "version"), "1.15.0"),
        ("host-clock-synchronised", ("host", "clock_synchronised"), False),
        ("host-room-for-data", ("host", "room", "data", "free_percent"), 4.9),
        ("config-snapshot-url-off", ("config", "values", "service.enable_snapshot_url_recovery"), True),
        ("cluster-no-strangers", ("cluster", "strangers"), ["https://198.51.100.9:6335/"]),
        ("cluster-https-peers", ("cluster", "peers"), [{"uri": "http://192.0.2.1:6335/"}]),
        ("cluster-shards-active", ("cluster", "collections"), {"c": {"shards": [{"state": "Dead"}]}}),
        ("file-ways-root-only", ("files", "changeable_by_others"), ["/opt"]),
        ("proxy-unit-exposure", ("proxy", "unit", "exposure"), 1.1),
        ("proxy-rest-plaintext", ("proxy", "tls", "rest", "plaintext"), "answered"),
        ("proxy-rest-anonymous", ("proxy", "anonymous", "rest"), 200),
        ("proxy-grpc-anonymous", ("proxy", "anonymous", "grpc"), 0),
        ("proxy-rest-closed", ("proxy", "closed", "rest", "/metrics"), 401),
        ("proxy-grpc-closed", ("proxy", "closed", "grpc", "/qdrant.Snapshots/ListFull"), 16),
        ("proxy-nodes-verified", ("proxy", "settings", "proxy_ssl_verify"), ["off"]),
        ("proxy-nodes-verified", ("proxy", "settings", "grpc_ssl_verify"), []),
        ("proxy-nodes-verified", ("proxy", "settings", "proxy_pass"), ["http://qdrant_rest"]),
        ("proxy-nodes-certificates", ("proxy", "nodes"), [{"name": "node1", "verifies": False}]),
        ("proxy-certificate-no-peer", ("proxy", "certificate", "opens_cluster_port"), True),
        ("proxy-certificate-expiry", ("proxy", "certificate", "days_left"), 6.9),
        ("proxy-hsts", ("proxy", "hsts"), 0),
        ("proxy-log-without-keys", ("proxy", "log", "keys"), 1),
        ("proxy-files-key", ("proxy", "files", "key", "mode"), "0644"),
        ("proxy-files-root-only", ("proxy", "files", "changeable_by_others"), ["/etc/qdrant-proxy"]),
        ("proxy-process-up-to-date", ("proxy", "started", "reasons"), ["x changed"]),
    ],
)
def test_controls_catch_what_they_are_for(name, path, value):
    document = copy.deepcopy(HEALTHY)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value(inner[path[-1]]) if callable(value) else value
    finding = judge(by_id(name), document)
    assert finding.state == "failed" and finding.text
    others = [control.id for control in CATALOGUE if control.id != name and judge(control, document).state != judge(control, HEALTHY).state]
    assert len(others) <= 1, others


GOOD = {"id": "x", "title": "t", "severity": "low", "why": "w", "remedy": "r", "reads": ["a"], "expect": "a", "message": "{0}"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": None}, "id is missing"),
        ({"expect": "a ==="}, "expect is no JMESPath expression"),
        ({"reads": "a"}, "reads is a list"),
        ({"reads": ["]"]}, "reads is no JMESPath expression"),
        ({"when": "(("}, "when is no JMESPath expression"),
        ({"severity": "grave"}, "must be one of low, medium, high, critical"),
        ({"message": "{3}"}, "message may name"),
        ({"color": "red"}, "color is no field"),
    ],
)
def test_malformed_controls_are_refused_with_their_place(change, expected):
    with pytest.raises(_controls.ControlError, match="mine, entry 1, control") as error:
        _controls.parse_controls([{**GOOD, **change}], "mine")
    assert expected in str(error.value)


def test_an_id_stands_once():
    with pytest.raises(_controls.ControlError, match="auth-rest-anonymous"):
        _controls.combine(CATALOGUE, _controls.parse_controls([{**GOOD, "id": "auth-rest-anonymous"}], "mine"))


def test_a_control_of_the_users_own_is_judged():
    control = _controls.parse_controls([{**GOOD, "expect": "a == `1`"}], "mine")[0]
    assert [judge(control, {"a": value}).state for value in (1, 2)] == ["passed", "failed"]


@pytest.mark.parametrize("value", ["yes", 1, "true", [1], {"a": 1}])
def test_only_true_is_true(value):
    control = _controls.parse_controls([GOOD], "mine")[0]
    assert judge(control, {"a": value}).state == "failed"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"control": "none", "reason": "r", "expires": "2026-01-01"}, "no control none"),
        ({"control": IDS[0], "reason": " ", "expires": "2026-01-01"}, "reason is missing"),
        ({"control": IDS[0], "reason": "r"}, "must be a day"),
        ({"control": IDS[0], "reason": "r", "expires": "soon"}, "must be a day"),
        ({"control": IDS[0], "reason": "r", "expires": "2026-01-01", "host": "a"}, "a waiver is"),
        ("all", "a waiver is"),
    ],
)
def test_malformed_waivers_are_refused(entry, expected):
    with pytest.raises(_controls.ControlError, match=expected):
        _controls.parse_waivers([entry], CATALOGUE)


def test_the_documentation_is_made_from_the_catalogue():
    project = Path(__file__).parents[4]
    made = subprocess.run([sys.executable, str(project / "scripts/lib/controls_doc")], check=True, capture_output=True, text=True).stdout
    assert made == (project / "docs/controls.md").read_text(encoding="utf-8"), "run scripts/lib/controls_doc > docs/controls.md"


def test_waivers_hold_until_their_day_and_fail_after():
    control = by_id("unit-exposure")
    bad = copy.deepcopy(HEALTHY)
    bad["unit"]["exposure"] = 5.0
    waivers = _controls.parse_waivers([{"control": control.id, "reason": "later", "expires": TODAY}], CATALOGUE)

    def state(document, day, host="node1", waivers=tuple(waivers)):
        return _controls.judge_all([control], document, waivers, host, day)[0].state

    assert state(bad, TODAY) == "waived"
    assert state(bad, date(2026, 6, 2)) == "failed"
    assert state(HEALTHY, TODAY) == "passed"
    assert state(HEALTHY, date(2026, 6, 2)) == "failed", "an expired waiver is to be removed"
    elsewhere = _controls.parse_waivers([{"control": control.id, "reason": "later", "expires": TODAY, "hosts": ["node2"]}], CATALOGUE)
    assert state(bad, TODAY, waivers=elsewhere) == "failed"
    assert state(bad, TODAY, "node2", elsewhere) == "waived"


def test_what_others_saw_becomes_evidence_about_a_node():
    seen = {"b": {"p2p": {"connect": "open", "plaintext": "silent"}}}
    outsider = {"node": False, "role": "outsider", "seen": {}}
    documents = _derived.with_vantages({"a": {"node": True, "role": "peer", "seen": seen}, "b": {"node": True}, "o": outsider})
    assert sorted(documents) == ["a", "b"]
    assert documents["b"]["vantages"] == [{"from": "a", "role": "peer", **seen["b"]}]
    assert documents["a"]["vantages"] == []


def test_what_was_seen_of_further_addresses_becomes_a_list_with_their_families():
    ports = {"rest": {"connect": "timeout"}}
    seen = {"b": {"further": {"2001:db8::2": ports, "198.51.100.2": ports}, **ports}}
    views = _derived.with_vantages({"o": {"node": False, "role": "outsider", "seen": seen}, "b": {"node": True}})["b"]["vantages"]
    assert views[0]["further"] == [{"address": "198.51.100.2", "family": "ipv4", **ports}, {"address": "2001:db8::2", "family": "ipv6", **ports}]
    assert views[0]["rest"] == ports["rest"]


@pytest.mark.parametrize(
    ("ports", "state"),
    [
        ("timeout", "passed"),
        ("refused", "passed"),
        ("open", "failed"),
        # The stranger has no IPv6, so it says nothing.
        ("no route", "skipped"),
        # The node has none.
        (None, "skipped"),
    ],
)
def test_what_strangers_reach_of_further_addresses(ports, state):
    document = copy.deepcopy(HEALTHY)
    document["vantages"] = [view for view in document["vantages"] if view["role"] != "client"]
    for view in document["vantages"]:
        view["further"] = [{"address": "2001:db8::1", "family": "ipv6", **{port: {"connect": ports} for port in ("rest", "grpc", "p2p")}}] if ports else []
    assert judge(by_id("reach-further-outsider"), document).state == state


def test_thresholds():
    low = [_controls.Finding(by_id("unit-protect-clock"), "failed")]
    assert _controls.reaches(low, "low") and not _controls.reaches(low, "medium")
    assert _controls.reaches([_controls.Finding(by_id("unit-protect-clock"), "error")], "low")
    assert not _controls.reaches([_controls.Finding(by_id("unit-protect-clock"), "waived")], "low")


def test_a_node_without_the_audit_log_that_it_should_have():
    document = {**HEALTHY, "audit": {"enabled": False, "timer": False}}
    states = {control.id: judge(control, document).state for control in CATALOGUE if control.id.startswith("audit-")}
    assert states.pop("audit-enabled") == "failed" and set(states.values()) == {"skipped"}
    unwanted = {**document, "wanted": {**HEALTHY["wanted"], "settings": {}}}
    assert judge(by_id("audit-enabled"), unwanted).state == "skipped"
    proxied = {**HEALTHY, "wanted": {**HEALTHY["wanted"], "settings": {"audit.trust_forwarded_headers": True}}}
    assert judge(by_id("audit-origin-own"), proxied).state == "skipped", "the proxy's word is what is logged"


def test_settings_that_run_beside_the_inventory_are_named():
    wanted = {"log_level": "INFO", "audit.rotation": "hourly", "storage.quotas.enabled": True, "storage.quotas.max_disk_usage_percent": 90}
    shown = {**wanted, "log_level": "info", "service.jwt_rbac": True}
    assert _derived.settings_beside(wanted, shown) == [], "words have no case, and what nobody asked for is nobody's"
    assert _derived.settings_beside(wanted, {**shown, "log_level": "OFF"}) == ["log_level is OFF, wanted INFO"]
    assert _derived.settings_beside(wanted, {"log_level": "INFO"}) == [], "a server that shows nothing of it has none"
    surplus = {**shown, "storage.quotas.max_resident_memory_percent": 10}
    assert _derived.settings_beside(wanted, surplus) == ["storage.quotas.max_resident_memory_percent is 10, wanted none"]
    unset = {name: value for name, value in shown.items() if name != "storage.quotas.max_disk_usage_percent"}
    assert _derived.settings_beside(wanted, unset) == ["storage.quotas.max_disk_usage_percent is not set, wanted 90"]
    assert _derived.settings_beside(None, shown) == _derived.settings_beside(wanted, None) == []


def test_versions_of_a_cluster():
    def node(version, cluster=True):
        return {"web": {"version": version}, "effective": {"cluster": cluster}}

    documents = {"node1": node("1.18.3"), "node2": node("1.19.0"), "node3": node("nonsense"), "single": node("1.1.0", False), "down": {"web": {"error": "x"}}}
    found = _derived.versions(documents)
    assert set(found) == {"node1", "node2"} and found["node1"] == found["node2"]
    assert found["node1"]["versions"] == {"lowest": "1.18.3", "highest": "1.19.0", "apart": 1, "nodes": ["node1 1.18.3", "node2 1.19.0"]}
    assert _derived.versions({"a": node("1.19.0"), "b": node("2.0.0")})["a"]["versions"]["apart"] > 1
    assert _derived.versions({"a": node("1.19.0", False)}) == {}
