# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's own settings by version, as data (``settings/``), and what a user wrote, judged against them.

The server ends at a value of a wrong type, ignores a name that it does not know, and takes most values that cannot work. So all of this is refused
before a host is changed. Of versions later than the data it is not known which settings they have: names and choices are then warned of, not refused.
"""

from __future__ import annotations

import difflib
import math
import re
import typing as t
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _preflight, _settings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem, Settings, Version

FOLDER = Path(__file__).parent / "settings"
RISK = "unknown-setting"
ANY_NAME = "*"
TYPES = ("boolean", "integer", "number", "text", "choice", "list")
# What the server does with a value that cannot work, as the data says it, and what a message says of it.
OUTCOMES = {"": "Qdrant itself warns of it", "ends": "the server ends at its start", "broken": "", "taken": ""}
_LEVEL = "(?i:trace|debug|info|warn|error|off)"
_DIRECTIVE = f"(?:{_LEVEL}|[A-Za-z0-9_:]+={_LEVEL})"
# By name: what a text has to be, and how a message says it.
FORMS = {
    "log-filter": (
        re.compile(f"{_DIRECTIVE}(?:,{_DIRECTIVE})*"),
        "a level (TRACE, DEBUG, INFO, WARN, ERROR, OFF) or MODULE=LEVEL, several with commas",
    ),
    "metric-prefix": (re.compile("[A-Za-z0-9_]*"), "letters, digits and underscores"),
}
# The largest integer that the server's files can hold.
LARGEST = (1 << 63) - 1
_MISSING = object()


@dataclass(frozen=True)
class Setting:
    """A row of the data; ``settings/form.yml`` says what each part means."""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    of: t.Any = None
    also: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    unit: str = ""
    form: str = ""
    nullable: bool = False
    required: bool = False
    default: t.Any = None
    since: str = ""
    until: str = ""
    use: str = ""
    not_with: str = ""
    otherwise: str = ""
    then: str = ""
    risk: str = ""

    def had_by(self, version: Version) -> bool:
        """Return whether a version has the setting, as far as the data goes."""
        return not (self.since and version < parse(self.since)) and not (self.until and version >= parse(self.until))


@dataclass
class Node:
    """A place in the tree of settings: a section with what is below it, or a setting."""

    name: str
    setting: Setting | None = None
    below: dict[str, Node] = field(default_factory=dict)

    def settings(self) -> t.Iterator[Setting]:
        """Yield all settings at and below this place."""
        if self.setting:
            yield self.setting
        for node in self.below.values():
            yield from node.settings()


@dataclass(frozen=True)
class Table:
    """All of the data."""

    oldest: Version
    newest: Version
    nullable_sections: frozenset[str]
    alternatives: frozenset[str]
    settings: tuple[Setting, ...]
    tree: Node


def parse(text: str) -> Version:
    """Return a version of the data as numbers."""
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


def _row(entry: dict[str, t.Any]) -> Setting:
    """Return a row of the data. Its lists become tuples."""
    values: dict[str, t.Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Setting(**values)


@lru_cache
def table() -> Table:
    """Return the data, read once."""
    head = yaml.safe_load((FOLDER / "form.yml").read_text(encoding="utf-8"))
    rows = [_row(entry) for path in sorted(FOLDER.glob("[0-9]*.yml")) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]
    tree = Node("")
    for row in rows:
        node = tree
        for key in row.name.split("."):
            node = node.below.setdefault(key, Node(f"{node.name}.{key}".lstrip(".")))
        node.setting = row
    return Table(parse(head["oldest"]), parse(head["newest"]), frozenset(head["nullable_sections"]), frozenset(head["alternatives"]), tuple(rows), tree)


# --- values ------------------------------------------------------------------------------------------------------------


def span(setting: Setting) -> str:
    """Return the values that a number may have, in words, with the unit."""
    low, high = (None if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in (setting.min, setting.max))
    words = f"from {low} to {high}" if low and high else f"{low} or more" if low else f"{high} or less" if high else ""
    return f"{words} ({setting.unit})" if words and setting.unit else words or setting.unit


def _listed(words: t.Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _integer(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: t.Any) -> bool:
    return _integer(value) or (isinstance(value, float) and math.isfinite(value))


def _unquoted(value: t.Any, pattern: str, otherwise: str) -> str:
    """Return what to write in place of a value that would be right but for its quotes, or else ``otherwise``."""
    return f"Write {value}, without quotes" if isinstance(value, str) and re.fullmatch(pattern, value) else otherwise


def _mistyped(setting: Setting, value: t.Any) -> tuple[str, str] | None:
    """Return what is wrong with the type of a value, and what to write; nothing if it is right."""
    also = f", or {_listed(setting.also)}" if setting.also else ""
    whole = f"Write a whole number{also}"
    if setting.type == "boolean" and not isinstance(value, bool):
        return "it is not a boolean", f"Write true or false, without quotes{also}"
    if setting.type == "integer" and not _integer(value):
        return "it is not a whole number", _unquoted(value, "-?[0-9]+", whole)
    if setting.type == "number" and not _number(value):
        return "it is not a number", _unquoted(value, r"-?[0-9]+(\.[0-9]+)?", "Write a number")
    if setting.type in ("text", "choice") and not isinstance(value, str):
        what = "it is not a text but {}".format(type(value).__name__.lstrip("_"))
        if setting.type == "text":
            return what, "Put it in quotes: without, YAML changes a text that looks like a number"
        return what, f"Write {_listed(setting.choices)}"
    if setting.type == "list":
        if not isinstance(value, (list, tuple)):
            return "it is not a list", "Write [a, b]"
        if setting.of == "integer" and not all(_integer(entry) and entry >= 0 for entry in value):
            return "it is not a list of whole numbers", "Write [0, 1]"
    return None


def _unfit(setting: Setting, value: t.Any) -> tuple[str, str] | None:
    """Return what is wrong with a number or a text of the right type, and what to write; nothing if it is right."""
    effect = setting.then or OUTCOMES[setting.otherwise]
    low, high = -LARGEST if setting.min is None else setting.min, LARGEST if setting.max is None else setting.max
    if setting.type in ("integer", "number") and not low <= value <= high:
        return f"it is out of range, and {effect}", f"Write {span(setting)}"
    if setting.form:
        pattern, words = FORMS[setting.form]
        if not pattern.fullmatch(value):
            return f"it is not of its form, and {effect}", f"Write {words}"
    return None


def _chosen(setting: Setting, value: t.Any) -> tuple[str, str] | None:
    """Return what is wrong with a choice, or with choices in a list, and what to write; nothing if it is right."""
    choices = setting.choices or (setting.of if isinstance(setting.of, tuple) else ())
    found = list(value) if setting.type == "list" else [value]
    if not choices or all(isinstance(entry, str) and entry in choices for entry in found):
        return None
    return "it is not among its choices, and the server ends at its start", f"Write {_listed(choices)}"


# --- what a user wrote -------------------------------------------------------------------------------------------------


class _Judge:
    """Judges settings for one version. What it finds stands in ``found``."""

    def __init__(self, version: Version, accepted: t.Collection[str]) -> None:
        self.table = table()
        self.version = version
        self.later = version > self.table.newest
        self.accepted = RISK in accepted
        self.found = _preflight.Findings()

    def refuse(self, where: str, what: str, remedy: str) -> None:
        """Refuse what is wrong in every version."""
        self.found.refuse(f"qdrant_config.{where}", what, remedy)

    def doubt(self, where: str, what: str, remedy: str, *, grows: bool) -> None:
        """Refuse what a version does not have as far as is known, which the user may know better.

        :param grows: whether versions add such things, so that a later one may well have it: that is warned of.
        """
        if self.accepted or (self.later and grows):
            why = "accepted" if self.accepted else "Qdrant's settings are known up to {}.{}.{}".format(*self.table.newest)
            self.found.warnings.append(f"qdrant_config.{where}: {what} ({why}).")
        else:
            self.found.refuse(f"qdrant_config.{where}", what, f"{remedy}, or accept the risk: qdrant_accepted_risks: [{{risk: {RISK}, reason: why}}]")

    def section(self, config: Settings, node: Node) -> None:
        """Judge what stands in a section."""
        for key, value in config.items():
            path = f"{node.name}.{key}".lstrip(".")
            below = node.below.get(str(key)) or node.below.get(ANY_NAME)
            if path in _settings.MANAGED:
                self.refuse(path, "the role sets it", f"Use {_settings.MANAGED[path]}")
            elif below is None:
                self.unknown(path, str(key), node)
            elif self.had(path, below):
                self.value(path, value, below.setting) if below.setting else self.subsection(path, value, below)
        for key, below in node.below.items():
            if below.setting and below.setting.required and below.setting.had_by(self.version) and key not in config:
                self.refuse(node.name, f"it lacks {key}, and the server ends at its start", f"Write {node.name}.{key} as well")

    def subsection(self, path: str, value: t.Any, node: Node) -> None:
        """Judge a section as such, and what stands in it."""
        place = Node(path, None, node.below)
        if value is None and node.name in self.table.nullable_sections:
            return
        if not isinstance(value, dict):
            self.refuse(path, "it is a section, not a value", "Write the section's settings below it")
            return
        if node.name in self.table.alternatives and len(value) != 1:
            self.refuse(path, "it holds one of its parts, and all but the first would be ignored", f"Write one of {_listed(sorted(node.below))}")
        self.section(value, place)

    def unknown(self, path: str, key: str, node: Node) -> None:
        """Judge a name that no version of the data has."""
        siblings = {name: below.name for name, below in node.below.items()}
        same = next((name for name in siblings if name.lower() == key.lower()), "")
        if same:
            self.refuse(path, "the name is written in another case", f"Write {siblings[same]}")
            return
        near = difflib.get_close_matches(key, siblings, 1)
        elsewhere = sorted(row.name for row in self.table.settings if row.name.rpartition(".")[2] == key)
        meant = siblings[near[0]] if near else elsewhere[0] if elsewhere else ""
        self.doubt(path, "Qdrant has no such setting and would ignore it", f"Did you mean {meant}? Write that" if meant else "Remove it", grows=True)

    def had(self, path: str, node: Node) -> bool:
        """Return whether the version has a setting, or any of a section. If not, that was found."""
        rows = list(node.settings())
        if any(row.had_by(self.version) for row in rows):
            return True
        if all(row.until and self.version >= parse(row.until) for row in rows):
            self.doubt(path, f"Qdrant has it no more from {max(row.until for row in rows)} on, and ignores it", "Remove it", grows=True)
        else:
            first = min((row.since for row in rows if row.since), key=parse)
            self.doubt(path, f"Qdrant has it from {first} on, and older ones ignore it", "Raise qdrant_version, remove it", grows=True)
        return False

    def value(self, path: str, value: t.Any, setting: Setting) -> None:
        """Judge a setting's value."""
        if setting.use:
            self.refuse(path, "the server's own defaults use its other name, and with both it ends at its start", f"Write {setting.use}")
            return
        if value is None:
            if not setting.nullable:
                self.refuse(path, "it is null, and the server ends at its start", "Write a value, or remove it")
            return
        if isinstance(value, str) and value in setting.also:
            return
        mistyped = _mistyped(setting, value)
        found = mistyped or _unfit(setting, value)
        if found:
            self.doubt(path, *found, grows=False) if self.later else self.refuse(path, *found)
            return
        chosen = _chosen(setting, value)
        if chosen:
            self.doubt(path, *chosen, grows=True) if self.later else self.refuse(path, *chosen)


