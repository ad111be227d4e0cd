# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy is to be, what is refused, and the certificates of its clients."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import proxy
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _calls, _clients, _network, _proxy, _tls_providers
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from test_tls_providers import host

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NODES, CLIENTS = _authority.create("nodes", NOW), _authority.create("clients", NOW)
NODE = _proxy.Node("node1", "192.0.2.11", 6333, 6334, "node1")
ROLE = Path(__file__).parents[4] / "roles/qdrant_proxy"


def texts(found):
    return "\n".join(map(str, found.problems))


def judged(provider, own, nodes=NODES, **changes):
    """What a provider says of a proxy before nodes of a CA."""
    of_proxy = host(own, prefix=_tls_providers.PROXIES, now=NOW, **changes)
    return _tls_providers.named(provider, _tls_providers.PROXIES).proxy(of_proxy, _tls_providers.Nodes("internal", nodes[0], [nodes[0]]))


def leaf(ca, name="node1", purposes=_certificate.BOTH):
    """A certificate of a CA, and its key, in PEM form."""
    authority = _authority.load(*ca, NOW, timedelta(days=90))
    key = _certificate.KEY_TYPES["ecdsa-p256"]()
    wanted = _certificate.Wanted(name, [name], ["192.0.2.11"], "ecdsa-p256", ca[0], ca[0], purposes=purposes)
    return _authority.sign(authority, _certificate.request_for(key, wanted), wanted, NOW, timedelta(days=90)), key, wanted


def test_a_servers_certificate_is_no_clients():
    pem, key, wanted = leaf(NODES, purposes=("serverAuth",))
    chain = _certificate.load_certificates(pem)
    assert _certificate.purposes(chain[0]) == {"serverAuth"}
    assert _certificate.due_for_reissue(chain, key, wanted, NOW) == []
    both, key, _wanted = leaf(NODES)
    reasons = _certificate.due_for_reissue(_certificate.load_certificates(both), key, wanted, NOW)
    assert reasons == ["it has the extended key usage clientAuth"]


def test_a_certificate_of_ones_own_need_not_be_a_clients_and_must_not_be_one_of_the_nodes_ca():
    for ca, purposes, expected in (
        (NODES, ("serverAuth",), ""),
        (CLIENTS, _certificate.BOTH, ""),
        (NODES, _certificate.BOTH, "could open the cluster port"),
        (CLIENTS, ("clientAuth",), "lacks the extended key usage serverAuth"),
    ):
        pem, key, _wanted = leaf(ca, purposes=purposes)
        own = {"provided_certificate": pem, "provided_private_key": _certificate.key_pem(key), "ca_certificate": ca[0]}
        found = judged("provided", own, needed=["DNS:node1"])
        assert expected in texts(found) and bool(found.problems) == bool(expected)


@pytest.mark.parametrize(
    ("provider", "names", "addresses", "expected"),
    [
        ("internal", [], [], ["IP:192.0.2.21"]),
        ("internal", ["db.example"], ["198.51.100.1"], ["DNS:db.example", "IP:192.0.2.21", "IP:198.51.100.1"]),
        ("csr", ["db.example"], [], ["DNS:db.example", "IP:192.0.2.21"]),
        ("provided", ["db.example"], [], ["DNS:db.example"]),
        ("acme", ["db.example"], ["198.51.100.1"], ["DNS:db.example", "IP:198.51.100.1"]),
        ("acme", [], ["198.51.100.1"], ["IP:192.0.2.21", "IP:198.51.100.1"]),
    ],
)
def test_what_a_certificate_has_to_name(provider, names, addresses, expected):
    assert _proxy.needed(_tls_providers.names_alone(provider), "192.0.2.21", names, addresses) == expected


