# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: qdrant_acme_challenges
short_description: Answers to the challenges of an ACME order
version_added: 0.1.0
description:
  - Takes the C(challenge_data) of M(community.crypto.acme_certificate_order_create), and returns one challenge for each name and address.
  - A challenge of another form than RFC 8555 gives it is refused, for its parts become paths and names where it is answered.
  - An address is proved by C(http-01), also where names are proved by C(dns-01). RFC 8738 forbids C(dns-01) for addresses.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
positional: challenge
options:
  _input:
    description: The challenges that the server offers.
    type: list
    elements: dict
    required: true
  challenge:
    description: How names are proved.
    type: str
    choices: [http-01, dns-01]
    default: http-01
"""

EXAMPLES = r"""
- name: Show the answers
  ansible.builtin.debug:
    msg: "{{ order.challenge_data | hardened.qdrant.qdrant_acme_challenges('dns-01') }}"
"""

RETURN = r"""
_value:
  description: >-
    Of each challenge its C(type), the C(identifier) that it proves, the C(resource), which is a path below the web server's root or the name of a
    TXT record, and the C(value) that is to be found there.
  type: list
  elements: dict
"""

import re
import typing as t

from ansible.errors import AnsibleFilterError

# The server's words become paths and names where challenges are answered: RFC 8555, 8.3 and 8.4.
NAME = r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*"
IDENTIFIERS = {"dns": re.compile(NAME), "ip": re.compile(r"[0-9a-fA-F.:]+")}
RESOURCES = {"http-01": re.compile(r"\.well-known/acme-challenge/[A-Za-z0-9_-]+"), "dns-01": re.compile(r"_acme-challenge\." + NAME)}
VALUE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)?")


def qdrant_acme_challenges(offered: t.Iterable[t.Mapping[str, t.Any]], challenge: str = "http-01") -> list[dict[str, str]]:
    """Return the challenges to answer, one for each name and address."""
    chosen = []
    for entry in offered:
        kind = challenge if entry["identifier_type"] == "dns" else "http-01"
        data = entry["challenges"].get(kind)
        if data is None:
            raise AnsibleFilterError("The ACME server offers no {} for {}, only {}.".format(kind, entry["identifier"], ", ".join(sorted(entry["challenges"]))))
        resource, value = data["record"] if kind == "dns-01" else data["resource"], data["resource_value"]
        forms = ((IDENTIFIERS[entry["identifier_type"]], entry["identifier"]), (RESOURCES[kind], resource), (VALUE, value))
        if not all(form.fullmatch(text) for form, text in forms):
            what = "The ACME server's challenge of %r has another form than %s has, so it is not answered. Look which server qdrant_tls_acme_directory names."
            raise AnsibleFilterError(what % (entry["identifier"], kind))
        chosen.append({"type": kind, "identifier": entry["identifier"], "resource": resource, "value": value})
    return chosen


class FilterModule:
    """The filter, by its name."""

    def filters(self) -> dict[str, t.Callable]:
        return {"qdrant_acme_challenges": qdrant_acme_challenges}
