# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases made from the table of settings: for each row values that are right and values that are wrong, with what the server does and what we say.

Both the unit tests, which ask our judgement, and test_settings_table, which asks a server, go over them.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _known_settings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._known_settings import LARGEST, Setting

WRONG = {"boolean": "many", "integer": "many", "number": "many", "text": {"a": "b"}, "choice": {"a": {"b": 1}}, "list": {"a": "b"}}
FORMS = {"log-filter": ("debug", "warn,raft=info", "OFF"), "metric-prefix": ("qdrant_", "")}
KEY = "a-text"  # what settings_server shows as its key
TEXTS = {
    "service.read_only_api_key": "another-text",
    "service.host": "127.0.0.1",
    "inference.address": "http://127.0.0.1:9/infer",
    "debugger.pyroscope.url": "http://127.0.0.1:9",
    "storage.snapshots_config.s3_config.endpoint_url": "http://127.0.0.1:9",
}
# What a row needs beside it, or the server would end for the lack of it.
BESIDE = {
    "service.read_only_api_key": {"api_key": KEY},
    "debugger.pyroscope": {"url": "http://127.0.0.1:9", "identifier": "x"},
    "storage.snapshots_config.s3_config": {"bucket": "b", "region": "r", "access_key": "a", "secret_key": "s"},
    "storage.collection.quantization.scalar": {"type": "int8"},
    "storage.collection.quantization.product": {"compression": "x4"},
    "storage.collection.quantization.binary": {"always_ram": True},
    "storage.collection.quantization.turbo": {"always_ram": True},
}
# What the row says holds below its smallest value.
TAKEN = {"cluster.peer_id": 1 << 53}
# By row: why values of the right type are not tried on a server on loopback.
NOT_TRIED = {
    **dict.fromkeys(("service.http_port", "service.grpc_port", "service.metrics_port", "cluster.p2p.port"), "every server here has ports of its own"),
    **dict.fromkeys(("service.enable_tls", "cluster.p2p.enable_tls"), "the server would need certificates"),
    "storage.performance.search_timeout_sec": "whether a search ends before its time is up is chance",
}


@dataclass(frozen=True)
class Case:
    """Settings, and what comes of them. ``kind`` says how they were made; ``effect`` is works, broken or ends, as a server takes them."""

    setting: Setting
    kind: str
    config: dict[str, t.Any]
    effect: str

    @property
    def name(self) -> str:
        return f"{self.setting.name}-{self.kind}"

    @property
    def tried(self) -> bool:
        """Whether a server on loopback can show it."""
        return self.effect == "ends" or self.setting.name not in NOT_TRIED


def config(setting: Setting, value: t.Any, name: str = "") -> dict[str, t.Any]:
    """Return the settings that set one to a value, with what its section needs. ``name`` stands in for its last key."""
    path = setting.name.replace(_known_settings.ANY_NAME, "text").split(".")
    section = dict(BESIDE.get(setting.name, {}) or BESIDE.get(".".join(path[:-1]), {}))
    section[name or path[-1]] = value
    if name and setting.required:
        section.pop(path[-1], None)
    found: dict[str, t.Any] = section
    for key in reversed(path[:-1]):
        found = {key: found}
    return found


def right(setting: Setting) -> list[t.Any]:
    """Return values that the setting may have."""
    values: list[t.Any] = list(setting.also) + ([None] if setting.nullable else [])
    if setting.type == "boolean":
        values += [True, False]
    elif setting.type in ("integer", "number"):
        values += [setting.default if setting.default is not None else min(max(2, setting.min or 0), setting.max or LARGEST)]
        # The largest number of 32 bits is none that a server of a test could do anything with.
        values += [bound for bound in (setting.min, setting.max) if bound is not None and bound < (1 << 32) - 1]
    elif setting.type == "choice":
        values += setting.choices
    elif setting.type == "list":
        values += [[0]] if setting.of == "integer" else [[choice] for choice in setting.of]
    else:
        values += FORMS.get(setting.form, (TEXTS.get(setting.name, setting.default or KEY),))
    return values


def beyond(setting: Setting) -> list[t.Any]:
    """Return values of the right type that are out of range, or of another form."""
    step = 1 if setting.type == "integer" else 0.5
    values: list[t.Any] = [setting.min - step] if setting.min is not None else []
    values += [setting.max + step] if setting.max is not None else []
    return values + {"log-filter": ["verbose"], "metric-prefix": ["qdrant-"]}.get(setting.form, [])


def effect_beyond(setting: Setting, value: t.Any) -> str:
    """Return what comes of a value that is out of range. An integer of the wrong sign or size is one of a wrong type to the server."""
    if setting.use or (setting.type == "integer" and (value < 0 or value in (256, 65536, 1 << 32))):
        return "ends"
    if TAKEN.get(setting.name) == value:
        return "works"
    return {"ends": "ends", "broken": "broken"}.get(setting.otherwise, "works")


def _names(setting: Setting) -> t.Iterator[tuple[str, str]]:
    last = setting.name.rpartition(".")[2]
    yield "misspelt", last[:-1] + last[-1] * 2
    yield "uppercase", last.upper()


def valid(setting: Setting) -> list[Case]:
    """Return the cases of a row that must pass, by their values: a name with another to use ends the server at any."""
    effect = "ends" if setting.use else "works"
    return [Case(setting, f"valid-{number}", config(setting, value), effect) for number, value in enumerate(right(setting))]


def wrong(setting: Setting) -> list[Case]:
    """Return the cases of a row that must be refused, by their values."""
    cases = [Case(setting, "mistyped", config(setting, WRONG[setting.type]), "ends")]
    cases += [Case(setting, f"beyond-{number}", config(setting, value), effect_beyond(setting, value)) for number, value in enumerate(beyond(setting))]
    if setting.type == "choice":
        cases.append(Case(setting, "no-choice", config(setting, "weekly"), "ends"))
    if not setting.nullable:
        cases.append(Case(setting, "null", config(setting, None), "ends"))
    if setting.not_with:
        both = config(setting, 1)
        both_section = both
        for key in setting.name.split(".")[:-1]:
            both_section = both_section[key]
        both_section[setting.not_with.rpartition(".")[2]] = 1
        cases.append(Case(setting, "doubled", both, "ends"))
    if setting.required:
        cases.append(Case(setting, "lacking", config(setting, "x", "another"), "ends"))
    return cases


def misnamed(setting: Setting) -> list[Case]:
    """Return the cases of a row that must be refused, by their names. The server ignores them, or else it would end at the value."""
    if setting.required:
        return []
    return [Case(setting, kind, config(setting, WRONG[setting.type], name), "works") for kind, name in _names(setting)]


def rows(version: str) -> list[Setting]:
    """Return the rows that a version has."""
    return [row for row in _known_settings.table().settings if row.had_by(_known_settings.parse(version))]


def every_row() -> tuple[Setting, ...]:
    """Return the rows of all versions."""
    return _known_settings.table().settings
