# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values come out of their parsers in characters that mean nothing where they are written to, or not at all."""

from __future__ import annotations

import ipaddress
import re

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _values
from hypothesis import given
from hypothesis import strategies as st

# What each kind may consist of.
ALLOWED = {
    "address": r"[0-9a-f.:]+",
    "bracketed": r"[0-9.]+|\[[0-9a-f.:]+\]",
    "calendar": r"[A-Za-z0-9*,:/.~ -]+",
    "dns_name": r"[A-Za-z0-9._-]+",
    "host_name": r"[A-Za-z0-9.-]+",
    "image": r"[A-Za-z0-9._:/@-]+",
    "memory": r"[A-Za-z0-9.%]+",
    "network": r"[0-9a-f.:/]+",
    "node_name": r"[A-Za-z0-9._:-]+",
    "number": r"[0-9.]+",
    "path": r"[A-Za-z0-9._+@/-]+",
    "port": r"[0-9]+",
    "rate": r"[0-9a-z/]*",
    "uri": r"https://[0-9a-f.:\[\]]+",
    "user_name": r"[A-Za-z0-9_-]+",
    "word": r"[A-Za-z0-9_.-]+",
}
OTHERS = {"boolean": _values.boolean, "segments": _values.segments, "url": _values.url, "version": _values.version, "controller": _values.controller_path}
GOOD = {
    "address": ["192.0.2.1", "2001:db8::1", "::"],
    "bracketed": ["192.0.2.1", "[2001:db8::1]"],
    "calendar": ["hourly", "*-*-* 04:00:00", "Mon..Fri *-*-1/2 10:00"],
    "dns_name": ["s3.example.com", "_tcp.db_1.example"],
    "host_name": ["a", "app.example.com", "1and1.com", "xn--mller-kva.example"],
    "image": ["docker.io/qdrant/qdrant:v1.19.0-unprivileged", "localhost:5000/q@sha256:" + "0" * 64, "sha256:" + "f" * 64],
    "memory": ["infinity", "16G", "1.5G", "80%", "1048576"],
    "network": ["192.0.2.1", "10.0.0.0/8", "2001:db8::/64", "0.0.0.0/0"],
    "node_name": ["db_1", "db-1.example.com", "192.0.2.1", "key_missing-0"],
    "number": [1.5, 4, "2", "0.5", 0],
    "path": ["/opt/qdrant", "/srv/@a/b+c_d-e.f", "/x"],
    "port": [6333, "7333", 1, 65535],
    "rate": ["10/minute", ""],
    "uri": ["https://192.0.2.1:6335", "https://[2001:db8::1]:6335"],
    "user_name": ["qdrant", "_q", "qdrant-proxy"],
    "word": ["1000", "unknown", "secrets.yaml", "14400m"],
}
# Each is something else to systemd, Docker, nginx, nft, a shell, YAML or a terminal.
HOSTILE = (
    "", " ", "x y", "x;y", "x\n", "\nx", "x\ny", "x\ry", "x\x00", "x\u2028y", "x\u202ey", "x%n", "x:y;z", "$x", "${x}", "'x'", '"x"', "x\\y", "x{y}", "x#y",
    "x`y`", "x|y", "x&y", "<x>", "{{ x }}", "x\ty", "\u0661", "\u00b2", "\ud800", ["x"], {"x": 1}, None, True, b"x", float("nan"), float("inf"),
)  # fmt: skip

# What of it is good for a kind all the same.
HARMLESS = {"calendar": ("x y",), "rate": ("",)}


def test_each_kind_is_tested():
    assert _values.KINDS.keys() == ALLOWED.keys() == GOOD.keys()


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_what_is_good_is_taken(kind):
    for value in GOOD[kind]:
        assert str(_values.KINDS[kind](value)) == str(value)


