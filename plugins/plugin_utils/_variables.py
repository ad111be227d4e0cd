# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of a task's host, read by name inside an action plugin.

Secrets are read this way, not passed as options: options are shown by callbacks and at -vvv, variables are not.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
import typing as t
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _ansible, _plaintext, _values

ROLES = Path(__file__).resolve().parents[2] / "roles"


# Of what a node says that it has beside its own; each costs every other host three connections.
MOST_ADDRESSES = 16


class VariableError(Exception):
    """A variable that cannot be read; the message names it, and says why without its value."""


class WrongType(VariableError):
    """A variable that is not of the type that its role declares: its ``name``, ``what`` it is, and as ``remedy`` what to write instead."""

    def __init__(self, name: str, what: str, remedy: str) -> None:
        super().__init__(f"{name}: {what}. {remedy}.")
        self.name, self.what, self.remedy = name, what, remedy


# --- types -------------------------------------------------------------------------------------------------------------


@functools.lru_cache
def declared() -> dict[str, dict[str, t.Any]]:
    """Return the roles' declarations of their public variables: the options of their entry points, by name."""
    found: dict[str, dict[str, t.Any]] = {}
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        for entry_point in yaml_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found.update(entry_point.get("options") or {})
    return found


def _called(value: t.Any) -> str:
    """What a value is, in YAML's words, without itself."""
    kinds = ((bool, "true or false"), (str, "a text"), ((int, float), "a number"), ((list, tuple), "a list"), (dict, "a mapping"))
    return next((word for kind, word in kinds if isinstance(value, kind)), "null")


def _text(value: t.Any) -> str:
    """Return a text. Numbers are taken for theirs, as in qdrant_memory_max: 1073741824; what YAML made a boolean of was perhaps another word."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return value if isinstance(value, str) else str(value)
    raise _values.BadValue(f"it is {_called(value)}, and must be a text", "Put it in quotes, or leave it out")


def _list(value: t.Any) -> t.Sequence[t.Any]:
    if isinstance(value, (list, tuple)):
        return value
    raise _values.BadValue(f"it is not a list but {_called(value)}", "Write [...] in YAML; behind -e, '{\"NAME\": [...]}' in quotes")


def _mapping(value: t.Any) -> dict[str, t.Any]:
    if isinstance(value, dict):
        return value
    raise _values.BadValue(f"it is not a mapping but {_called(value)}", "Write {...} in YAML; behind -e, '{\"NAME\": {...}}' in quotes")


# A secret's type is raw: it is judged where nothing of it is shown.
TYPES: dict[str, t.Callable[[t.Any], t.Any]] = {
    "bool": _values.boolean,
    "int": _values.integer,
    "float": _values.number,
    "str": _text,
    "path": _text,
    "list": _list,
    "dict": _mapping,
    "raw": lambda value: value,
}


def convert(name: str, value: t.Any) -> t.Any:
    """Return a value as its role declares the variable: ``qdrant_dashboard=false`` in an INI inventory is a text, and as such true.

    Raises WrongType for what cannot be converted without a doubt. What no role declares stays as it is.
    """
    try:
        return TYPES[declared().get(name, {}).get("type", "raw")](value)
    except _values.BadValue as error:
        raise WrongType(name, error.what, error.remedy.replace("NAME", name, 1)) from None


def fallback(name: str, default: t.Any = None) -> t.Any:
    """Return the substitute for a variable of the wrong type while the rest is judged: its role's default, if that is no template."""
    given = declared().get(name, {}).get("default")
    return default if given is None or "{{" in str(given) else given


# --- reading -----------------------------------------------------------------------------------------------------------


def read(templar: t.Any, variables: t.Mapping[str, t.Any], name: str, default: t.Any = None) -> t.Any:
    """Return the templated value of a variable, of the type that its role declares; or the default where it is not set.

    Raises VariableError where the value refers to something that is not defined, or cannot be decrypted, WrongType where it is of another type.
    """
    if name not in variables:
        return default
    try:
        value = templar.template(variables[name])
    except AnsibleError as error:
        text = str(error)
        if "ecrypt" in text or "vault" in text.lower():
            raise VariableError(f"{name} cannot be decrypted. Give the password of the vault that holds it (--vault-password-file, --vault-id).") from None
        reason = text.split(":", 1)[-1].strip() if "undefined" in text else "it cannot be templated"
        raise VariableError(f"{name} cannot be read: {reason}") from None
    if name in _plaintext.SECRETS:
        _ansible.hide(value)
    return convert(name, value)


