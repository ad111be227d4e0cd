# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vault of a deployment as its user handles it, a CA of the user's, and a watch over what the nodes' ports serve."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
# Without Molecule's log, which other tests search.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_LOG", "ANSIBLE_DIFF"))}
WATCH_SECONDS = 3600
# A role alone, and the folder that it writes to.
ISSUE = str(HERE / "issue.yml")
TRIAL = "/etc/trial"
HURRY = 300  # seconds that a certificate of the CA in a hurry is valid: the least that the server signs for
CA = ("qdrant_tls_ca_certificate", "qdrant_tls_ca_private_key")
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
NEXT_CA = ("qdrant_tls_next_ca_certificate", "qdrant_tls_next_ca_private_key")


class Vault:
    """The user's vault files, opened and closed with ansible-vault."""

    def __init__(self, inventory: Path) -> None:
        self._folder = inventory / "group_vars/qdrant"

    def read(self, name: str) -> dict:
        command = ["ansible-vault", "view", str(self._folder / name)]
        return yaml.safe_load(subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT, env=ENVIRONMENT).stdout)

    def promote(self) -> None:
        """What the README tells a user to do after a rollover: the next CA becomes the CA."""
        secrets, following = self.read("vault.yml"), self.read("vault_next_ca.yml")
        secrets.update(zip(CA, (following[name] for name in NEXT_CA)))
        command = ["ansible-vault", "encrypt", "--output", str(self._folder / "vault.yml"), "-"]
        subprocess.run(command, input=yaml.safe_dump(secrets), check=True, capture_output=True, text=True, cwd=PROJECT, env=ENVIRONMENT)
        (self._folder / "vault_next_ca.yml").unlink()


