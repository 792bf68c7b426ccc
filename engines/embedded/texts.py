"""The prompts and the held-out text that come with the embedded language model."""

from __future__ import annotations

import random
from dataclasses import dataclass

from engines.embedded.corpus import document

_HELD_OUT_SEED = 77_000_000
_HELD_OUT_CHARACTERS = 6500


@dataclass(frozen=True)
class Prompt:
    """A chat whose next turn is the assistant's: messages with `role` and `content`."""

    id: str
    messages: tuple[dict[str, str], ...]


def prompts() -> tuple[Prompt, ...]:
    """What people ask a voice assistant: three prompts each of about 20, 145 and 360 of the model's tokens."""
    return tuple(Prompt(name, _messages(system, turns)) for name, system, turns in _CHATS)


def held_out_text() -> str:
    """Transcripts of conversations that were held out from training: about 2500 of the model's tokens."""
    rng, text = random.Random(_HELD_OUT_SEED), ""
    while len(text) < _HELD_OUT_CHARACTERS:
        text += ("\n" if text else "") + document(rng, held_out=True, scenes=3).transcript()
    return text


def _messages(system: str, turns: tuple[str, ...]) -> tuple[dict[str, str], ...]:
    """`turns` are the user's and the assistant's, by turns."""
    chat = [{"role": "system", "content": system}] if system else []
    chat += [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(turns)]
    return tuple(chat)


_MORNING = (
    "What do I have to do on Thursday?",
    "On Thursday you have a team meeting at 9:30, and a piano lesson at 5:15. You should leave 20 minutes early.",
    "Move a piano lesson to Friday",
    "A piano lesson is now on Friday at 9:30. I told Laura about it.",
    "How is the weather in Lisbon today?",
    "The forecast for Lisbon is partly cloudy with up to 19 degrees. In the evening it turns rainy. Take an umbrella "
    "with you.",
    "And in Madrid?",
    "In Madrid it is sunny, with 24 degrees.",
    "Put honey, lemons and olive oil on my shopping list",
    "Of course, I added honey, lemons and olive oil. Do you need garlic as well?",
    "Also garlic please",
    "I added garlic. The list now has honey, lemons, olive oil and garlic.",
)

_EVENING = (
    "Can you switch on the lights in the living room",
    "Sure, Felix. The lights in the living room are on now. Should I do the same in the hallway?",
    "Set them to 35 percent",
    "The lights are at 35 percent.",
    "Please play some quiet piano music",
    "Now playing Paper Moon by the Velvet Clocks. It is one of the quiet songs from their piano list. The volume is at "
    "25 percent.",
    "Who sings this?",
    "This is Paper Moon by the Velvet Clocks, a quiet piano song from October.",
    "Start a 40 minute timer for the potatoes",
    "Okay, the timer for the potatoes is set to 40 minutes. I will tell you when the potatoes should be ready.",
    "Tell me something about bees",
    "Bees dance to tell each other where the flowers are. Did you know that already?",
    "And about the ocean?",
    "The ocean covers most of the planet, and much of it has never been seen.",
)

_CHATS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("short-timer", "", ("Set a timer for 12 minutes for the pasta",)),
    ("short-recipe", "", ("How do I make soup for 4 people?",)),
    ("short-note", "", ("Take a note: Laura needs lemons",)),
    (
        "medium-trip",
        "You are Vera, the voice assistant of Oscar. It is Friday, 8:30. Speak clearly and be brief.",
        (
            "When is the next train to Vienna?",
            "The next train to Vienna leaves at 10:15 from platform 7 and arrives 55 minutes later.",
            "Book 3 tickets",
            "I booked 3 tickets for the train to Vienna. They cost 60 euros.",
            "What should I see in Vienna on Saturday?",
        ),
    ),
    (
        "medium-note",
        "You are a helpful voice assistant. The user is called Maria.",
        (
            "Take a note: Paul needs batteries and honey",
            "Noted: Paul needs batteries and honey. Shall I tell Ines?",
            "I feel a bit tired today",
            "Thank you for telling me. When people are tired, a cup of green tea can help. Shall I dim the lights in "
            "the bedroom?",
            "Help me pack for 5 days in Oslo",
        ),
    ),
    (
        "medium-lights",
        "You are Vera, the voice assistant of Felix. It is Tuesday, 7:15. Speak clearly and be brief.",
        (
            "Can you switch on the lights in the kitchen",
            "Sure, Felix. The lights in the kitchen are on now. Should I do the same in the hallway?",
            "How is the weather in Oslo today?",
            "In Oslo it is sunny, with 14 degrees.",
            "Help me pack for 3 days in Oslo",
        ),
    ),
    (
        "long-morning",
        "You are Robin, a voice assistant. Answer in one to four short sentences.",
        (*_MORNING, "Give me a recipe for vegetables?"),
    ),
    (
        "long-evening",
        "You are Milo, a curious assistant in the kitchen. Keep your answers short.",
        (*_EVENING, "Tell me a bedtime story about a brave hedgehog"),
    ),
    (
        "long-day",
        "You are Robin, a helpful voice assistant. Keep your answers short.",
        (
            *_MORNING[2:],
            "Start a 25 minute timer for the soup",
            "Okay, the timer for the soup is set to 25 minutes. I will tell you when the soup should be ready.",
            "What should I see in Vienna on Sunday?",
        ),
    ),
)
