# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings on disk, and the secrets that no document may show."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _node, _secret_names
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import process
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place, read
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

KEYS = ("api_key", "read_only_api_key", "alt_api_key")


def api_keys(place: Place, settings: Json) -> dict[str, str]:
    """Return the keys that the node has on disk, by setting: in the secrets' file, or else among the settings, where others keep them."""
    service = _node.load_json(place.secrets).get("service")
    if not isinstance(service, dict):
        service = {name: settings.get("service." + name) for name in KEYS}
    return {name: value for name, value in service.items() if isinstance(value, str)}


def known_secrets(place: Place, settings: Json) -> list[str]:
    """Return all secrets that the node has on disk and that can be looked for: those of its file of secrets, and what is secret among the settings."""
    among = {str(value) for name, value in settings.items() if _secret_names.is_secret(name.split("."), value)}
    return _secret_names.sought(_secret_names.texts(_node.load_json(place.secrets)) | among)


def strength(keys: dict[str, str]) -> Json:
    """Return the public facts about the keys: which are set, the length of the shortest, and whether they differ."""
    return {
        "there": sorted(keys),
        "shortest": min((len(key) for key in keys.values()), default=0),
        "differ": len(set(keys.values())) == len(keys),
    }


def config_file(place: Place, run: Run) -> str:
    """Return the file of settings: ours, or else the one that the process was started with, as Qdrant looks for it."""
    if os.path.exists(place.layout.config):
        return place.layout.config
    pid = process.main_pid(place, run)
    words = read("/proc/%d/cmdline" % pid).split("\0")
    named = [words[number + 1] for number, word in enumerate(words[:-1]) if word == "--config-path"]
    named += [word.partition("=")[2] for word in words if word.startswith("--config-path=")]
    return os.path.join("/proc/%d/cwd" % pid, named[0] if named else "config/config.yaml")


def settings_of(text: str) -> Json:
    """Return settings by dotted name, read without a YAML library: scalars of block style alone, which is how the role writes them."""
    values: Json = {}
    stack: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = re.match(r"^(\s*)['\"]?([A-Za-z0-9_]+)['\"]?:\s*(.*?)\s*$", line)
        if not match:
            continue
        indent = len(match.group(1))
        stack = [entry for entry in stack if entry[0] < indent] + [(indent, match.group(2))]
        if match.group(3):
            value: t.Any = match.group(3).strip("'\"")
            value = {"true": True, "false": False, "null": None, "~": None}.get(value, value)
            values[".".join(name for _indent, name in stack)] = int(value) if isinstance(value, str) and value.isdigit() else value
    return values


def observe(place: Place, run: Run) -> Json:
    """Return the settings on disk, without those that are secret, and whether a secret is among them: by its name, or by what the file of secrets holds."""
    path = config_file(place, run)
    text = read(path)
    settings = settings_of(text)
    values = {name: value for name, value in settings.items() if not _secret_names.is_secret(name.split("."), value)}
    holds = _secret_names.in_text(text) or len(values) < len(settings) or any(secret in text for secret in known_secrets(place, {}))
    return {"path": path, "values": values, "holds_keys": holds}


def without_secrets(value: t.Any, secrets: t.Collection[str]) -> t.Any:
    """Return a document with every secret in it struck out: those that are known, and what is assigned to a name that says so."""
    if isinstance(value, dict):
        return {name: without_secrets(entry, secrets) for name, entry in value.items()}
    if isinstance(value, list):
        return [without_secrets(entry, secrets) for entry in value]
    if not isinstance(value, str):
        return value
    hidden = r"\1" + _secret_names.HIDDEN
    return re.sub(r"(\w*(?:key|secret|token|password)=)[^\s\"']+", hidden, _secret_names.struck(value, secrets), flags=re.IGNORECASE)
