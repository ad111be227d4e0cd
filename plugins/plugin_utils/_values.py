# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that reach files of configuration: each parser takes what a user or a host wrote, and returns the value written anew.

So what stands in a unit, in nginx.conf, in a table of nftables is what a parser here wrote, in characters that mean nothing there. A parser
raises BadValue for anything else. Texts are taken as they are: white space at their ends is no part of a value, and is refused.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What a network may hold before it is as good as everyone, as a length of its prefix: 10.0.0.0/8 is a company's, 0.0.0.0/7 is nobody's.
NARROW = {4: 8, 6: 16}
# Of these nobody comes from the internet: fc00::/7 is what 10.0.0.0/8 is, though shorter.
LOCAL = {6: (ipaddress.IPv6Network("fc00::/7"), ipaddress.IPv6Network("fe80::/10"))}

YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,17})?")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# The last label has a letter: what has none is an address with a mistake.
_HOST = re.compile(rf"({_LABEL}\.)*(?=[0-9-]*[A-Za-z]){_LABEL}")
_PATH = re.compile(r"(/[A-Za-z0-9._+@-]{1,255})+")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# A reference of Docker's: HOST[:PORT]/PATH[:TAG][@DIGEST], or an image's own digest.
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?")
_MEMORY = re.compile(r"infinity|(0|[1-9][0-9]{0,18})(\.[0-9]{1,6})?[KMGTPE]?|([1-9][0-9]?|100)%")
_CALENDAR = re.compile(r"[A-Za-z0-9*,:/.~-]+( [A-Za-z0-9*,:/.~-]+)*")
_RATE = re.compile(r"[1-9][0-9]{0,5}/(second|minute|hour|day)")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}")
_SEGMENTS = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_URL = re.compile(r"https://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%{}-]+")
# What ends a line, steers a terminal, or makes text look like another.
_STEERS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class BadValue(ValueError):
    """``what`` a value is not, and as ``remedy`` what to write instead."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.what, self.remedy = what, remedy


def shown(value: t.Any) -> str:
    """Return a value as a message shows it: on one line, in ASCII, and not for ever."""
    text = ascii(str(value) if isinstance(value, str) else value)
    return text if len(text) <= 80 else text[:77] + "..."


def _text(pattern: re.Pattern[str], value: t.Any, what: str, remedy: str, longest: int = 4095) -> str:
    """Return a text of a pattern, as a plain one: what Ansible templated is marked with its origin."""
    text = "".join(value) if isinstance(value, str) else ""
    if not text or len(text) > longest or not pattern.fullmatch(text):
        raise BadValue(f"{shown(value)} is no {what}", remedy)
    return text


# --- numbers and switches ----------------------------------------------------------------------------------------------


def boolean(value: t.Any) -> bool:
    """Return a switch: a boolean, or the number or text that inventories in INI form and ``-e`` make of one."""
    if isinstance(value, bool):
        return value
    text = str(value).lower() if isinstance(value, (str, int)) else ""
    if text not in YES + NO:
        raise BadValue(f"{shown(value)} is neither true nor false", "Write true or false")
    return text in YES


def integer(value: t.Any, lowest: int | None = None, highest: int | None = None) -> int:
    """Return a whole number, also as the text of its digits. The bounds are part of the range."""
    bounds = [text % bound for text, bound in (("from %d", lowest), ("to %d", highest)) if bound is not None]
    remedy = " ".join(["Write a whole number", *bounds])
    if (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        number = int(value)
    else:
        raise BadValue(f"{shown(value)} is no whole number", remedy)
    if (lowest is not None and number < lowest) or (highest is not None and number > highest):
        raise BadValue(f"{shown(value)} is out of range", remedy)
    return number


def number(value: t.Any) -> float:
    """Return a number, zero or more, also as text; one that is written in digits and a point alone."""
    text = str(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    found = float(text) if _DECIMAL.fullmatch(text) else -1.0
    if found and found < 0.001:
        raise BadValue(f"{shown(value)} is no number, zero or more", "Write one such as 1.5")
    return int(found) if found == int(found) else found


def port(value: t.Any) -> int:
    """Return a port of TCP."""
    try:
        return integer(value, 1, 65535)
    except BadValue:
        raise BadValue(f"{shown(value)} is no port", "Write a number from 1 to 65535") from None


# --- addresses ---------------------------------------------------------------------------------------------------------


def address(value: t.Any) -> str:
    """Return an address of IPv4 or IPv6, in its one notation: without scope, length, leading zeros; none of IPv4 in the clothes of IPv6."""
    remedy = "Write an address such as 192.0.2.11 or 2001:db8::11, without %scope and /length"
    text = "".join(value) if isinstance(value, str) else ""
    try:
        if "%" in text or "/" in text:
            raise ValueError
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise BadValue(f"{shown(value)} is no IP address", remedy) from None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        raise BadValue(f"{shown(value)} is an address of IPv4, written as one of IPv6", f"Write {parsed.ipv4_mapped}")
    return str(parsed)


def bracketed(value: t.Any) -> str:
    """Return an address as it stands before a port, one of IPv6 in brackets."""
    inner = re.fullmatch(r"\[([0-9a-fA-F:.]+)\]", value) if isinstance(value, str) else None
    host = address(inner[1] if inner and ":" in inner[1] else value)
    return f"[{host}]" if ":" in host else host


def network(value: t.Any) -> Network:
    """Return an address or a network of IPv4 or IPv6, without scope and without a bit beyond its length."""
    remedy = "Write 192.0.2.10, 198.51.100.0/24 or 2001:db8::/64"
    text = "".join(value) if isinstance(value, str) else ""
    begin, slash, length = text.partition("/")
    try:
        begin = address(begin)
        if slash and not re.fullmatch(r"0|[1-9][0-9]{0,2}|[0-9.]{7,15}", length):
            raise ValueError
        parsed = ipaddress.ip_network(begin + slash + length, strict=False)
    except ValueError:
        raise BadValue(f"{shown(value)} is neither an address nor a network", remedy) from None
    if str(parsed.network_address) != begin:
        raise BadValue(f"{shown(value)} is an address within a network", f"Write the network, {parsed}, or the address without its length")
    return parsed


def network_text(value: t.Any) -> str:
    """Return a network as people and firewalls write it: one address without its length."""
    found = network(value)
    return str(found.network_address) if found.prefixlen == found.max_prefixlen else str(found)


def network_as_given(value: t.Any) -> str:
    """Return a network with its length, if it was written with one."""
    found = network(value)
    return str(found) if "/" in value else str(found.network_address)


def wide(networks: t.Iterable[Network]) -> list[str]:
    """Return why networks let in everyone, or nearly: one text a family. Taken together, for 0.0.0.0/1 and 128.0.0.0/1 are everyone as well."""
    found = []
    given = list(networks)
    for version, narrow in NARROW.items():
        family: list[t.Any] = [one for one in given if one.version == version]
        whole: list[t.Any] = [one for one in ipaddress.collapse_addresses(family) if not any(one.subnet_of(local) for local in LOCAL.get(version, ()))]
        # Twice what the shortest good prefix holds: which cuts they were made in does not matter.
        if sum(one.num_addresses for one in whole) < 2 ** (whole[0].max_prefixlen - narrow + 1 if whole else 0) or not whole:
            continue
        alone = [one for one in family if one.prefixlen < narrow and one in whole]
        if alone:
            found.append("{} is {}".format(alone[0], "everyone" if alone[0].prefixlen == 0 else "nearly everyone"))
        else:
            everyone = any(one.prefixlen == 0 for one in whole)
            found.append("its networks together are %s of IPv%d" % ("all" if everyone else "nearly all", version))
    return found


def uri(value: t.Any) -> str:
    """Return a peer's address in Qdrant's arguments: https, an address, a port."""
    matched = re.fullmatch(r"https://([0-9a-fA-F:.\[\]]+):([0-9]{1,5})", value) if isinstance(value, str) else None
    if not matched:
        raise BadValue(f"{shown(value)} is no URI of a peer", "Write https://ADDRESS:PORT")
    return "https://%s:%d" % (bracketed(matched[1]), port(matched[2]))


# --- names -------------------------------------------------------------------------------------------------------------


def host_name(value: t.Any, wildcard: bool = False) -> str:
    """Return a name by the grammar of RFC 1123, without a dot at its end. ``wildcard``: whether its first label may be ``*``."""
    remedy = "Write letters, digits, - and ., such as app.example.com"
    if wildcard and isinstance(value, str) and value.startswith("*."):
        return "*." + _text(_HOST, value[2:], "host name behind its *.", remedy, 251)
    return _text(_HOST, value, "host name", remedy, 253)


def dns_name(value: t.Any) -> str:
    """Return a name that a resolver may be asked for: a host name, in which underscores stand as well; a dot at its end is left out."""
    text = "".join(value).removesuffix(".") if isinstance(value, str) else ""
    try:
        host_name(text.replace("_", "x"))
    except BadValue:
        raise BadValue(f"{shown(value)} is no host name", "Write letters, digits, -, _ and ., such as db-1.example.com") from None
    return text


def node_name(value: t.Any) -> str:
    """Return the inventory's name of a host: a name without a dot at its end, or an address."""
    for kind in (address, dns_name):
        try:
            written = kind(value)
        except BadValue:
            continue
        if kind is address or written == value:
            return written
    raise BadValue(f"{shown(value)} is no name for a host", "Write letters, digits, -, _ and ., such as db-1.example.com")


