# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for evidence: what a host sent becomes a document, or a finding of that host.

A host may be hostile, so each document is looked at alone: it is plain and of bounded size, it fits evidence.schema.json, and it answers
what the controller asked. What a document says of another host counts only where it does; what does not is left out whole, with the reasons
in ``document.problems``, which the control `evidence-valid` reads.
"""

from __future__ import annotations

import ipaddress
import json
import math
import typing as t
from functools import cache
from pathlib import Path

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls, _text

try:
    import jsonschema
except ImportError:
    jsonschema = None  # type: ignore[assignment]

SCHEMA = Path(__file__).with_name("evidence.schema.json")
# Of one host. A real document has 8 levels, 600 values and 30000 characters; a large cluster's has a value for each of three things of a shard.
DEPTH, VALUES, CHARACTERS = 24, 500_000, 16_000_000
INTEGER = 2**64
PROBLEMS = 5  # of one document that are told; one is enough to refuse it
NAME, LONGEST = 255, 65536  # characters of a host's name, and of a text as the schema has it
# What the controller adds to a node's document; a host that sends such a part does not fit.
ADDED = ("document", "limits", "advisories", "supports", "reached", "validity", "differs", "versions")

Json = dict[str, t.Any]


class Misfit(Exception):
    """Something that is not plain, bounded data; the message says where, and what it is."""


# --- what was asked ----------------------------------------------------------------------------------------------------


def sealed(result: Json, arguments: Json) -> Json:
    """Return the result of qdrant_evidence with what the controller asked, ``asked``, in its evidence, whatever the host put there.

    A result without evidence gets one that is nothing, so that it is this host's finding.
    """
    node = boolean(arguments.get("node", True))
    asked: Json = {
        "node": node,
        "role": str(arguments.get("role", "peer")),
        "address": None if arguments.get("address") is None else str(arguments["address"]),
        "targets": {str(entry["name"]): _asked_of(entry) for entry in arguments.get("targets") or []},
    }
    if node:
        asked["deployment"] = str(arguments.get("deployment", "systemd"))
        network = arguments.get("container_network")
        asked["wanted"] = {
            "network": None if network is None else str(network),
            "publish": list(map(str, arguments.get("publish") or [])),
            "settings": plain(arguments.get("settings") or {}),
            "audit_bytes": arguments.get("audit_bytes"),
            "io_uring": bool(arguments.get("io_uring")),
            "limits": plain(arguments.get("limits") or {}),
        }
    return _with_asked(result, "evidence", asked)


def sealed_proxy(result: Json, arguments: Json) -> Json:
    """Return the result of qdrant_proxy_evidence with what the controller asked, as ``sealed`` does."""
    return _with_asked(result, "proxy", {"grpc": bool(int(arguments.get("grpc_port", 6334) or 0))})


def _with_asked(result: Json, name: str, asked: Json) -> Json:
    found = result.get(name)
    if isinstance(found, dict):
        return {**result, name: {**found, "asked": asked}}
    return {name: None, **result}


def _asked_of(target: Json) -> Json:
    """Return the ports that are tried of a target, and its further addresses; None where nobody said which it has."""
    further = target.get("further")
    return {"ports": sorted(name for name, port in target["ports"].items() if port), "further": None if further is None else sorted(map(str, further))}


# --- one document ------------------------------------------------------------------------------------------------------


def plain(value: t.Any) -> t.Any:
    """Return a value as JSON has it: dicts with texts as keys, lists, texts, numbers, booleans, None, of Python's own types.

    :raises Misfit: it is something else, or nested too deep, or too large, or a text that is not Unicode, or a number that JSON does not have.
    """
    values = characters = 0
    stack: list[tuple[t.Any, str, int]] = [(value, "", 0)]
    while stack:
        entry, place, depth = stack.pop()
        values += 1
        if isinstance(entry, str):
            characters += len(entry)
            _check_text(entry, place)
        elif isinstance(entry, float) and not math.isfinite(entry):
            raise Misfit(f"{_at(place)} is {entry}, which is no number")
        elif isinstance(entry, int) and abs(entry) > INTEGER:
            raise Misfit("%s is a number of %d bits" % (_at(place), entry.bit_length()))
        elif isinstance(entry, (dict, list)):
            if depth == DEPTH:
                raise Misfit("%s is nested deeper than %d levels" % (_at(place), DEPTH))
            if len(entry) + values > VALUES:
                raise Misfit("it has more than %d values" % VALUES)
            for name, inner in entry.items() if isinstance(entry, dict) else enumerate(entry):
                if isinstance(entry, dict):
                    if not isinstance(name, str):
                        raise Misfit(f"{_at(place)} has a name that is no text")
                    characters += len(name)
                    _check_text(name, place)
                stack.append((inner, _below(place, name), depth + 1))
        elif entry is not None and not isinstance(entry, (int, float)):
            raise Misfit(f"{_at(place)} is of type {type(entry).__name__}")
        if values > VALUES or characters > CHARACTERS:
            raise Misfit("it has more than %d values or %d characters" % (VALUES, CHARACTERS))
    # Ansible marks texts that come from hosts by types of its own, which JMESPath does not know as texts.
    return json.loads(json.dumps(value))


def _check_text(text: str, place: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Misfit(f"{_at(place)} has a text that is not Unicode") from None


def _at(place: str) -> str:
    return place or "it"


def _below(place: str, name: t.Any) -> str:
    # A long way is one of a hostile host, and says no more than its beginning.
    part = "[%d]" % name if isinstance(name, int) else ("." if place else "") + _text.clean(name, 60)
    return (place + part)[:200]


@cache
def _validator(kind: str) -> t.Any:
    """Return the schema of one kind of document."""
    if jsonschema is None:
        raise _controls.ControlError("The controller lacks the Python library jsonschema. Install it where ansible-core is installed")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator({"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": "#/$defs/" + kind})


def misfits(document: t.Any, kind: str) -> list[str]:
    """Return what of a plain value does not fit a definition of the schema, as "PLACE: WHAT", at most a few.

    :raises ControlError: the library for that is not there.
    """
    found = []
    for error in _validator(kind).iter_errors(document):
        place = ""
        for name in error.absolute_path:
            place = _below(place, name)
        problem = f"{_at(place)} {_what(error)}"
        if problem not in found:
            found.append(problem)
        if len(found) == PROBLEMS:
            break
    return sorted(found)


NAMES = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
TYPES = ((bool, "boolean"), (dict, "object"), (list, "array"), (str, "string"), (int, "integer"), (float, "number"))


def _what(error: t.Any) -> str:
    """What is wrong, without the value unless it is short."""
    rule, wanted, value = error.validator, error.validator_value, error.instance
    is_a = NAMES[next((name for kind, name in TYPES if isinstance(value, kind)), "null")]
    if rule == "type":
        return "is {}, and must be {}".format(is_a, " or ".join(NAMES[name] for name in ([wanted] if isinstance(wanted, str) else wanted)))
    if rule == "additionalProperties":
        surplus = sorted(set(value) - set(error.schema.get("properties", ())))
        return "has {}, which no such part has".format(", ".join(_text.clean(name, 60) for name in surplus[:PROBLEMS]))
    if rule == "required":
        return "lacks {}".format(", ".join(name for name in wanted if name not in value))
    if rule in ("maxLength", "maxItems", "maxProperties"):
        return "has a length of %d, and %d is the most" % (len(value), wanted)
    if rule in ("enum", "const"):
        return "is {}, and must be {}".format(_controls.shown(value), " or ".join(json.dumps(entry) for entry in ([wanted] if rule == "const" else wanted)))
    return f"is {_controls.shown(value)}, which does not fit: {rule} {wanted}"


def problems(document: t.Any, kind: str, asked: Json | None) -> list[str]:
    """Return why a plain document is not evidence of what was ``asked``; nothing if it is."""
    found = misfits(document, kind)
    if found or asked is None:
        return found
    for name, wanted in asked.items():
        if name == "targets":
            found += _beside_targets(document.get("seen", {}), wanted)
        elif document.get(name) != wanted:
            found.append(f"{name} is {_controls.shown(document.get(name))}, and the inventory says {_controls.shown(wanted)}")
    return found[:PROBLEMS]


def _beside_targets(seen: Json, targets: Json) -> list[str]:
    """What a host says of others that it was not asked, and what it does not say that it was."""
    found = [f"seen.{_text.clean(name, 60)} was not asked for" for name in sorted(set(seen) - set(targets))]
    for name, wanted in sorted(targets.items()):
        if not wanted["ports"] and wanted["further"] is None:
            continue
        if name not in seen:
            found.append(f"seen.{name} is missing")
            continue
        view = seen[name]
        places = [(f"seen.{name}", view)]
        if (sorted(view["further"]) if "further" in view else None) != wanted["further"]:
            found.append(f"seen.{name}.further is not of the addresses that were asked for")
        places += [(f"seen.{name}.further.{address}", ports) for address, ports in sorted(view.get("further", {}).items())]
        for place, ports in places:
            if sorted(set(ports) - {"further"}) != wanted["ports"]:
                found.append(f"{place} is not of the ports that were asked for")
    return found


def _strange_views(seen: Json, nodes: t.Collection[str]) -> list[str]:
    """Return the problems of the hosts and addresses that a host speaks of, wherever its document comes from."""
    found = [f"seen.{_text.clean(name, 60)} is no node" for name in sorted(set(seen) - set(nodes))]
    for name, view in sorted(seen.items()):
        for address in sorted(view.get("further", {})):
            if not _is_address(address):
                found.append(f"seen.{_text.clean(name, 60)}.further: {_controls.shown(address)} is no address")
    return found[:PROBLEMS]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


# --- all documents -----------------------------------------------------------------------------------------------------


def admitted(
    evidence: t.Mapping[t.Any, t.Any],
    proxies: t.Mapping[t.Any, t.Any],
    nodes: t.Collection[str],
    hosts: t.Collection[str] = (),
    known: t.Collection[str] | None = None,
) -> dict[str, Json]:
    """Return the documents of all hosts by name, each checked alone, with ``document.problems``; of one that has some, only these and ``node``.

    ``nodes`` are the inventory's; where the controller asked a host for a node's evidence by hand, that counts. ``hosts`` are those that must
    have evidence, ``known`` those that there are; None for any. No document, whatever it holds, keeps another one from being judged.

    :raises ControlError: the library for the schema is not there.
    """
    found: dict[str, Json] = {}
    for key in [*evidence, *(key for key in proxies if key not in evidence), *(host for host in hosts if host not in evidence and host not in proxies)]:
        name = _text.clean(str(key), NAME)
        document = _one(key, evidence, proxies, nodes)
        if not isinstance(key, str) or name != key or (known is not None and key not in known):
            document = {"node": False, "document": {"problems": [f"{_controls.shown(name)} is no host of the inventory"]}}
        while name in found:
            name += "'"
        found[name] = document
    return found


def _one(key: t.Any, evidence: t.Mapping[t.Any, t.Any], proxies: t.Mapping[t.Any, t.Any], nodes: t.Collection[str]) -> Json:
    """Return one host's document, and what its proxy is, or the problems."""
    document: Json = {"node": key in nodes}
    found: list[str] = []
    if key in evidence or key in nodes or key not in proxies:
        given = evidence.get(key)
        asked = given.get("asked") if isinstance(given, dict) else None
        is_node = key in nodes or bool(asked and asked["node"])
        content, found = _checked(given, "node" if is_node else "vantage")
        if not found:
            seen = content.get("seen", {})
            if not asked and content["node"] != is_node:
                found = ["node is {}, and the inventory says {}".format(_controls.shown(content["node"]), _controls.shown(is_node))]
            found = found or _strange_views(seen, set(asked["targets"]) if asked else set(nodes) - {key})
        document = {**content, "node": is_node}
    if key in proxies:
        document["proxy"], wrong = _checked(proxies[key], "proxy")
        found += [f"proxy: {problem}" for problem in wrong]
    if found:
        return {"node": document["node"], "document": {"problems": found}}
    return {**document, "document": {"problems": []}}


