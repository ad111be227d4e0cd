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

SERVER, GATE, SYSTEMD = "server", "gate", "systemd"
# The beginning of what the gate says of a server that it did not stop (gate.py).
ENDED = "gate: the server has ended by itself"
LONGEST = 600  # characters of a line
LINES = 15

# What the server, the gate or systemd says, and what to do about it. The first that fits counts.
REMEDIES = (
    (
        r"No CA certificates were loaded",
        "it trusts no CA for outgoing connections. Look at what changes SSL_CERT_FILE (systemctl cat qdrant), and at qdrant_outbound_ca_file",
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
        r"invalid type|invalid value|unknown variant|missing field|Failed to (deserialize|parse)|ConfigError|configuration",
        "the server does not take a setting. Correct it in qdrant_config",
    ),
    (r"Failed to add peer|bootstrap", "the cluster did not take the node in. Look at the other nodes' health and at its address in the cluster"),
    (r"SIGKILL|oom", "the kernel ended it, most often for want of memory. Raise qdrant_memory_max, or keep vectors on disk"),
    (r"status=243/CREDENTIALS|credentials", "a file that systemd hands over is missing or cannot be read. hardened.qdrant.site writes them"),
    (r"Dependency failed", "what the unit needs did not start. systemctl status qdrant-firewall docker says why"),
)
OTHERWISE = {
    SERVER: "mend what the server's line names; journalctl -u qdrant has all of it",
    GATE: "mend what the gate's line names",
    SYSTEMD: "mend what systemd's line names; journalctl -u qdrant has all of it",
}


@dataclass(frozen=True)
class Line:
    """One line of the journal: who wrote it, and what."""

    who: str
    text: str


def readable(message: t.Any) -> str:
    """A message as text: the journal gives one that is no UTF-8 as a list of bytes, and programs colour theirs."""
    text = bytes(message).decode("utf-8", "replace") if isinstance(message, list) else str(message)
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    return "".join(character if character.isprintable() else " " for character in text).strip()[:LONGEST]


def lines(output: str) -> list[Line]:
    """The lines of ``journalctl --output=json`` that say something."""
    found = []
    for entry in output.splitlines():
        try:
            fields = json.loads(entry)
            text = readable(fields.get("MESSAGE") or "")
        except (ValueError, AttributeError, TypeError):
            continue
        program = str(fields.get("SYSLOG_IDENTIFIER", ""))
        who = SYSTEMD if program == "systemd" else GATE if program.startswith("python") or text.startswith(("gate: ", "container: ")) else SERVER
        if text:
            found.append(Line(who, text))
    return found


def of_last_start(found: t.Sequence[Line]) -> list[Line]:
    """The lines of the last start that got as far as a process of its own; all of them where none did."""
    begins = [number for number, line in enumerate(found) if line.who == SYSTEMD and line.text.startswith("Starting ")]
    for begin, end in zip(reversed(begins), [len(found), *reversed(begins)]):
        if any(line.who != SYSTEMD for line in found[begin:end]):
            return list(found[begin:end])
    return list(found)


def way_it_ended(properties: t.Mapping[str, str]) -> str:
    """How the unit's process ended, by ExecMainCode and ExecMainStatus (systemd.service(5), wait(2)); empty where it was stopped, or is not known."""
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


def errors(texts: t.Sequence[str]) -> list[str]:
    """Those of a server's lines that speak of an error; what follows a panic, its trace, is none."""
    return [text for text in texts if re.search(r"panic|\bERROR\b|\berror\b", text, re.IGNORECASE) and not re.search("backtrace", text, re.IGNORECASE)]


def cause(found: t.Sequence[Line], properties: t.Mapping[str, str]) -> dict[str, str]:
    """Who kept the node from starting (``who``), in which words (``line``), as a sentence (``cause``), and what to do (``remedy``)."""
    said = {who: [line.text for line in found if line.who == who] for who in (SERVER, GATE, SYSTEMD)}
    way = way_it_ended(properties)
    failed = errors(said[SERVER])
    if said[GATE] and not said[GATE][-1].startswith(ENDED):
        who, line, way = GATE, said[GATE][-1], ""
        sentence = "Its gate refused it: %s" % line.removeprefix("gate: ")
        if failed:
            sentence += ". The server's last error: %s" % failed[-1]
    elif said[SERVER]:
        who, line = SERVER, (failed or said[SERVER])[-1]
        sentence = "The server ended by itself%s. Its last words: %s" % (" (%s)" % way if way else "", line)
    else:
        failures = [text for text in said[SYSTEMD] if re.search(r"[Ff]ailed|status=", text)]
        who, line = SYSTEMD, ([*said[SYSTEMD], *failures] or [""])[-1]
        sentence = "systemd did not start it: %s" % line if line else "The journal holds nothing of it"
    # What the server says is nearer to the cause than what the gate saw of it.
    clues = [*failed[-1:], line, way, *(said[SYSTEMD] if who == SYSTEMD else [])]
    remedy = next((text for clue in clues for pattern, text in REMEDIES if re.search(pattern, clue)), OTHERWISE[who])
    return {"who": who, "line": line, "cause": sentence, "remedy": remedy[0].upper() + remedy[1:]}
