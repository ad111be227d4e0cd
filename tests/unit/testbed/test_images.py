# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.hardened.qdrant.tests.testbed.bed import images


def test_mirrors_of_the_machine() -> None:
    found = images.mirrors(
        [
            "'https://packages.example.com/apt/dists/stable/InRelease' packages.example.com_apt_dists_stable_InRelease 0 ",
            "'http://mirror.example.com/debian/dists/bookworm/InRelease' mirror.example.com_debian_dists_bookworm_InRelease 0 ",
            "'http://mirror.example.com/debian-security/dists/bookworm-security/InRelease' mirror.example.com_debian-security_InRelease 0 ",
            "'http://second.example.com/debian/dists/bookworm/InRelease' second.example.com_debian_dists_bookworm_InRelease 0 ",
        ]
    )
    assert found == images.Mirrors("http://mirror.example.com/debian", "http://mirror.example.com/debian-security")


def test_mirrors_of_a_machine_without_debian() -> None:
    assert images.mirrors(["'http://archive.example.com/ubuntu/dists/noble/InRelease' archive.example.com_ubuntu_dists_noble_InRelease 0 ", ""]) is None


def test_sources_name_every_archive() -> None:
    text = images.sources("trixie", images.Mirrors("http://a.example.com/debian", "http://s.example.com/debian-security"))
    assert "URIs: http://a.example.com/debian\nSuites: trixie trixie-updates\n" in text
    assert "URIs: http://s.example.com/debian-security\nSuites: trixie-security\n" in text
    assert text.count("Signed-By: ") == 2


_DUMP = [
    'APT "";',
    'APT::Install-Recommends "0";',
    'Acquire "";',
    'Acquire::http "";',
    'Acquire::http::Proxy "http://proxy.example.com:3128";',
    'Acquire::Check-Date "false";',
    'Acquire::Languages:: "none";',
]


def test_apt_settings_are_those_about_the_way_to_the_sources() -> None:
    assert images.apt_settings(_DUMP, {}) == 'Acquire::http::Proxy "http://proxy.example.com:3128";\nAcquire::Check-Date "false";\n'


def test_proxy_of_the_environment() -> None:
    assert images.apt_settings([], {"https_proxy": "http://p.example.com"}) == 'Acquire::https::Proxy "http://p.example.com";\n'
    # apt's own setting wins, as it does on the machine itself.
    assert "other" not in images.apt_settings(_DUMP, {"http_proxy": "http://other.example.com"})
    assert images.apt_settings([], {}) == ""


def test_tags() -> None:
    assert images.tag("debian12") == "hardened-qdrant-testbed:debian12"
    assert images.tag("debian12", ["curl", "jq"]) == images.tag("debian12", ["jq", "curl", "jq"])
    assert images.tag("debian12", ["curl"]) != images.tag("debian12", ["jq"])
