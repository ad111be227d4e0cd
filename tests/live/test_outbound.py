# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a node's outgoing connections trust: its own CA, or the user's bundle; not what its host trusts. And how it finds targets by name.

The tests follow one another: a bundle is brought, and taken back.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority
from outbound import COLLECTION, Traps, call, gets_through
from server import since
from test_startup import read_inside

OWN, FOREIGN, STORE = 8441, 8442, 8443
NAME = "store.example.com"


@pytest.fixture(scope="module")
def cas() -> dict[int, tuple[str, str]]:
    now = datetime.now(UTC)
    return {port: _authority.create(name, now) for port, name in ((FOREIGN, "foreign"), (STORE, "object store"))}


@pytest.fixture(scope="module")
def traps(deployment, cas, tmp_path_factory):
    """On the outsider. What the host of the node trusts, as all its programs do, is the foreign CA."""
    node, folder = deployment.nodes[0], tmp_path_factory.mktemp("traps")
    (folder / "foreign.crt").write_text(cas[FOREIGN][0])
    node.put(str(folder / "foreign.crt"), "/usr/local/share/ca-certificates/foreign.crt")
    node.run("update-ca-certificates 2>/dev/null")
    own = (node.vars["qdrant_tls_ca_certificate"], deployment.secrets["qdrant_tls_ca_private_key"])
    with Traps(deployment.outsiders[0], {OWN: own, **cas}, folder, [NAME]) as there:
        yield there
    node.run("rm /usr/local/share/ca-certificates/foreign.crt; update-ca-certificates --fresh 2>/dev/null")


@pytest.fixture(scope="module")
def site(deployment, traps, tmp_path_factory):
    """Runs site with the traps as targets of the server, which may fetch from URLs, and with further variables. In the end as it was."""
    settings = {
        "qdrant_firewall_targets": [
            *({"host": traps.host.address, "port": port} for port in (OWN, FOREIGN)),
            {"host": NAME, "address": traps.host.address, "port": STORE},
        ]
    }
    if since("1.18.0"):
        settings["qdrant_config"] = {"service": {"enable_snapshot_url_recovery": True}}
        settings["qdrant_accepted_risks"] = [{"risk": "snapshot-url-recovery", "reason": "This is what is tried."}]
        settings["qdrant_verify_waivers"] = [{"control": "config-snapshot-url-off", "reason": "The same.", "expires": "2099-12-31"}]

    def run(**further):
        file = tmp_path_factory.mktemp("site") / "variables.json"
        waivers = [*deployment.nodes[0].vars.get("qdrant_verify_waivers", []), *settings.get("qdrant_verify_waivers", [])]
        file.write_text(json.dumps({**settings, "qdrant_verify_waivers": waivers, **further}))
        return deployment.playbook("hardened.qdrant.site", "-e", f"@{file}").stdout

    yield run
    call(deployment, deployment.nodes[0], "DELETE", f"/collections/{COLLECTION}")
    deployment.playbook("hardened.qdrant.site")


@pytest.fixture(scope="module")
def own_trust(site):
    return site()


@pytest.fixture(scope="module")
def bundle(deployment, cas, site, own_trust, tmp_path_factory):
    """A bundle as companies hand them out: comments in their language, Windows' line ends."""
    file = tmp_path_factory.mktemp("bundle") / "cas.pem"
    file.write_bytes("# Zertifizierungsstelle für Objekte\r\n".encode("latin-1") + cas[STORE][0].replace("\n", "\r\n").encode())
    variables = {"qdrant_outbound_ca_file": str(file)}
    return site(**variables), site(**variables)


def test_only_the_own_ca_is_trusted_not_what_the_host_trusts(deployment, traps, own_trust):
    node, address = deployment.nodes[0], traps.host.address
    assert "VERIFIED" in own_trust
    assert gets_through(deployment, node, traps, address, OWN, "own")
    assert not gets_through(deployment, node, traps, address, FOREIGN, "foreign")
    assert not gets_through(deployment, node, traps, NAME, STORE, "store")


def test_targets_by_name_are_known_to_the_server(deployment, own_trust):
    node = deployment.nodes[0]
    lines = read_inside(node, ["/etc/hosts"])["/etc/hosts"]["text"].splitlines()
    assert f"{deployment.outsiders[0].address} {NAME}" in lines
    assert node.run("stat -c '%U %a' /opt/qdrant/root/etc/hosts").split() == ["root", "644"]


def test_a_bundle_is_trusted_in_place_of_the_own_ca_and_nothing_else(deployment, traps, cas, bundle):
    node = deployment.nodes[0]
    first, second = bundle
    assert "VERIFIED" in first and "changed=0" in second
    assert gets_through(deployment, node, traps, NAME, STORE, "store-by-name")
    assert not gets_through(deployment, node, traps, traps.host.address, FOREIGN, "foreign-still")
    assert node.run("stat -c '%U %a' /etc/qdrant/outbound-ca.crt").split() == ["root", "644"]
    assert node.run("cat /etc/qdrant/outbound-ca.crt") == cas[STORE][0], "without comments, in one form"
    assert read_inside(node, ["{SSL_CERT_FILE}"])["{SSL_CERT_FILE}"]["text"] == cas[STORE][0]


def test_a_bundle_that_is_taken_back_is_gone(deployment, traps, bundle, site):
    node = deployment.nodes[0]
    assert "VERIFIED" in site()
    assert node.run("ls /etc/qdrant/outbound-ca.crt 2>/dev/null || true") == ""
    assert not gets_through(deployment, node, traps, NAME, STORE, "store-again")
