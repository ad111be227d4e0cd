# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node's own ports are spoken to. What is secret goes to a server that verifies, and to no other."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.hardened.qdrant.plugins.module_utils import _wire
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import LOCAL_TIMEOUT

# A stranger who asks without a key does not verify either.
LOOKING = _wire.Tls(verify=False)


def status(answer: t.Any) -> int:
    """Return an answer's status. One that did not come is a lack of evidence, not an answer."""
    if answer.error is not None:
        raise OSError(answer.error)
    code: int = answer.status
    return code


@dataclass(frozen=True)
class Way:
    """How a port is spoken to: with TLS that verifies, with TLS that does not, or in plaintext. What is secret goes the first way alone."""

    target: _wire.Target
    tls: _wire.Tls | None
    trusted: bool

    def rest(self, path: str, method: str = "GET", headers: dict[str, str] | None = None, secret: bool = False) -> _wire.RestAnswer:
        self._mind(secret)
        return _wire.rest(self.target, path, method=method, headers=headers, tls=self.tls, timeout=LOCAL_TIMEOUT)

    def grpc(self, method: str, message: bytes, metadata: dict[str, str], secret: bool) -> _wire.GrpcAnswer:
        self._mind(secret)
        return _wire.grpc(self.target, method, metadata=metadata, message=message, tls=self.tls, timeout=LOCAL_TIMEOUT)

    def _mind(self, secret: bool) -> None:
        if secret and not self.trusted:
            raise OSError("a server that does not verify is not shown a key")


def way_to(target: _wire.Target, trust: str) -> Way:
    """Return the best way to a port. ``trust`` is the file of CAs. A port that takes no connections is left to the questions that follow."""
    verified = Way(target, _wire.Tls(ca_file=trust), True)
    if verification_error(target, trust) is None:
        return verified
    if _wire.plaintext(target, LOCAL_TIMEOUT) == "answered":
        return Way(target, None, False)
    return Way(target, LOOKING, False) if _wire.served_certificate(target, LOCAL_TIMEOUT).error is None else verified


def verification_error(target: _wire.Target, trust: str, name: str = "") -> str | None:
    """Return the problems that keep a port's certificate from being verified by the CAs of a file, and by a name or else the address; None if nothing does."""
    error = _wire.rest(target, "/", tls=_wire.Tls(ca_file=trust, server_name=name), timeout=LOCAL_TIMEOUT).error
    # Ports that ask for a client's certificate, or that do not speak HTTP/1.1, end the conversation after this side has verified.
    return error if error is not None and error.startswith(("tls:", "unreachable:")) and "ALERT" not in error else None
