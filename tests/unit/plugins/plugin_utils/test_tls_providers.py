# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The providers of certificates: what is refused of their variables before any host is changed, and that each is one unit."""

from __future__ import annotations

import fnmatch
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _plaintext, _tls_providers, _values, _variables
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import acme as acme_file
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import base

PROJECT = Path(__file__).parents[4]
ROLE = PROJECT / "roles/qdrant_tls"
NOW = datetime.now(UTC)
CA, CA_KEY = _authority.create("test", NOW)
NODES = _tls_providers.Nodes("internal", CA, [CA])
PROVIDERS = _tls_providers.every()


def host(own, *, prefix=_tls_providers.NODES, name="node1", needed=(), now=NOW):
    """A host whose variables are these, by what follows the prefix, or else their roles' defaults."""
    given = {f"{prefix}_{end}": value for end, value in own.items()}

    def read(variable):
        return given.get(variable, _variables.fallback(variable, ""))

    return _tls_providers.Host(name=name, read=read, secret=read, loader=DataLoader(), needed=needed, now=now, prefix=prefix)


@pytest.fixture
def acme(tmp_path):
    """Settings that are in order."""
    hook = tmp_path / "answer.yml"
    hook.write_text("---\n", encoding="ascii")
    return {
        "csr_dir": "waiting",
        "ca_certificate": CA,
        "acme_directory": "https://ca.example.com/acme/office/directory",
        "acme_account_key": _certificate.key_pem(_certificate.KEY_TYPES["ecdsa-p256"]()),
        "acme_hook": str(hook),
        "acme_ca_file": str(hook),
    }


VAULT = {
    "csr_dir": "waiting",
    "ca_certificate": CA,
    "vault_url": "https://vault.example.com:8200",
    "vault_token": "hvs.secret",
    "vault_role": "qdrant",
}


def of_node(provider, own):
    found, _plan = PROVIDERS[provider].node(host(own), _tls_providers.Cluster(["node1"], {"node1": {}}))
    return found.problems


def told(problems):
    return "\n".join(map(str, problems))


def test_what_is_in_order_is_accepted(acme):
    assert told(of_node("acme", acme)) == ""
    by_command = {"acme_hook": "", "acme_command": ["/usr/bin/answer"], "acme_challenge": "dns-01", "acme_ca_file": ""}
    assert told(of_node("acme", {**acme, **by_command})) == ""
    assert told(of_node("vault_pki", VAULT)) == ""
    # A token that could not be read is a problem already.
    assert told(of_node("vault_pki", {**VAULT, "vault_token": None})) == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"csr_dir": ""}, "qdrant_tls_csr_dir: it is empty"),
        ({"acme_directory": ""}, "qdrant_tls_acme_directory: it is empty"),
        ({"acme_directory": "http://ca.example.com/directory"}, "is no https URL"),
        ({"acme_directory": "https://acme-v02.api.letsencrypt.org/directory"}, "acme-v02.api.letsencrypt.org is a public CA"),
        ({"acme_directory": "https://acme.zerossl.com/v2/DV90"}, "clientAuth"),
        ({"acme_challenge": "tls-alpn-01"}, "Write http-01 or dns-01"),
        ({"acme_hook": ""}, "neither is set"),
        ({"acme_command": ["/usr/bin/answer"]}, "both are set"),
        ({"acme_hook": "", "acme_command": "/usr/bin/answer"}, "it is no list of words"),
        ({"acme_hook": "/nowhere/answer.yml"}, "/nowhere/answer.yml is no file"),
        ({"acme_hook": "answer.yml"}, "named by its whole path"),
        ({"acme_ca_file": "/nowhere/ca.pem"}, "qdrant_tls_acme_ca_file"),
        ({"acme_account_key": ""}, "qdrant_tls_acme_account_key is empty"),
        ({"ca_certificate": ""}, "qdrant_tls_ca_certificate is empty"),
        ({"rollover": True}, "only the provider internal knows"),
    ],
)
def test_what_is_refused_of_an_acme_server(acme, changes, expected):
    problems = of_node("acme", {**acme, **changes})
    assert expected in told(problems) and len(problems) == 1


def test_a_proxy_may_have_its_certificate_from_a_public_ca(acme):
    other = _authority.create("other", NOW)[0]

    def of_proxy(**changes):
        return told(PROVIDERS["acme"].proxy(host({**acme, "ca_certificate": other, **changes}, prefix=_tls_providers.PROXIES), NODES).problems)

    assert of_proxy(acme_directory="https://acme-v02.api.letsencrypt.org/directory") == ""
    text = of_proxy(csr_dir="", acme_directory="", acme_hook="", acme_challenge="x", acme_ca_file="y")
    assert "qdrant_tls_" not in text
    for name in ("csr_dir", "acme_directory", "acme_hook, qdrant_proxy_tls_acme_command", "acme_challenge", "acme_ca_file"):
        assert f"qdrant_proxy_tls_{name}: " in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"csr_dir": ""}, "qdrant_tls_csr_dir: it is empty"),
        ({"vault_url": "http://vault.example.com:8200"}, "is no https URL"),
        ({"vault_url": ""}, "qdrant_tls_vault_url: it is empty"),
        ({"vault_token": " "}, "qdrant_tls_vault_token: it is empty"),
        ({"vault_role": ""}, "qdrant_tls_vault_role: it is empty"),
        ({"vault_ca_file": "/nowhere"}, "qdrant_tls_vault_ca_file"),
    ],
)
def test_what_is_refused_of_vault(changes, expected):
    problems = of_node("vault_pki", {**VAULT, **changes})
    assert expected in told(problems) and len(problems) == 1 and "hvs.secret" not in told(problems)


