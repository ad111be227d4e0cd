# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls: declared in YAML, judged over evidence. What cannot be judged fails, and never passes by default.

A control::

    - id: auth-rest-anonymous
      title: REST refuses requests without a key
      severity: critical                       # critical, high, medium, low
      why: Whoever reaches the port would read and write everything.
      remedy: Run hardened.qdrant.site. It writes the keys and restarts behind the gate.
      references: ["Qdrant security guide: Authentication"]
      when: unit.active                        # optional, JMESPath; true or false
      subject: node                            # optional: node, proxy, or host for both and for what is neither
      reads: [auth.rest.none]                  # JMESPath; all must be there
      expect: auth.rest.none == `401`          # JMESPath; true
      message: "REST answered {0} to a request without a key"   # {0} is what the first of reads gave
"""

from __future__ import annotations

import json
import re
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from pathlib import Path

import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _text

try:
    import jmespath
    from jmespath.exceptions import JMESPathError
except ImportError:
    jmespath = None  # type: ignore[assignment]
    JMESPathError = ValueError  # type: ignore[assignment,misc]

SEVERITIES = ("low", "medium", "high", "critical")
CATALOGUE = Path(__file__).with_name("controls")
REQUIRED = ("id", "title", "severity", "why", "remedy", "reads", "expect", "message")
OPTIONAL = ("references", "when", "subject")
SUBJECTS = ("node", "proxy", "host")
# Without evidence nothing is known of a host, so this one stands for all others, and cannot be waived.
EVIDENCE = "evidence-valid"
SHOWN = 200  # characters of a value in a message
STATES = PASSED, FAILED, ERROR, WAIVED, SKIPPED = "passed", "failed", "error", "waived", "skipped"
BAD = (FAILED, ERROR)  # what could not be judged counts as failed


class ControlError(Exception):
    """A control or waiver that is not well formed; the message says which, where, and what is wrong."""


@dataclass(frozen=True)
class Control:
    """One thing that must hold."""

    id: str
    title: str
    severity: str
    why: str
    remedy: str
    reads: tuple[str, ...]
    expect: str
    message: str
    references: tuple[str, ...] = ()
    when: str = ""
    # What it is about. A host may be both.
    subject: str = "node"


@dataclass(frozen=True)
class Waiver:
    """A control that is switched off, for a reason and until a day."""

    control: str
    reason: str
    expires: date
    hosts: tuple[str, ...] = ()  # none: all


@dataclass
class Finding:
    """What became of one control on one host."""

    control: Control
    state: str
    text: str = ""
    evidence: dict[str, t.Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, t.Any]:
        control = self.control
        return {
            "id": control.id,
            "title": control.title,
            "severity": control.severity,
            "state": self.state,
            "text": self.text,
            "why": control.why,
            "remedy": control.remedy,
            "references": list(control.references),
            "evidence": self.evidence,
        }


# --- reading declarations ----------------------------------------------------------------------------------------------


def parse_control(entry: t.Any, where: str) -> Control:
    """Return a control from its declaration. ``where`` says where that stands, for messages."""
    if jmespath is None:
        raise ControlError("The controller lacks the Python library jmespath. Install it where ansible-core is installed")
    if not isinstance(entry, dict):
        raise ControlError("{}: a control is a mapping, with {}".format(where, ", ".join(REQUIRED)))
    where = "{}, control {}".format(where, entry.get("id", "without id"))
    missing = [name for name in REQUIRED if not entry.get(name)]
    unknown = sorted(set(entry) - set(REQUIRED) - set(OPTIONAL))
    if missing or unknown:
        parts = [f"{name} is missing" for name in missing] + [f"{name} is no field of a control" for name in unknown]
        raise ControlError("{}: {}".format(where, "; ".join(parts)))
    if entry["severity"] not in SEVERITIES:
        raise ControlError("{}: severity is {!r} and must be one of {}".format(where, entry["severity"], ", ".join(SEVERITIES)))
    if entry.get("subject", "node") not in SUBJECTS:
        raise ControlError("{}: subject is {!r} and must be one of {}".format(where, entry["subject"], ", ".join(SUBJECTS)))
    if not isinstance(entry["reads"], list):
        raise ControlError(f"{where}: reads is a list of expressions")
    for name, expressions in (("reads", entry["reads"]), ("expect", [entry["expect"]]), ("when", [entry.get("when") or "`true`"])):
        for expression in expressions:
            try:
                jmespath.compile(expression)
            except (JMESPathError, TypeError) as error:
                raise ControlError("{}: {} is no JMESPath expression: {}".format(where, name, " ".join(str(error).split()))) from None
    try:
        entry["message"].format(*entry["reads"])
    except (IndexError, KeyError, ValueError, AttributeError):
        raise ControlError("%s: message may name {0} to {%d}, the values of reads" % (where, len(entry["reads"]) - 1)) from None
    fields: dict[str, t.Any] = {name: tuple(value) if name in ("reads", "references") else str(value) for name, value in entry.items()}
    return Control(**fields)


def parse_controls(entries: t.Any, where: str, origin: t.Callable[[t.Any], str] = lambda _entry: "") -> list[Control]:
    """Return controls from a list. ``origin`` says in which file and line an entry stands, or nothing."""
    if not isinstance(entries, list):
        raise ControlError(f"{where}: controls are a list")
    return [parse_control(entry, _place(where, number, origin(entry))) for number, entry in enumerate(entries, 1)]


def _place(where: str, number: int, origin: str) -> str:
    return "%s, entry %d%s" % (where, number, f" ({origin})" if origin else "")


@lru_cache
def catalogue() -> tuple[Control, ...]:
    """Return the collection's own controls, in the order of their files."""
    controls: list[Control] = []
    for path in sorted(CATALOGUE.glob("*.yml")):
        controls += parse_controls(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)
    return tuple(controls)