def check(config: t.Any, version: Version, accepted: t.Collection[str] = ()) -> _preflight.Findings:
    """Return the findings of a user's ``qdrant_config``: what is managed, unknown, of another version, of a wrong type, or cannot work."""
    judge = _Judge(version, accepted)
    if not isinstance(config, dict):
        what = "it is not a mapping but {}".format(type(config).__name__.lstrip("_"))
        judge.found.refuse("qdrant_config", what, "Write settings by section, as in Qdrant's own file")
        return judge.found
    # The server reads a name with a dot or an index, where it stands first, as a path: the setting would be there, and not be seen here.
    dotted = [name for name in config if re.search(r"[.\[]", str(name))]
    for name in dotted:
        judge.refuse(name, "it is a path, not a section", "Write one name below the other")
    judge.section({name: value for name, value in config.items() if name not in dotted}, judge.table.tree)
    judge.found.problems += _doubled(config)
    return judge.found


def _doubled(config: Settings) -> list[Problem]:
    """Return the settings that are there by two names, be one of them null."""
    what = "{} is another name of it, and with both the server ends at its start"
    there = set(_settings.paths(config))
    return [
        Problem(f"qdrant_config.{row.name}", what.format(row.not_with), f"Keep {row.not_with} alone")
        for row in table().settings
        if row.not_with and {row.name, row.not_with} <= there
    ]