def test_a_collection_that_is_not_there_is_named(acme, monkeypatch):
    monkeypatch.setattr(base, "is_there", lambda name: name not in ("ansible_collections.community.crypto", "hvac"))
    assert "qdrant_tls_provider: acme lacks on the controller: community.crypto" in told(of_node("acme", acme))
    assert "install the Python library hvac" in told(of_node("vault_pki", VAULT))


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
    assert acme_file.is_public(url) == expected


def test_who_has_to_reach_what_it_certifies_is_asked_for_what_is_needed_alone():
    names, needed = ["node1", "db.example", "db.example"], ["IP:192.0.2.1", "DNS:db.example"]
    assert PROVIDERS["acme"].asked("node1", names, needed) == ("", ["db.example"])
    for provider in set(PROVIDERS) - {"acme"}:
        assert PROVIDERS[provider].asked("node1", names, needed) == ("node1", names)


def test_a_provider_that_there_is_not_is_refused():
    with pytest.raises(_values.BadValue, match="there is no provider 'x'. Write one of acme, csr, internal, provided, vault_pki"):
        _tls_providers.named("x")
    with pytest.raises(_values.BadValue, match="there is no provider 'vault_pki' for a proxy. Write one of acme, csr, internal, provided$"):
        _tls_providers.named("vault_pki", _tls_providers.PROXIES)
    assert not _tls_providers.names_alone("x") and not _tls_providers.signs_here("x")


# --- one unit each -----------------------------------------------------------------------------------------------------


def specs(role):
    text = (PROJECT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["argument_specs"]["main"]["options"]


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
class TestEachProvider:
    def test_it_stands_in_a_file_of_its_name(self, provider):
        assert type(provider).__module__.endswith("._tls_providers." + provider.name)

    def test_its_row_stands_in_the_readme(self, provider):
        assert provider.row.markdown(provider.name) in (ROLE / "README.md").read_text(encoding="utf-8").splitlines()

    def test_its_row_names_what_is_required(self, provider):
        named = re.findall(r"`([^`]+)`", provider.row.variables)
        for entry in provider.variables:
            assert not entry.required or any(fnmatch.fnmatch("qdrant_tls_" + entry.end, name) for name in named), entry.end

    def test_its_variables_are_those_of_the_roles(self, provider):
        for prefix in (_tls_providers.NODES, _tls_providers.PROXIES):
            for entry in provider.variables_of(prefix):
                spec = _variables.declared()[f"{prefix}_{entry.end}"]
                # Not a typed secret: a type error would show the value.
                assert not entry.secret or spec["type"] == "raw"
                assert entry.secret or entry.kind or not entry.remedy

    def test_its_secrets_are_looked_for_in_plain_text(self, provider):
        for entry in provider.variables:
            assert not entry.secret or "qdrant_tls_" + entry.end in _plaintext.SECRETS

    def test_whoever_has_requests_signed_says_how(self, provider):
        tasks = (ROLE / "tasks/providers" / (provider.name + ".yml")).is_file()
        assert tasks == (provider.source == _tls_providers.AWAITED and provider.name != "csr")


def test_readme_and_argument_specs_know_all_of_them_and_no_more():
    readme = (ROLE / "README.md").read_text(encoding="utf-8")
    table = readme.partition("| `qdrant_tls_provider` | key is made |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(dict.fromkeys(specs("qdrant_tls")["qdrant_tls_provider"]["choices"]))
    assert sorted(specs("qdrant_tls")["qdrant_tls_provider"]["choices"]) == sorted(PROVIDERS)
    of_proxies = [provider.name for provider in PROVIDERS.values() if provider.serves(_tls_providers.PROXIES)]
    assert sorted(re.findall(r"V\((\w+)\)", specs("qdrant_proxy")["qdrant_proxy_tls_provider"]["description"])) == sorted(of_proxies)


def test_a_provider_is_named_where_it_is_described_and_nowhere_else():
    """One that no other word looks like stands for all."""
    name, places = "vault_pki", set()
    for folder in ("plugins", "roles", "playbooks"):
        for path in (PROJECT / folder).rglob("*"):
            if path.suffix in (".py", ".yml", ".j2", ".md") and name in path.read_text(encoding="utf-8") + path.name:
                places.add(path.relative_to(PROJECT).as_posix())
    described = {"roles/qdrant_tls/" + path for path in ("README.md", "defaults/main.yml", "meta/argument_specs.yml")}
    assert places == {"plugins/plugin_utils/_tls_providers/vault_pki.py", "roles/qdrant_tls/tasks/providers/vault_pki.yml"} | described
