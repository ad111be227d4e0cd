# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are compared and not handed over."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _digests


def test_a_digest_is_of_one_content_under_one_salt():
    salt, other = _digests.salt(), _digests.salt()
    assert salt != other and len(bytes.fromhex(salt)) == 32
    wanted = _digests.digest(b"content", salt)
    assert _digests.same(b"content", salt, wanted) and not _digests.same(b"Content", salt, wanted) and not _digests.same(b"content", other, wanted)
    assert not _digests.same(b"content", salt, "ä")


def test_the_digest_is_the_one_of_rfc_4231():
    assert _digests.digest(b"Hi There", "0b" * 20).startswith("b0344c61d8db38535ca8afceaf0bf12b")
    with pytest.raises(ValueError):
        _digests.digest(b"", "no hex")