@pytest.mark.parametrize("kind", sorted(GOOD))
@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_what_is_hostile_is_refused_alone_and_behind_something_good(kind, value):
    behind = [f"{good}{value}" for good in GOOD[kind]] if isinstance(value, str) and value else []
    for tried in [value, *behind]:
        if tried in HARMLESS.get(kind, ()) or (kind == "calendar" and tried in behind and value == "x y"):
            continue
        with pytest.raises(_values.BadValue) as error:
            _values.KINDS[kind](tried)
        assert error.value.what and error.value.remedy and str(error.value).isprintable() and str(error.value).isascii()


ANY = st.one_of(
    st.text(),
    st.text("0123456789abcdef.:/%\n -_@*xK", max_size=24),
    st.ip_addresses().map(str),
    st.ip_addresses(network="fe80::/10").map(lambda found: f"{found}%eth0"),
    st.builds("%s/%d".__mod__, st.tuples(st.ip_addresses().map(str), st.integers(0, 128))),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(st.text(), max_size=2),
    st.sampled_from([value for values in GOOD.values() for value in values]),
)


@pytest.mark.parametrize("kind", sorted(_values.KINDS))
@given(ANY)
def test_what_comes_out_is_written_anew_and_stays_so(kind, value):
    parse = _values.KINDS[kind]
    try:
        written = parse(value)
    except _values.BadValue:
        return
    assert re.fullmatch(ALLOWED[kind], str(written)) and type(written) in (str, int, float)
    assert parse(written) == written
    assert parse(str(written)) == written


@pytest.mark.parametrize("parse", [*_values.KINDS.values(), *OTHERS.values()])
@given(ANY.map(str), st.sampled_from(["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00"]), ANY.map(str))
def test_nothing_with_the_end_of_a_line_passes(parse, before, end, after):
    for value in (before + end, end + after, before + end + after):
        with pytest.raises(_values.BadValue):
            parse(value)


@given(ANY)
def test_addresses_are_what_ipaddress_reads(value):
    try:
        written = _values.address(value)
    except _values.BadValue:
        return
    assert ipaddress.ip_address(written) == ipaddress.ip_address(value) and str(ipaddress.ip_address(value)) == written


@given(st.ip_addresses())
def test_every_address_in_its_own_notation_is_taken(value):
    mapped = getattr(value, "ipv4_mapped", None)
    if mapped is None:
        assert _values.address(str(value)) == str(value)
        assert _values.network(str(value)).num_addresses == 1


@given(ANY)
def test_networks_are_what_ipaddress_reads(value):
    try:
        written = _values.network(value)
    except _values.BadValue:
        return
    assert written == ipaddress.ip_network(value) and _values.network(str(written)) == written


@pytest.mark.parametrize(
    "value",
    ["fe80::1%eth0", "192.0.2.1/32", "192.0.2.01", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1\n", "::ffff:192.0.2.1", "1", 1, 3232235777, "192.0.2", "localhost"],
)
def test_what_is_no_address(value):
    with pytest.raises(_values.BadValue, match="address"):
        _values.address(value)


@pytest.mark.parametrize("value", ["fe80::%eth0/64", "192.0.2.0/024", "192.0.2.7/24", "192.0.2.0/ 24", "192.0.2.0/24\n", "::ffff:0:0/96", "192.0.2.0/33", 7])
def test_what_is_no_network(value):
    with pytest.raises(_values.BadValue):
        _values.network(value)


def test_a_network_is_written_in_one_way():
    assert _values.network_text("2001:DB8:0:0::/64") == "2001:db8::/64" and _values.network_text("192.0.2.1/32") == "192.0.2.1"
    assert _values.network_text("192.0.2.0/255.255.255.0") == "192.0.2.0/24"
    with pytest.raises(_values.BadValue, match="Write the network, 192.0.2.0/24, or the address"):
        _values.network("192.0.2.7/24")


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        (["0.0.0.0/0"], "0.0.0.0/0 is everyone"),
        (["::/0"], "::/0 is everyone"),
        (["0.0.0.0/1", "128.0.0.0/1"], "together are all of IPv4"),
        (["0.0.0.0/1", "192.0.2.0/24"], "0.0.0.0/1 is nearly everyone"),
        (["2000::/3"], "2000::/3 is nearly everyone"),
        (["::/1", "8000::/1"], "together are all of IPv6"),
        (["%d.0.0.0/8" % number for number in range(1, 101, 2)], "together are nearly all of IPv4"),
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"], ""),
        (["fc00::/7", "fe80::/10", "2001:db8::/32"], ""),
        (["10.0.0.0/8", "10.0.0.0/8", "10.1.0.0/16"], ""),
        ([], ""),
    ],
)
def test_who_is_everyone(networks, expected):
    found = " ".join(_values.wide([_values.network(one) for one in networks]))
    assert expected in found and bool(found) == bool(expected)


