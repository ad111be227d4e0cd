# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server tells a browser, and those who ask what it runs with."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _cluster, _quotas
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import ways
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json


def probes(rest: ways.Way) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions that a browser would ask."""

    def preflight() -> t.Any:
        return ways.status(rest.rest("/collections", "OPTIONS", {"Origin": "https://attacker.example", "Access-Control-Request-Method": "GET"}))

    def allowed_origin() -> t.Any:
        answer = rest.rest("/", headers={"Origin": "https://attacker.example"})
        ways.status(answer)
        return answer.headers.get("access-control-allow-origin", "")

    def version() -> t.Any:
        answer = rest.rest("/")
        status = ways.status(answer)
        if status != 200:
            raise OSError(f"HTTP {status}")
        return json.loads(answer.body)["version"]

    def dashboard() -> t.Any:
        return ways.status(rest.rest("/dashboard/"))

    return {("cors_preflight",): preflight, ("cors_origin",): allowed_origin, ("version",): version, ("dashboard",): dashboard}


def _result(rest: ways.Way, key: str | None, path: str) -> t.Any:
    """Return the result of an answer, or None where the server has no such route."""
    answer = rest.rest(path, headers=_cluster.key_header(key), secret=bool(key))
    if ways.status(answer) == 404:
        return None
    if answer.status != 200:
        raise OSError(f"{path}: HTTP {answer.status}")
    return json.loads(answer.body)["result"]


def scalars(content: t.Any, prefix: str) -> Json:
    """Return what is neither a mapping nor a list in nested mappings, by dotted name; numbers with a fraction as text."""
    if isinstance(content, dict):
        return {path: value for name, inner in content.items() for path, value in scalars(inner, f"{prefix}.{name}" if prefix else str(name)).items()}
    if isinstance(content, list):
        return {}
    return {prefix: str(content) if isinstance(content, float) else content}


def shown(telemetry: Json, logger: t.Any, quotas: t.Any) -> Json:
    """Return the settings that a server shows of itself, by the dotted names that they have in its file of settings.

    Of the audit log, and of quotas where the version has them, it is always said whether they are switched on.
    """
    app, cluster = telemetry["app"], telemetry.get("cluster") or {}
    found: Json = {"service.jwt_rbac": bool(app.get("jwt_rbac")), "cluster.enabled": bool(cluster.get("enabled")), "audit.enabled": bool(app.get("audit"))}
    found.update(scalars({name: value for name, value in (app.get("audit") or {}).items() if name != "dir_size_bytes"}, "audit"))
    found.update(scalars(app.get("runtime_features") or {}, "feature_flags"))
    found.update(scalars(cluster.get("config") or {}, "cluster"))
    if isinstance(logger, dict):
        found["log_level"] = logger.get("log_level")
        found.update(scalars({name: value for name, value in logger.items() if name != "log_level"}, "logger"))
    if isinstance(quotas, dict):
        found.update(scalars(_quotas.plain(quotas.get("config") or {}), "storage.quotas"))
    return {name: value for name, value in found.items() if value is not None}


def effective(rest: ways.Way, key: str | None) -> Json:
    """Return what the running server says that it runs with: its telemetry, which leaves the node only when asked for, its log's settings, and its quotas."""
    result = _result(rest, key, "/telemetry?details_level=2")
    if result is None:
        raise OSError("/telemetry: HTTP 404")
    app = result["app"]
    return {
        "version": app["version"],
        "started": app["startup"],
        "jwt_rbac": bool(app.get("jwt_rbac")),
        "cluster": bool(result.get("cluster", {}).get("enabled")),
        "settings": shown(result, _result(rest, key, "/logger"), _result(rest, key, "/quotas")),
    }