@pytest.mark.parametrize(
    ("names", "extra", "certificate", "ours", "expected"),
    [
        (["node1"], [], "", True, "node1"),
        (["node1"], ["db.example"], "leaf", False, "node1"),
        # What else the certificate names is the node's word.
        (["other"], [], "leaf", False, ""),
        (["other"], ["node1"], "leaf", False, "node1"),
        (["node1;}"], ["*.example.com", "db.example"], "", True, "db.example"),
        (["other"], [], "garbage", False, "other"),
        ([], ["db.example"], "", False, "db.example"),
        ([], [], "", False, ""),
    ],
)
def test_a_node_is_verified_by_a_name_that_its_certificate_has(names, extra, certificate, ours, expected):
    pem = leaf(NODES)[0] if certificate == "leaf" else certificate
    assert _proxy.server_name(names, extra, pem, ours) == expected


def test_nodes_must_be_seen_and_named():
    assert "there is no node" in texts(_proxy.check_nodes("proxy1", [], [], "qdrant"))
    assert "node2 were not looked at" in texts(_proxy.check_nodes("proxy1", [NODE], ["node2"], "qdrant"))
    assert "has none of its names in the inventory" in texts(_proxy.check_nodes("proxy1", [_proxy.Node("node1", "192.0.2.11", 6333, 6334, "")], [], "qdrant"))
    assert not _proxy.check_nodes("proxy1", [NODE], [], "qdrant").problems
    assert _proxy.Node("n", "2001:db8::1", 6333, 6334, "n").as_dict()["bracketed"] == "[2001:db8::1]"


def test_a_node_on_an_internal_network_has_its_proxy_on_its_host():
    inside = _proxy.Node("node1", "172.31.253.2", 6333, 6334, "node1", local=True)
    assert not _proxy.check_nodes("node1", [inside], [], "qdrant").problems
    assert "node1 is on an internal network of its host, and the proxy proxy1 is on another" in texts(_proxy.check_nodes("proxy1", [inside], [], "qdrant"))
    ports = {"qdrant_proxy_http_port": 6333, "qdrant_proxy_grpc_port": 8444}
    assert "the node node1 guards 6333 there already" in texts(_proxy.check_place("node1", "192.0.2.11", ports, [inside], 6335))


@pytest.mark.parametrize(
    ("address", "http", "grpc", "expected"),
    [
        ("192.0.2.21", 6333, 6334, ""),
        ("192.0.2.21", 6333, 0, ""),
        ("192.0.2.11", 8443, 8444, ""),
        ("192.0.2.11", 6333, 8444, "the node node1 listens on 6333"),
        ("192.0.2.11", 8443, 6335, "the node node1 listens on 6335"),
        ("192.0.2.21", 6333, 6333, "they are the same"),
        ("192.0.2.21", "6333 ", 6334, "is no port"),
        ("proxy", 6333, 6334, "is no IP address"),
        ("0.0.0.0", 6333, 6334, "every address of the host"),
    ],
)
def test_where_a_proxy_listens(address, http, grpc, expected):
    ports = {"qdrant_proxy_http_port": http, "qdrant_proxy_grpc_port": grpc}
    found = _proxy.check_place("proxy1", address, ports, [NODE], 6335)
    assert expected in texts(found) and bool(found.problems) == bool(expected)


@pytest.mark.parametrize(
    ("entries", "accepted", "expected"),
    [
        (["192.0.2.0/24", "apps"], (), ""),
        ([], (), "nobody could use the proxy"),
        ("192.0.2.1", (), "it is not a list"),
        (["::/0"], (), "risk: clients-everyone"),
        (["0.0.0.0/0"], ("clients-everyone",), ""),
        (["192.0.2.1/24"], (), "an address within a network"),
        (["0.0.0.0/1", "128.0.0.0/1"], (), "risk: clients-everyone"),
        (["all"], (), "0.0.0.0/0 is everyone"),
        (["scoped"], (), "scoped comes from 'fe80::1%eth0', which is no address"),
        (["nowhere.invalid"], (), "'nowhere.invalid' is neither"),
    ],
)
def test_who_may_come(entries, accepted, expected):
    hosts = {
        "app": {"ansible_host": "192.0.2.7"},
        "all": {"qdrant_firewall_addresses": ["0.0.0.0/0"]},
        "scoped": {"qdrant_firewall_addresses": ["192.0.2.1", "fe80::1%eth0"]},
    }
    meant = _network.clients(entries, {"apps": ["app"]}, hosts, lambda _name: [], "qdrant_proxy_clients")
    found = _proxy.check_clients(meant, entries, accepted)
    assert expected in texts(found) and bool(found.problems) == bool(expected)
    assert "qdrant_firewall_clients" not in texts(found)


