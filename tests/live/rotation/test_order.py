# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that a real ACME server signs: ordered before the other tests, so that one of them is due after these."""

from __future__ import annotations

from helpers import TRIAL, nothing_is_left, run_for


def test_a_certificate_is_ordered_and_proved_by_http(acme, hurried):
    result = run_for(acme, verbose=True)
    text = acme.host.run(f"openssl x509 -in {TRIAL}/current/tls.crt -noout -ext subjectAltName,extendedKeyUsage -issuer -subject")
    assert f"IP Address:{acme.host.address}" in text and "DNS:" not in text and "ECC Intermediate" in text, text
    assert "TLS Web Server Authentication" in text and "TLS Web Client Authentication" in text
    # Neither the account's key nor the node's is shown, or left on the controller.
    key = acme.host.run(f"cat {TRIAL}/current/tls.key").splitlines()[1]
    for secret in (key, acme.account.splitlines()[1]):
        assert secret not in result.stdout + result.stderr
        assert all(secret not in path.read_text(encoding="ascii") for path in (acme.folder / "waiting").iterdir())
    nothing_is_left(acme)
    assert "changed=0 " in run_for(acme).stdout
