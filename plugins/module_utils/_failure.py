# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a node did not start, from what the unit's processes and systemd wrote into the journal: who ended it, in which words, and what to do.

Pure functions over the output of ``journalctl --output=json`` and ``systemctl show``. What they return is for people's screens: control characters are
gone, and lines are cut.
"""

from __future__ import annotations

import json
import re
import signal
import typing as t
from dataclasses import dataclass

from ansible_collections.hardened.qdrant.plugins.module_utils import _secret_names

SERVER, GATE, SYSTEMD = "server", "gate", "systemd"
# The beginning of what the gate says of a server that it did not stop (gate.py).
ENDED = "gate: the server has ended by itself"
LONGEST = 600  # characters of a line
LINES = 15

# What the server, the gate or systemd says, and what to do about it. The first that fits counts.
REMEDIES = (
    (
        r"No CA certificates were loaded|SSL_CERT_(FILE|DIR)",
        "outgoing connections trust other CAs than the role's. systemctl cat qdrant shows the line that changes SSL_CERT_FILE; remove it",
    ),
    (r"Address already in use|os error 98", "another process has one of its ports. ss -ltnp shows which; stop it, or change the port"),
    (r"Cannot assign requested address|os error 99", "qdrant_address is none of the host's addresses. ip address shows them"),
    (
        r"error while loading shared libraries",
        "the host lacks a library that the binary needs. Install its package, or take upstream's musl build, which needs none",
    ),
    (r"No space left on device|os error 28|SIGBUS", "the disk is full. Make room where data and snapshots lie"),
    (r"Permission denied|os error 13", "a file is not the server's to read or write. Data and snapshots belong to qdrant_user, subfolders included"),
    (
        r"Failed to add peer|initialize consensus|bootstrap",
        "the cluster did not take the node in. Look whether the other nodes run, are healthy, and know it by another address",
    ),
    (
        r"Raft state|raft state|raft_state",
        "its state of the cluster, raft_state.json beside the data, cannot be read. Restore it from a copy; an emptied node joins anew, "
        "without the data that it had the only copy of",
    ),
    (
        r"invalid type|invalid value|unknown variant|missing field|[Ff]ailed to (deserialize|parse)|ConfigError|onfiguration (error|is invalid)",
        "the server does not take a setting. Correct it in qdrant_config",
    ),
    (r"SIGKILL|\boom\b|oom-kill", "the kernel ended it, most often for want of memory. Raise qdrant_memory_max, or keep vectors on disk"),
    (r"status=243/CREDENTIALS|set up credentials", "a file that systemd hands over is missing or cannot be read. hardened.qdrant.site writes them"),
    (r"status=226/NAMESPACE|mount namespacing", "a file or folder that the unit shows the server is missing. hardened.qdrant.site writes its own ones"),
    (
        r"status=203/EXEC|Exec format error",
        "the host cannot run the binary: it is for another architecture, or is no program. Install the release for this host, with its checksum",
    ),
    (r"Dependency failed", "a unit that this one requires did not start. systemctl status qdrant-firewall docker says why"),
)
# How systemd says that one of its own steps failed, before the program ran (systemd.exec(5), "Process Exit Codes").
STEP = re.compile(r"status=2[0-4]\d/[A-Z_]+")
# What a server says of an error and what is none of its own: numbered lines of a chain or a trace, and settings' files that it looks for in vain.
NOISE = re.compile(r"^\d+: |backtrace|Config file not found", re.IGNORECASE)
ERROR = re.compile(r"panic|\bERROR\b|\berror\b", re.IGNORECASE)
OTHERWISE = {
    SERVER: "mend the cause in the server's line; journalctl -u qdrant has all of it",
    GATE: "mend the cause in the gate's line",
    SYSTEMD: "mend the cause in systemd's line; journalctl -u qdrant has all of it",
}


@dataclass(frozen=True)
class Line:
    """One line of the journal: who wrote it, and what."""

    who: str
    text: str


def readable(message: t.Any, secrets: t.Collection[str] = ()) -> str:
    """Return a message as text without these secrets: the journal gives one that is no UTF-8 as a list of bytes, and programs colour theirs."""
    text = bytes(message).decode("utf-8", "replace") if isinstance(message, list) else str(message)
    text = _secret_names.struck(text, secrets)
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    return "".join(character if character.isprintable() else " " for character in text).strip()[:LONGEST]


def lines(output: str, secrets: t.Collection[str] = ()) -> list[Line]:
    """Return the lines of ``journalctl --output=json`` that say something, these secrets struck out."""
    found = []
    for entry in output.splitlines():
        try:
            fields = json.loads(entry)
            text = readable(fields.get("MESSAGE") or "", secrets)
        except (ValueError, AttributeError, TypeError):
            continue
        program = str(fields.get("SYSLOG_IDENTIFIER", ""))
        # What systemd does as the process that is to become the server or the gate bears that one's name, in brackets.
        by_systemd = program == "systemd" or program.startswith("(") or re.match(r"\S+\.service: ", text)
        who = SYSTEMD if by_systemd else GATE if program.startswith("python") or text.startswith(("gate: ", "container: ")) else SERVER
        if text:
            found.append(Line(who, text))
    return found


def of_last_start(found: t.Sequence[Line]) -> list[Line]:
    """Return the lines of the last start that says why it failed: by a process of its own, or by a step of systemd's before that.

    A start that succeeded is never it: what that server said since has nothing to do with the failure.
    """
    begins = [number for number, line in enumerate(found) if line.who == SYSTEMD and line.text.startswith("Starting ")]
    for begin, end in zip(reversed(begins), [len(found), *reversed(begins)]):
        block = list(found[begin:end])
        if any(line.who == SYSTEMD and line.text.startswith("Started ") for line in block):
            break
        if any(line.who != SYSTEMD or STEP.search(line.text) for line in block):
            return block
    return list(found[begins[-1] :] if begins else found)


def way_it_ended(properties: t.Mapping[str, str]) -> str:
    """Return how the unit's process ended, by ExecMainCode and ExecMainStatus (systemd.service(5), wait(2)); empty where it was stopped, or is not known."""
    try:
        code, status = int(properties.get("ExecMainCode", "")), int(properties.get("ExecMainStatus", ""))
    except ValueError:
        return ""
    if code == 1 and status not in (0, 128 + signal.SIGTERM):
        return "exit code %d%s" % (status, ", a panic" if status == 101 else "")
    if code in (2, 3) and status != signal.SIGTERM:
        try:
            return signal.Signals(status).name
        except ValueError:
            return "signal %d" % status
    return ""


