# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses a release of upstream's and writes it into an inventory, with its digests and a list of weaknesses that knows it."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _files, _releases, _upstream, _values, _weaknesses
from ansible_collections.hardened.qdrant.plugins.plugin_utils._releases import Pin, Release, Written
from ansible_collections.hardened.qdrant.plugins.plugin_utils._weaknesses import Version, text_of

# Words in the place of a version.
NEWEST, BEFORE, NONE = "newest", "before", "none"
COMMAND = "ansible-playbook -i INVENTORY hardened.qdrant.releases -e qdrant_release={}"


class PinningError(Exception):
    """Nothing was pinned; the message says why, and what to do."""


@dataclass(frozen=True)
class Source:
    """Where releases and images are asked for. ``ca_file`` and ``download_url`` are empty for the usual ones."""

    api: str = _upstream.API
    image: str = _upstream.IMAGE + ":v{version}-unprivileged"
    ca_file: str = ""
    download_url: str = ""
    seconds: float = _upstream.SECONDS

    @classmethod
    def of(cls, arguments: t.Mapping[str, t.Any]) -> Source:
        """Return the source that a task's arguments name.

        :raises PinningError: one of them cannot be used.
        """
        given = cls(
            str(arguments.get("api_url") or cls.api).rstrip("/"),
            str(arguments.get("image") or cls.image),
            str(arguments.get("ca_file") or ""),
            str(arguments.get("download_url") or ""),
        )
        for name, url in (("api_url", given.api), ("download_url", given.download_url)):
            # {version} and {arch} are replaced later.
            if url and (_values.written(_values.url, url.replace("{", "").replace("}", ""), "") == "" or not url.startswith("https://")):
                raise PinningError(f"{name} is {_values.shown(url)}, and no https URL. Write one, such as {cls.api}.")
        if given.ca_file and not os.path.isfile(os.path.expanduser(given.ca_file)):
            raise PinningError(f"ca_file is {_values.shown(given.ca_file)}, and no file on the controller. Name one with the CAs in PEM form.")
        try:
            seconds = float(arguments.get("timeout") or cls.seconds)
        except (TypeError, ValueError):
            seconds = 0.0
        if not 1 <= seconds <= 600:
            raise PinningError("timeout is no number of seconds from 1 to 600. Write one, such as %d." % cls.seconds)
        return replace(given, ca_file=os.path.expanduser(given.ca_file), seconds=seconds)


@dataclass(frozen=True)
class Seen:
    """What upstream says now: its releases, the newest first, and a list of weaknesses; ``fresh`` if that is of today. ``warnings`` for a person."""

    releases: t.Sequence[Release]
    known: _weaknesses.Known
    fresh: bool
    warnings: tuple[str, ...] = ()


def look(client: _upstream.Client, source: Source, base: _weaknesses.Known, today: date) -> Seen:
    """Return what upstream says. ``base`` is the list of weaknesses at hand.

    :raises _upstream.UpstreamError: there are no releases, or one of them differs from what the collection knows of it.
    """
    releases = _upstream.releases(client, source.api)
    for release in releases:
        wrong = _releases.contradiction(release, _releases.collection().get(text_of(release.version), {}))
        if wrong:
            what = "%s says otherwise than this collection: %s. Either of them was exchanged: pin nothing before you know which"
            raise _upstream.UpstreamError(what % (_upstream.host_of(source.api), wrong))
    try:
        asked = _upstream.advisories(client, source.api)
    except _upstream.UpstreamError as error:
        return Seen(releases, base, False, (f"Weaknesses could not be asked for, so the list of {base.date} stands: {error}.",))
    return Seen(releases, _releases.up_to_date(base, releases, asked, f"{source.api}/security-advisories, and the collection's", today), True)


def choose(releases: t.Sequence[Release], wanted: str, after: Version | None) -> Release:
    """Return the release that is wanted, by its version or the word for the newest. ``after``: what runs; None for nothing.

    :raises PinningError: there is none, or it has no digests.
    """
    if wanted == NEWEST:
        found = _releases.newest(releases, after)
        if found is None:
            raise PinningError("No release has a digest for each of {}. Name a version.".format(", ".join(_releases.ARCHITECTURES)))
        return found
    if not _releases.VERSION.fullmatch(wanted):
        raise PinningError(f"qdrant_release is {_values.shown(wanted)}. Write a version in full, such as 1.20.0, or {NEWEST}, or {BEFORE}.")
    found = next((one for one in releases if text_of(one.version) == wanted), None)
    if found is None:
        raise PinningError(f"Upstream has no release {wanted} among its newest %d. Those are {text_of(releases[-1].version)} and later." % len(releases))
    if not found.checksums:
        raise PinningError(f"Upstream gives no digest for the files of {wanted}. Set qdrant_checksum to the output of sha256sum, after checking the file.")
    return found


