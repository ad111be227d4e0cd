# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight refuses. The texts and cases of whole runs are in tests/live/bad_inputs."""

from __future__ import annotations

import secrets

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _preflight, _settings
from hypothesis import example, given
from hypothesis import strategies as st

GOOD = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa"


def test_random_keys_are_taken():
    for _number in range(300):
        assert _preflight.check_key("k", secrets.token_urlsafe(32)) == []


WEAK = ("", "a" * 40, "abc", "abcd" * 10, "0123456789" * 4, "1" * 40)


@pytest.mark.parametrize("key", [None, 17, True, [], *WEAK, GOOD + " ", GOOD + "\n", GOOD + "ä", GOOD + '"'])
def test_weak_keys_are_refused_without_being_shown(key):
    problems = _preflight.check_key("qdrant_api_key", key)
    assert len(problems) == 1
    if isinstance(key, str) and len(key) > 3:
        assert key not in str(problems[0])


TEXTS = {str(problem) for key in (*WEAK, GOOD + " ", GOOD + '"', "changeme") for problem in _preflight.check_key("k", key)}


@given(st.text(max_size=60))
@example("hardened")  # a word of the remedy
def test_no_key_crashes_the_check_nor_is_repeated(key):
    assert {str(problem) for problem in _preflight.check_key("k", key)} <= TEXTS


def test_equal_keys_and_missing_read_only_key():
    assert any("equals" in problem.what for problem in _preflight.check_keys(GOOD, GOOD, False).problems)
    assert _preflight.check_keys(GOOD, "", False).problems == []
    assert _preflight.check_keys(GOOD, "", False).warnings
    assert any(problem.where == "qdrant_jwt_rbac" for problem in _preflight.check_keys("", "", True).problems)


@pytest.mark.parametrize("address", ["localhost", "", None, "224.0.0.1", "fe80::1", "ff02::1", "127.0.0.1", "::1", "192.0.2.300", "192.0.2.1/24"])
def test_addresses_that_no_node_of_a_cluster_can_have(address):
    assert _preflight.check_address("qdrant_address", address, cluster=True)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "10.0.0.1", "fd00::1"])
def test_addresses_that_a_node_can_have(address):
    assert _preflight.check_address("qdrant_address", address, cluster=True) == []


def test_a_single_node_may_be_on_loopback():
    assert _preflight.check_address("qdrant_address", "127.0.0.1", cluster=False) == []


def test_an_address_that_the_node_does_not_have_is_refused():
    (problem,) = _preflight.check_own_address("203.0.113.5", {"203.0.113.5": False}, "node1")
    assert "no interface of node1 has it" in str(problem) and "ip -brief address" in str(problem)
    for there in ({"203.0.113.5": True}, {}, None, "no mapping"):
        assert _preflight.check_own_address("203.0.113.5", there, "node1") == []


def test_addresses_within_a_group():
    def problems(addresses, name="a"):
        return " ".join(problem.what for problem in _preflight.check_addresses(addresses, name, True).problems)

    assert problems({"a": "192.0.2.1", "b": "192.0.2.2"}) == ""
    assert "a and b have the same" in problems({"a": "192.0.2.1", "b": "192.0.2.1"})
    assert problems({"a": "192.0.2.1", "b": "192.0.2.1"}, "b") == "", "said once, not by each"
    assert "not known" in problems({"a": "192.0.2.1", "b": ""})
    assert "IPv4, some IPv6" in problems({"a": "192.0.2.1", "b": "2001:db8::1"})


@pytest.mark.parametrize(
    ("clients", "expected"),
    [
        (["192.0.2.1/24"], "192.0.2.0/24"),
        (["fe80::1%eth0"], "neither"),
        (["192.0.2.1\n"], "neither"),
        (["nonsense"], "neither an address nor a network"),
        (["192.0.2.0/24", "192.0.2.1"], "overlap"),
        ("192.0.2.1", "not a list"),
        ([None], "neither"),
    ],
)
def test_clients_that_are_refused(clients, expected):
    assert any(expected in str(problem) for problem in _preflight.check_clients(clients).problems)


def test_clients_that_are_taken():
    assert _preflight.check_clients(["192.0.2.1", "198.51.100.0/24", "2001:db8::/64"]).problems == []
    assert _preflight.check_clients([]).warnings


@pytest.mark.parametrize("networks", [["0.0.0.0/0"], ["::/0"], ["0.0.0.0/1", "128.0.0.0/1"], ["2000::/3"]])
def test_everyone_is_a_risk_however_it_is_written(networks):
    problems = _preflight.check_wide("x", networks, ())
    assert len(problems) == 1 and "risk: clients-everyone" in problems[0].remedy
    assert _preflight.check_wide("x", networks, ("clients-everyone",)) == []


