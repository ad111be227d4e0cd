# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border between controller and hosts: what a module's answer may be. Pure functions, over answers as Ansible hands them to an action plugin.

A host may be hostile. Ansible makes variables of the ``ansible_facts`` that any module returns, and by default they outrank the inventory's: a host
would choose which of the controller's files it is sent. So an answer is data under the name that it is registered by, and nothing else.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _text

# What Ansible itself adds: the interpreter that it found on the host, and asks for no more. It only ever runs there.
INTERPRETER = "discovered_interpreter_python"
_PROGRAM = re.compile(r"/[A-Za-z0-9._/+-]{1,250}")

# Keys of an answer that Ansible acts upon, or did in one of the releases that are supported. No module that this collection calls returns one.
_ACTED_UPON = frozenset(("add_host", "add_group", "ansible_stats", "ansible_notify", "include", "include_variables"))

LIMIT = 1 << 20  # characters of one text
MOST = 64 << 20  # characters of an answer; evidence of a large cluster has less than one of these
SHOWN = 4000  # characters of what is shown of a host, by Ansible itself

# What Ansible shows of an answer by itself, at a line's beginning.
TOLD = ("msg", "warnings", "deprecations", "exception")


class Hostile(Exception):
    """An answer that no module of this collection gives. The message says what it tried."""


def hear(output: str, *, facts: bool = False) -> str:
    """Return what a command printed as Ansible may read it: of a module's answer that and no more, of anything else its beginning.

    :raises Hostile: it is an answer that would set variables, or have Ansible act, or it is larger than any.
    """
    if len(output) > MOST:
        raise Hostile("flood the controller with %d MB" % (len(output) >> 20))
    lines = output.splitlines()
    begin = next((number for number, line in enumerate(lines) if line.lstrip().startswith("{")), None)
    if begin is None:
        return escape_output(_text.clean(output, limit=SHOWN, keep="\n\t") if len(output) > SHOWN else output)
    end = next((number for number in range(len(lines), begin, -1) if lines[number - 1].rstrip().endswith("}")), len(lines))
    answer = "\n".join(lines[begin:end])
    try:
        read = json.loads(answer)
    except RecursionError:
        raise Hostile("nest its answer without an end") from None
    except ValueError:
        return escape_output(_text.clean(output, limit=SHOWN, keep="\n\t"))
    if not isinstance(read, dict):
        return escape_output(answer)
    _refuse(read, facts)
    said = {key: _told(read[key]) for key in TOLD if key in read}
    return escape_output(json.dumps({**read, **said}) if said and any(said[key] != read[key] for key in said) else answer)


def _told(value: t.Any) -> t.Any:
    """Return what Ansible shows of an answer by itself, as one line that ends: it could look like a line of Ansible's, or of a report."""
    if isinstance(value, str):
        return _text.clean(value.strip().replace("\n", " | "), limit=SHOWN, keep="\t")
    if isinstance(value, list):
        return [_told(entry) for entry in value[:20]]
    if isinstance(value, dict):
        return {key: _told(entry) for key, entry in value.items()}
    return value


def admit(answer: t.Mapping[str, t.Any], *, facts: bool = False) -> dict[str, t.Any]:
    """Return an answer as plain data whose texts are safe to show.

    :param answer: what a module returned.
    :param facts: the module was asked for facts; they come back below the key ``facts``, which makes no variables of them.
    :raises Hostile: the answer would set variables, or have Ansible act.
    """
    admitted: dict[str, t.Any] = {str(key): value for key, value in answer.items()}
    _refuse(admitted, facts)
    given = admitted.pop("ansible_facts", None) or {}
    admitted = _text.clean_all(admitted, limit=LIMIT, keep="\n\t")
    if facts:
        found = {str(key).removeprefix("ansible_"): value for key, value in given.items() if key != INTERPRETER}
        admitted["facts"] = _text.clean_all(found, limit=LIMIT)
    if INTERPRETER in given:
        admitted["ansible_facts"] = {INTERPRETER: str(given[INTERPRETER])}
    return admitted


def _refuse(answer: t.Mapping[str, t.Any], facts: bool) -> None:
    """Raise Hostile for an answer that is more than data."""
    given = answer.get("ansible_facts") or {}
    if not isinstance(given, t.Mapping):
        raise Hostile("return facts that are no mapping")
    interpreter = given.get(INTERPRETER)
    if interpreter is not None and not (isinstance(interpreter, str) and _PROGRAM.fullmatch(interpreter)):
        raise Hostile(f"name an interpreter that is no path: {_text.clean(str(interpreter), 100)}")
    beyond = [key for key in given if key != INTERPRETER]
    if beyond and not facts:
        raise Hostile(f"set the variables {_names(beyond)}")
    acting = _ACTED_UPON.intersection(answer)
    if acting:
        raise Hostile(f"have Ansible act, by {_names(acting)}")


# In JSON, in this order: an escaped backslash, which begins no escape; a character by its number, in two halves beyond the first 65536; one by its letter.
_JSON_ESCAPE = re.compile(r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[bfr]")


def escape_output(output: str) -> str:
    r"""Return what a module printed, without what steers a terminal: JSON stays JSON, and its texts have ``\u001b``, six characters, for an escape."""
    output = output.replace("\r\n", "\n")
    if not (output.isascii() and output.replace("\n", "").replace("\t", "").isprintable()):
        output = "".join(character if _shows(character) else _json_escape(character) for character in output)
    return _JSON_ESCAPE.sub(_as_text, output)


def _shows(character: str) -> bool:
    return character in "\n\t" or _text.clean(character) == character


def _json_escape(character: str) -> str:
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def _as_text(escape: re.Match[str]) -> str:
    """Return an escape of JSON as it is if its character shows, and otherwise so that it stands for itself."""
    written = escape.group()
    if written == "\\\\" or _shows(json.loads(f'"{written}"')):
        return written
    return written.replace("\\", "\\\\")


def _names(names: t.Iterable[t.Any]) -> str:
    """Return the first of those names, safe to show."""
    ordered = sorted(str(name) for name in names)
    return ", ".join(_text.clean(name, 60) for name in ordered[:5]) + (" and %d more" % (len(ordered) - 5) if len(ordered) > 5 else "")


def accusation(host: str, asked: str, error: Hostile) -> str:
    """Return what a user is told of a host whose answer was refused."""
    return (
        f"{host} is not to be trusted: its answer to {asked} tried to {error}. Nothing of it was believed, and this run ends here. No module answers like "
        "that; somebody else does. Take the host off the network, find out how it was broken into, and rotate what it knows: hardened.qdrant.rotate_api_keys, "
        "and the certificates of its cluster."
    )


def misshapen(host: str, module: str, error: object) -> str:
    """Return what a user is told of an answer that is not what the module documents."""
    return (
        f"{host} is not to be trusted: its answer to {module} {error}. Nothing of it was believed. The module does not answer like that: see which Python "
        "the host runs (ansible_python_interpreter), and whether it is what its distribution installed."
    )


def shadow_accusation(host: str, names: t.Iterable[str]) -> str:
    """Return what a user is told of facts that outrank the inventory's variables."""
    return (
        f"Facts of {host} replace variables: {_names(names)}. They come from a module that ran on the host earlier in this run, or from a fact cache, and "
        "hosts are not believed: variables come from the inventory, the vault and the command line. Find out which module returned them; clear the cache "
        "(--flush-cache), and set inject_facts_as_vars = false below [defaults] in ansible.cfg, which keeps facts and variables apart."
    )