def combine(own: t.Iterable[Control], extra: t.Iterable[Control]) -> list[Control]:
    """Return all controls. An id stands once."""
    controls = [*own, *extra]
    twice = sorted(name for name, count in Counter(control.id for control in controls).items() if count > 1)
    if twice:
        raise ControlError("qdrant_verify_controls: these ids are taken: {}".format(", ".join(twice)))
    return controls


def parse_waivers(entries: t.Any, controls: t.Iterable[Control], origin: t.Callable[[t.Any], str] = lambda _entry: "") -> list[Waiver]:
    """Return waivers from their declaration: {control, reason, expires, hosts}."""
    known = {control.id for control in controls}
    waivers = []
    for number, entry in enumerate(entries or [], 1):
        where = _place("qdrant_verify_waivers", number, origin(entry))
        if not isinstance(entry, dict) or set(entry) - {"control", "reason", "expires", "hosts"}:
            raise ControlError(f"{where}: a waiver is {{control: ID, reason: TEXT, expires: YYYY-MM-DD, hosts: [NAME]}}")
        if entry.get("control") not in known:
            raise ControlError("{}: there is no control {}".format(where, entry.get("control")))
        if not str(entry.get("reason") or "").strip():
            raise ControlError(f"{where}: the reason is missing")
        try:
            expires = date.fromisoformat(str(entry.get("expires")))
        except ValueError:
            raise ControlError("{}: expires is {!r} and must be a day, such as 2026-12-31".format(where, entry.get("expires"))) from None
        if entry["control"] == EVIDENCE:
            text = "%s: %s cannot be waived, for without evidence nothing is known of a host. Take the host out of the inventory"
            raise ControlError(text % (where, EVIDENCE))
        waivers.append(Waiver(entry["control"], str(entry["reason"]), expires, tuple(entry.get("hosts") or ())))
    return waivers


# --- judging -----------------------------------------------------------------------------------------------------------


@cache
def _compiled(expression: str) -> t.Any:
    return jmespath.compile(expression)


