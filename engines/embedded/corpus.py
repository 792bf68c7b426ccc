"""The generated corpus of the embedded language model: scenes, documents, and the split that holds scenes out.

A scene is one skill with its slots filled: an exchange and maybe its follow-ups. Whether it is held out depends on the
text of its first exchange alone, so that no seed can make training see an exchange of the held-out side.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

from engines.embedded.grammar import expand
from engines.embedded.lexicon import NUMBERS, WORDS
from engines.embedded.skills import Skill, pick, skills

HELD_OUT_SHARE = 1 / 16

SYSTEM_PROMPTS = (
    "You are {agent}, a voice assistant. Answer in one to four short sentences.",
    "You are {agent}, {a:trait} assistant in the {room}. Keep your answers short.",
    "You are a helpful voice assistant. The user is called {name}.",
    "You are {agent}, the voice assistant of {name}. It is {day}, {hour}:{quarter}. "
    "Speak [clearly|naturally] and be [brief|kind].",
    "You are a voice assistant[ for the home| for travelers| for the family]. "
    "[Today is {day}.|You are in {city}.|Be brief.]",
)  # fmt: skip


@dataclass(frozen=True)
class Exchange:
    """What the user says and what the assistant answers."""

    request: str
    reply: str


@dataclass(frozen=True)
class Document:
    """A conversation. `system` is "" when it has no system prompt."""

    system: str
    scenes: tuple[tuple[Exchange, ...], ...]

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All that is said, in order."""
        return tuple(exchange for turns in self.scenes for exchange in turns)

    def messages(self) -> list[dict[str, str]]:
        """The conversation as chat messages (`role`, `content`)."""
        chat = [{"role": "system", "content": self.system}] if self.system else []
        for exchange in self.exchanges:
            chat += [
                {"role": "user", "content": exchange.request},
                {"role": "assistant", "content": exchange.reply},
            ]
        return chat

    def transcript(self) -> str:
        """The conversation as plain text, one line per turn."""
        return "".join(f"User: {e.request}\nAssistant: {e.reply}\n" for e in self.exchanges)


class _Slots(dict[str, str]):
    """Slots of one scene, drawn from the lexicon at first use; `{item1}` and `{item2}` never agree."""

    def __init__(self, rng: random.Random, agent: str, computed: dict[str, str]) -> None:
        super().__init__(computed, agent=agent)
        self._rng = rng

    def __missing__(self, name: str) -> str:
        kind = name.rstrip("0123456789")
        taken = {value for other, value in self.items() if other.rstrip("0123456789") == kind}
        words = [w for w in (WORDS.get(kind) or NUMBERS[kind]) if w not in taken]
        self[name] = words[pick(self._rng, len(words))]
        return self[name]


def scene(skill: Skill, agent: str, rng: random.Random) -> tuple[Exchange, ...]:
    """An exchange about `skill`, and each follow-up with a probability of a half."""
    slots = _Slots(rng, agent, skill.derive(rng) if skill.derive else {})
    turns = [turn for at, turn in enumerate(skill.turns) if at == 0 or rng.random() < 0.5]
    return tuple(Exchange(_sentence(q, slots, rng), _sentence(a, slots, rng)) for q, a in turns)


def is_held_out(exchange: Exchange) -> bool:
    """True for the share of all exchanges that training never sees as the first of a scene."""
    digest = hashlib.sha256(f"{exchange.request}\n{exchange.reply}".encode()).digest()
    return digest[0] < 256 * HELD_OUT_SHARE


def document(rng: random.Random, held_out: bool, scenes: int) -> Document:
    """A conversation of `scenes` scenes, all from the same side of the split."""
    agents = WORDS["agent"]
    agent = agents[pick(rng, len(agents))]
    system = SYSTEM_PROMPTS[pick(rng, len(SYSTEM_PROMPTS))] if rng.random() < 0.85 else ""
    kept: list[tuple[Exchange, ...]] = []
    while len(kept) < scenes:
        drawn = scene(skills()[pick(rng, len(skills()))], agent, rng)
        if is_held_out(drawn[0]) is held_out:
            kept.append(drawn)
    return Document(_sentence(system, _Slots(rng, agent, {}), rng), tuple(kept))


def documents(seed: int, held_out: bool = False) -> Iterator[Document]:
    """Conversations without end, of one to six scenes (short ones more often); the same for the same seed."""
    rng = random.Random(seed)
    while True:
        yield document(rng, held_out, 1 + pick(rng, 1 + pick(rng, 6)))


def fingerprint() -> str:
    """16 hex digits that change with the grammar, its words or how documents are made."""
    content = repr([next(stream) for stream in (documents(0), documents(1, held_out=True)) for _ in range(500)])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _sentence(template: str, slots: _Slots, rng: random.Random) -> str:
    """`template` expanded, with single spaces, as one line that starts with a capital."""
    text = " ".join(expand(template, slots, rng).split())
    return text[:1].upper() + text[1:]