def test_the_nodes_must_let_the_proxy_in():
    assert not _proxy.check_let_in("proxy1", "192.0.2.21", {"node1": ["192.0.2.16/28"]}, "qdrant_proxy").problems
    found = _proxy.check_let_in("proxy1", "192.0.2.21", {"node1": ["192.0.2.21"], "node2": []}, "qdrant_proxy")
    assert "node2 do not let the proxy proxy1 (192.0.2.21) in" in texts(found)


def test_values():
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    assert not _proxy.check_values(defaults, [], "crit", False).problems
    for variable, (lowest, highest) in _proxy.NUMBERS.items():
        for bad in (lowest - 1, highest + 1, "x", None, True):
            assert variable in texts(_proxy.check_values({**defaults, variable: bad}, [], "crit", False))
    assert "qdrant_proxy_open" in texts(_proxy.check_values(defaults, ["all"], "crit", False))
    assert "qdrant_proxy_open" in texts(_proxy.check_values(defaults, "metrics", "crit", False))
    assert "qdrant_proxy_error_log" in texts(_proxy.check_values(defaults, [], "debug", False))
    assert _proxy.check_values(defaults, ["dashboard"], "crit", False).warnings


def test_the_ca_of_clients_is_never_the_nodes():
    assert not _proxy.check_client_ca(CLIENTS[0], [NODES[0]], NOW).problems
    assert "opens the cluster port" in texts(_proxy.check_client_ca(NODES[0], [NODES[0]], NOW))
    assert "opens the cluster port" in texts(_proxy.check_client_ca(CLIENTS[0] + NODES[0], ["", NODES[0]], NOW))
    assert "is no CA's certificate" in texts(_proxy.check_client_ca(leaf(CLIENTS)[0], [NODES[0]], NOW))
    assert "is not valid now" in texts(_proxy.check_client_ca(CLIENTS[0], [NODES[0]], NOW + timedelta(days=4000)))
    assert "no certificate" in texts(_proxy.check_client_ca("x", [NODES[0]], NOW))


def test_serial_numbers_are_written_as_nginx_compares_them():
    assert _proxy.serials(["0a:bc", "0x1F2"])[0] == ["0ABC", "01F2"]
    assert "no serial number" in texts(_proxy.serials(["shop"])[1]) and not _proxy.serials([])[1].problems


def test_addresses():
    assert not _proxy.check_addresses("x", ["192.0.2.53", "2001:db8::53"]).problems
    assert "is no address" in texts(_proxy.check_addresses("x", ["192.0.2.0/24", "dns"]))


# --- clients' certificates ---------------------------------------------------------------------------------------------


