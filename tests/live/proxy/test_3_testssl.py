# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""testssl.sh against a node and a proxy: every finding that is not good has a verdict in testssl.yml, and docs/testssl.md says the same."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT
from fixtures import proxies, proxy  # noqa: F401

TRIAGE = yaml.safe_load((Path(__file__).parent / "testssl.yml").read_text(encoding="utf-8"))
GOOD = ("OK", "INFO")
GROUPS = ("--protocols", "--std", "--pfs", "--server-preference", "--server-defaults", "--headers", "--vulnerable")


@pytest.fixture(scope="module")
def found(deployment, proxy, tmp_path_factory):  # noqa: F811
    """The findings at both, [{id, severity, finding}]; asked side by side."""
    folder = tmp_path_factory.mktemp("testssl")
    targets = {"node": deployment.nodes[0].address, "proxy": proxy.host.address}
    running = {}
    for name, address in targets.items():
        # Without the Internet: no lists are fetched, names are not looked up. The CA is ours, so testssl.sh is told of it.
        command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "min", "--add-ca", deployment.ca,
                   "--jsonfile", str(folder / (name + ".json")), *GROUPS, "%s:6333" % address]  # fmt: skip
        environment = {**os.environ, "TERM": "dumb"}
        running[name] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, env=environment)
    results = {}
    for name, process in running.items():
        output, _unused = process.communicate(timeout=300)
        assert (folder / (name + ".json")).exists(), output
        results[name] = json.loads((folder / (name + ".json")).read_text(encoding="utf-8"))
        assert len(results[name]) > 50, output
    return results


@pytest.mark.parametrize("name", ["node", "proxy"])
def test_what_testssl_finds_was_looked_at(found, name):
    print("\n".join("%(id)s %(severity)s %(finding)s" % entry for entry in found[name] if entry["severity"] not in GOOD))
    strange = [entry for entry in found[name] if entry["severity"] not in GOOD and not judged(name, entry)]
    assert strange == []


def judged(name: str, entry: dict) -> bool:
    """Whether a finding has a verdict, and is no worse than the one that was judged."""
    return any(
        case["id"] == entry["id"] and name in case["at"] and entry["severity"] == case["severity"] for case in TRIAGE["findings"]
    )


@pytest.mark.parametrize("name", ["node", "proxy"])
def test_nothing_is_vulnerable_or_outdated(found, name):
    """What a grade of A stands on (SSL Labs rating guide): testssl.sh of Debian 12 gives none itself."""
    by_id = {entry["id"]: entry for entry in found[name]}
    for protocol in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
        assert by_id[protocol]["finding"].startswith("not offered"), by_id[protocol]
    assert by_id["TLS1_2"]["severity"] == "OK" and by_id["TLS1_3"]["severity"] == "OK"
    for cipher in ("cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_3DES_IDEA"):
        assert by_id[cipher]["finding"].startswith("not offered"), by_id[cipher]
    assert by_id["PFS"]["severity"] == "OK"
    for weakness in TRIAGE["vulnerabilities"]:
        assert by_id[weakness]["severity"] in GOOD, by_id[weakness]
    assert by_id["cert_trust"]["severity"] == "OK", by_id["cert_trust"]


def test_the_proxy_has_what_an_a_plus_needs_beyond_an_a(found):
    by_id = {entry["id"]: entry for entry in found["proxy"]}
    assert by_id["HSTS_time"]["severity"] == "OK", by_id["HSTS_time"]


def test_the_documentation_says_the_same():
    text = (PROJECT / "docs/testssl.md").read_text(encoding="utf-8")
    for case in TRIAGE["findings"]:
        line = next((line for line in text.splitlines() if line.startswith("| `%s` |" % case["id"])), "")
        assert case["severity"] in line and case["verdict"] in line, case