def origin(value: t.Any) -> str:
    """Return where a value was written, as ``FILE:LINE``, of a JSON file as ``FILE``; empty where ansible-core does not tell.

    Tried with ansible-core 2.19 and later, which mark values with their origin.
    """
    try:
        from ansible._internal._datatag._tags import Origin  # not a public interface, so nothing depends on its being there
    except ImportError:
        return ""
    try:
        tag = Origin.get_tag(value)
        if tag is None or not tag.path:
            return ""
        return "%s:%d" % (tag.path, tag.line_num) if tag.line_num else str(tag.path)
    except (AttributeError, TypeError):
        return ""


def resolve(name: str) -> list[str]:
    """Return the addresses of a name, as the controller's resolver has them."""
    try:
        entries = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({str(entry[4][0]).partition("%")[0] for entry in entries})


@functools.lru_cache
def resolved(name: str) -> str:
    """Return the address of a host by its name, as the controller sees it, or by itself if it is one; empty where there is none, or more than one.

    IPv4 goes before IPv6. Loopback is no address by which others reach a host.
    """
    found = [ipaddress.ip_address(address) for address in resolve(name)]
    for version in (4, 6):
        family = [address for address in found if address.version == version and not address.is_loopback]
        if family:
            return str(family[0]) if len(family) == 1 else ""
    return ""


def address_of(host: str, hostvars: t.Mapping[str, t.Any]) -> str:
    """Return a node's address as its inventory gives it, or else as the controller reaches it; empty where neither is known. Never as the host says."""
    try:
        variables = hostvars.get(host, {})
        return _values.address(variables.get("qdrant_address") or resolved(str(variables.get("ansible_host") or host)))
    except Exception:  # whatever keeps a peer's variables from being templated, its address is not known here
        return ""


def further_addresses(host: str, hostvars: t.Mapping[str, t.Any]) -> list[str] | None:
    """Return the addresses that a node has beside its own, by its qdrant_verify_addresses, or as it says itself; None where neither says.

    Others only try to reach them. Not those of bridges, on which containers and virtual machines live, unless the way out goes by them: elsewhere they
    are other hosts'.
    """
    try:
        variables = hostvars.get(host, {})
        given = variables.get("qdrant_verify_addresses")
        if isinstance(given, (list, tuple)):
            return [_values.address(address) for address in given]
        facts = (variables.get("__qdrant_verify_network") or {}).get("facts") or {}
        return _addresses(facts, address_of(host, hostvars)) if "interfaces" in facts else None
    except Exception:  # as above, and whatever a host may say in the place of facts
        return None


def _addresses(facts: t.Mapping[str, t.Any], own: str) -> list[str]:
    """What ``further_addresses`` says, from facts of Ansible's."""
    ways_out = {(facts.get("default_ipv%d" % version) or {}).get("interface") for version in (4, 6)}
    found: dict[str, None] = {}
    for name in facts["interfaces"]:
        interface = facts.get(re.sub("[-:]", "_", name)) or {}
        ipv4 = [entry for entry in (interface.get("ipv4"), *interface.get("ipv4_secondaries", ())) if entry]
        ipv6 = [entry for entry in interface.get("ipv6", ()) if entry.get("scope") in ("global", "site")]
        addresses = [_values.address(entry["address"]) for entry in (*ipv4, *ipv6)]
        if name in ways_out or own in addresses or interface.get("type") not in ("loopback", "bridge"):
            found.update(dict.fromkeys(addresses))
    found.pop(own, None)
    return sorted(address for address in found if not ipaddress.ip_address(address).is_loopback)[:MOST_ADDRESSES]


def of_host(host: str, hostvars: t.Mapping[str, t.Any], name: str, default: t.Any = None) -> t.Any:
    """Return a variable of another host, of the type that its role declares; the default where it is not known here, or of another type."""
    try:
        value = hostvars[host].get(name)
        return default if value is None else convert(name, value)
    except Exception:  # whatever keeps it from being templated or read
        return default
