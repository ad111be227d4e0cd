# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upstream's releases, as its API describes them, and the pin of one of them in an inventory. Pure functions: texts in, texts out.

An answer is another's word. It is read by a schema (upstream.schema.json), versions and digests by regular expressions, and nothing else of it is kept:
no URL, no name, no text but the titles of advisories, cleaned.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _text, _weaknesses
from ansible_collections.hardened.qdrant.plugins.plugin_utils._weaknesses import FIRST, Known, Range, Version, Weakness, text_of

try:
    import jsonschema
except ImportError:
    jsonschema = None  # type: ignore[assignment]  # a library that may be missing has no type of its own

SCHEMA = Path(__file__).with_name("upstream.schema.json")
ROLE = Path(__file__).resolve().parents[2] / "roles/qdrant"
ARCHITECTURES = ("x86_64", "aarch64")
# As the default of qdrant_download_url names them.
ASSET = "qdrant-{}-unknown-linux-musl.tar.gz"
SHA256 = re.compile(r"[0-9a-f]{64}")
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
NUMBER = r"(?:0|[1-9][0-9]{0,3})"
VERSION = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}")
COMPARISON = re.compile(rf"(<=|>=|<|>|=)\s*v?({NUMBER}\.{NUMBER}(?:\.{NUMBER})?)")
# The pin's file in the group's variables, and the list of weaknesses beside it. Ansible reads no variables from a name that ends so.
FILE, LIST = "release.yml", "weaknesses.list"
BEFORE = "# Before:"


class AnswerError(Exception):
    """An answer that is not what the API gives; the message says what is wrong where, without a full stop."""


class PinError(Exception):
    """A pin's file that was not written here; the message says what is wrong, without a full stop."""


@dataclass(frozen=True)
class Release:
    """A release that is neither a draft nor a preview: SHA-256 in hex of its files by architecture, those that have one, and its day (empty if unknown)."""

    version: Version
    checksums: t.Mapping[str, str]
    published: str = ""

    @property
    def complete(self) -> bool:
        return set(self.checksums) == set(ARCHITECTURES)


# --- what the collection knows -------------------------------------------------------------------------------------------


@lru_cache
def collection() -> dict[str, dict[str, str]]:
    """Return the digests that the collection pins, by version and architecture."""
    found: dict[str, dict[str, str]] = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__qdrant_checksums"]
    return found


@lru_cache
def default() -> Version:
    """Return the role's default version."""
    return _weaknesses.version_of(yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))["qdrant_version"])


# --- answers -------------------------------------------------------------------------------------------------------------


def _checked(body: bytes, kind: str) -> t.Any:
    if jsonschema is None:
        raise AnswerError("Python's library jsonschema is missing on the controller. Install it: pip install jsonschema")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise AnswerError("it is no JSON") from None
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for error in jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}).iter_errors(content):
        place = ".".join(map(str, error.absolute_path)) or "the whole"
        raise AnswerError(f"{place} does not fit {error.validator}")
    return content


