# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of weaknesses that a run judges by: this collection's, or a newer one of the user's."""

from __future__ import annotations

from datetime import date

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _files, _weaknesses
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

REMEDY = "Let hardened.qdrant.releases write one, or leave the variable empty for the collection's own list"


class Refused(Exception):
    """A file that cannot be used; ``problem`` says why, and what to do."""

    def __init__(self, what: str) -> None:
        self.problem = Problem(_weaknesses.VARIABLE, what, REMEDY)
        super().__init__(str(self.problem))


def load(path: str, today: date) -> tuple[_weaknesses.Known, list[str]]:
    """Return the list that a run judges by, and warnings. ``path`` is the user's file; empty for none.

    :raises Refused: the file is missing, others may write it, or it is no list.
    """
    own = _weaknesses.own()
    if not path:
        return own, []
    try:
        data = _files.read(path)
        if data is None:
            raise Refused(f"there is no file {path}")
        given = _weaknesses.parse(data, today)
    except _files.FileError as error:
        raise Refused(str(error).rstrip(".")) from None
    except _weaknesses.WeaknessError as error:
        raise Refused(f"{path} is no list of weaknesses: {error}") from None
    if given.date < own.date:
        what = f"{_weaknesses.VARIABLE}: {path} is of {given.date} and older than the collection's list of {own.date}, which is used. {REMEDY}."
        return own, [what]
    return _weaknesses.combined(given, own), []
