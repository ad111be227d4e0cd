# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets among the settings: each is found wherever it stands, none is left in config.yaml, and none is lost."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.module_utils import _secret_names, _secrets
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _known_settings, _secret_settings, _settings
from hypothesis import given
from hypothesis import strategies as st

# Every setting of Qdrant up to 1.19 that is secret, and the variable that it has, if any.
SECRET = {
    "debugger.pyroscope.password": "",
    "inference.token": "",
    "service.alt_api_key": "a vault",
    "service.api_key": "qdrant_api_key",
    "service.read_only_api_key": "qdrant_read_only_api_key",
    "storage.snapshots_config.s3_config.access_key": "",
    "storage.snapshots_config.s3_config.secret_key": "",
}
# Some that are not, and look alike.
OPEN = (
    "debugger.pyroscope.identifier debugger.pyroscope.url debugger.pyroscope.user inference.address service.metrics_prefix tls.key tls.cert "
    "storage.snapshots_config.s3_config.bucket storage.snapshots_config.s3_config.endpoint_url storage.snapshots_config.s3_config.region "
    "storage.collection.strict_mode.max_collection_payload_size_bytes audit.trust_forwarded_headers gpu.device_filter"
).split()
MARK = "s3cr3t-MARK"


def nested(path, value):
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def rendered(config):
    """config.yaml as the role writes it, and the secrets."""
    public, secret = _secret_settings.split(config)
    return yaml.safe_dump(public), secret


def test_the_tables_are_the_same():
    assert set(SECRET) == set(_secret_names.SETTINGS)


@pytest.mark.parametrize("path", SECRET)
def test_every_secret_setting_is_taken_out_of_the_file_that_all_can_read(path):
    config = _settings.merge(nested(path, MARK), {"log_level": "INFO"})
    text, secret = rendered(config)
    assert MARK not in text and secret == nested(path, MARK)
    assert _settings.lookup(yaml.safe_load(_secrets.render({"api_key": "k"}, secret)), path) == ("k" if path == "service.api_key" else MARK)


@pytest.mark.parametrize("path", SECRET)
def test_a_secret_with_a_variable_of_its_own_is_refused_by_name(path):
    found = [str(problem) for problem in _known_settings.check(nested(path, MARK), (1, 19, 0)).problems if problem.where == "qdrant_config." + path]
    assert not any(MARK in text for text in found)
    assert bool(found) == bool(SECRET[path]) and SECRET[path] in "".join(found)


@pytest.mark.parametrize("path", OPEN)
def test_what_is_not_secret_stays_where_it_can_be_read(path):
    assert _secret_settings.split(nested(path, "x")) == (nested(path, "x"), {})


@pytest.mark.parametrize("name", ["webhook_token", "adminPassword", "SIGNING_KEY", "client-secret", "passphrase", "credentials", "api_keys"])
@pytest.mark.parametrize("value", [MARK, 12345, [MARK], {"user": "u", "value": MARK}])
def test_what_is_called_like_a_secret_is_treated_as_one(name, value):
    config = {"storage": {"later": {name: value, "size": 3}}}
    assert _secret_settings.split(config) == ({"storage": {"later": {"size": 3}}}, {"storage": {"later": {name: value}}})


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://user:pass@inference.example.com/v1", True),
        ("https://inference.example.com/v1?x=1&api_key=abc", True),
        ("s3://b?X-Amz-Signature=abc", True),
        ("https://inference.example.com:8080/v1", False),
        ("https://user@inference.example.com/a:b@c", False),
        ("https://inference.example.com/?q=token", False),
    ],
)
def test_a_url_with_a_secret_in_it_is_one(url, secret):
    assert bool(_secret_settings.split({"inference": {"address": url}})[1]) == secret
    assert bool(_secret_settings.split({"x": [[url]]})[1]) == secret


def test_nothing_of_the_hardened_settings_is_secret():
    arguments = {"address": "192.0.2.1", "http_port": 1, "grpc_port": 2, "p2p_port": 3, "cluster": True, "jwt_rbac": True, "dashboard": True}
    settings = _settings.hardened(version=(1, 19, 0), audit={"enabled": True, "dir": _settings.AUDIT}, **arguments)
    assert _secret_settings.split(settings) == (settings, {})