def parse_releases(body: bytes) -> list[Release]:
    """Return the releases of an answer, the newest first. Drafts, previews, and tags that are no version are passed over.

    :raises AnswerError: it is no such answer, or contradicts itself.
    """
    found: dict[Version, Release] = {}
    for entry in _checked(body, "releases"):
        tag = entry["tag_name"]
        if entry["draft"] or entry["prerelease"] or not tag.startswith("v") or not VERSION.fullmatch(tag[1:]):
            continue
        version = _weaknesses.version_of(tag[1:])
        if version in found:
            raise AnswerError(f"it has two releases {text_of(version)}")
        day = re.match(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", entry.get("published_at") or "")
        found[version] = Release(version, _checksums(text_of(version), entry["assets"]), day[0] if day else "")
    if not found:
        raise AnswerError("it has no release")
    return [found[version] for version in sorted(found, reverse=True)]


def _checksums(version: str, assets: list[dict[str, t.Any]]) -> dict[str, str]:
    """Return the digests of a release's files. Files from before GitHub computed digests have none."""
    found = {}
    for architecture in ARCHITECTURES:
        named = [asset for asset in assets if asset["name"] == ASSET.format(architecture)]
        if len(named) > 1:
            raise AnswerError(f"release {version} has two files {ASSET.format(architecture)}")
        digest = named[0].get("digest") if named else None
        if digest is None:
            continue
        matched = DIGEST.fullmatch(digest)
        if not matched:
            raise AnswerError(f"release {version} has a digest for {architecture} that is no SHA-256")
        found[architecture] = matched[1]
    if len(set(found.values())) < len(found):
        raise AnswerError(f"release {version} has the same digest for two architectures")
    return found


def contradiction(release: Release, known: t.Mapping[str, str]) -> str:
    """Return what an answer says otherwise than what is known of the same release; empty if nothing."""
    wrong = [name for name, digest in release.checksums.items() if known.get(name, digest) != digest]
    return "the digest of {} for {} is not the one that is known".format(text_of(release.version), " and ".join(wrong)) if wrong else ""


def parse_advisories(body: bytes) -> list[Weakness]:
    """Return the weaknesses of an answer. What affects versions that cannot be told affects all of them.

    :raises AnswerError: it is no such answer.
    """
    found = []
    for entry in _checked(body, "advisories"):
        if entry.get("withdrawn_at"):
            continue
        ranges = tuple(dict.fromkeys(_range(one) for one in entry["vulnerabilities"] or [{}])) or (Range(FIRST),)
        title = " ".join(_text.clean(entry["summary"], 200, "\n\t").split()).replace('"', "'")
        ids = tuple(name for name in (entry["ghsa_id"], entry.get("cve_id")) if name)
        source = "https://github.com/qdrant/qdrant/security/advisories/" + entry["ghsa_id"]
        found.append(Weakness(ids, entry["severity"] or "medium", f'has the weakness "{title}"', ranges, source))
    return found


def _range(entry: t.Mapping[str, t.Any]) -> Range:
    """Return the versions that an advisory names, as people write them: ``>= 1.9.3, < 1.16.0``, ``<= v1.8.2``."""
    introduced, fixed = FIRST, None
    text = entry.get("vulnerable_version_range") or ""
    parts = [part.strip() for part in text.split(",")] if text else []
    comparisons = [COMPARISON.fullmatch(part) for part in parts]
    if comparisons and all(comparisons):
        for matched in comparisons:
            sign, version = matched[1], _padded(matched[2])  # type: ignore[index]  # all of them match
            if sign in (">=", ">", "="):
                introduced = max(introduced, _after(version) if sign == ">" else version)
            if sign in ("<", "<=", "="):
                end = version if sign == "<" else _after(version)
                fixed = end if fixed is None else min(fixed, end)
    if fixed is None:
        patched = [_padded(one) for one in re.findall(rf"(?<![0-9.]){NUMBER}\.{NUMBER}\.{NUMBER}(?![0-9.])", entry.get("patched_versions") or "")]
        # Of several the last: that an earlier one mends the same line cannot be told.
        fixed = max(patched) if patched else None
    return Range(introduced, fixed)


def _padded(text: str) -> Version:
    first, second, third = [*map(int, text.split(".")), 0][:3]
    return first, second, third


def _after(version: Version) -> Version:
    return version[0], version[1], version[2] + 1


def up_to_date(own: Known, releases: t.Sequence[Release], asked: t.Sequence[Weakness], source: str, today: date) -> Known:
    """Return a list of today: what the collection knows, which nobody's answer takes away, and what else upstream names."""
    named = {name for entry in own.entries for name in entry.ids}
    added = [entry for entry in asked if not named & set(entry.ids)]
    return Known(max(today, own.date), max(own.newest, releases[0].version), source, (*own.entries, *added))


# --- choosing ------------------------------------------------------------------------------------------------------------


def one_step(old: Version, new: Version) -> bool:
    """Return whether an upgrade skips no minor version."""
    return new[0] == old[0] and new[1] <= old[1] + 1


def newest(releases: t.Sequence[Release], after: Version | None) -> Release | None:
    """Return the newest release that has a digest for every architecture, as far as one step of an upgrade goes; None for none."""
    return next((one for one in releases if one.complete and (after is None or (one.version >= after and one_step(after, one.version)))), None)


# --- the pin -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pin:
    """A release in the inventory: its digests, by architecture; its image's digest, and where files come from, where they are named."""

    version: Version
    checksums: t.Mapping[str, str]
    image_digest: str = ""
    download_url: str = ""
    weaknesses_file: str = ""

    def lines(self) -> list[str]:
        """Return the pin as lines of YAML."""
        version = text_of(self.version)
        found = [f'qdrant_version: "{version}"', "qdrant_checksums:", f'  "{version}":']
        # In quotes: YAML takes digits alone, or with an e among them, for a number.
        found += [f'    {name}: "{digest}"' for name, digest in self.checksums.items()]
        for name in ("image_digest", "download_url", "weaknesses_file"):
            if getattr(self, name):
                found.append(f"qdrant_{name}: {json.dumps(getattr(self, name))}")
        return found


@dataclass(frozen=True)
class Written:
    """What a pin's file holds: the pin, and the one before it, if there was one."""

    pin: Pin
    before: Pin | None = None
    notes: tuple[str, ...] = field(default=())

    def render(self) -> str:
        """Return the file's text. ``notes`` say where the pin comes from."""
        head = [
            "---",
            "# The release that the nodes run. hardened.qdrant.releases writes this file: -e qdrant_release=VERSION pins another,",
            "# -e qdrant_release=before the one before. Other settings belong into main.yml.",
        ]
        notes = [f"# {_text.clean(note, 300)}" for note in self.notes]
        old = ["", BEFORE, *(f"# {line}" for line in self.before.lines())] if self.before else []
        return "\n".join([*head, *notes, *self.pin.lines(), *old]) + "\n"


def replaced(pin: Pin, weaknesses_file: str, download_url: str | None = None) -> Pin:
    """Return a pin with another list of weaknesses, and another place of its files if one is given."""
    return replace(pin, weaknesses_file=weaknesses_file, download_url=pin.download_url if download_url is None else download_url)


def parse_pin(text: str) -> Written:
    """Return what a pin's file holds.

    :raises PinError: it holds something else.
    """
    current, found, old = text.partition(f"\n{BEFORE}\n")
    lines = old.splitlines()
    if any(not line.startswith("# ") for line in lines):
        raise PinError(f"what follows {BEFORE} is no comment")
    notes = tuple(line[2:] for line in current.splitlines() if line.startswith("# "))[2:]
    return Written(_pin(current), _pin("\n".join(line[2:] for line in lines)) if found else None, notes)


def _pin(text: str) -> Pin:
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        raise PinError("it is no YAML") from None
    texts = ("qdrant_image_digest", "qdrant_download_url", "qdrant_weaknesses_file")
    if not isinstance(content, dict) or not {"qdrant_version", "qdrant_checksums"} <= set(content) <= {"qdrant_version", "qdrant_checksums", *texts}:
        raise PinError("it does not set qdrant_version, qdrant_checksums and nothing else but {}".format(", ".join(texts)))
    version, checksums = content["qdrant_version"], content["qdrant_checksums"]
    if not isinstance(version, str) or not VERSION.fullmatch(version) or not isinstance(checksums, dict) or set(checksums) != {version}:
        raise PinError("qdrant_checksums is not of qdrant_version alone")
    digests, given = checksums[version], {name: content.get(name, "") for name in texts}
    good = isinstance(digests, dict) and digests and set(digests) <= set(ARCHITECTURES)
    if not good or not all(isinstance(one, str) and SHA256.fullmatch(one) for one in digests.values()):
        raise PinError("qdrant_checksums is no mapping of {} to SHA-256".format(", ".join(ARCHITECTURES)))
    if not all(isinstance(one, str) and one.isprintable() for one in given.values()):
        raise PinError("a value is no text")
    if given["qdrant_image_digest"] and not DIGEST.fullmatch(given["qdrant_image_digest"]):
        raise PinError("qdrant_image_digest is no digest")
    return Pin(_weaknesses.version_of(version), digests, *(given[name] for name in texts))
