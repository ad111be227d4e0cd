# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of certificates' life share, beside the fixtures of all live tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import Vault


@pytest.fixture(scope="session")
def vault(deployment) -> Vault:
    return Vault(deployment.inventory)


@pytest.fixture(scope="session")
def bundle(deployment) -> Path:
    """The file that clients take their trust from; the playbooks publish it."""
    path = deployment.inventory.parent / "clients-trust.pem"
    path.write_text(deployment.nodes[0].vars["qdrant_tls_ca_certificate"], encoding="ascii")
    (deployment.inventory / "group_vars/qdrant/bundle.yml").write_text("qdrant_tls_bundle_file: %s\n" % path, encoding="ascii")
    return path


@pytest.fixture(scope="session")
def kills() -> int:
    """How many times a rollover is killed. The full number of the issue takes a few minutes more."""
    return int(os.environ.get("QDRANT_TEST_KILLS", "2"))
