# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ports make of keys and tokens, right and wrong ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets as random
import time
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _keys, _wire
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import ways
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import LOCAL_TIMEOUT, Json, Place


def token(claims: Json, key: str, algorithm: str = "HS256") -> str:
    """Return a JSON web token (RFC 7519), signed by HMAC, or by nothing for the algorithm ``none``."""

    def encode(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")

    digests = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}
    signed = ".".join(encode(json.dumps(part).encode("utf-8")) for part in ({"alg": algorithm, "typ": "JWT"}, claims))
    signature = hmac.new(key.encode("utf-8"), signed.encode("ascii"), digests[algorithm]).digest() if algorithm in digests else b""
    return f"{signed}.{encode(signature)}"


def tokens(key: str, collection: str, now: float) -> dict[str, str]:
    """Return tokens that should not open a collection, by what is wrong with them; and one of full rights, since it names none.

    They live for a minute, in memory and on the way to the node's own ports.
    """
    soon, full = int(now) + 60, {"access": "m"}
    elsewhere = [{"collection": collection + "-other", "access": "r"}]
    return {
        "token_expired": token({"exp": int(now) - 3600, **full}, key),
        "token_forged": token({"exp": soon, **full}, random.token_urlsafe(32)),
        "token_empty_secret": token({"exp": soon, **full}, ""),
        "token_wrong_algorithm": token({"exp": soon, **full}, key, "HS512"),
        "token_unsigned": token({"exp": soon, **full}, key, "none"),
        "token_elsewhere": token({"exp": soon, "access": elsewhere}, key),
        "token_without_access": token({"exp": soon}, key),
    }


def probes(rest: ways.Way, grpc: ways.Way, keys: dict[str, str]) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions about keys, by their place in the document. None changes anything: a deletion names a collection that is not there."""
    nothing = f"hardened-qdrant-{random.token_hex(8)}"
    message = b"\x0a" + bytes([len(nothing)]) + nothing.encode()  # protobuf: field 1, a string
    key = keys.get("api_key", "")

    def ask_rest(path: str = "/collections", method: str = "GET", secret: bool = False, **headers: str) -> t.Callable[[], t.Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return lambda: ways.status(rest.rest(path, method, sent, secret))

    def ask_grpc(method: str = "/qdrant.Collections/List", message: bytes = b"", secret: bool = False, **metadata: str) -> t.Callable[[], t.Any]:
        sent = {name.replace("_", "-"): value for name, value in metadata.items()}
        return lambda: ways.status(grpc.grpc(method, message, sent, secret))

    wrong = random.token_urlsafe(32)
    probes: dict[tuple[str, ...], t.Callable[[], t.Any]] = {
        ("rest", "none"): ask_rest(),
        ("rest", "wrong"): ask_rest(api_key=wrong),
        ("rest", "empty"): ask_rest(api_key=""),
        ("rest", "bearer_garbage"): ask_rest(Authorization="Bearer " + wrong),
        ("grpc", "none"): ask_grpc(),
        ("grpc", "wrong"): ask_grpc(api_key=wrong),
        ("grpc", "empty"): ask_grpc(api_key=""),
    }
    for name, value in tokens(key, nothing, time.time()).items():
        # A token that was signed with the key may open what the key opens.
        secret = bool(key) and name not in ("token_forged", "token_empty_secret", "token_unsigned")
        probes["rest", name] = ask_rest("/collections/" + nothing, secret=secret, Authorization="Bearer " + value)
        probes["grpc", name] = ask_grpc("/qdrant.Collections/Get", message, secret, authorization="Bearer " + value)
    for path in ("/metrics", "/telemetry", "/cluster"):
        probes["rest", "none_" + path[1:]] = ask_rest(path)
    if key:
        probes["rest", "key"] = ask_rest(secret=True, api_key=key)
        probes["grpc", "key"] = ask_grpc(secret=True, api_key=key)
    if keys.get("read_only_api_key"):
        key = keys["read_only_api_key"]
        probes["rest", "read_only_reads"] = ask_rest(secret=True, api_key=key)
        probes["rest", "read_only_deletes"] = ask_rest("/collections/" + nothing, "DELETE", True, api_key=key)
        probes["grpc", "read_only_reads"] = ask_grpc(secret=True, api_key=key)
        probes["grpc", "read_only_deletes"] = ask_grpc("/qdrant.Collections/Delete", message, True, api_key=key)
    return probes


def as_node(place: Place) -> int:
    """Return the gRPC status of the cluster port's answer to a question that nodes ask each other, from a client with the node's certificate and no key.

    The certificate is the one that the process was started with, which it takes from others as well: peers have theirs from the same CA. Nothing secret
    goes out, so the port need not verify, and nothing is changed: the position of the consensus is read.

    :raises OSError: there was no answer.
    """
    target = place.ports()["p2p"]
    own = [os.path.join(_keys.CREDENTIALS, place.unit, name) for name in ("tls.crt", "tls.key")]
    files = own if os.path.exists(own[0]) else [os.path.join(place.tls, name) for name in ("tls.crt", "tls.key")]
    tls = _wire.Tls(certificate=files[0], key=files[1], verify=False)
    return ways.status(_wire.grpc(target, "/qdrant.QdrantInternal/GetConsensusCommit", tls=tls, timeout=LOCAL_TIMEOUT))
