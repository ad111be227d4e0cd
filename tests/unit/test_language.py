# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and descriptions are read once: a task's name is verb and object, and no relative clause stands for a noun ("what others made")."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
TASK_FILES = [path for pattern in ("playbooks/*.yml", "roles/*/tasks/**/*.yml") for path in sorted(PROJECT.glob(pattern))]
DOCUMENTED = [path for folder in ("modules", "filter", "lookup", "doc_fragments") for path in sorted((PROJECT / "plugins" / folder).glob("[!_]*.py"))]
SPECS = sorted(PROJECT.glob("roles/*/meta/argument_specs.yml"))
CATALOGUE = sorted(PROJECT.glob("plugins/plugin_utils/controls/*.yml"))

# What a task's or a play's name may begin with. A verb that is missing is added here; "See", "Say", "Have", "Take" and "Tell" say too little to be.
VERBS = set(
    """Adopt Allow Announce Answer Apply Arm Ask Change Check Close Collect Compare Compute Configure Confirm Converge Copy Create Deploy Disable Download
    Enable Fetch Find Finish Group Guard Install Issue Judge Keep List Load Make Mask Move Observe Open Order Plan Publish Pull Read Record Refuse Register
    Reload Remove Rename Render Renew Replace Report Request Reset Restart Restore Rotate Run Set Show Stage Start Stop Store Switch Unpack Update
    Validate Verify Wait Write""".split()
)
# A relative clause without a noun to belong to.
NOUNLESS = re.compile(r"\b(what|whatever|whoever|whom|whomever)\b|\b(those|that|it|them) (who|whom|that|which)\b|(^|[.;:]\s+)who\b", re.IGNORECASE)
# What a name leaves to whoever reads it to find out.
PRONOUN = re.compile(r"\b(it|them|they|this|these|those)\b", re.IGNORECASE)


def named(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def names_in(tasks):
    """Return the names of plays, tasks, blocks and what stands in them."""
    found = []
    for task in tasks or ():
        if isinstance(task, dict):
            found += [task["name"]] if isinstance(task.get("name"), str) else []
            for key in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
                found += names_in(task.get(key))
    return found


def texts_of(document, keys):
    """Return the texts that stand at these keys, at any depth."""
    found = []
    if isinstance(document, dict):
        for key, value in document.items():
            if key in keys:
                found += [value] if isinstance(value, str) else [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
            found += texts_of(value, keys)
    elif isinstance(document, list):
        for value in document:
            found += texts_of(value, keys)
    return found


def documentation_of(path: Path):
    """Return the YAML documents of a plugin: DOCUMENTATION, RETURN, and the tasks of EXAMPLES."""
    blocks = re.findall(r'^(?:    )?(DOCUMENTATION|RETURN|EXAMPLES|[A-Z]+) = r"""\n(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return {name: yaml.safe_load(text) for name, text in blocks}


@pytest.mark.parametrize("path", TASK_FILES, ids=named)
def test_a_name_is_verb_and_object(path):
    names = names_in(yaml.safe_load(path.read_text(encoding="utf-8")))
    # "Replace the CA, 1 of 3: every node trusts both": the first half is the name.
    heads = [name.partition(":")[0] for name in names]
    assert [head for head in heads if re.match(r"\w+", head)[0] not in VERBS] == [], "the name begins with no verb of VERBS"
    assert [head for head in heads if NOUNLESS.search(head) or PRONOUN.search(head)] == [], "a noun says more"


@pytest.mark.parametrize("path", CATALOGUE, ids=named)
def test_a_controls_title_message_and_remedy_name_their_things(path):
    texts = texts_of(yaml.safe_load(path.read_text(encoding="utf-8")), {"title", "message", "remedy"})
    assert [text for text in texts if NOUNLESS.search(text)] == []


@pytest.mark.parametrize("path", SPECS, ids=named)
def test_an_option_of_a_role_is_described_by_nouns(path):
    assert [text for text in texts_of(yaml.safe_load(path.read_text(encoding="utf-8")), {"description", "short_description"}) if NOUNLESS.search(text)] == []


@pytest.mark.parametrize("path", DOCUMENTED, ids=named)
def test_a_plugin_is_described_by_nouns(path):
    documents = documentation_of(path)
    assert documents
    texts = texts_of([documents[name] for name in documents if name != "EXAMPLES"], {"description", "short_description"})
    texts += names_in(documents["EXAMPLES"]) if isinstance(documents.get("EXAMPLES"), list) else []
    assert [text for text in texts if NOUNLESS.search(text)] == []


@pytest.mark.parametrize("text", ["Take back what told it", "Publish whom clients should trust", "Keep those that run", "Who may use the API"])
def test_the_kind_is_found(text):
    assert NOUNLESS.search(text)


@pytest.mark.parametrize("text", ["Remove the expiry timer", "A user who may use sudo", "Read the rules that carry the role's mark"])
def test_a_clause_that_belongs_to_a_noun_is_none_of_the_kind(text):
    assert not NOUNLESS.search(text)


# What a docstring may begin with: what the function returns, or what it does.
DOES = set(
    """Add Announce Answer Apply Arm Ask Become Build Change Check Close Collect Compare Complete Connect Convert Copy Count Create Decide Decode Disarm Do Drop
    Encode End Escape Execute Fail Find Forget Give Hand Have Hold Issue Judge Keep Kill List Load Lock Look Make Mark Mount Move Name Open Parse Pass Pin
    Plan Prepare Print Publish Put Raise Read Record Refuse Register Rehearse Remember Remove Render Replace Report Resolve Return Run Say Send Set Show Sign
    Speak Split Start Stop Switch Take Tell Throw Try Undo Update Verify Wait Warn Write Yield""".split()
)
SOURCES = [path for pattern in ("plugins/**/*.py", "roles/*/files/*.py") for path in sorted(PROJECT.glob(pattern))]


def public_functions(node):
    """Yield the functions and methods of a module that others may call."""
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not child.name.startswith("_"):
            yield child
        elif isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public_functions(child)


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_docstring_says_what_its_function_returns_or_does(path):
    found = []
    for function in public_functions(ast.parse(path.read_text(encoding="utf-8"))):
        text = ast.get_docstring(function)
        if text and text.split()[0] not in DOES:
            found.append(f"{function.name}: {text.splitlines()[0]}")
    assert found == [], "begin with Return or with a verb"