def test_cluster():
    def found(names=("a", "b", "c"), unreachable=(), cluster=True, scheme=None, name="a"):
        return _preflight.check_cluster(names, unreachable, cluster, scheme, name)

    assert found().problems == [] and found().warnings == []
    assert found(names=("a", "b")).warnings and not found(names=("a", "b"), name="b").warnings
    assert "split the cluster" in found(unreachable=("b",)).problems[0].what
    assert "plaintext" in found(scheme="http").problems[0].what
    assert found(scheme="https").problems == []
    assert "would not know each other" in found(cluster=False).problems[0].what
    assert "not in that inventory group" in found(name="z").problems[0].what


def test_ports_paths_and_clocks():
    assert _preflight.check_ports({"a": 1, "b": 65535}) == []
    assert all(_preflight.check_ports({"a": port}) for port in (0, 65536, "6333\n", True, None))
    assert _preflight.check_ports({"a": 1, "b": 1})
    assert _preflight.check_paths({"a": "/opt/a", "b": "/opt/ab"}) == []
    assert all(_preflight.check_paths({"a": path}) for path in ("opt", "/", "/opt", "/opt/", "/opt/../x", "/a b/c", "/a/%n", "/a/b:c", "/a/b\n", None))
    assert _preflight.check_paths({"a": "/opt/a", "b": "/opt/a/b"})
    assert _preflight.check_clock(1000.0, 1299.0, "a") == [] and _preflight.check_clock(None, 0.0, "a") == []
    assert _preflight.check_clock(1000.0, 1301.0, "a")


KNOWN = {"1.19.0": {"x86_64": "0" * 64}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"version": "1.19"}, "no version"),
        ({"version": 1.19}, "no version"),
        ({"architecture": "armv7l"}, "no release for armv7l"),
        ({"architecture": "aarch64"}, "is not known"),
        ({"version": "1.18.0"}, "is not known"),
        ({"version": "1.18.0", "checksum": "a" * 64}, None),
        ({"version": "1.18.0", "checksum": "sha256:" + "A" * 64}, None),
        ({"checksum": "abc"}, "no SHA-256"),
        ({"file": "/nonexistent"}, "no file on the controller"),
        ({"file": __file__}, "nothing is known of the file"),
        ({"file": __file__, "checksum": "a" * 64}, None),
        ({"url": "http://x/y"}, "not an https URL"),
    ],
)
def test_release(changes, expected):
    values = {"version": "1.19.0", "checksum": "", "known": KNOWN, "architecture": "x86_64", "file": "", "url": "https://x/y"}
    problems = _preflight.check_release(**{**values, **changes})
    assert bool(problems) == bool(expected), problems
    assert not expected or any(expected in problem.what for problem in problems)


@pytest.mark.parametrize(
    ("installed", "version", "refused"),
    [
        (None, "1.19.0", False),
        ("1.18.2", "1.19.0", False),
        ("1.19.0", "1.19.1", False),
        ("1.17.0", "1.19.0", True),
        ("1.19.0", "1.18.2", True),
        ("1.19.0", "2.0.0", True),
    ],
)
def test_upgrades_go_one_minor_version_at_a_time(installed, version, refused):
    states = {"node1": {"installed_version": installed}}
    assert bool(_preflight.check_upgrade(states, version, ())) == refused
    assert _preflight.check_upgrade(states, version, ("version-jump",)) == []


def of(running=None, installed=None, cluster=()):
    return {"running_version": running, "installed_version": installed, "cluster_versions": list(cluster)}


