# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: qdrant_jwt
short_description: Token of least privilege for Qdrant
version_added: 0.1.0
description:
  - Makes a JSON Web Token (HS256) that Qdrant takes while the variable C(qdrant_jwt_rbac) is true. It dies with the key that signed it.
  - Access and lifetime have to be given. Qdrant gives a token without access full rights, and one without expiry never ends.
  - The result is a secret. Use it in tasks with C(no_log), or let M(hardened.qdrant.qdrant_token) write it into a file.
  - Needs the Python library PyJWT on the controller.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
options:
  _input:
    description: The API key.
    type: str
    required: true
  access:
    description:
      - V(r) to read everything, V(m) to manage everything, or rights by collection, V(r), V(rw) or V(prw) (points alone).
      - Qdrant's own form, a list of C({collection, access}), does as well.
    type: raw
    required: true
  lifetime:
    description: How long the token lives, such as V(30d) or V(12h), from V(1m) to V(366d).
    type: str
    required: true
  subject:
    description: The application. Qdrant's audit log shows it.
    type: str
    required: true
  value_exists:
    description: A condition, C({collection, matches}) with matches of C({key, value}), that a point must fulfil for the token to be good.
    type: dict
"""

EXAMPLES = r"""
- name: Give a token to an application
  ansible.builtin.copy:
    content: "{{ qdrant_api_key | hardened.qdrant.qdrant_jwt(access={'products': 'rw', 'reviews': 'r'}, lifetime='30d', subject='shop') }}"
    dest: /etc/shop/qdrant.token
    owner: shop
    group: shop
    mode: "0400"
  no_log: true
"""

RETURN = r"""
_value:
  description: The token.
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _tokens


def qdrant_jwt(key: t.Any, access: t.Any = None, lifetime: t.Any = None, subject: str = "", value_exists: t.Any = None) -> str:
    """Return a token, or AnsibleFilterError with all that is wrong."""
    scope, problems = _tokens.parse_access("access", access)
    seconds, found = _tokens.parse_lifetime("lifetime", lifetime)
    problems += found + _tokens.parse_value_exists("value_exists", value_exists)
    if not isinstance(subject, str) or not subject:
        problems.append(_tokens.Problem("subject", "it is missing", "Name the application"))
    try:
        if problems:
            raise _tokens.TokenError(problems)
        return _tokens.sign(_tokens.Grant(str(subject), scope, seconds, value_exists or {}), key)
    except _tokens.TokenError as error:
        raise AnsibleFilterError(f"No token was made: {error}") from None


class FilterModule:
    """The filter, by its name."""

    def filters(self) -> dict[str, t.Callable]:
        return {"qdrant_jwt": qdrant_jwt}
