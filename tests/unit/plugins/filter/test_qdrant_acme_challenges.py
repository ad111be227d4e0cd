# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One challenge for each name and address of an order."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.hardened.qdrant.plugins.filter.qdrant_acme_challenges import qdrant_acme_challenges

HTTP = {"resource": ".well-known/acme-challenge/abc", "resource_value": "abc.def"}
DNS = {"resource": "_acme-challenge", "record": "_acme-challenge.example.com", "resource_value": "xyz"}
OFFERED = [
    {"identifier_type": "dns", "identifier": "example.com", "challenges": {"http-01": HTTP, "dns-01": DNS}},
    {"identifier_type": "ip", "identifier": "192.0.2.1", "challenges": {"http-01": HTTP}},
]
BY_HTTP = {"type": "http-01", "identifier": "example.com", "resource": HTTP["resource"], "value": "abc.def"}


def test_names_are_proved_as_asked_and_addresses_by_http():
    address = {**BY_HTTP, "identifier": "192.0.2.1"}
    assert qdrant_acme_challenges(OFFERED) == [BY_HTTP, address]
    named = {"type": "dns-01", "identifier": "example.com", "resource": "_acme-challenge.example.com", "value": "xyz"}
    assert qdrant_acme_challenges(OFFERED, "dns-01") == [named, address]


def test_a_server_that_does_not_offer_it_is_told():
    with pytest.raises(AnsibleFilterError, match="offers no http-01 for 192.0.2.1, only tls-alpn-01"):
        qdrant_acme_challenges([{"identifier_type": "ip", "identifier": "192.0.2.1", "challenges": {"tls-alpn-01": {}}}])


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("http-01", {"resource": ".well-known/acme-challenge/../../../etc/cron.d/x"}),
        ("http-01", {"resource": "/etc/passwd"}),
        ("http-01", {"resource_value": "* * * * * root x"}),
        ("http-01", {"resource_value": "abc.def\n"}),
        ("dns-01", {"record": "_acme-challenge.example.com. IN A"}),
        ("dns-01", {"record": "example.com"}),
        ("dns-01", {"identifier": "../example.com"}),
        ("http-01", {"identifier": "$(id)"}),
    ],
)
def test_words_of_a_server_that_would_lead_elsewhere_are_refused(kind, changes):
    challenge = {**(HTTP if kind == "http-01" else DNS), **changes}
    entry = {"identifier_type": "dns", "identifier": changes.get("identifier", "example.com"), "challenges": {kind: challenge}}
    with pytest.raises(AnsibleFilterError, match=f"has another form than {kind} has"):
        qdrant_acme_challenges([entry], kind)
