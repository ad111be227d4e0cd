# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vault of a deployment as its user handles it, and a watch over what the nodes' ports serve."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import yaml

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
# Without Molecule's log, which other tests search.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_LOG", "ANSIBLE_DIFF"))}
WATCH_SECONDS = 3600
CA = ("qdrant_tls_ca_certificate", "qdrant_tls_ca_private_key")
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
                node.run("mkdir -p /opt/served; base64 -d > /opt/served/%s <<'END'\n%s\nEND" % (name, base64.encodebytes(path.read_bytes()).decode()))
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
                named = "IP:%s" % address in _certificate.subject_alternative_names(leaf)
                valid = _certificate.not_before(leaf) <= datetime.fromtimestamp(first, timezone.utc) and (
                    datetime.fromtimestamp(last, timezone.utc) <= _certificate.not_after(leaf)
                )
                if not (trusted and named and valid):
                    moment = max(first, start)
                    found.append("%s:%d served %x at %s" % (address, port, leaf.serial_number, time.strftime("%H:%M:%S", time.localtime(moment))))
        return found
