"""Requests as work items: those of this package, the embedded model's, or the user's own list or file.

A model with a chat template answers a chat. One without, a base model, continues a text, and is asked to: the library
would put a chat into the template of another model (Llama 2), which such a model has never seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from engines.base import Model, WorkItem
from engines.model_files import EMBEDDED
from engines.user_lists import json_lines, read_text
from search_spaces.errors import TunerError, unknown_name

_ITEM_KEYS = ("id", "prompt", "messages", "max_tokens")
LEAST_TOKENS = 2
LENGTHS = 3
"""Lengths of what comes with the tool."""


class WorkloadError(TunerError):
    """A workload's configuration or prompts cannot be used."""


def continues(model: Model) -> bool:
    """Whether a prompt is a text that `model` continues, and no message that it answers."""
    return not model.facts.get("chat_template", True)


def shipped_entries(model: Model) -> list[Any]:
    """What comes with the tool for such a model, as many of each of `LENGTHS` lengths, shortest first."""
    if model.source == EMBEDDED:
        from engines.embedded.texts import prompts

        return [{"id": p.id, "messages": list(p.messages)} for p in prompts()]
    name = "passages.yaml" if continues(model) else "prompts.yaml"
    return _parse((resources.files(__package__) / name).read_text(encoding="utf-8"), Path(name))


def own_entries(given: Any) -> list[Any]:
    """The entries of the user's own list or file. Raises WorkloadError."""
    if isinstance(given, list | tuple):
        return list(given)
    path = Path(str(given)).expanduser()
    entries = _parse(read_text(path, "prompts file", "check workload.prompts", WorkloadError), path)
    if not entries:
        raise WorkloadError(f"{path} has no prompts", "write one prompt a line")
    return entries


def work_items(entries: list[Any], most: int, ignore_eos: bool, continued: bool) -> tuple[WorkItem, ...]:
    """Work items whose payload is `{messages | prompt, max_tokens, ignore_eos}`. Raises WorkloadError.

    `most` is the `max_tokens` of entries that have none. Prompts are messages of a user unless they are `continued`.
    """
    items = tuple(_item(number, entry, most, ignore_eos, continued) for number, entry in enumerate(entries, start=1))
    # Items are told apart by their ids.
    for name, count in Counter(item.id for item in items).items():
        if count > 1:
            raise WorkloadError(f"{count} prompts have the id {name!r}", "give each its own, or none")
    return items


def said(item: WorkItem) -> list[str]:
    """What a request says: the text to be continued, or each message."""
    payload = item.payload
    return [str(payload["prompt"])] if "prompt" in payload else [str(m["content"]) for m in payload["messages"]]


def answer_length(what: str, value: Any) -> int:
    """A number of tokens that has a rate: between one token and the next there must be a time."""
    if isinstance(value, bool) or not isinstance(value, int) or value < LEAST_TOKENS:
        raise WorkloadError(f"{what} is {value!r}", f"give a whole number of tokens, at least {LEAST_TOKENS}")
    return value


def _parse(text: str, path: Path) -> list[Any]:
    if path.suffix == ".jsonl":
        return [entry for _, entry in json_lines(text, str(path), "a string or an object", WorkloadError)]
    if path.suffix in (".yaml", ".yml", ".json"):
        import yaml

        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise WorkloadError(f"{path} is not YAML: {str(error).splitlines()[0]}", "fix it") from error
        if not isinstance(document, list | None):
            raise WorkloadError(f"{path} is not a list of prompts", "begin each with a dash")
        return document or []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _item(number: int, entry: Any, most: int, ignore_eos: bool, continued: bool) -> WorkItem:
    name = f"prompt {number}"
    if isinstance(entry, str):
        entry = {"prompt": entry}
    if not isinstance(entry, Mapping):
        raise WorkloadError(
            f"{name} is {entry!r}", "write a text, or an object with id, prompt or messages, max_tokens"
        )
    for key in entry:
        if key not in _ITEM_KEYS:
            raise unknown_name(f"key of {name}", str(key), _ITEM_KEYS)
    if ("prompt" in entry) == ("messages" in entry):
        raise WorkloadError(f"{name} needs either a prompt or messages", "give one of them")
    messages = entry.get("messages", [{"role": "user", "content": entry.get("prompt")}])
    if not isinstance(messages, list | tuple) or not messages or not all(_is_message(m) for m in messages):
        raise WorkloadError(f"{name} has no usable text", "messages are a list of {role: user, content: TEXT}")
    max_tokens = answer_length(f"max_tokens of {name}", entry.get("max_tokens", most))
    asked = {"messages": [dict(m) for m in messages]}
    if continued and "prompt" in entry:
        asked = {"prompt": entry["prompt"]}
    payload = {**asked, "max_tokens": max_tokens, "ignore_eos": ignore_eos}
    return WorkItem(str(entry.get("id", f"prompt-{number}")), payload)


def _is_message(message: Any) -> bool:
    """A role and a text that is not blank."""
    if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
        return False
    return all(isinstance(message[key], str) and message[key].strip() for key in ("role", "content"))
