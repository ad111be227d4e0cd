# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says which releases of Qdrant are newer than the inventory's, and what they mend; pins one if asked. On the controller alone."""

from __future__ import annotations

import os
import typing as t
from datetime import UTC, date, datetime
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.plugin_utils import (
    _action,
    _files,
    _pinning,
    _preflight,
    _releases,
    _upstream,
    _variables,
    _weaknesses,
    _weaknesses_file,
)
from ansible_collections.hardened.qdrant.plugins.plugin_utils._releases import Written
from ansible_collections.hardened.qdrant.plugins.plugin_utils._weaknesses import Version, text_of

display = Display()


class ActionModule(_action.ControllerAction):
    """One call looks, and with a release writes the pin's file."""

    _VALID_ARGS = frozenset(("dir", "group", "release", "api_url", "image", "ca_file", "download_url", "timeout"))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = {"group": "qdrant", "release": "", **self._task.args}
        settings = Path(os.path.abspath(os.path.expanduser(str(arguments["dir"])))) / "group_vars" / str(arguments["group"])
        wanted, today = str(arguments["release"] or ""), datetime.now(UTC).date()
        if wanted and not settings.is_dir():
            raise AnsibleActionFail(f"{settings} is no folder of group variables. Set qdrant_init_dir to the folder of your inventory.")
        try:
            there = _pinning.read(settings)
            effective = self._effective(variables, str(arguments["group"]), there)
            if wanted == _pinning.BEFORE:
                return self._back(settings, there)
            return self._compare(arguments, settings, there, effective, today)
        except (_pinning.PinningError, _files.FileError, _weaknesses_file.Refused) as error:
            raise AnsibleActionFail(str(error)) from None
        except _upstream.UpstreamError as error:
            raise AnsibleActionFail(f"{error}. {self._offline(today, effective)}") from None

    def _effective(self, variables: dict[str, t.Any], group: str, there: Written | None) -> list[Version]:
        """Return the versions that the inventory gives its nodes, the lowest first; without nodes that of the pin, or the role's."""
        found: set[Version] = set()
        for host in variables.get("groups", {}).get(group, ()):
            version = _preflight.parse_version(_variables.of_host(host, variables.get("hostvars") or {}, "qdrant_version"))
            found.add(version or (there.pin.version if there else _releases.default()))
        if there and found - {there.pin.version}:
            others = ", ".join(map(text_of, sorted(found - {there.pin.version})))
            display.warning(f"The inventory gives some nodes {others} beside the pinned {text_of(there.pin.version)}: qdrant_version is set elsewhere as well.")
        return sorted(found or {there.pin.version if there else _releases.default()})

    @staticmethod
    def _offline(today: date, effective: list[Version]) -> str:
        """Return what is known without upstream."""
        own = _weaknesses.own()
        text = "%s has, by the collection's list of %s (%d days old): %s."
        return " ".join(
            text % (text_of(version), own.date, (today - own.date).days, "; ".join(own.of(version)) or "no known weakness") for version in effective
        )

    def _back(self, settings: Path, there: Written | None) -> dict[str, t.Any]:
        """Exchange the pin and the one before it."""
        if there is None or there.before is None:
            raise _pinning.PinningError(f"{settings / _releases.FILE} holds no earlier pin. Name a version: -e qdrant_release=VERSION.")
        # The list of weaknesses stays: it knows no less than the one before.
        pin = _releases.replaced(there.before, there.pin.weaknesses_file)
        written = _pinning.write(settings, Written(pin, there.pin, ("Taken back.",)), None, self._task.check_mode)
        return self._result(
            settings, written, True, ["Qdrant has no way back to data of an older version but a backup."] if pin.version < there.pin.version else []
        )

    def _compare(self, arguments: dict[str, t.Any], settings: Path, there: Written | None, effective: list[Version], today: date) -> dict[str, t.Any]:
        source = _pinning.Source.of(arguments)
        client = _upstream.Client(source.ca_file, source.seconds)
        at_hand = settings / _releases.LIST
        base, warnings = _weaknesses_file.load(str(at_hand) if os.path.lexists(at_hand) else "", today)
        seen = _pinning.look(client, source, base, today)
        if there:
            same = next((one for one in seen.releases if one.version == there.pin.version), None)
            wrong = _releases.contradiction(same, there.pin.checksums) if same else ""
            if wrong:
                raise _pinning.PinningError(f"{wrong}. Upstream's file was exchanged after it was pinned, or the pin was: find out which before you deploy.")
        lines = self._lines(seen, effective, today)
        newer = [
            {
                "version": text_of(one.version),
                "published": one.published,
                "architectures": sorted(one.checksums),
                "mends": [entry.text(effective[0]) for entry in seen.known.mended(effective[0], one.version)],
                "has": seen.known.of(one.version),
            }
            for one in seen.releases
            if one.version > effective[0]
        ]
        warnings = [*warnings, *seen.warnings]
        if not arguments["release"]:
            return {"changed": False, "newer": newer, "lines": [*lines, *warnings], "file": str(settings / _releases.FILE), "before": []}
        release = _pinning.choose(seen.releases, str(arguments["release"]), effective[0])
        if not _releases.one_step(effective[0], release.version):
            warnings.append(
                f"{text_of(release.version)} skips minor versions after {text_of(effective[0])}: nodes that run are not upgraded so, but step by step"
            )
        if release.version < effective[-1]:
            warnings.append("Qdrant has no way back to data of an older version but a backup")
        pin, notes, more = _pinning.make(client, source, release, today)
        # What was named once stays until something else is named.
        if there:
            pin = _releases.replaced(pin, there.pin.weaknesses_file, pin.download_url or there.pin.download_url)
        old = there.pin if there else None
        changed = old is None or _releases.replaced(pin, "") != _releases.replaced(old, "") or (seen.fresh and seen.known.date > base.date)
        before = old if old and old.version != pin.version else there.before if there else None
        written = Written(pin, before, tuple(notes))
        if changed:
            written = _pinning.write(settings, written, seen, self._task.check_mode)
        return {**self._result(settings, written, changed, [*lines, *warnings, *more]), "newer": newer}

    @staticmethod
    def _result(settings: Path, written: Written, changed: bool, lines: list[str]) -> dict[str, t.Any]:
        before = written.before.lines() if written.before else []
        return {
            "changed": changed,
            "newer": [],
            "lines": lines,
            "file": str(settings / _releases.FILE),
            "pinned": text_of(written.pin.version),
            "before": before,
        }

    @staticmethod
    def _lines(seen: _pinning.Seen, effective: list[Version], today: date) -> list[str]:
        """Return what a person is told: what the inventory's versions have, and which releases are newer."""
        found = ["The list of weaknesses is of %s, %d days old." % (seen.known.date, (today - seen.known.date).days)]
        for version in effective:
            found.append("The inventory's {}: {}".format(text_of(version), "; ".join(seen.known.of(version)) or "no known weakness"))
        for one in seen.releases:
            if one.version > effective[0]:
                mends = "; ".join(entry.text(effective[0]) for entry in seen.known.mended(effective[0], one.version)) or "no known weakness"
                lacks = "" if one.complete else " It cannot be pinned for every architecture: it lacks a digest."
                found.append(f"{text_of(one.version)} ({one.published or 'day unknown'}) mends: {mends}.{lacks}")
        if seen.releases[0].version <= effective[0]:
            found.append(f"There is none newer than {text_of(seen.releases[0].version)}.")
        return found
