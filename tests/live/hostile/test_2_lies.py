# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hostile host says of itself is a finding of that host; what it asks to have signed is signed by nobody; what it was sent it has anyway."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from pathlib import Path

import pytest
from conftest import ENVIRONMENT
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TEXT = "\x1b[2J\u202e | <script>x</script> [x](http://x)"


@pytest.fixture
def report(deployment) -> Path:
    return deployment.inventory.parent / "report"


def failed(judged: dict) -> dict[str, list[str]]:
    """The controls that failed in a report, by host."""
    return {host: [finding["id"] for finding in findings if finding["state"] == "failed"] for host, findings in judged["hosts"].items()}


@pytest.mark.parametrize(
    "merge",
    [
        {"evidence": {"node": False}},
        {"evidence": {"config": ["everything"]}},
        {"evidence": {"web": {"version": TEXT, "x": 1}}},
        {"evidence": {"seen": {"node2": {"rest": "open to all"}}}},
        {"evidence": {"asked": {"role": "outsider"}, "surplus": TEXT}},
    ],
)
def test_evidence_of_another_form_is_a_finding_of_its_host_alone(attacker, report, merge):
    attacker.answers({"module": "qdrant_evidence$", "merge": merge})
    result = attacker.run("hardened.qdrant.verify")
    said = result.stdout + result.stderr
    assert result.returncode != 0 and "NOT VERIFIED" in said and "Traceback" not in said
    assert said.replace("\n", "").isprintable()
    judged = json.loads((report / "report.json").read_text())
    assert failed(judged) == {"node1": ["evidence-valid"], "node2": [], "proxy1": []}
    for path in report.iterdir():
        text = path.read_text()
        assert text.replace("\n", "").replace("\t", "").isprintable() and "<script>x" not in text.replace("&lt;", ""), path


def test_evidence_that_never_came_is_a_finding(attacker, report):
    attacker.answers({"module": "qdrant_evidence$", "merge": {"failed": True, "msg": "no"}})
    result = attacker.run("hardened.qdrant.verify")
    assert result.returncode != 0 and "\nVERIFIED" not in result.stdout
    judged = json.loads((report / "report.json").read_text())
    assert failed(judged)["node1"] == ["evidence-valid"]


def request_for(*names: str, ca: bool = False) -> str:
    """A signing request that names what its maker likes."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node1")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("provider", ["internal", "csr"])
@pytest.mark.parametrize(("names", "ca"), [(("node2",), False), (("*",), False), (("node1",), True)])
def test_a_request_for_more_is_signed_by_nobody(deployment, attacker, folder, provider, names, ca):
    waiting = folder / "waiting"
    change = {"qdrant_tls_force_renewal": True}
    if provider == "csr":
        change = {"qdrant_tls_provider": "csr", "qdrant_tls_csr_dir": str(waiting), "qdrant_tls_ca_certificate": deployment.ca}
    attacker.answers({"module": "qdrant_certificate$", "merge": {"request": request_for(*names, ca=ca)}})
    result = attacker.run("hardened.qdrant.site", "--limit", "qdrant", "-e", json.dumps({**change, "qdrant_tls_force_renewal": True}))
    said = result.stdout + result.stderr
    assert result.returncode != 0 and "node1 asks for a certificate that it should not have" in said, said[-3000:]
    assert not (waiting / "node1.csr").exists()


def test_a_killed_run_leaves_no_secret_on_a_host(deployment, attacker, folder):
    """As somebody with a plain ansible.cfg and a user other than root has it: without pipelining the keys would lie in that user's folder."""
    host = attacker.hosts[0]
    key = secrets.token_urlsafe(33)
    attacker.answers({"module": "qdrant_files$", "sleep": 30})
    command = ["ansible-playbook", "-i", str(deployment.inventory), "-i", str(folder / "attacked.yml"), "hardened.qdrant.rotate_api_keys"]
    with (folder / "killed.log").open("w") as log:
        run = subprocess.Popen(
            [*command, "-e", json.dumps({"qdrant_read_only_api_key": key})], cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + 120
            # First with a digest, then with the keys.
            while attacker.asked().count("hardened.qdrant.qdrant_files") < 2:
                assert time.monotonic() < deadline and run.poll() is None, (folder / "killed.log").read_text()[-3000:]
                time.sleep(1)
        finally:
            # Ansible's workers are in sessions of their own, and would finish their task.
            subprocess.run(["pkill", "-KILL", "-f", str(folder)], check=False)
            run.wait()
    listing = "find /home /root /tmp /var/tmp /dev/shm -type f -size -20M 2>/dev/null"
    assert host.run("ls -d /home/*/.ssh").strip(), "the user of SSH is root, so this proves nothing"
    script = "umask 077; cat > /run/needle <<'NEEDLE'\n%s\nNEEDLE\n%s | xargs -r -d '\\n' grep -laF -f /run/needle || true; rm /run/needle"
    found = host.run(script % (key, listing))
    assert found.split() == [], found


def test_others_names_in_a_nodes_certificate_reach_no_proxy(deployment, attacker):
    """A node shows a certificate with a name that would end a line of nginx.conf. Proxies take names from the inventory."""
    name = 'x";}\nserver { listen 9999; } #'
    attacker.answers({"module": "qdrant_node_info$", "merge": {"tls": {"certificate": f"-----BEGIN CERTIFICATE-----\n{name}\n"}}})
    attacker.run("hardened.qdrant.proxy")
    assert "9999" not in deployment.proxies[0].run("cat /etc/qdrant-proxy/nginx.conf")


def test_a_hostile_proxy_is_not_believed_either(deployment, attacked_proxy):
    attacked_proxy.answers({"module": ".", "merge": {"ansible_facts": {"qdrant_proxy_clients": ["0.0.0.0/0"], "qdrant_proxy_open": ["/"]}}})
    result = attacked_proxy.run("hardened.qdrant.site")
    assert result.returncode != 0 and "proxy1 is not to be trusted" in result.stdout + result.stderr
    attacked_proxy.answers({"module": "qdrant_proxy_evidence$", "merge": {"proxy": {"nodes": TEXT}}})
    result = attacked_proxy.run("hardened.qdrant.verify")
    assert result.returncode != 0 and "evidence-valid on proxy1" in result.stdout and (result.stdout + result.stderr).replace("\n", "").isprintable()


def test_the_others_were_served_all_along(deployment):
    assert "\nVERIFIED" in deployment.playbook("hardened.qdrant.site").stdout
