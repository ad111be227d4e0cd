# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.module_utils import _secrets


@pytest.mark.parametrize("key", ["00123", "1e5", "true", "null", "~", "a: b", "#x", "'\"\\", "{}", "plain"])
def test_every_key_is_read_back_as_it_is(key):
    text = _secrets.render({"api_key": key, "read_only_api_key": ""})
    assert yaml.safe_load(text) == json.loads(text) == {"service": {"api_key": key}}


def test_empty_keys_are_left_out():
    assert "read_only" not in _secrets.render({"api_key": "a", "read_only_api_key": ""})


def test_further_secrets_are_nested_as_in_the_settings():
    further = {"storage": {"s3": {"secret_key": "00123", "a": [1, {"b": "é"}]}}, "inference": {"token": "1e5"}}
    text = _secrets.render({"api_key": "a", "alt_api_key": ""}, further)
    assert yaml.safe_load(text) == json.loads(text) == {"service": {"api_key": "a"}, **further} and text.isascii()
    assert further.keys() == {"storage", "inference"}, "what was given is not changed"


def test_keys_of_the_service_outrank_what_else_was_given_for_it():
    text = _secrets.render({"api_key": "a", "read_only_api_key": ""}, {"service": {"api_key": "b", "read_only_api_key": "c", "later_key": "d"}})
    assert json.loads(text) == {"service": {"api_key": "a", "later_key": "d"}}


def test_the_same_secrets_in_another_order_are_the_same_file():
    assert _secrets.render({"api_key": "a"}, {"b": {"x": 1, "y": 2}, "a": 1}) == _secrets.render({"api_key": "a"}, {"a": 1, "b": {"y": 2, "x": 1}})