def shown(value: t.Any) -> str:
    """Return a value in a message: short, on one line, and clean, for it may come from a server that is not ours any more."""
    words = isinstance(value, list) and value and all(isinstance(entry, str) for entry in value)
    text = value if isinstance(value, str) else ", ".join(value) if words else json.dumps(value, sort_keys=True)
    return _text.clean(re.sub(r"[ \t\r\n]+", " ", text).strip(), SHOWN)


def judge(control: Control, evidence: dict[str, t.Any]) -> Finding:
    """Return one control over one host's evidence."""
    values: dict[str, t.Any] = {}
    try:
        if control.when:
            applies = _compiled(control.when).search(evidence)
            if applies is False:
                return Finding(control, SKIPPED)
            if applies is not True:
                return Finding(control, ERROR, f"It cannot be told whether this applies: {control.when} gave {shown(applies)}.")
        for expression in control.reads:
            values[expression] = _compiled(expression).search(evidence)
            if values[expression] is None or _is_error(values[expression]):
                return Finding(control, ERROR, f"There is no evidence of {expression}{_section_error(expression, evidence)}.", values)
        if _compiled(control.expect).search(evidence) is True:
            return Finding(control, PASSED, evidence=values)
        return Finding(control, FAILED, control.message.format(*map(shown, values.values())) + ".", values)
    except Exception as error:  # over what a host sent, JMESPath and Python raise many kinds; none may keep another control or host from being judged
        return Finding(control, ERROR, f"It cannot be judged: {shown(str(error))}.", values)


def _is_error(value: t.Any) -> bool:
    """Return whether the collector wrote down why it could not observe something, in the place of what it observed."""
    return isinstance(value, dict) and set(value) == {"error"}


def _section_error(expression: str, evidence: dict[str, t.Any]) -> str:
    """What the collector wrote in place of a section, for the message."""
    value: t.Any = evidence
    for key in expression.split("."):
        value = value.get(key.strip('"')) if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(value.get("error"), str):
            return " ({})".format(shown(value["error"]))
    return ""


def waive(finding: Finding, waivers: t.Iterable[Waiver], host: str, today: date) -> Finding:
    """Return a finding under the waivers that name it. One that expired leaves it failed, and says so."""
    for waiver in waivers:
        if waiver.control != finding.control.id or (waiver.hosts and host not in waiver.hosts):
            continue
        if today > waiver.expires:
            return Finding(finding.control, FAILED, f"The waiver expired on {waiver.expires}. {finding.text}", finding.evidence)
        if finding.state in BAD:
            return Finding(finding.control, WAIVED, f"Until {waiver.expires}: {waiver.reason}. {finding.text}", finding.evidence)
    return finding


def judge_all(controls: t.Iterable[Control], evidence: dict[str, t.Any], waivers: t.Iterable[Waiver], host: str, today: date) -> list[Finding]:
    """Return the controls that are about what a host is, over its evidence. Of one whose evidence does not fit, that is the one thing to say."""
    subjects = {"host"}
    if not _unfit(evidence):
        subjects |= {"proxy"} if "proxy" in evidence else set()
        # What is no proxy is judged as a node, and fails as one where it has no evidence.
        subjects |= {"node"} if evidence.get("node") or "proxy" not in evidence else set()
    return [waive(judge(control, evidence), waivers, host, today) for control in controls if control.subject in subjects]


def _unfit(evidence: dict[str, t.Any]) -> bool:
    """Return whether the door found the evidence not to be what a host's is."""
    document = evidence.get("document")
    return isinstance(document, dict) and bool(document.get("problems"))


def counts(findings: t.Iterable[Finding]) -> dict[str, int]:
    """Return the number of findings in each state."""
    counted = Counter(finding.state for finding in findings)
    return {state: counted.get(state, 0) for state in STATES}


def reaches(findings: t.Iterable[Finding], threshold: str) -> bool:
    """Return whether a finding that failed is at least as severe as the threshold."""
    return any(finding.state in BAD and SEVERITIES.index(finding.control.severity) >= SEVERITIES.index(threshold) for finding in findings)