def user_name(value: t.Any) -> str:
    """Return a user of a service: a name as POSIX and systemd take it, and not that of root."""
    found = _text(_USER, value, "name of a user", "Write up to 31 letters, digits, _ and -, such as qdrant")
    if found == "root":
        raise BadValue("root may do everything", "Write the name of a user of its own, such as qdrant")
    return found


def word(value: t.Any) -> str:
    """Return a name or number of one word."""
    return _text(_WORD, value, "word of letters, digits, _, . and -", "Write one")


def image(value: t.Any) -> str:
    """Return a container image as its engine takes it: a name, with tag or digest, or the digest alone."""
    return _text(_IMAGE, value, "image's name", "Write one such as docker.io/qdrant/qdrant:v1.19.0-unprivileged", 512)


# --- texts of one form -------------------------------------------------------------------------------------------------


def path(value: t.Any) -> str:
    """Return a path on a host: absolute, in its shortest form, in characters that mean nothing to systemd, Docker, nginx, nft and shells."""
    remedy = "Write an absolute path of letters, digits and . _ - + @, without .. or a slash at its end"
    found = _text(_PATH, value, "path that can be written to a unit", remedy)
    if {".", ".."} & set(found.split("/")):
        raise BadValue(f"{shown(value)} goes by . or ..", remedy)
    return found


