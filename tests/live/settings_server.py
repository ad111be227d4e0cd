# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare server on loopback, started for seconds with given settings, and asked whether it works. Nothing of a deployment is touched."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import typing as t
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _settings

START = 30  # seconds that a server may take on a busy machine
KEY = "a-text"  # as settings_cases has it


@dataclass(frozen=True)
class Outcome:
    """What came of a start: ``effect`` is works, broken or ends; ``words`` are the answers that were no success, or the end of its log."""

    effect: str
    words: str


@contextmanager
def _ports(count: int) -> t.Iterator[list[int]]:
    """Ports of loopback that nobody has at the moment."""
    sockets = [socket.socket() for _number in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        numbers = [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
    yield numbers


def _ask(port: int, method: str, path: str, body: t.Any = None, timeout: float = 10) -> tuple[int, str]:
    """The status and the text of an answer; 0 for none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json", "api-key": KEY}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


# Making a collection, writing and reading: what a server is for.
WORK: tuple[tuple[str, str, t.Any], ...] = (
    ("PUT", "/collections/c?timeout=5", {"vectors": {"size": 4, "distance": "Dot"}}),
    ("PUT", "/collections/c/points?wait=true", {"points": [{"id": 1, "vector": [1, 0, 0, 0], "payload": {"a": "b"}}]}),
    ("POST", "/collections/c/points/query", {"query": [1, 0, 0, 0], "limit": 1}),
    ("GET", "/metrics", None),
)


def tried(binary: Path, settings: _settings.Settings, ca: Path, *, work: bool = True) -> Outcome:
    """Return what comes of a start with settings, over those that a server on loopback needs.

    :param ca: a file with a CA's certificate, without which servers from 1.17.1 on do not start.
    :param work: whether it is asked to work as well.
    """
    with tempfile.TemporaryDirectory(prefix="qdrant-") as folder, _ports(3) as (http, grpc, p2p):
        base: _settings.Settings = {
            "telemetry_disabled": True,
            "storage": {"storage_path": folder + "/storage", "snapshots_path": folder + "/snapshots", "wal": {"wal_capacity_mb": 1}},
            "service": {"host": "127.0.0.1"},
            "audit": {"dir": folder + "/audit"},
        }
        if "cluster" in settings:
            base["cluster"] = {"enabled": True}
        forced = {"service": {"http_port": http, "grpc_port": grpc}, "cluster": {"p2p": {"port": p2p}}}
        # A case about a port has a value that is none, and ends the server.
        ports = [path for path in ("service.http_port", "service.grpc_port", "cluster.p2p.port") if path in set(_settings.paths(settings))]
        merged = _settings.merge(base, settings) if ports else _settings.merge(_settings.merge(base, settings), forced)
        Path(folder, "config.yaml").write_text(yaml.safe_dump(merged), encoding="utf-8")
        environment = {"PATH": os.environ.get("PATH", ""), "SSL_CERT_FILE": str(ca), "HOME": folder}
        with Path(folder, "log").open("wb") as log:
            command = [str(binary), "--config-path", folder + "/config.yaml", "--uri", f"http://127.0.0.1:{p2p}"]
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            try:
                return _watched(process, http, Path(folder, "log"), work)
            finally:
                process.kill()
                process.wait()


def _watched(process: subprocess.Popen[bytes], port: int, log: Path, work: bool) -> Outcome:
    end = time.monotonic() + START
    while time.monotonic() < end:
        if process.poll() is not None:
            return Outcome("ends", log.read_text(errors="replace")[-600:])
        status, text = _ask(port, "GET", "/readyz", timeout=2)
        if status == 200:
            break
        time.sleep(0.05)
    else:
        return Outcome("broken", "it never answers: " + log.read_text(errors="replace")[-600:])
    for method, path, body in WORK if work else ():
        status, text = _ask(port, method, path, body)
        if status != 200:
            return Outcome("broken", f"{method} {path}: {status} {text[:300]}")
    if process.poll() is not None:
        return Outcome("ends", log.read_text(errors="replace")[-600:])
    return Outcome("works", "")