class Watch:
    """Who was seen to serve what, against what clients were told to trust at that time. Hosts and controller share one clock.

    The controller looks at the ports for clients, and the nodes at each other's cluster port: the firewall lets nobody look at all three.
    """

    def __init__(self, nodes, bundle: Path) -> None:
        self._nodes, self._bundle = nodes, bundle
        self._own = bundle.with_name("seen.json")
        self._looker: subprocess.Popen | None = None
        self.history: list[tuple[float, str]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def _follow(self) -> None:
        while not self._stop.is_set():
            text = self._bundle.read_text(encoding="ascii")
            if not self.history or self.history[-1][1] != text:
                self.history.append((time.time(), text))
            self._stop.wait(0.05)

    def __enter__(self) -> Watch:
        self._thread.start()
        self._own.unlink(missing_ok=True)
        everyone = [node.address for node in self._nodes]
        self._looker = subprocess.Popen(
            [sys.executable, str(HERE / "served.py"), str(self._own), str(WATCH_SECONDS), "6333,6334", *everyone],
            env={**ENVIRONMENT, "PYTHONPATH": str(PROJECT / "plugins/module_utils")},
        )
        for node in self._nodes:
            others = " ".join(other.address for other in self._nodes if other is not node)
            files = {"_wire.py": PROJECT / "plugins/module_utils/_wire.py", "served.py": HERE / "served.py"}
            for name, path in files.items():
                node.run(f"mkdir -p /opt/served; base64 -d > /opt/served/{name} <<'END'\n{base64.encodebytes(path.read_bytes()).decode()}\nEND")
            node.run(
                "systemctl stop watch served 2>/dev/null; rm -f /opt/served/seen.json; systemd-run --quiet --unit=served --collect "
                "--property=WorkingDirectory=/opt/served /usr/bin/python3 served.py seen.json %d 6335 %s" % (WATCH_SECONDS, others)
            )
        return self

    def __exit__(self, *_error: object) -> None:
        for node in self._nodes:
            node.run("systemctl stop served")
        if self._looker:
            self._looker.kill()
            self._looker.wait()
        self._stop.set()
        self._thread.join()

    def looks(self):
        """Each certificate that was seen on a port: (node's address, port, certificate, first time, last time, looks)."""
        for text in [self._own.read_text(encoding="ascii"), *(node.run("cat /opt/served/seen.json") for node in self._nodes)]:
            for key, (first, last, count) in json.loads(text).items():
                address, port, der = key.split()
                yield address, int(port), _certificate.load_certificates(ssl.DER_cert_to_PEM_cert(base64.b64decode(der)))[0], first, last, count

    def violations(self) -> list[str]:
        """Certificates that were served at a time at which the published bundle did not verify them."""
        found = []
        for address, port, leaf, first, last, _count in self.looks():
            ended = [start for start, _text in self.history[1:]] + [float("inf")]
            for (start, text), end in zip(self.history, ended):
                if first >= end or last <= start:
                    continue
                trusted = any(_certificate.is_signed_by(leaf, ca) for ca in _certificate.load_certificates(text))
                named = f"IP:{address}" in _certificate.subject_alternative_names(leaf)
                valid = _certificate.not_before(leaf) <= datetime.fromtimestamp(first, UTC) and (
                    datetime.fromtimestamp(last, UTC) <= _certificate.not_after(leaf)
                )
                if not (trusted and named and valid):
                    moment = max(first, start)
                    found.append("%s:%d served %x at %s" % (address, port, leaf.serial_number, time.strftime("%H:%M:%S", time.localtime(moment))))
        return found


def pem(certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def private(key) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Office:
    """The user's CA: a root that nodes trust, and one between that signs."""

    def __init__(self) -> None:
        self.keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "between")}
        self.root = self._sign("root", self.keys["root"].public_key(), "root", ca=True)
        self.between = self._sign("between", self.keys["between"].public_key(), "root", ca=True)

    def _sign(self, subject, public_key, issuer, ca=False, extensions=()):
        def name(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])

        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=300 if ca else 60))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            # Python's clients insist on these since 3.13.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.keys[issuer].public_key()), critical=False)
        )
        if ca:
            names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign encipher_only decipher_only"
            usage = x509.KeyUsage(**{name: name in ("key_cert_sign", "crl_sign") for name in names.split()})
            builder = builder.add_extension(usage, critical=True)
        for extension in extensions:
            # Names must be critical where there is no subject (RFC 5280, 4.2.1.6).
            builder = builder.add_extension(extension, critical=not subject and isinstance(extension, x509.SubjectAlternativeName))
        return builder.sign(self.keys[issuer], hashes.SHA256())

    def sign(self, request, without=()) -> str:
        """A request's certificate with all that it asks for but the subject, and its chain."""
        usages = [usage for usage in request.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value if usage not in without]
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return pem(self._sign("", request.public_key(), "between", extensions=(x509.ExtendedKeyUsage(usages), names))) + pem(self.between)

    def issue(self, address: str) -> tuple[str, str]:
        """A key that the office makes, and its certificate with chain."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self._sign("node", key.public_key(), "between", extensions=(x509.ExtendedKeyUsage([SERVER, CLIENT]), names))
        return private(key), pem(certificate) + pem(self.between)


def on_its_own(deployment, folder: Path, own: dict):
    """A deployment of the outsider alone, in an inventory of its own with the others' settings, but for those of certificates."""
    host = deployment.outsiders[0]
    settings = {name: value for name, value in deployment.nodes[0].vars.items() if name.startswith("qdrant_") and not name.startswith("qdrant_tls_")}
    connection = {name: value for name, value in host.vars.items() if not name.startswith("qdrant_")}
    # The file is its owner's alone, and gone with the test.
    accepted = [{"risk": "plaintext-secrets", "reason": "The inventory of a test."}]
    variables = {**settings, **connection, "qdrant_address": host.address, "qdrant_accepted_risks": accepted, **own}
    inventory = folder / "hosts.json"
    with open(os.open(inventory, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({"all": {"children": {"qdrant": {"hosts": {host.name: variables}}}}}, file)
    return replace(deployment, inventory=inventory)


def run_for(place, name=ISSUE, check=True, verbose=False, **variables):
    """Run a playbook over a deployment with some variables."""
    words = ("-vvv",) if verbose else ()
    return place.deployment.playbook(name, *words, "-e", json.dumps(variables), timeout=900, check=check)


def serial(host, folder=TRIAL):
    return host.run(f"openssl x509 -in {folder}/current/tls.crt -noout -serial").strip()


def nothing_is_left(place):
    assert place.host.run("find /srv/acme -type f").strip() == ""
    assert place.host.run(f"ls -A {TRIAL}/generations | grep '^[.]'", check=False).strip() == ""
    assert sorted(path.name for path in (place.folder / "waiting").iterdir()) == [place.host.name + end for end in (".crt", ".csr")]
