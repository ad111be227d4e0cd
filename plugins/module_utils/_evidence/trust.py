# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the running server believes, and how it finds other hosts by name."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate, _node, _read
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import config, process
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place, read
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

# A bundle of CAs has a quarter of that.
LARGEST_BUNDLE = 1 << 20


def observe(place: Place, run: Run, own: t.Collection[str], outgoing: t.Collection[str]) -> Json:
    """Return the CAs that the running server trusts: outgoing connections by SSL_CERT_FILE and ``tls.ca_cert``, peers' both ways by the latter.

    ``own`` and ``outgoing`` are SHA-256 of the CAs that these should hold; of an inventory that names none, those of the trust bundle on disk.
    """
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        raise OSError("the Python library cryptography is missing on the host")
    pid = process.main_pid(place, run)
    given = process.environment_of(pid)
    ours = set(own) or {_certificate.fingerprint(ca) for ca in _authorities(place.trust)}
    peers = str(config.settings_of(read(config.config_file(place, run))).get("tls.ca_cert") or "")
    return {
        "outbound": {**_believed(pid, given.get("SSL_CERT_FILE", ""), set(outgoing) or ours), "folder": given.get("SSL_CERT_DIR", "")},
        "peers": {**_believed(pid, peers, ours), "set_elsewhere": _set_elsewhere(place, pid, given)},
    }


def _believed(pid: int, path: str, known: t.Collection[str]) -> Json:
    """Return the CAs in a file as a process sees it: how many, and the subjects of those that are not known."""
    found = _authorities("/proc/%d/root/%s" % (pid, path.lstrip("/"))) if path else []
    strangers = sorted(ca.subject.rfc4514_string() for ca in found if _certificate.fingerprint(ca) not in known)
    return {"file": path, "authorities": len(found), "beside_inventory": strangers}


def _authorities(path: str) -> list[t.Any]:
    """Return the certificates of a file; none where it is not there or holds none.

    :raises OSError: it is longer than any bundle is, so that not all of it would be judged.
    """
    try:
        return _certificate.load_certificates(_read.text(path, LARGEST_BUNDLE))
    except (FileNotFoundError, _certificate.CertificateError):
        return []


def _set_elsewhere(place: Place, pid: int, given: t.Mapping[str, str]) -> list[str]:
    """Return where settings of TLS come from beside the file of settings, or could.

    Variables, files that Qdrant reads on top of it, sections of the secrets' file.
    """
    folder = "/proc/%d/root/config" % pid
    files = [name for name in (os.listdir(folder) if os.path.isdir(folder) else []) if name != "config.yaml"]
    # Other sections hold secrets of other services. A name may be a path, whose first part is the section.
    sections = [name for name in _node.load_json(place.secrets) if re.split(r"[.\[]", name.lower())[0] in ("tls", "cluster")]
    return sorted(
        [name for name in given if name.upper().startswith("QDRANT__TLS")] + ["config/" + name for name in files] + ["secrets: " + name for name in sections]
    )


def names(place: Place, run: Run, wanted: t.Mapping[str, t.Sequence[str]]) -> Json:
    """Return how the server finds other hosts by name: the files of its /etc, and where they differ from the addresses by name that are ``wanted``."""
    folder = "/proc/%d/root/etc" % process.main_pid(place, run)
    there = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    texts = {name: read(os.path.join(folder, name)).splitlines() if name in there else [] for name in ("hosts", "nsswitch.conf")}
    lines = {tuple(line.split()) for line in texts["hosts"] if line.split() and not line.startswith("#")}
    expected = {("127.0.0.1", "localhost"), *((address, name) for name, addresses in wanted.items() for address in addresses)}
    ways = [line for line in texts["nsswitch.conf"] if line.strip() and not line.startswith("#")]
    differences = ["missing: {}".format(" ".join(line)) for line in sorted(expected - lines)] + [
        "unwanted: {}".format(" ".join(line)) for line in sorted(lines - expected)
    ]
    return {"files": there, "differ": differences + (ways if ways != ["hosts: files"] else [])}
