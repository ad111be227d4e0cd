# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of least privilege (JSON Web Tokens, HS256) and the data in the inventory that they are made from. No message repeats a key or a token."""

from __future__ import annotations

import re
import time
import typing as t
from dataclasses import dataclass, field

try:
    import jwt
except ImportError:  # only who makes tokens needs it
    jwt = None  # type: ignore[assignment]

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _preflight
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import OTHER_RISKS, Problem

ALGORITHM = "HS256"  # the only one that Qdrant takes
LEEWAY = 30  # seconds that Qdrant takes a token longer than it says
MINIMUM_LIFETIME, MAXIMUM_LIFETIME = 60, 366 * 86400  # seconds
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
ENTRY = frozenset(("application", "access", "lifetime", "value_exists", "file", "vault"))
RIGHTS_REMEDY = "Write r (read), rw (read and write) or prw (points alone) by collection, as in {shop: rw}, or r for reading everything"
MANAGE_RISK = "token-manage"


class TokenError(Exception):
    """Input that makes no token; ``problems`` say why, without a secret."""

    def __init__(self, problems: t.Sequence[Problem]) -> None:
        super().__init__(" ".join(str(problem) for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Grant:
    """What an application may do, and for how long: one token. ``lifetime`` is in seconds."""

    application: str
    scope: _access.Scope
    lifetime: int
    value_exists: t.Mapping[str, t.Any] = field(default_factory=dict)
    file: str = ""
    vault: bool = False

    def claims(self, now: float) -> dict[str, t.Any]:
        """Return the token's claims. Qdrant gives a token without ``access`` full rights, so there always is one.

        ``subject`` is what Qdrant's audit log shows; ``sub`` is the registered claim of RFC 7519, which other readers of a token know.
        """
        scope = self.scope
        access: t.Any = scope.everywhere or [{"collection": name, "access": right} for name, right in sorted(scope.collections.items())]
        if not access:
            raise TokenError([Problem(f"access of {self.application}", "it is empty", RIGHTS_REMEDY)])
        claims = {"sub": self.application, "subject": self.application, "exp": int(now) + self.lifetime, "access": access}
        return {**claims, "value_exists": dict(self.value_exists)} if self.value_exists else claims


# --- reading what a user gave ------------------------------------------------------------------------------------------


def parse_lifetime(where: str, value: t.Any) -> tuple[int, list[Problem]]:
    """Return seconds from a text such as 30d, 12h or 2w, and what is wrong with it."""
    remedy = "Write a number and a unit, such as 30d or 12h, from 1m to 366d"
    if value in (None, ""):
        return 0, [Problem(where, "it is missing, and a token that does not expire outlives everyone's memory", remedy)]
    match = re.fullmatch(r"(\d{1,9})([smhdw])", str(value).strip()) if not isinstance(value, bool) else None
    seconds = int(match[1]) * UNITS[match[2]] if match else 0
    if not match:
        return 0, [Problem(where, f"{value!r} is no span of time", remedy)]
    if not MINIMUM_LIFETIME <= seconds <= MAXIMUM_LIFETIME:
        return 0, [Problem(where, f"{value} is out of bounds", remedy)]
    return seconds, []


def lifetime_text(seconds: int) -> str:
    """Return a span of time as users write it."""
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % UNITS[unit] == 0)
    return "%d%s" % (seconds // UNITS[unit], unit)


def parse_access(where: str, value: t.Any) -> tuple[_access.Scope, list[Problem]]:
    """Return a scope from ``r``, ``m``, {collection: right} or Qdrant's own list of {collection, access}; and what is wrong with it."""
    if value in (None, "", [], {}):
        return _access.NOBODY, [Problem(where, "it is missing, and Qdrant gives a token without it full rights", RIGHTS_REMEDY)]
    if isinstance(value, str):
        if value in _access.GLOBAL_RIGHTS:
            return _access.Scope(str(value)), []
        if value == "*":
            return _access.NOBODY, [_everything(where)]
        return _access.NOBODY, [Problem(where, f"there is no right {str(value)!r} for everything", RIGHTS_REMEDY)]
    if isinstance(value, list):
        if not all(isinstance(entry, dict) and set(entry) == {"collection", "access"} for entry in value):
            return _access.NOBODY, [Problem(where, "an entry is not {collection: NAME, access: RIGHT}", RIGHTS_REMEDY)]
        names = [str(entry["collection"]) for entry in value]
        if len(set(names)) < len(names):
            return _access.NOBODY, [Problem(where, "it names a collection twice", "Name each once, with one right")]
        value = {entry["collection"]: entry["access"] for entry in value}
    if not isinstance(value, dict):
        return _access.NOBODY, [Problem(where, "it is neither a right nor rights by collection", RIGHTS_REMEDY)]
    problems = []
    for name, right in value.items():
        if name == "*":
            problems.append(_everything(where))
        elif not isinstance(name, str) or not re.fullmatch(r"[^<>:\"/\\|?*\x00-\x1f]{1,255}", name):
            problems.append(Problem(where, f"{name!r} is no name of a collection", "Name a collection, in quotes if it is a number"))
        if right == "m":
            problems.append(Problem(where, "Qdrant refuses tokens with the right m in a collection", RIGHTS_REMEDY))
        elif right not in _access.COLLECTION_RIGHTS:
            problems.append(Problem(where, f"there is no right {right!r}", RIGHTS_REMEDY))
    scope = _access.Scope(collections={str(name): str(right) for name, right in value.items()})
    return (_access.NOBODY if problems else scope), problems


def _everything(where: str) -> Problem:
    what = '"*" is no wildcard but a collection\'s name that cannot exist'
    return Problem(where, what, "Name the collections that the application uses, or write access: r if it reads everything")


def parse_value_exists(where: str, value: t.Any) -> list[Problem]:
    """Return the problems of a condition: a token that is only good while a point of a collection has a payload's value."""
    if value in (None, {}):
        return []
    remedy = "Write {collection: NAME, matches: [{key: FIELD, value: VALUE}]}"
    if not isinstance(value, dict) or set(value) != {"collection", "matches"} or not isinstance(value["collection"], str) or not value["collection"]:
        return [Problem(where, "it has another form than Qdrant's", remedy)]
    matches = value["matches"]
    if not isinstance(matches, list) or not matches:
        return [Problem(where, "it matches nothing", remedy)]
    for match in matches:
        if not isinstance(match, dict) or set(match) != {"key", "value"} or not isinstance(match["key"], str):
            return [Problem(where, "a match is not {key: FIELD, value: VALUE}", remedy)]
        if not isinstance(match["value"], (str, int, bool)):
            return [Problem(where, "a match's value is neither text, whole number nor boolean", remedy)]
    return []


def parse_entry(entry: t.Any, number: int) -> tuple[Grant | None, list[Problem]]:
    """Return an entry of ``qdrant_access``."""
    place = "qdrant_access[%d]" % number
    if not isinstance(entry, dict):
        return None, [Problem(place, "it is not a mapping", "Write {application: NAME, access: {COLLECTION: RIGHT}, lifetime: 30d}")]
    unknown, remedy = sorted(map(str, set(entry) - ENTRY)), "Settings are: {}".format(", ".join(sorted(ENTRY)))
    problems = [Problem(f"{place}.{key}", "there is no such setting", remedy) for key in unknown]
    application = entry.get("application")
    if not isinstance(application, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", application):
        problems.append(Problem(place + ".application", "it is no name", "Write up to 64 letters, digits and . _ -"))
        application = ""
    scope, found = parse_access(place + ".access", entry.get("access"))
    problems += found
    lifetime, found = parse_lifetime(place + ".lifetime", entry.get("lifetime"))
    problems += found
    problems += parse_value_exists(place + ".value_exists", entry.get("value_exists"))
    file, vault = entry.get("file", ""), entry.get("vault", False)
    if not isinstance(file, str):
        problems.append(Problem(place + ".file", "it is no path", "Write a file on the controller"))
    if not isinstance(vault, bool):
        problems.append(Problem(place + ".vault", "it is not a boolean", "Write true or false, without quotes"))
    if problems:
        return None, problems
    return Grant(str(application), scope, lifetime, entry.get("value_exists") or {}, str(file), vault), []


def parse_entries(entries: t.Any) -> tuple[list[Grant], list[Problem]]:
    """Return ``qdrant_access`` as grants, and all that is wrong with it."""
    if not isinstance(entries, list):
        return [], [Problem("qdrant_access", "it is not a list", "Write [{application: NAME, access: {COLLECTION: RIGHT}, lifetime: 30d}]")]
    grants, problems = [], []
    for number, entry in enumerate(entries):
        grant, found = parse_entry(entry, number)
        problems += found
        if grant:
            grants.append(grant)
    for what, values in (("application", [grant.application for grant in grants]), ("file", [grant.file for grant in grants if grant.file])):
        for value in sorted({value for value in values if values.count(value) > 1}):
            problems.append(Problem("qdrant_access", f"two entries have the same {what}, {value}", "One token an application, one file a token"))
    return grants, problems


def check_entries(entries: t.Any, jwt_rbac: t.Any, accepted: t.Collection[str]) -> _preflight.Findings:
    """Return ``qdrant_access`` as the preflight sees it."""
    grants, problems = parse_entries(entries)
    found = _preflight.Findings(problems + (check_library() if grants else []))
    if grants and not jwt_rbac:
        found.refuse("qdrant_jwt_rbac", "it is false, so Qdrant would refuse the tokens of qdrant_access", "Set it to true")
    for grant in grants:
        if grant.scope.everywhere == "m" and MANAGE_RISK not in accepted:
            found.problems.append(_preflight.risk_problem(f"qdrant_access of {grant.application}", OTHER_RISKS[MANAGE_RISK], MANAGE_RISK))
        if grant.lifetime > 90 * 86400:
            found.warnings.append(f"The token of {grant.application} lives for more than 90 days. Whoever finds it has that long.")
    return found


def unknown_collections(grant: Grant, known: t.Collection[str]) -> list[str]:
    """Return collections that a grant names and the server does not have: a typing error, or one that is yet to be made."""
    named = set(grant.scope.collections) | ({str(grant.value_exists["collection"])} if grant.value_exists else set())
    return sorted(named - set(known))


# --- making and reading tokens -----------------------------------------------------------------------------------------


def check_library() -> list[Problem]:
    return [] if jwt else [Problem("controller", "the Python library PyJWT is missing, which makes tokens", "pip install PyJWT")]


def sign(grant: Grant, key: t.Any, now: float | None = None) -> str:
    """Return a token. Raises TokenError for a key that could be guessed, for the token could be forged."""
    problems = check_library() + _preflight.check_key("key", key)
    if problems:
        raise TokenError(problems)
    return jwt.encode(grant.claims(time.time() if now is None else now), str(key), algorithm=ALGORITHM)


def claims_of(token: str, key: str) -> dict[str, t.Any] | None:
    """Return the claims of a token that the key signed, expired or not; None for any other text."""
    try:
        # Ours to judge: what counts is whether the key signed it, and what it says.
        return jwt.decode(token, key, algorithms=[ALGORITHM], options={"verify_exp": False, "verify_sub": False})
    except jwt.InvalidTokenError:
        return None


def due(grant: Grant, token: str | None, key: str, now: float) -> list[str]:
    """Return why a new token is due in the place of the one that is there; empty if it is not."""
    if token is None:
        return ["there is none"]
    claims = claims_of(token, key)
    if claims is None:
        return ["the key did not sign it"]
    reasons = []
    wanted = grant.claims(now)
    expires = claims.get("exp")
    for name in ("sub", "subject", "access", "value_exists"):
        if claims.get(name) != wanted.get(name):
            reasons.append(f"{name} differs")
    if not isinstance(expires, (int, float)) or expires > now + grant.lifetime + LEEWAY:
        reasons.append("it lives longer than it should")
    elif expires - now < grant.lifetime / 3:
        reasons.append("less than a third of its life is left")
    return reasons