def _checked(given: t.Any, kind: str) -> tuple[Json, list[str]]:
    """Return a document without what was asked, its texts cleaned; or none and the problems."""
    if given is None or (isinstance(given, dict) and not given):
        return {}, ["there is none: the host was not asked, could not be reached or did not answer"]
    if not isinstance(given, dict):
        return {}, [f"it is of type {type(given).__name__}, and must be an object"]
    asked = given.get("asked")
    try:
        document = plain({name: value for name, value in given.items() if name != "asked"})
    except Misfit as misfit:
        return {}, [str(misfit)]
    found = problems(document, kind, asked)
    return ({}, found) if found else (_text.clean_all(document, LONGEST, "\n\t"), [])


def again(evidence: t.Any) -> dict[str, Json]:
    """Return the documents of a saved report, each checked alone again. The controller wrote them, and whoever can change the file could write others.

    :raises Misfit: it is no mapping of documents.
    """
    if not isinstance(evidence, dict) or not evidence or not all(isinstance(document, dict) for document in evidence.values()):
        raise Misfit("its evidence is not of hosts")
    found: dict[str, Json] = {}
    for key, saved in evidence.items():
        name = _text.clean(key, NAME)
        wrong = saved.get("document")
        known = wrong.get("problems") if isinstance(wrong, dict) else None
        if not isinstance(known, list):
            known = ["it does not say whether it was valid"]
        is_node, problems_found = saved.get("node") is True, [_controls.shown(problem) for problem in known[:PROBLEMS]]
        document = {part: value for part, value in saved.items() if part not in (*ADDED, "vantages", "proxy")}
        # What others saw of a host is kept, whatever it says itself.
        parts = {"node": document} if is_node and not problems_found else {}
        parts.update({part: saved[part] for part in ("proxy", "vantages") if part in saved})
        result: Json = {"node": is_node}
        for part, value in parts.items():
            try:
                checked = plain(value)
                problems_found += misfits(checked, part)
                checked = _text.clean_all(checked, LONGEST, "\n\t")
                result.update(checked if part == "node" else {part: checked})
            except Misfit as misfit:
                problems_found.append(str(misfit))
        if problems_found and problems_found != known:
            result = {"node": is_node}
        while name in found:
            name += "'"
        found[name] = {**result, "document": {"problems": problems_found}}
    return found