NAMES = st.sampled_from(["service", "storage", "tls", "key", "s3_config", "token", "a", "b_key", "my_secret", "endpoint_url", "size"])
PLAIN = st.none() | st.booleans() | st.integers() | st.sampled_from(["x", "https://example.com"])
ANY = st.recursive(PLAIN, lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=3), max_leaves=12)
CONFIGS = st.dictionaries(NAMES, ANY, max_size=4)


def marked(value, path=()):
    """The same, with a mark wherever a secret may stand: below a secret's name, and in URLs."""
    if isinstance(value, dict):
        return {name: marked(entry, (*path, name)) for name, entry in value.items()}
    if isinstance(value, list):
        return [marked(entry, path) for entry in value]
    hidden = any(name in ("key", "token", "b_key", "my_secret") for name in path) and path[:2] != ("tls", "key")
    return MARK if hidden else f"https://u:{MARK}@example.com" if value == "https://example.com" else value


@given(CONFIGS, st.sampled_from(sorted(SECRET)))
def test_no_file_of_settings_holds_a_secret_whatever_its_path(config, path):
    config = _settings.merge(marked(config), nested(path, MARK))
    before = repr(config)
    text, secret = rendered(config)
    assert MARK not in text and MARK in repr(secret) and not _secret_names.in_text(text)
    assert _settings.merge(yaml.safe_load(text), secret) == config and repr(config) == before
    assert _secret_settings.split(yaml.safe_load(text))[1] == {}, "once is enough"


@given(CONFIGS)
def test_secrets_by_name_are_those_that_were_taken_out(config):
    found = _secret_settings.by_name(marked(config))
    assert _secret_names.texts(list(found.values())) == _secret_names.texts(_secret_settings.of_config(marked(config)))
    assert all(name.startswith("qdrant_config.") for name in found)


def test_what_is_no_mapping_holds_no_secrets():
    assert _secret_settings.of_config("token=x") == {} and _secret_settings.by_name(None) == {} and _secret_settings.check([MARK]) == []


@pytest.mark.parametrize("path", [path for path, variable in SECRET.items() if not variable])
@pytest.mark.parametrize(
    ("value", "what"),
    [
        (12345, "not a text"),
        ([MARK], "not a text"),
        ({"a": MARK}, "not a text"),
        (False, "not a text"),
        ("", "empty"),
        (MARK + "\n", "white space"),
        ("a\x07b", "printed"),
    ],
)
def test_secrets_that_the_server_would_take_for_something_else_are_refused(path, value, what):
    texts = [str(problem) for problem in _secret_settings.check(nested(path, value))]
    assert len(texts) == 1 and f"qdrant_config.{path}: it" in texts[0] and what in texts[0] and MARK not in texts[0]
    assert _secret_settings.check(nested(path, MARK)) == _secret_settings.check({}) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("service:\n  api_key: x\n", True),
        ("service:\n  'api_key': x\n", True),
        ("service: {host: a, read_only_api_key: x}\n", True),
        ('{"inference": {"token":"x"}}', True),
        ("storage:\n  list:\n    - secret_key: x\n", True),
        ("# api_key: x\n", False),
        ("  # settings, no token: here\n", False),
        ("tls:\n  key: /run/credentials/qdrant.service/tls.key\n  cert: /c\n", False),
        ("service:\n  max_request_size_mb: 32\n", False),
    ],
)
def test_a_file_that_holds_a_secret_is_known_by_its_names(text, found):
    assert _secret_names.in_text(text) == found


def test_a_header_is_a_secret_and_a_switch_with_such_a_word_is_none():
    assert _secret_names.is_secret(("inference", "headers", "Authorization"), "Bearer x")
    for path in ("service.enforce_internal_auth", "service.jwt_rbac", "storage.performance.bypass", "service.keys_only", "tls.key"):
        assert not _secret_names.is_secret(path.split("."), True), path