@given(st.integers(0, 7), st.randoms())
def test_everyone_is_everyone_in_whatever_pieces(length, random):
    pieces = list(ipaddress.ip_network("0.0.0.0/0").subnets(new_prefix=length))
    cut = [half for one in pieces for half in (one.subnets(1) if random.random() < 0.5 else [one])]
    random.shuffle(cut)
    assert len(_values.wide(cut)) == 1


@pytest.mark.parametrize("value", [True, "yes", "True", "ON", "1", 1])
def test_what_is_true(value):
    assert _values.boolean(value) is True


@pytest.mark.parametrize("value", [False, "no", "False", "OFF", "0", 0])
def test_what_is_false(value):
    assert _values.boolean(value) is False


@pytest.mark.parametrize("value", ["", "y", "t", "2", 2, -1, 1.0, None, [], {}, " yes", "yes\n", "7333", "enabled"])
def test_what_is_neither(value):
    with pytest.raises(_values.BadValue, match="neither true nor false"):
        _values.boolean(value)


@pytest.mark.parametrize(("value", "expected"), [(7, 7), ("7", 7), ("-1", -1), ("0", 0)])
def test_whole_numbers(value, expected):
    assert _values.integer(value) == expected


@pytest.mark.parametrize("value", ["", "07", "1e3", "1.0", 1.0, True, None, [], "7 ", "7\n", "+7", "\u0667", "0x10", "9" * 30])
def test_what_is_no_whole_number(value):
    with pytest.raises(_values.BadValue):
        _values.integer(value)


def test_bounds_are_said():
    with pytest.raises(_values.BadValue, match="70000 is out of range. Write a whole number from 1 to 9"):
        _values.integer(70000, 1, 9)
    with pytest.raises(_values.BadValue, match="'99999' is no port"):
        _values.port("99999")


@pytest.mark.parametrize("value", ["a" * 64, "a." * 127 + "a", "-a", "a-", "a..b", ".a", "a.", "192.0.2.1", "1.2", "a_b", "*.example.com", "a b"])
def test_what_is_no_host_name(value):
    with pytest.raises(_values.BadValue, match="host name"):
        _values.host_name(value)


def test_a_wildcard_is_taken_where_it_is_asked_for():
    assert _values.host_name("*.example.com", wildcard=True) == "*.example.com"
    for bad in ("*", "*.", "a.*.b", "*.*.b", "**.a", "*.192.0.2.1"):
        with pytest.raises(_values.BadValue):
            _values.host_name(bad, wildcard=True)


@pytest.mark.parametrize("value", ["opt", "/", "/opt/", "//opt", "/opt//x", "/opt/../x", "/opt/./x", "/a b", "/a%n", "/a:b", "/a$b", "/a\n", "~/x", "/a,b"])
def test_what_is_no_path_of_a_host(value):
    with pytest.raises(_values.BadValue):
        _values.path(value)


def test_paths_of_the_controller_hold_blanks():
    assert _values.controller_path("~/My Files/é.pem") == "~/My Files/é.pem"


@pytest.mark.parametrize("value", ["root", "1000", "-x", "a.b", "x" * 32, "Ä"])
def test_what_is_no_user(value):
    with pytest.raises(_values.BadValue):
        _values.user_name(value)


def test_a_long_value_is_not_shown_for_ever():
    with pytest.raises(_values.BadValue) as error:
        _values.path("x" * 10000)
    assert len(str(error.value)) < 300
