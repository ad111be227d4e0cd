# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the timer on a node writes and logs, read by Prometheus' own parser."""

from __future__ import annotations

import importlib.util
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority
from prometheus_client.parser import text_string_to_metric_families

PROJECT = Path(__file__).parents[3]
NOW = datetime.now(UTC)
# A name with all that the text format has to escape.
CA = _authority.load(*_authority.create('a "CA" \\ of two\nlines', NOW), NOW, timedelta(days=90))
WANTED = _certificate.Wanted("node1", ["node1"], ["127.0.0.1"], "ecdsa-p256", CA.pem(), CA.pem())


@pytest.fixture(scope="module")
def expiry():
    """The program, with its libraries where it finds them on a node: beside it."""
    sys.path.insert(0, str(PROJECT / "plugins/module_utils"))
    try:
        spec = importlib.util.spec_from_file_location("expiry", PROJECT / "roles/qdrant_tls/files/expiry.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(PROJECT / "plugins/module_utils"))
        for name in ("_certificate", "_wire"):
            sys.modules.pop(name, None)


def leaf(folder, days):
    store = _certificate.Store(str(folder))
    pending, request = store.make_request(WANTED)
    store.install(pending, _authority.sign(CA, request, WANTED, NOW, timedelta(days=days)), CA.pem(), WANTED, NOW)
    return store.leaf()


def parsed(text):
    return {
        (sample.name.removeprefix("hardened_qdrant_"), *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_the_metric(expiry, tmp_path):
    disk, old = leaf(tmp_path / "a", 90), leaf(tmp_path / "b", 20)
    served = {6333: disk, 6334: old, 6335: "refused"}
    found = parsed(expiry.rendered(expiry.samples(disk, served, [CA.certificate])))
    end = "certificate_expiry_timestamp_seconds"
    assert found[end, ("source", "disk")] == int(_certificate.not_after(disk).timestamp())
    assert found[end, ("port", "6334"), ("source", "served")] == int(_certificate.not_after(old).timestamp())
    assert (end, ("port", "6335"), ("source", "served")) not in found
    assert [found["certificate_served_is_on_disk", ("port", port)] for port in ("6333", "6334", "6335")] == [1, 0, 0]
    authorities = [key for key in found if key[0] == "trusted_ca_expiry_timestamp_seconds"]
    assert [dict(key[1:])["subject"] for key in authorities] == [CA.certificate.subject.rfc4514_string()]


def test_the_file_is_complete_and_readable_and_a_killed_run_does_no_harm(expiry, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("as it was", encoding="ascii")
    # What a killed run left, in a folder where somebody else may write.
    (tmp_path / ("." + expiry.FILE + ".new")).symlink_to(secret)
    expiry.write(str(tmp_path), "a 1\n")
    assert secret.read_text(encoding="ascii") == "as it was"
    assert (tmp_path / expiry.FILE).read_text(encoding="ascii") == "a 1\n"
    assert (tmp_path / expiry.FILE).stat().st_mode & 0o7777 == 0o644
    assert sorted(os.listdir(tmp_path)) == [expiry.FILE, "secret"]


@pytest.mark.parametrize(("days", "priority", "late"), [(90, "<6>", False), (20, "<4>", False), (5, "<3>", True), (-1, "<3>", True)])
def test_the_journal_says_how_bad_it_is(expiry, tmp_path, days, priority, late):
    certificate = leaf(tmp_path, 90)
    lines, is_late = expiry.told(certificate, {6333: "refused"}, _certificate.not_after(certificate) - timedelta(days=days), 30, 7)
    assert lines[0].startswith(priority) and f"{days:.1f} days left" in lines[0] and is_late == late
    assert lines[1] == "<4>There is no certificate on port 6333: refused"
