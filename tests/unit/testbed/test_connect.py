# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module", name="connect")
def _connect() -> ModuleType:
    """scripts/lib/connect, which is a program without a suffix."""
    path = Path(__file__).resolve().parents[3] / "scripts" / "lib" / "connect"
    loader = importlib.machinery.SourceFileLoader("connect", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("connect", loader))
    # Where dataclasses look for their module.
    sys.modules["connect"] = module
    loader.exec_module(module)
    return module


def _inventory(**variables: object) -> dict:
    return {"_meta": {"hostvars": {"node1": variables}}, "qdrant": {"hosts": ["node1", "node2"]}}


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"qdrant_address": "192.0.2.1", "ansible_host": "192.0.2.9"}, "https://192.0.2.1:6333"),
        ({"ansible_host": "192.0.2.9"}, "https://192.0.2.9:6333"),
        ({}, "https://node1:6333"),
        ({"qdrant_address": "fd00::a", "qdrant_http_port": 7333}, "https://[fd00::a]:7333"),
    ],
)
def test_url(connect: ModuleType, variables: dict, url: str) -> None:
    found = connect.cluster(_inventory(qdrant_tls_ca_certificate="PEM", **variables), "qdrant")
    assert (found.url, found.ca_certificate) == (url, "PEM")


def test_inventory_without_nodes(connect: ModuleType) -> None:
    with pytest.raises(LookupError, match="no hosts in the group other"):
        connect.cluster(_inventory(), "other")


def test_inventory_without_authority(connect: ModuleType) -> None:
    with pytest.raises(LookupError, match="gives node1 no qdrant_tls_ca_certificate"):
        connect.cluster(_inventory(), "qdrant")
