# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables of its environment change what a Qdrant server does.

Modules use it, and the gate, beside which it lies on a node: it needs nothing but Python.
"""

from __future__ import annotations

import typing as t

# What the units set, with the value that it must have.
OWN = {"RUN_MODE": "production", "QDRANT_INIT_FILE_PATH": "/qdrant/storage/.qdrant-initialized"}
# Whom outgoing connections trust is judged by what these lead to.
TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# Beginnings of names, in capitals, for Qdrant takes settings, QDRANT__SECTION__KEY, in letters of any case, and its HTTP client the names of proxies.
PREFIXES = (
    "QDRANT",  # settings, which come before those of the files; peers to join; limits
    "LD_", "GLIBC_", "GCONV_", "MALLOC_", "_RJEM_",  # code to load, the C library, the allocator
    "RUST_", "TOKIO_", "RAYON_",  # the language's runtime
    "SSL", "AWS_",  # keys of connections written to a file; another object store
    "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES", "RESOLV_",  # where names lead
)  # fmt: skip
PROXY = "_PROXY"


def foreign(environment: t.Mapping[str, str]) -> list[str]:
    """Return the names of variables that the server would heed and that the units do not set so, sorted. Their values are nobody's to see."""
    return sorted(name for name, value in environment.items() if _heeded(name.upper()) and name not in TRUST and OWN.get(name) != value)


def _heeded(name: str) -> bool:
    return name in OWN or name.startswith(PREFIXES) or name.endswith(PROXY)
