# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""testssl.sh against a node and a proxy: every finding that is not good has a verdict in testssl.yml, and docs/testssl.md says the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT
from fixtures import proxies, proxy

# Fixtures.
__all__ = ["proxies", "proxy"]

TRIAGE = yaml.safe_load((Path(__file__).parent / "testssl.yml").read_text(encoding="utf-8"))
GOOD = ("OK", "INFO")
GROUPS = ("--protocols", "--std", "--fs", "--server-preference", "--server-defaults", "--headers", "--vulnerable")


SCRIPT = """
export TERM=dumb
cd $(mktemp -d) && cp /etc/qdrant/tls/current/ca.crt .
# A check that could not connect on a busy machine says nothing of the server; then all are made again.
ask() {
    for try in 1 2 3 4 5 6; do
        rm -f "$1.json"
        testssl --quiet --color 0 --warnings off --nodns min --add-ca ca.crt --jsonfile "$1.json" %s "$2:6333" >"$1.txt" 2>&1
        grep -q "connect problem" "$1.json" || break
        sleep 10
    done
}
ask node %s & ask proxy %s & wait
for name in node proxy; do echo "== $name"; cat $name.json; done
"""


@pytest.fixture(scope="module")
def found(deployment, proxy):
    """The findings at both, [{id, severity, finding}], asked side by side from a host of Debian 13, whose testssl.sh gives a grade.

    Without the Internet: no lists are fetched, names are not looked up. The CA is ours, so testssl.sh is told of it.
    """
    asking = next(node for node in deployment.nodes if node.run("command -v testssl || true").strip())
    other = next(node for node in deployment.nodes if node is not asking)
    script = SCRIPT % (" ".join(GROUPS), other.address, proxy.host.address)
    result = subprocess.run(asking._ssh("sudo sh -s"), input=script, capture_output=True, text=True, timeout=1200, check=True)
    _nothing, node, at_proxy = result.stdout.split("== ")
    results = {"node": json.loads(node.removeprefix("node")), "proxy": json.loads(at_proxy.removeprefix("proxy"))}
    assert all(len(entries) > 50 for entries in results.values())
    return results


@pytest.mark.parametrize("name", ["node", "proxy"])
def test_what_testssl_finds_was_looked_at(found, name):
    print("\n".join("{id} {severity} {finding}".format(**entry) for entry in found[name] if entry["severity"] not in GOOD))
    strange = [entry for entry in found[name] if entry["severity"] not in GOOD and not judged(name, entry)]
    assert strange == []


def judged(name: str, entry: dict) -> bool:
    """Whether a finding has a verdict, and is no worse than the one that was judged."""
    return any(case["id"] == entry["id"] and name in case["at"] and entry["severity"] == case["severity"] for case in TRIAGE["findings"])


@pytest.mark.parametrize("name", ["node", "proxy"])
def test_nothing_is_vulnerable_or_outdated(found, name):
    """What a grade stands on (SSL Labs rating guide)."""
    by_id = {entry["id"]: entry for entry in found[name]}
    for protocol in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
        assert by_id[protocol]["finding"].startswith("not offered"), by_id[protocol]
    assert by_id["TLS1_2"]["severity"] == "OK" and by_id["TLS1_3"]["severity"] == "OK"
    for cipher in ("cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_3DES_IDEA"):
        assert by_id[cipher]["finding"].startswith("not offered"), by_id[cipher]
    assert by_id["FS"]["severity"] == "OK"
    for weakness in TRIAGE["vulnerabilities"]:
        assert by_id[weakness]["severity"] in GOOD, by_id[weakness]
    assert by_id["cert_trust"]["severity"] == "OK", by_id["cert_trust"]


@pytest.mark.parametrize("name", ["node", "proxy"])
def test_the_grade(found, name):
    grade = next(entry["finding"] for entry in found[name] if entry["id"] == "overall_grade")
    print(f"{name}: {grade}")
    assert grade in TRIAGE["grades"][name]


def test_the_documentation_says_the_same():
    text = (PROJECT / "docs/testssl.md").read_text(encoding="utf-8")
    for case in TRIAGE["findings"]:
        line = next((line for line in text.splitlines() if line.startswith("| `{}` |".format(case["id"]))), "")
        assert case["severity"] in line and case["verdict"] in line, case
