# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of the file that holds a node's secrets.

It is JSON, which is YAML too: Qdrant reads it as YAML, and quoted strings keep keys such as ``00123`` or ``1e5`` as they
are, which Qdrant would mangle as numbers. The gate reads it as JSON, without a library.
"""

from __future__ import annotations

import json
import typing as t


def render(keys: dict[str, str], further: dict[str, t.Any] | None = None) -> str:
    """Return the file's text: keys of Qdrant's section ``service``, and further settings that are secret, nested as in Qdrant's own file.

    Keys that are empty are left out, never written empty: an empty key opens Qdrant.
    """
    settings = dict(further or {})
    service = {**settings.get("service", {}), **keys}
    settings["service"] = {name: value for name, value in service.items() if value}
    return json.dumps(_sorted(settings), indent=2, default=str) + "\n"


def _sorted(value: t.Any) -> t.Any:
    """Return the same in one order, whatever order it was written in: a file that says the same is the same."""
    if isinstance(value, dict):
        return {str(name): _sorted(entry) for name, entry in sorted(value.items(), key=lambda item: str(item[0]))}
    return [_sorted(entry) for entry in value] if isinstance(value, (list, tuple)) else value