def controller_path(value: t.Any) -> str:
    """Return a path on the controller, where blanks and all letters are good; nothing of it is written to a file of configuration."""
    if not isinstance(value, str) or not value or len(value) > 4095 or _STEERS.search(value):
        raise BadValue(f"{shown(value)} is no path", "Write one on one line, without characters that nobody sees")
    return "".join(value)


def memory(value: t.Any) -> str:
    """Return an amount of memory in systemd's words."""
    return _text(_MEMORY, str(value) if isinstance(value, int) and not isinstance(value, bool) else value, "amount of memory", "Write one such as 16G")


def calendar(value: t.Any) -> str:
    """Return a time of systemd's, by its characters: systemd judges the rest."""
    return _text(_CALENDAR, value, "time as OnCalendar= of systemd takes it", "Write one such as hourly or *-*-* 04:00:00", 200)


def rate(value: t.Any) -> str:
    """Return a rate of nftables, or an empty text for none."""
    remedy = "Write a number per second, minute, hour or day, such as 10/minute, or '' to log nothing"
    return "" if value == "" else _text(_RATE, value, "rate", remedy)


def version(value: t.Any) -> str:
    """Return a version in full."""
    return _text(_VERSION, value, "version", "Write it in quotes and in full, such as '1.19.0'")


def segments(value: t.Any) -> str:
    """Return a part of a URL's path, of names between slashes."""
    return _text(_SEGMENTS, value, "part of a path", "Write letters, digits, ., _ and -, with / between, such as pki/int")


def url(value: t.Any) -> str:
    """Return an address of the web, by TLS alone."""
    return _text(_URL, value, "https URL", "Write one such as https://ca.example.com/acme/directory")


def written(kind: t.Callable[[t.Any], str], value: t.Any, otherwise: str | None = None) -> str:
    """Return a value written anew. What is none of its kind, as it is, or ``otherwise``: for what is refused by name elsewhere."""
    try:
        return kind(value)
    except BadValue:
        return str(value) if otherwise is None else otherwise


def or_empty(kind: t.Callable[[t.Any], t.Any]) -> t.Callable[[t.Any], t.Any]:
    """Return a parser that takes an empty text as well."""
    return lambda value: value if value == "" else kind(value)


# The path of a file on the controller, or an empty text for none.
FILE = or_empty(controller_path)

# What a filter of templates knows by name. Each writes its value as text, or number, anew.
KINDS: dict[str, t.Callable[[t.Any], str | int | float]] = {
    "address": address,
    "bracketed": bracketed,
    "calendar": calendar,
    "dns_name": dns_name,
    "host_name": host_name,
    "image": image,
    "memory": memory,
    "network": network_as_given,
    "node_name": node_name,
    "number": number,
    "path": path,
    "port": port,
    "rate": rate,
    "uri": uri,
    "user_name": user_name,
    "word": word,
}