@pytest.mark.parametrize(
    ("states", "version", "expected"),
    [
        # A killed run moved the link of one node; what runs is older, and three minor versions are not one.
        ({"node1": of("1.16.3", "1.18.3"), "node2": of("1.16.3", "1.16.3")}, "1.19.0", "after 1.16.3, which node1 runs. The next step is 1.17"),
        # One node after the other, by --limit: the cluster knows those that the run does not see.
        ({"node1": of("1.18.3", "1.18.3", ["1.17.1", "1.18.3"])}, "1.19.0", "after 1.17.1, which a peer of node1 runs. The next step is 1.18"),
        ({"node1": of("1.18.3", "1.18.3", ["1.18.3", "1.19.0"])}, "1.18.3", "is older than 1.19.0, which a peer of node1 runs"),
        # A failed upgrade left the first node stopped, and the others as they were.
        ({"node1": of(None, "1.19.0"), "node2": of("1.18.3", "1.18.3")}, "1.18.3", None),
        ({"node1": of(None, "1.19.0", ["1.18.3"])}, "1.18.3", None),
        # It came up, and then failed its gate: what it wrote is not what the older one reads.
        ({"node1": of(None, "1.19.0", ["1.18.3", "1.19.0"]), "node2": of("1.18.3", "1.18.3", ["1.18.3", "1.19.0"])}, "1.18.3", "no way back"),
        ({"node1": of(None, "1.19.0")}, "1.18.3", "which is installed on node1"),
        ({"node1": of("1.18.3", "1.19.0"), "node2": of("1.18.3", "1.18.3")}, "1.19.0", None),
        ({"node1": of("nonsense", "1.19.0", ["nonsense"])}, "1.19.0", None),
    ],
)
def test_upgrades_are_judged_against_what_runs(states, version, expected):
    problems = _preflight.check_upgrade(states, version, ())
    assert bool(problems) == bool(expected), problems
    assert not expected or expected in problems[0].what


def test_a_way_back_is_a_backup():
    text = str(_preflight.check_upgrade({"node1": of("1.19.0", "1.19.0")}, "1.18.3", ())[0])
    assert all(part in text for part in ("Qdrant has no way back", "backup", "snapshots", "risk: version-jump", "Keep 1.19.0"))


def test_risks_are_accepted_by_name_and_reason_only():
    accepted, problems = _preflight.accepted_risks([{"risk": "cors", "reason": "a browser app"}])
    assert accepted == {"cors": "a browser app"} and problems == []
    for entry in ({"risk": "x", "reason": "y"}, {"risk": "cors", "reason": " "}, {"risk": "cors"}, "cors", {"reason": "y"}, {"risk": ["cors"], "reason": "y"}):
        accepted, problems = _preflight.accepted_risks([entry])
        assert accepted == {} and len(problems) == 1


def test_risks_that_run_and_risks_that_do_not():
    cors = next(risk for risk in _settings.RISKS if risk.name == "cors")
    assert "risk: cors" in str(_preflight.check_risks([cors], False, {}).problems[0])
    assert _preflight.check_risks([cors], False, {"cors": "r"}).problems == []
    assert _preflight.check_risks([], False, {"cors": "r"}).warnings
    assert "bind-all-addresses" in str(_preflight.check_risks([], True, {}).problems[0])


NAMES = ["a", "b", "c"]
URIS = {name: "https://192.0.2.%d:6335" % number for number, name in enumerate(NAMES, 1)}


@pytest.mark.parametrize(
    ("name", "states", "expected"),
    [
        ("a", {}, ""),
        ("b", {}, URIS["a"]),
        # The first node is new, the others are a cluster: it joins that, and founds none of its own.
        ("a", {"b": {"initialised": True}}, URIS["b"]),
        ("c", {"a": {"initialised": True}, "b": {"initialised": True}}, URIS["a"]),
        # An initialised node keeps what its unit says, or it would be restarted for nothing.
        ("b", {"b": {"initialised": True, "bootstrap": "https://192.0.2.9:6335"}}, "https://192.0.2.9:6335"),
        # What is no URI of a peer is a host's word, and goes nowhere.
        ("b", {"b": {"initialised": True, "bootstrap": "https://192.0.2.9:6335 --uri=x"}}, ""),
        ("b", {"b": {"initialised": True, "bootstrap": ["x"]}}, ""),
        ("a", {"a": {"initialised": True, "bootstrap": ""}}, ""),
    ],
)
def test_bootstrap(name, states, expected):
    assert _preflight.bootstrap(name, NAMES, states, URIS, True) == expected
    assert _preflight.bootstrap(name, NAMES, states, URIS, False) == ""


@pytest.mark.parametrize(
    ("warn", "fail", "validity", "expected"),
    [
        (30, 7, 90, []),
        (30, 0, 90, []),
        (5, 7, 90, ["more than those of the warning"]),
        ("soon", -1, 90, ["'soon' is no number of days", "-1 is no number of days"]),
        (30, 7, 20, ["is renewed when 6.7 are left"]),
    ],
)
def test_limits_of_a_certificates_days(warn, fail, validity, expected):
    problems = [str(problem) for problem in _preflight.check_expiry(warn, fail, validity, True)]
    assert len(problems) == len(expected)
    for text, problem in zip(expected, problems):
        assert text in problem


def test_a_certificate_that_others_renew_may_be_short():
    assert _preflight.check_expiry(30, 7, 20, False) == []
