# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies with a certificate for the name that clients use, before nodes that keep their own CA: ordered from a real ACME server, or brought along."""

from __future__ import annotations

import dataclasses
import ssl
import subprocess

import pytest
from acme_server import Caddy
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fixtures import collection, key, proxies, proxy
from proxied import settings
from qdrant_client import QdrantClient

# Fixtures.
__all__ = ["collection", "key", "proxies", "proxy"]

NAME = "qdrant.example.com"
# ACTION TYPE IDENTIFIER RESOURCE VALUE: a user's command for dns-01. Both proxies prove the same name at once.
ANSWER = """#!/bin/sh
set -eu
[ "$2 $3" = "dns-01 %(name)s" ]
exec 9>>%(folder)s/lock
flock 9
touch %(folder)s/records
case $1 in
  present) echo "$4 $5" >>%(folder)s/records ;;
  absent) grep -vxF "$4 $5" %(folder)s/records >%(folder)s/rest || true; mv %(folder)s/rest %(folder)s/records ;;
esac
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Caddy(tmp_path_factory.mktemp("acme"), hurry=300)
    yield server
    server.close()


@pytest.fixture(scope="module")
def wanted(server):
    """The settings of the proxies, as their user writes them."""
    account = ec.generate_private_key(ec.SECP256R1())
    pem = account.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (server.folder / "account.key").write_bytes(pem)
    command = server.folder / "answer"
    command.write_text(ANSWER % {"name": NAME, "folder": server.folder}, encoding="ascii")
    command.chmod(0o755)
    return {
        "qdrant_proxy_tls_provider": "acme",
        "qdrant_proxy_tls_extra_names": [NAME],
        "qdrant_proxy_tls_csr_dir": str(server.folder / "waiting"),
        "qdrant_proxy_tls_ca_certificate": str(server.root["office"]),
        "qdrant_proxy_tls_acme_directory": server.urls["office"],
        "qdrant_proxy_tls_acme_ca_file": str(server.root["office"]),
        "qdrant_proxy_tls_acme_account_key": str(server.folder / "account.key"),
        "qdrant_proxy_tls_acme_challenge": "dns-01",
        "qdrant_proxy_tls_acme_command": [str(command)],
    }


@pytest.fixture(scope="module", autouse=True)
def afterwards(deployment):
    """The proxies have certificates of the nodes' CA again."""
    yield
    deployment.playbook("hardened.qdrant.proxy")


def by_name(entry, ca):
    """A proxy as clients see it that come by its name."""
    return dataclasses.replace(entry, ca=str(ca), name=NAME)


def leaf(entry, port: int):
    return _certificate.load_certificates(ssl.DER_cert_to_PEM_cert(entry.served(port)))[0]


def test_a_public_name_gets_its_certificate_and_the_nodes_keep_theirs(deployment, proxies, proxy, key, collection, server, wanted):
    processes = [entry.host.run("systemctl show -p MainPID -p InvocationID qdrant-proxy") for entry in proxies]
    nodes = [node.run("readlink /etc/qdrant/tls/current") for node in deployment.nodes]
    root = server.root["office"]
    with settings(deployment, **wanted):
        result = deployment.playbook("hardened.qdrant.proxy", "-vvv")
        for entry in proxies:
            for port in (entry.rest, entry.grpc):
                assert _certificate.subject_alternative_names(leaf(by_name(entry, root), port)) == ["DNS:" + NAME]
            assert by_name(entry, root).get("/collections", headers={"api-key": key}).status_code == 200
        # As a client of gRPC does that finds the name in DNS, which there is none of here.
        options = {"root_certificates": root.read_bytes(), "grpc.ssl_target_name_override": NAME}
        client = QdrantClient(url=proxy.url, grpc_port=proxy.grpc, api_key=key, prefer_grpc=True, grpc_options=options, check_compatibility=False)
        assert client.count(collection).count > 0
        # A reload, not a restart; and the nodes are as they were.
        assert processes == [entry.host.run("systemctl show -p MainPID -p InvocationID qdrant-proxy") for entry in proxies]
        assert nodes == [node.run("readlink /etc/qdrant/tls/current") for node in deployment.nodes]
        # Nothing secret is shown or left, and every challenge was taken back.
        secrets = (server.folder / "account.key").read_text(encoding="ascii").splitlines()[1:-1]
        secrets += [entry.host.run("cat /etc/qdrant-proxy/tls/current/tls.key").splitlines()[1] for entry in proxies]
        left = sorted((server.folder / "waiting").iterdir())
        texts = [result.stdout + result.stderr, *(path.read_text(encoding="utf-8") for path in left)]
        assert not any(secret in text for secret in secrets for text in texts)
        assert [path.name for path in left] == sorted(entry.host.name + end for entry in proxies for end in (".crt", ".csr"))
        assert server.names.asked and server.records.read_text(encoding="ascii") == ""
        verdict = deployment.playbook("hardened.qdrant.verify")
        assert "NOT VERIFIED" not in verdict.stdout + verdict.stderr
        again = deployment.playbook("hardened.qdrant.proxy")
        assert again.stdout.count("changed=0 ") == len(deployment.nodes) + 1, again.stdout[-1500:]


def test_a_certificate_of_the_users_own_is_put_in_use(deployment, proxies, tmp_path):
    """For a name alone, of a CA that no node knows; its key has been on the controller."""
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509", "-days", "60"]
    files = {name: str(tmp_path / name) for name in ("ca.key", "ca.crt", "proxy.key", "proxy.crt")}
    usages = ["-addext", "subjectAltName=DNS:" + NAME, "-addext", "extendedKeyUsage=serverAuth", "-addext", "basicConstraints=critical,CA:FALSE"]
    for words in (
        [*new, "-keyout", files["ca.key"], "-out", files["ca.crt"], "-subj", "/CN=own", "-addext", "keyUsage=critical,keyCertSign"],
        [*new, "-keyout", files["proxy.key"], "-out", files["proxy.crt"], "-subj", "/CN=proxy", "-CA", files["ca.crt"], "-CAkey", files["ca.key"], *usages],
    ):
        subprocess.run(words, check=True, capture_output=True)
    wanted = {
        "qdrant_proxy_tls_provider": "provided",
        "qdrant_proxy_tls_extra_names": [NAME],
        "qdrant_proxy_tls_provided_certificate": files["proxy.crt"],
        "qdrant_proxy_tls_provided_private_key": files["proxy.key"],
        "qdrant_proxy_tls_ca_certificate": files["ca.crt"],
    }
    with settings(deployment, **wanted):
        deployment.playbook("hardened.qdrant.proxy")
    own = _certificate.load_certificates((tmp_path / "proxy.crt").read_text(encoding="ascii"))[0]
    assert all(leaf(by_name(entry, files["ca.crt"]), port) == own for entry in proxies for port in (entry.rest, entry.grpc))


def test_the_nodes_ca_is_refused(deployment, wanted):
    """An ACME server signs for clients unasked: such a certificate would open the cluster port."""
    with settings(deployment, **{**wanted, "qdrant_proxy_tls_ca_certificate": deployment.ca}):
        result = deployment.playbook("hardened.qdrant.proxy", check=False)
    assert result.returncode != 0 and "it is the nodes' CA" in result.stdout and "changed=1" not in result.stdout
