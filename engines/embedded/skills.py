"""What the embedded language model can talk about: the skills of `skills.yaml` and what they compute."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from engines.embedded import lexicon
from engines.embedded.grammar import with_article

Derive = Callable[[random.Random], dict[str, str]]


@dataclass(frozen=True)
class Skill:
    """A topic: `turns` are (request, reply) templates over shared slots; those after the first are follow-ups."""

    name: str
    turns: tuple[tuple[str, str], ...]
    derive: Derive | None = None


def pick(rng: random.Random, count: int) -> int:
    """A whole number in [0, count), drawn in the one way that every Python release repeats."""
    return int(rng.random() * count)


def _sum(rng: random.Random) -> dict[str, str]:
    a, b = 2 + pick(rng, 40), 2 + pick(rng, 40)
    return {"a": str(a), "b": str(b), "result": str(a + b), "again": str(a + b + 10)}


def _difference(rng: random.Random) -> dict[str, str]:
    b = 2 + pick(rng, 30)
    a = b + 1 + pick(rng, 40)
    return {"a": str(a), "b": str(b), "result": str(a - b)}


def _product(rng: random.Random) -> dict[str, str]:
    a, b = 2 + pick(rng, 11), 2 + pick(rng, 11)
    return {"a": str(a), "b": str(b), "result": str(a * b), "double": str(2 * a * b)}


def _capital(rng: random.Random) -> dict[str, str]:
    at = pick(rng, len(lexicon.CAPITALS))
    country, capital, continent = lexicon.CAPITALS[at]
    other, other_capital, _ = lexicon.CAPITALS[(at + 1 + pick(rng, len(lexicon.CAPITALS) - 1)) % len(lexicon.CAPITALS)]
    return {
        "country": country, "capital": capital, "continent": continent, "other": other, "other_capital": other_capital,
    }  # fmt: skip


def _fact(rng: random.Random) -> dict[str, str]:
    at = pick(rng, len(lexicon.FACTS))
    topic, fact = lexicon.FACTS[at]
    other, other_fact = lexicon.FACTS[(at + 1 + pick(rng, len(lexicon.FACTS) - 1)) % len(lexicon.FACTS)]
    return {"topic": topic, "fact": fact, "other": other, "other_fact": other_fact}


def _units(rng: random.Random) -> dict[str, str]:
    amount = 2 + pick(rng, 14)
    unit, small, factor = (("minutes", "seconds", 60), ("hours", "minutes", 60), ("days", "hours", 24),
                           ("meters", "centimeters", 100), ("weeks", "days", 7), ("kilograms", "grams", 1000),
                           )[pick(rng, 6)]  # fmt: skip
    return {"amount": str(amount), "unit": unit, "small": small, "total": str(amount * factor)}


def _countdown(rng: random.Random) -> dict[str, str]:
    start = 5 + pick(rng, 8)
    numbers = ", ".join(lexicon.NUMBER_WORDS[n] for n in range(start, 0, -1))
    return {"start": lexicon.NUMBER_WORDS[start], "numbers": numbers}


def _spelling(rng: random.Random) -> dict[str, str]:
    words = lexicon.WORDS["animal"] + lexicon.WORDS["place"] + lexicon.WORDS["subject"]
    word = words[pick(rng, len(words))]
    return {"word": word, "letters": ", ".join(word.upper()), "length": lexicon.NUMBER_WORDS[len(word)]}


def _hero(rng: random.Random) -> dict[str, str]:
    animals, traits = lexicon.WORDS["animal"], lexicon.WORDS["trait"]
    trait, animal = traits[pick(rng, len(traits))], animals[pick(rng, len(animals))]
    return {"hero": f"{trait} {animal}", "beast": animal, "a_hero": with_article(trait) + " " + animal}


def _author(rng: random.Random) -> dict[str, str]:
    surnames = ("Hill", "Wood", "Stone", "Field", "Rivers", "Baker")
    return {"surname": surnames[pick(rng, len(surnames))]}


_COMPUTED: dict[str, Derive] = {
    "sum": _sum,
    "difference": _difference,
    "product": _product,
    "capital": _capital,
    "fact": _fact,
    "units": _units,
    "countdown": _countdown,
    "spelling": _spelling,
    "hero": _hero,
    "author": _author,
}


@lru_cache(maxsize=1)
def skills() -> tuple[Skill, ...]:
    """All skills, in the order of the file."""
    content = yaml.safe_load(Path(__file__).with_name("skills.yaml").read_text(encoding="utf-8"))
    phrases: dict[str, str] = content["phrases"]

    def filled(template: str) -> str:
        for name, phrase in phrases.items():
            template = template.replace(f"<{name}>", phrase)
        return template

    return tuple(
        Skill(
            entry["name"],
            tuple((filled(turn["request"]), filled(turn["reply"])) for turn in entry["turns"]),
            _COMPUTED[entry["computes"]] if "computes" in entry else None,
        )
        for entry in content["skills"]
    )
