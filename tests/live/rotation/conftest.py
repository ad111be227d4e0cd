# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of certificates' life share, beside the fixtures of all live tests."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from acme_server import Caddy
from cryptography.hazmat.primitives.asymmetric import ec
from helpers import HERE, HURRY, TRIAL, Vault, on_its_own, private, run_for


@pytest.fixture(scope="session")
def vault(deployment) -> Vault:
    return Vault(deployment.inventory)


@pytest.fixture(scope="session")
def bundle(deployment) -> Path:
    """The file that clients take their trust from; the playbooks publish it."""
    path = deployment.inventory.parent / "clients-trust.pem"
    path.write_text(deployment.nodes[0].vars["qdrant_tls_ca_certificate"], encoding="ascii")
    (deployment.inventory / "group_vars/qdrant/bundle.yml").write_text(f"qdrant_tls_bundle_file: {path}\n", encoding="ascii")
    return path


@pytest.fixture(scope="session")
def kills() -> int:
    """How many times a rollover is killed. The full number of the issue takes a few minutes more."""
    return int(os.environ.get("QDRANT_TEST_KILLS", "2"))


@pytest.fixture(scope="session")
def acme(deployment, tmp_path_factory):
    """The deployment with an ACME server, and a web server on the node."""
    folder, host = tmp_path_factory.mktemp("acme"), deployment.outsiders[0]
    server = Caddy(folder, HURRY)
    account = private(ec.generate_private_key(ec.SECP256R1()))
    own = {
        "qdrant_tls_provider": "acme",
        "qdrant_tls_dir": TRIAL,
        "qdrant_tls_csr_dir": str(folder / "waiting"),
        "qdrant_tls_ca_certificate": server.root["office"].read_text(encoding="ascii"),
        "qdrant_tls_acme_directory": server.urls["office"],
        "qdrant_tls_acme_ca_file": str(server.root["office"]),
        "qdrant_tls_acme_account_key": account,
        "qdrant_tls_acme_hook": str(HERE / "answer.yml"),
        "qdrant_verify_report_dir": str(folder / "report"),
        "qdrant_verify_fail_on": "high",
    }
    host.run(
        "mkdir -p /srv/acme; systemctl stop web 2>/dev/null; systemd-run --quiet --unit=web --collect /usr/bin/python3 -m http.server --directory /srv/acme 80"
    )
    yield SimpleNamespace(deployment=on_its_own(deployment, folder, own), host=host, server=server, folder=folder, account=account)
    host.run(f"systemctl stop web; rm -rf /srv/acme {TRIAL} {TRIAL}-hurried")
    server.close()


@pytest.fixture(scope="session")
def hurried(acme):
    """What asks for a certificate that is due soon, in a folder of its own; asked for once at the beginning, so that the other tests' time passes."""
    variables = {
        "qdrant_tls_acme_directory": acme.server.urls["hasty"],
        "qdrant_tls_ca_certificate": acme.server.root["hasty"].read_text(encoding="ascii"),
        "qdrant_tls_dir": TRIAL + "-hurried",
        "qdrant_tls_csr_dir": str(acme.folder / "hurried"),
    }
    run_for(acme, **variables)
    return variables
