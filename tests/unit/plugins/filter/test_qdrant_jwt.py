# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter qdrant_jwt."""

from __future__ import annotations

import jwt
import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.hardened.qdrant.plugins.filter import qdrant_jwt

KEY = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa"


def test_it_makes_a_token():
    token = qdrant_jwt.FilterModule().filters()["qdrant_jwt"](KEY, access={"shop": "rw"}, lifetime="1h", subject="shop")
    claims = jwt.decode(token, KEY, algorithms=["HS256"])
    assert (claims["sub"], claims["access"]) == ("shop", [{"collection": "shop", "access": "rw"}])


def test_all_problems_come_at_once_and_without_the_key():
    with pytest.raises(AnsibleFilterError) as error:
        qdrant_jwt.qdrant_jwt(KEY)
    text = str(error.value)
    assert all(part in text for part in ("access: it is missing", "lifetime: it is missing", "subject: it is missing")) and KEY not in text
    with pytest.raises(AnsibleFilterError, match="shorter than 32") as error:
        qdrant_jwt.qdrant_jwt(KEY[:20], access="r", lifetime="1h", subject="shop")
    assert KEY[:20] not in str(error.value)
