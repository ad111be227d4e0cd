# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that ask a node's REST API with its own key."""

from __future__ import annotations


class ModuleDocFragment:
    """Where the node answers, whom it is verified by, and where its key is."""

    DOCUMENTATION = r"""
options:
  address:
    description: The node's address, which its certificate must name.
    type: str
    required: true
  http_port:
    description: The port of the REST API.
    type: int
    default: 6333
  ca_path:
    description: The CAs that are trusted, a PEM file on the node.
    type: path
    default: /etc/qdrant/tls/current/ca.crt
  unit:
    description: The systemd unit of the node, whose own copy of the API key is used.
    type: str
    default: qdrant.service
  secrets_file:
    description: The file on the node that holds its API key, as M(hardened.qdrant.qdrant_files) writes it. Used where the unit has no copy.
    type: path
    default: /etc/qdrant/secrets.yaml
"""
