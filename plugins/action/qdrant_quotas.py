# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module of the same name, across the border (_border)."""

from __future__ import annotations

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action


class ActionModule(_action.Question):
    """Has the node set its cluster's quotas."""