def test_a_clients_certificate_is_made_once():
    authority = _authority.load(*CLIENTS, NOW, timedelta(days=30))
    key, certificate = _clients.issue(authority, "shop", "ecdsa-p256", timedelta(days=30), NOW)
    seen = _certificate.load_certificates(certificate)[0]
    assert _certificate.purposes(seen) == {"clientAuth"} and seen.subject.rfc4514_string() == "CN=shop"
    assert _clients.due(certificate, key, CLIENTS[0], "ecdsa-p256", NOW) == []
    assert _clients.due(None, key, CLIENTS[0], "ecdsa-p256", NOW) == ["there is none"]
    assert _clients.due("x", key, CLIENTS[0], "ecdsa-p256", NOW) == ["what is there cannot be read"]
    assert "another CA" in str(_clients.due(certificate, key, NODES[0], "ecdsa-p256", NOW))
    assert "wanted is rsa-3072" in str(_clients.due(certificate, key, CLIENTS[0], "rsa-3072", NOW))
    assert "expires on" in str(_clients.due(certificate, key, CLIENTS[0], "ecdsa-p256", NOW + timedelta(days=25)))
    other, _unused = _clients.issue(authority, "shop", "ecdsa-p256", timedelta(days=30), NOW)
    assert "do not match" in str(_clients.due(certificate, other, CLIENTS[0], "ecdsa-p256", NOW))


@pytest.mark.parametrize(("name", "days", "kind"), [("../x", 90, "ecdsa-p256"), ("", 90, "ecdsa-p256"), ("a", 0, "ecdsa-p256"), ("a", 90, "dsa")])
def test_what_no_certificate_can_be_made_of_is_refused(name, days, kind):
    with pytest.raises(_clients.ClientError):
        _clients.check(name, days, kind)


def test_the_nodes_ca_signs_for_no_client():
    _clients.check_apart(CLIENTS[0], [NODES[0]])
    for nodes in ([NODES[0]], [CLIENTS[0], NODES[0]]):
        with pytest.raises(_clients.ClientError, match="opens the cluster port"):
            _clients.check_apart(NODES[0], nodes)


def test_what_nodes_trust_is_known_for_every_provider(tmp_path):
    """With all but internal, the nodes' CAs may be a file."""
    loader, file = DataLoader(), tmp_path / "ca.pem"
    file.write_text("the nodes' CA\n" + NODES[0], encoding="ascii")

    def trust(hosts):
        return _clients.nodes_trust(lambda host, name: hosts[host].get(name), hosts, loader)

    assert trust({}) == trust({"node1": {}}) == trust({"node1": {"qdrant_tls_ca_certificate": ""}}) == []
    for value in (str(file), NODES[0]):
        for name in ("qdrant_tls_ca_certificate", "qdrant_tls_next_ca_certificate"):
            with pytest.raises(_clients.ClientError, match="opens the cluster port"):
                _clients.check_apart(NODES[0], trust({"node1": {name: value}, "node2": {name: value}}))
    for value, expected in ((str(tmp_path / "none"), "names a file that cannot be read"), ("a text\nof lines", "neither a PEM text nor")):
        with pytest.raises(_clients.ClientError, match="The CAs of the node node1 are not known.*" + expected):
            trust({"node1": {"qdrant_tls_ca_certificate": value}})

    def unreadable(_host, _name):
        raise KeyError("a variable that cannot be decrypted")

    with pytest.raises(_clients.ClientError, match="The CAs of the node node1 are not known"):
        _clients.nodes_trust(unreadable, ["node1"], loader)


def test_a_ca_below_the_nodes_is_refused_as_well():
    """Whoever shows a client's certificate with the one between opens the cluster port."""
    authority, key = _authority.load(*NODES, NOW, timedelta(days=90)), _certificate.KEY_TYPES["ecdsa-p256"]()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "below")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(authority.certificate.subject).public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=90)).add_extension(x509.BasicConstraints(True, None), True)
    below = builder.sign(authority.key, hashes.SHA256())
    text = _certificate.pem_of([below])
    with pytest.raises(_clients.ClientError, match="is the nodes' CA or comes from it"):
        _clients.check_apart(text, [NODES[0]])
    assert "is the nodes' CA or comes from it" in texts(_proxy.check_client_ca(text, [CLIENTS[0], NODES[0]], NOW))
    refusal = "qdrant_proxy_tls_ca_certificate: it is the nodes' CA or comes from it"
    assert refusal in texts(judged("acme", {"ca_certificate": text}))
    assert refusal not in texts(judged("acme", {"ca_certificate": text}, nodes=CLIENTS))


