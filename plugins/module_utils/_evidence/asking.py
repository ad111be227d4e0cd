# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions of an observer, asked all at once. What cannot be answered becomes ``{"error": TEXT}`` in its place."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json


def put(document: Json, keys: tuple[str, ...], value: t.Any) -> None:
    for key in keys[:-1]:
        document = document.setdefault(key, {})
    document[keys[-1]] = value


def attempt(question: t.Callable[[], t.Any]) -> t.Any:
    """Return a section, or why it could not be observed."""
    try:
        return question()
    except Exception as error:  # an observer that stops at the first surprise sees less than one that writes it down
        return {"error": f"{type(error).__name__}: {error}"}


def ask(questions: dict[tuple[str, ...], t.Callable[[], t.Any]]) -> Json:
    """Return all questions at once: most of the time is spent waiting."""
    document: Json = {}
    with ThreadPoolExecutor(max_workers=16) as pool:
        futures = {keys: pool.submit(attempt, question) for keys, question in questions.items()}
        for keys, future in futures.items():
            put(document, keys, future.result())
    return document
