# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of servers that sign, before any host is changed."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _elsewhere


@pytest.fixture
def acme(tmp_path):
    """Settings that are in order."""
    hook = tmp_path / "answer.yml"
    hook.write_text("---\n", encoding="ascii")
    return {
        "folder": "waiting",
        "directory": "https://ca.example.com/acme/office/directory",
        "challenge": "http-01",
        "hook": str(hook),
        "command": [],
        "ca_file": str(hook),
    }


VAULT = {"folder": "waiting", "url": "https://vault.example.com:8200", "token": "hvs.secret", "role": "qdrant", "ca_file": ""}


def told(found):
    return "\n".join(str(problem) for problem in found.problems)


def test_what_is_in_order_is_accepted(acme):
    assert told(_elsewhere.acme(**acme)) == ""
    assert told(_elsewhere.acme(**{**acme, "hook": "", "command": ["/usr/bin/answer"], "challenge": "dns-01", "ca_file": ""})) == ""
    assert told(_elsewhere.vault(**VAULT)) == ""
    # A token that could not be read is a problem already.
    assert told(_elsewhere.vault(**{**VAULT, "token": None})) == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"folder": ""}, "qdrant_tls_csr_dir: it is empty"),
        ({"directory": ""}, "qdrant_tls_acme_directory: it is empty"),
        ({"directory": "http://ca.example.com/directory"}, "is no https URL"),
        ({"directory": "https://acme-v02.api.letsencrypt.org/directory"}, "acme-v02.api.letsencrypt.org is a public CA"),
        ({"directory": "https://acme.zerossl.com/v2/DV90"}, "clientAuth"),
        ({"challenge": "tls-alpn-01"}, "Write http-01 or dns-01"),
        ({"hook": ""}, "neither is set"),
        ({"command": ["/usr/bin/answer"]}, "both are set"),
        ({"hook": "", "command": "/usr/bin/answer"}, "it is no list of words"),
        ({"hook": "/nowhere/answer.yml"}, "/nowhere/answer.yml is no file"),
        ({"hook": "answer.yml"}, "named by its whole path"),
        ({"ca_file": "/nowhere/ca.pem"}, "qdrant_tls_acme_ca_file"),
    ],
)
def test_what_is_refused_of_an_acme_server(acme, changes, expected):
    found = _elsewhere.acme(**{**acme, **changes})
    assert expected in told(found) and len(found.problems) == 1


def test_a_proxy_may_have_its_certificate_from_a_public_ca(acme):
    of_proxy = {"peers": False, "variables": "qdrant_proxy_tls"}
    assert told(_elsewhere.acme(**{**acme, "directory": "https://acme-v02.api.letsencrypt.org/directory"}, **of_proxy)) == ""
    text = told(_elsewhere.acme(**{**acme, "folder": "", "directory": "", "hook": "", "challenge": "x", "ca_file": "y"}, **of_proxy))
    assert "qdrant_tls_" not in text
    for name in ("csr_dir", "acme_directory", "acme_hook, qdrant_proxy_tls_acme_command", "acme_challenge", "acme_ca_file"):
        assert "qdrant_proxy_tls_%s: " % name in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"folder": ""}, "qdrant_tls_csr_dir: it is empty"),
        ({"url": "http://vault.example.com:8200"}, "is no https URL"),
        ({"url": ""}, "qdrant_tls_vault_url: it is empty"),
        ({"token": " "}, "qdrant_tls_vault_token: it is empty"),
        ({"role": ""}, "qdrant_tls_vault_role: it is empty"),
        ({"ca_file": "/nowhere"}, "qdrant_tls_vault_ca_file"),
    ],
)
def test_what_is_refused_of_vault(changes, expected):
    found = _elsewhere.vault(**{**VAULT, **changes})
    assert expected in told(found) and len(found.problems) == 1 and "hvs.secret" not in told(found)


def test_a_collection_that_is_not_there_is_named(acme, monkeypatch):
    monkeypatch.setattr(_elsewhere, "_is_there", lambda name: name not in ("ansible_collections.community.crypto", "hvac"))
    assert "acme lacks on the controller: community.crypto" in told(_elsewhere.acme(**acme))
    assert "install the Python library hvac" in told(_elsewhere.vault(**VAULT))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://letsencrypt.org/", True),
        ("https://ACME-STAGING-v02.api.LetsEncrypt.org/directory", True),
        ("https://dv.acme-v02.api.pki.goog/directory", True),
        ("https://notletsencrypt.org/", False),
        ("https://letsencrypt.org.example.com/", False),
        ("", False),
    ],
)
def test_public_cas_are_known_by_their_names(url, expected):
    assert _elsewhere.is_public(url) == expected
