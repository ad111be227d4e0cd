# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server tells a browser, and those who ask what it runs with."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _cluster
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


def effective(rest: ways.Way, key: str | None) -> Json:
    """Return the settings of the running server, as its telemetry shows them; it leaves the node only when asked for."""
    answer = rest.rest("/telemetry?details_level=2", headers=_cluster.key_header(key), secret=bool(key))
    if answer.status != 200:
        raise OSError("/telemetry: HTTP %d" % ways.status(answer))
    result = json.loads(answer.body)["result"]
    app = result["app"]
    return {
        "version": app["version"],
        "started": app["startup"],
        "jwt_rbac": bool(app.get("jwt_rbac")),
        "cluster": bool(result.get("cluster", {}).get("enabled")),
    }