# --- evidence ----------------------------------------------------------------------------------------------------------


def test_settings_are_read_from_what_nginx_reads():
    text = "    proxy_ssl_verify on;\n grpc_ssl_verify off;\n# proxy_pass http://x;\n  proxy_pass https://qdrant_rest;\n listen 1 ssl;\n"
    seen = proxy.directives(text)
    assert seen["proxy_ssl_verify"] == ["on"] and seen["grpc_ssl_verify"] == ["off"] and seen["proxy_pass"] == ["https://qdrant_rest"]
    assert seen["ssl_verify_client"] == []
    line = r'        "~(^|, | : )192\.0\.2\.11:6333$" "node1";'
    for written in (line, line.replace('"node1"', "node1")):
        assert proxy.upstreams(written) == [{"address": "192.0.2.11", "port": 6333, "name": "node1"}]


def part_of(path: str) -> str:
    """Return the part of the API that nginx takes a path for, by the map in its settings."""
    template = (ROLE / "templates/nginx.conf.j2").read_text(encoding="utf-8")
    for line in template.partition("map $uri $qdrant_part {")[2].partition("}\n")[0].splitlines():
        found = re.fullmatch(r'\s*(?:"(~?)(.+)"|default) (\w+);', line)
        if found and (found[2] is None or (re.search(found[2], path) if found[1] else found[2] == path)):
            return found[3]
    raise AssertionError(path)


def test_nginx_takes_every_call_for_the_part_that_the_data_gives_it_to():
    for call in _calls.known():
        rest = {"/": "api"}.get(call.path, part_of(call.asked()))
        if call.port == "rest":
            assert rest == call.part and part_of(call.asked("shop")) == call.part, call.call
        else:
            assert rest == {"api": "grpc", "none": "none"}.get(call.part, f"grpc_{call.part}"), call.call
    assert part_of(_proxy.DASHBOARD) == "dashboard" and part_of("/collections/shop/anything") == "none"
    # A path of REST is none of gRPC's, and the other way round, whichever port it comes to.
    assert not {call.path for call in _calls.known() if call.port == "rest"} & {call.path for call in _calls.known() if call.port != "rest"}


def test_what_is_closed_is_asked_for():
    everything, nothing_grpc = _proxy.closed_paths([]), _proxy.closed_methods([])
    for path in (
        "/quotas",
        "/audit/logs",
        "/profiler/slow_requests",
        "/debugger",
        "/logger",
        "/telemetry",
        "/metrics",
        "/issues",
        "/stacktrace",
        "/cluster",
        "/snapshots",
    ):
        assert path in everything
    assert "/collections" not in everything and "/" not in everything and "/healthz" not in everything
    assert {"/qdrant.StorageRead/ReadBytes", "/qdrant.Snapshots/ListFull", "/qdrant.QdrantInternal/GetTelemetry"} <= set(nothing_grpc)
    assert not {"/qdrant.Snapshots/CreateFull", "/qdrant.Raft/Send", "/qdrant.Points/Count"} & set(nothing_grpc)
    for part, path in (
        ("metrics", "/metrics"),
        ("dashboard", "/dashboard/"),
        ("snapshots", "/snapshots"),
        ("cluster", "/cluster/telemetry"),
        ("telemetry", "/telemetry"),
    ):
        assert set(everything) - set(_proxy.closed_paths([part])) and path not in _proxy.closed_paths([part]), part
    # What no part of qdrant_proxy_open holds stays closed.
    assert "/quotas" in _proxy.closed_paths(_proxy.PARTS) and "/qdrant.StorageRead/ReadBytes" in _proxy.closed_methods(_proxy.PARTS)
    assert set(_proxy.PARTS) - {"dashboard"} == set(_calls.PARTS) - {"api", "none"}
