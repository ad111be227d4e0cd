# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a server of one's own for every call with every kind of credential, and say what differs from plugins/plugin_utils/calls/calls.yml.

python tests/live/access/bare.py QDRANT [PORT]

QDRANT is the server's binary. It runs on the loopback address, in a folder that is removed afterwards; PORT is its first of three ports. For each call
that differs, and for each that is `undecided`, the need that would explain the answers is printed.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.hardened.qdrant.plugins.module_utils import _wire
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _calls, _tokens
from cells import ABSENT, DESTROYS, NO_CALL, NOBODY_KNOWN, REFUSED, A, Asked, Credential, surplus

KEY, READ_ONLY = secrets.token_urlsafe(36), secrets.token_urlsafe(36)


def credentials() -> list[Credential]:
    def token(scope: _access.Scope) -> str:
        return _tokens.sign(_tokens.Grant("test", scope, 3600, {}), KEY)

    scopes = {"token r": _access.Scope("r"), "token m": _access.FULL, "token of another": _access.Scope(collections={"live_b": "rw"})}
    scopes.update({f"token of a collection, {right}": _access.Scope(collections={A: right}) for right in _access.COLLECTION_RIGHTS})
    return [
        Credential("no key", None, refusal=(401, 16)),
        Credential("api key", KEY, _access.FULL),
        Credential("read-only key", READ_ONLY, _access.READ_ONLY),
        *(Credential(kind, token(scope), scope) for kind, scope in scopes.items()),
    ]


def start(binary: str, folder: Path, port: int) -> tuple[subprocess.Popen[bytes], Asked]:
    settings = {
        "log_level": "WARN",
        "telemetry_disabled": True,
        "storage": {"storage_path": str(folder / "storage"), "snapshots_path": str(folder / "snapshots")},
        "cluster": {"enabled": True, "p2p": {"port": port + 2}},
        "service": {"host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "jwt_rbac": True, "api_key": KEY, "read_only_api_key": READ_ONLY},
    }
    (folder / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
    command = [binary, "--config-path", str(folder / "config.yaml"), "--uri", f"http://127.0.0.1:{port + 2}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=os.environ)
    asked = Asked(_wire.Target("127.0.0.1", port), _wire.Target("127.0.0.1", port + 1))
    deadline = time.monotonic() + 60
    while _wire.rest(asked.rest, "/readyz").status != 200 or _wire.can_connect(asked.grpc) != "open":
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError((folder / "log").read_text(encoding="utf-8", errors="replace"))
        time.sleep(0.2)
    return process, asked


def prepare(asked: Asked) -> None:
    headers = {"api-key": KEY, "content-type": "application/json"}
    for name in (A, "live_b"):
        for path, body in (
            (f"/collections/{name}", {"vectors": {"size": 2, "distance": "Dot"}}),
            (f"/collections/{name}/points?wait=true", {"points": [{"id": 1, "vector": [1, 2], "payload": {"name": "alice"}}]}),
            (f"/collections/{name}/index?wait=true", {"field_name": "name", "field_schema": "keyword"}),
        ):
            answer = _wire.rest(asked.rest, path, method="PUT", headers=headers, body=json.dumps(body).encode(), timeout=30)
            assert answer.status == 200, answer


def explained(answers: dict[str, str], known: list[Credential]) -> str:
    """Return the needs that would explain who was let in, and the answers where none does."""
    allowed = {kind for kind, answer in answers.items() if answer == "let in"}
    if set(answers.values()) <= {"let in", "refused"}:
        found = []
        for need in _calls.NEEDS[:-1]:
            call = _calls.Call("", "grpc", need, "none", (), False)
            if {one.kind for one in known if _calls.may(one.scope, call, A)} == allowed:
                found.append(need)
        if found:
            return " or ".join(found)
    return str(answers)


def answers(asked: Asked, call: _calls.Call, known: list[Credential]) -> dict[str, str]:
    found = {}
    for one in known:
        may_all = one.scope == _access.FULL
        status = asked.status(one.secret, call, ABSENT if may_all and call.call in DESTROYS else A)
        if status in ((400, 422) if call.port == "rest" else (3,)) and not may_all:
            # The request was refused for itself, perhaps before anybody looked at the rights.
            found[one.kind] = f"malformed: {status}"
            continue
        refused = status in (NOBODY_KNOWN[call.port], REFUSED[call.port])
        found[one.kind] = "refused" if refused else "no such call" if status == NO_CALL[call.port] else "let in"
    return found


def main(binary: str, port: int = 26333) -> int:
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    calls = [call for call in _calls.read(complete=False)[1] if version in call.versions and call.port != "p2p"]
    known, differs = credentials(), 0
    with tempfile.TemporaryDirectory(prefix="bare-qdrant-") as folder:
        process, asked = start(binary, Path(folder), port)
        try:
            prepare(asked)
            for call in calls:
                need = explained(answers(asked, call, known), known)
                if call.need not in need.split(" or "):
                    differs += 1
                    print(f"{call.call}\t{need}")
            for name in surplus(asked, version, KEY):
                differs += 1
                print(f"{name}\tis there")
        finally:
            process.terminate()
            process.wait(60)
    print(f"{version}: {differs} calls differ", file=sys.stderr)
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
