# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify takes a deployment that somebody made by hand: it says what is open, changes nothing, and tells no key. The host is the outsider."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _weaknesses
from conftest import PROJECT
from server import name, parse
from test_refusals import inventory, snapshot

FOLDER = "/opt/watch/by-hand"
KEY = "a-key-that-somebody-chose-by-hand"
SETTINGS = f"service:\n  host: 0.0.0.0\n  api_key: {KEY}\n"


@pytest.fixture
def by_hand(deployment):
    """Start a server as the documentation's first page does: as root, in a folder of its own, with these settings or none."""
    host = deployment.outsiders[0]
    server = subprocess.run([PROJECT / "tests/testbed/testbed", "artefact"], check=True, capture_output=True, text=True).stdout.strip()
    host.run(f"mkdir -p {FOLDER}/config")
    host.put(server, FOLDER + "/qdrant")

    def start(settings: str = ""):
        host.run(f"rm -f {FOLDER}/config/*; chmod 0755 {FOLDER}/qdrant")
        if settings:
            host.run(f"cat > {FOLDER}/config/config.yaml <<'END'\n{settings}END")
        host.run(f"systemd-run --quiet --unit=by-hand --collect --property=WorkingDirectory={FOLDER} {FOLDER}/qdrant")
        host.run("for try in $(seq 100); do ss -Hltn | grep -q :6334 && exit; sleep 0.2; done; exit 1")
        return host

    yield start
    host.run(f"systemctl stop by-hand; rm -rf {FOLDER}", check=False)


def verify(deployment, tmp_path):
    """The states of the controls, all that was reported and printed, and the host before and after."""
    host = deployment.outsiders[0]
    before = snapshot(host)
    path = inventory(deployment, tmp_path, {"byhand": ({}, [{}])})
    report = tmp_path / "report"
    extra = {"qdrant_nodes_group": "byhand", "qdrant_verify_report_dir": str(report), "qdrant_verify_waivers": []}
    result = replace(deployment, inventory=path).playbook("hardened.qdrant.verify", "-e", json.dumps(extra), "-vvv", check=False)
    assert result.returncode != 0
    assert snapshot(host).splitlines() == before.splitlines()
    (findings,) = json.loads((report / "report.json").read_text(encoding="utf-8"))["hosts"].values()
    text = "".join(path.read_text(encoding="utf-8") for path in report.iterdir())
    return {finding["id"]: finding["state"] for finding in findings}, text + result.stdout + result.stderr


OPEN = {"auth-rest-anonymous", "auth-grpc-anonymous", "auth-rest-wrong-key", "auth-rest-token-forged", "auth-metrics-anonymous", "auth-telemetry-anonymous"}
BY_HAND = {
    "tls-rest-plaintext", "tls-grpc-plaintext", "process-unprivileged", "process-no-shell", "process-bound-to-address", "process-root-read-only",
    "process-capabilities-effective", "process-no-new-privileges", "config-cors-off", "unit-active", "firewall-table",
}  # fmt: skip
if _weaknesses.own().of(parse(name())):
    BY_HAND.add("version-without-advisories")


def test_a_server_without_any_settings(deployment, by_hand, tmp_path):
    """On a host that lacks nft, as many do: that keeps one control from being judged, and no other."""
    host = by_hand()
    host.run("mv /usr/sbin/nft /usr/sbin/nft.away")
    try:
        states, _text = verify(deployment, tmp_path)
    finally:
        host.run("mv /usr/sbin/nft.away /usr/sbin/nft")
    assert {name: states[name] for name in OPEN | BY_HAND} == {**dict.fromkeys(OPEN | BY_HAND, "failed"), "firewall-table": "error"}


def test_a_server_with_a_key_and_no_more(deployment, by_hand, tmp_path):
    by_hand(SETTINGS)
    states, text = verify(deployment, tmp_path)
    assert {name: states[name] for name in BY_HAND} == dict.fromkeys(BY_HAND, "failed")
    assert {states[name] for name in OPEN} == {"passed"}
    assert states["config-no-keys"] == "failed"
    # Over a connection that does not verify nobody is shown the key, so what needs it is not known, and does not pass.
    assert states["auth-rest-key-works"] == "error"
    assert "VERIFIED" in text and KEY not in text