def make(client: _upstream.Client, source: Source, release: Release, today: date) -> tuple[Pin, list[str], list[str]]:
    """Return the pin of a release, notes for its file, and warnings. An image whose digest is not known, or not to be believed, is not pinned."""
    version = text_of(release.version)
    image = source.image.replace("{version}", version)
    notes = [f"Release: {source.api}/releases, asked on {today}."]
    warnings = ["%s has no file with a digest for %s" % (version, name) for name in _releases.ARCHITECTURES if name not in release.checksums]
    try:
        digest = _upstream.image_digest(client, image)
        good, said = _upstream.signature(image, digest, version)
        notes.append(f"Image: {image}, asked on {today}; {said}.")
        if not good:
            digest = ""
            warnings.append(f"{image} is not pinned: {said}. Without its digest it is not deployed")
    except _upstream.UpstreamError as error:
        digest = ""
        notes.append(f"Image: {image}, not pinned.")
        warnings.append(f"{image} is not pinned: {error}. Without its digest it is not deployed; native nodes need none")
    return Pin(release.version, release.checksums, digest, source.download_url), notes, warnings


# --- the files -----------------------------------------------------------------------------------------------------------


def read(settings: Path) -> Written | None:
    """Return the pin in a folder of group variables; None for none.

    :raises PinningError: its file is not one that was written here.
    """
    path = settings / _releases.FILE
    try:
        data = _files.read(path)
        return None if data is None else _releases.parse_pin(data.decode("utf-8"))
    except (_releases.PinError, UnicodeDecodeError) as error:
        raise PinningError(f"{path} is not as hardened.qdrant.releases writes it: {error}. Mend it, or move what it holds to another file.") from None


def write(settings: Path, written: Written, seen: Seen | None, check: bool) -> Written:
    """Write the pin, and the list of weaknesses if it is of today, the pin last: it names the list. Return what the pin's file holds."""
    if seen and seen.fresh:
        # By the inventory's own folder, wherever that is moved to.
        place = "{{ inventory_dir }}/group_vars/%s/%s" % (settings.name, _releases.LIST)
        written = replace(written, pin=replace(written.pin, weaknesses_file=place))
        _put(settings / _releases.LIST, seen.known.render(), check)
    _put(settings / _releases.FILE, written.render(), check)
    return written


def _put(path: Path, text: str, check: bool) -> None:
    _files.look(path)
    if not check:
        _files.write(path, text, 0o644)


def first(settings: Path, arguments: t.Mapping[str, t.Any], today: date, check: bool) -> tuple[bool, list[str]]:
    """Pin the release that a new deployment starts with, if upstream can be asked. Return whether it did, with lines for a person.

    :raises PinningError: an argument cannot be used, or a release that was named cannot be pinned.
    """
    wanted, source, own = str(arguments.get("release") or NEWEST), Source.of(arguments), _weaknesses.own()
    usual = _releases.default()
    known = "It has, by the collection's list of {} ({} days old): {}.".format(
        own.date, (today - own.date).days, "; ".join(own.of(usual)) or "no known weakness"
    )
    stays = f"Nothing is pinned, so the collection's {text_of(usual)} is deployed. {known}"
    if wanted == NONE:
        return False, [stays]
    client = _upstream.Client(source.ca_file, source.seconds)
    try:
        seen = look(client, source, own, today)
        release = choose(seen.releases, wanted, None)
    except _upstream.UpstreamError as error:
        if wanted != NEWEST:
            raise PinningError(f"{wanted} cannot be pinned: {error}.") from None
        return False, [f"{error}.", stays, "Pin a newer one as soon as there is a way out: " + COMMAND.format(NEWEST)]
    pin, notes, warnings = make(client, source, release, today)
    write(settings, Written(pin, None, tuple(notes)), seen, check)
    has = "; ".join(seen.known.of(release.version)) or "no known weakness"
    told = f"Pinned Qdrant {text_of(release.version)}, as {source.api} describes it. It has, by a list of {seen.known.date}: {has}."
    return True, [told, *seen.warnings, *(f"{one}." for one in warnings)]