def cause(found: t.Sequence[Line], properties: t.Mapping[str, str]) -> dict[str, str]:
    """Return the culprit of a failed start (``who``), its words (``line``), both as a sentence (``cause``), and the ``remedy``."""
    said = {who: [line.text for line in found if line.who == who] for who in (SERVER, GATE, SYSTEMD)}
    spoken = [text for text in said[SERVER] if not NOISE.search(text)]
    failed = [text for text in spoken if ERROR.search(text)]
    # The last error of which something is known, or else the first: those after a panic speak of its consequences.
    error = next((text for text in reversed(failed) if _remedy([text])), failed[0] if failed else "")
    way = way_it_ended(properties)
    if said[GATE] and not said[GATE][-1].startswith(ENDED):
        who, line = GATE, said[GATE][-1]
        sentence = "Its gate refused it: {}".format(line.removeprefix("gate: "))
        sentence += f". The server's last error: {error}" if error else ""
        clues = [error, line]
    elif said[SERVER]:
        who, line = SERVER, error or (spoken or said[SERVER])[-1]
        sentence = "The server ended by itself{}. Its last words: {}".format(f" ({way})" if way else "", line)
        clues = [error, way, line, *reversed(spoken)]
    else:
        failures = [text for text in said[SYSTEMD] if re.search(r"[Ff]ailed (to|at)|status=", text)]
        who, line = SYSTEMD, (failures or said[SYSTEMD] or [""])[0 if failures else -1]
        sentence = f"systemd did not start it: {line}" if line else "The journal holds nothing of it"
        clues = said[SYSTEMD]
    remedy = _remedy(clues) or OTHERWISE[who]
    return {"who": who, "line": line, "cause": sentence, "remedy": remedy[0].upper() + remedy[1:]}


def _remedy(clues: t.Iterable[str]) -> str:
    """What to do about the first clue of which something is known; empty for none."""
    return next((text for clue in clues for pattern, text in REMEDIES if re.search(pattern, clue)), "")
