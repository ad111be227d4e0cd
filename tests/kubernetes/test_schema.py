# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role renders is valid for the last four versions of Kubernetes that kubernetes-validate knows, unknown fields refused."""

from __future__ import annotations

import copy

import pytest
import yaml
from conftest import CHART, PROGRAMS, run

MINOR = int(run(PROGRAMS / "python", "-c", "import kubernetes_validate; print(kubernetes_validate.latest_version())").stdout.split(".")[1] or 0)
VERSIONS = ["1.%d" % (MINOR - age) for age in range(4)]


def merge(base, patch):
    """A strategic merge, as far as the patch needs it: mappings by key, containers by name."""
    if isinstance(patch, dict):
        return {**(base or {}), **{key: merge((base or {}).get(key), value) for key, value in patch.items()}}
    if isinstance(patch, list) and base:
        assert [one["name"] for one in base] == [one["name"] for one in patch]
        return [merge(one, other) for one, other in zip(base, patch)]
    return patch


def stateful_set(patch):
    """A StatefulSet such as the chart makes, patched."""
    container = {"name": "qdrant", "image": "qdrant/qdrant", "ports": [{"name": "http", "containerPort": 6333}]}
    spec = {
        "serviceName": "qdrant-headless",
        "selector": {"matchLabels": CHART},
        "template": {"metadata": {"labels": CHART}, "spec": {"containers": [container]}},
    }
    return merge({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "qdrant", "namespace": "qdrant"}, "spec": spec}, patch)


def validate(tmp_path, version, objects):
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return run(PROGRAMS / "kubernetes-validate", "--strict", "-k", version, path)


@pytest.fixture(scope="session")
def objects(rendered, policies):
    patch = yaml.safe_load((rendered / "statefulset-patch.yaml").read_text(encoding="utf-8"))
    values = yaml.safe_load((rendered / "values.yaml").read_text(encoding="utf-8"))
    # The chart puts these two as they are into the StatefulSet, so their place in it is what validates them.
    pod = {"securityContext": values["podSecurityContext"], "containers": [{"name": "qdrant", "securityContext": values["containerSecurityContext"]}]}
    by_values = stateful_set({"spec": {"template": {"spec": pod}}})
    return [*policies, stateful_set(patch), by_values]


@pytest.mark.parametrize("version", VERSIONS)
def test_all_objects_are_valid(tmp_path, objects, version):
    assert [one["kind"] for one in objects] == ["NetworkPolicy"] * 4 + ["StatefulSet"] * 2
    done = validate(tmp_path, version, objects)
    assert done.returncode == 0 and done.stdout.count("passed") == len(objects), done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_the_validator_refuses_what_is_wrong(tmp_path, objects, version):
    for position, change in (
        (2, lambda one: one["spec"].update(podSelecter={})),
        (2, lambda one: one["spec"]["ingress"][0]["ports"][0].update(port=["6333"])),
        (4, lambda one: one["spec"]["template"]["spec"]["securityContext"].update(runAsUser="root")),
        (5, lambda one: one["spec"]["template"]["spec"]["containers"][0]["securityContext"].update(readOnlyRoot=True)),
    ):
        broken = copy.deepcopy(objects)
        change(broken[position])
        assert validate(tmp_path, version, broken).returncode != 0
