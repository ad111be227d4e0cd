# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that ends at once: the last error has its own words and says what to do, and the node is left stopped."""

from __future__ import annotations

import pytest
from server import ON_TOP
from test_fail_closed import DROP_INS, drop_in

# How to make a server end, what the run must quote of it, and what it must advise.
CAUSES = {
    "setting": (
        # The run writes its own file anew; this one is read on top of it.
        f"echo 'storage: {{performance: {{max_search_threads: many}}}}' >{ON_TOP}; systemctl stop qdrant",
        "max_search_threads",
        "Correct it in qdrant_config",
    ),
    "port": (
        "systemctl stop qdrant; systemd-run --quiet --collect --unit=squatter python3 -c '"
        "import socket\ntaken = socket.create_server((\"%(address)s\", 6333))\nwhile True: taken.accept()[0].close()'; "
        "for _try in $(seq 100); do [ -z \"$(ss -Hltn 'sport = :6333')\" ] || break; sleep 0.1; done",
        "os error 98",
        "ss -ltnp shows which",
    ),
}  # fmt: skip
NO_CA = drop_in("Environment=SSL_CERT_FILE=/nonexistent", "ExecStartPre=")


@pytest.fixture
def node(deployment):
    node = deployment.nodes[0]
    yield node
    node.run(f"systemctl stop squatter 2>/dev/null; rm -rf {DROP_INS} {ON_TOP}; systemctl daemon-reload; systemctl reset-failed; systemctl restart qdrant")
    assert node.run("systemctl is-active qdrant").strip() == "active"


def last_error(deployment, node, action: str) -> str:
    """Break the node and run site; what the task says that fails last."""
    node.run(action % {"address": node.address} if "%(" in action else action)
    result = deployment.playbook("hardened.qdrant.site", check=False)
    assert result.returncode != 0
    # A node that is left stopped listens nowhere, whoever else may have its port.
    assert node.run("systemctl is-active qdrant", check=False).strip() in ("inactive", "failed")
    return result.stdout[result.stdout.rindex("Qdrant did not start on") :]


@pytest.mark.parametrize("name", CAUSES)
def test_the_last_error_has_the_servers_own_words_and_a_remedy(deployment, node, name):
    action, words, remedy = CAUSES[name]
    error = last_error(deployment, node, action)
    assert words in error.partition("Remedy:")[0] and remedy in error, error
    assert "FileNotFoundError" not in error


@pytest.mark.since("1.17.1")
def test_a_server_without_cas_says_so(deployment, node):
    """With its gate, the start would be refused before."""
    error = last_error(deployment, node, NO_CA)
    assert "No CA certificates were loaded" in error.partition("Remedy:")[0] and "a panic" in error and "systemctl cat qdrant" in error, error
