# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of nftables: whether the kernel has it as its file says, and how both are replaced."""

from __future__ import annotations

import os
import tempfile
import typing as t

# How this module runs a program: arguments in, (return code, standard output, standard error) out.
Runner = t.Callable[[t.List[str]], t.Tuple[int, str, str]]


class FirewallError(Exception):
    """nft refused something; the message is its own, and says where."""


def listing(table: str, run: Runner) -> str:
    """The table in the kernel, without counters' values; empty if there is none. ``table`` is "FAMILY NAME"."""
    code, output, _error = run(["nft", "--stateless", "list", "table", *table.split()])
    return output if code == 0 else ""


def rehearse(table: str, path: str, run: Runner) -> str:
    """What ``listing`` will say once the file is loaded: it is loaded for real, into a network namespace that ends at once.

    That is a stricter check than ``nft --check``, and the only way to compare a file with the kernel word by word.
    """
    script = 'nft --file "$0" && exec nft --stateless list table %s' % table
    code, output, error = run(["unshare", "--net", "sh", "-c", script, path])
    if code != 0:
        raise FirewallError(error.strip() or output.strip() or "unshare --net failed")
    return output


def load(path: str, run: Runner) -> None:
    """Load the file. nft applies a file as one transaction: the kernel has the old rules or the new ones, nothing between."""
    code, output, error = run(["nft", "--file", path])
    if code != 0:
        raise FirewallError(error.strip() or output.strip())


def read(path: str) -> str:
    """The file's text; empty where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def draft(path: str, text: str) -> str:
    """A temporary file beside path with the text, readable like the final one; return its path."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".%s." % os.path.basename(path))
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(temporary, 0o644)
    return temporary
