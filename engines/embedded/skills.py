"""What the embedded language model can talk about: one `Skill` per topic, as templates of the grammar.

A slot is named after its list in the lexicon, with a digit where a scene needs several different words (`{item1}`,
`{item2}`); all other slots are computed by the skill's `derive`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

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


def _minutes_to_seconds(rng: random.Random) -> dict[str, str]:
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


_PLEASE = "[|Please |Could you |Hey {agent}, |Can you ]"
_OK = "[Okay|Sure|Of course|All right|Done|Got it]"

SKILLS: tuple[Skill, ...] = (
    Skill("timer", (
        (_PLEASE + "[set|start] a [timer for {minutes} minutes|{minutes} minute timer] for the {dish}",
         _OK + "[, your|. The|, the] timer for the {dish} is [set to|running for] {minutes} minutes."
         "[| I will [tell|remind|call] you when the {dish} [is|should be] ready.| You can ask me how much time is left.]"),
        ("[How much time is left?|How long until the {dish} is ready?|Is the timer still running?]",
         "[There are|You have] [about |]{count} minutes left on the timer for the {dish}."
         "[| I will let you know when the time is up.]"),
        ("[Cancel|Stop] [it|the timer|that timer] please", _OK + ", the timer for the {dish} is [cancelled|off]."),
    )),
    Skill("alarm", (
        ("[Wake me up|Set an alarm|I need an alarm] [on|for] {day} at {hour}:{quarter}[ in the morning| in the evening|]",
         _OK + ", I [set an alarm|will wake you] [for|on] {day} at {hour}:{quarter}. [Sleep well, {name}!|"
         "Should it repeat every week?|I will start [softly|quietly] with {mood} {genre} music.|]"),
        ("[Make it|Move it to] {minutes} minutes later", "The alarm is now {minutes} minutes later than {hour}:{quarter}."
         "[| It still rings on {day}.]"),
    )),
    Skill("reminder", (
        ("[Remind me to|Do not let me forget to] {task} [on {day}|at {hour}:{quarter}]",
         _OK + ", I will remind you to {task} [on {day}|on {day} at {hour}:{quarter}|at {hour}:{quarter}]."
         "[| Do you want a second reminder {minutes} minutes before?| It is now on your list with {count} other things.]"),
        ("[And|Also] remind me to {task2}[ after that|]", "I added that too. First you will {task}, then you will {task2}."),
        ("What do I have to do?", "You wanted to {task}[ on {day}|][, and to {task2}| and after that {task2}]."),
    )),
    Skill("weather", (
        ("[What is the weather like|How is the weather|What will the weather be] in {city} [today|tomorrow|on {day}|this week]?",
         "[In {city} it will be|The forecast for {city} is|It looks] {sky} with [a high of|about|up to] {degrees} degrees."
         "[| In the evening it turns {sky2}.| Expect it to be {sky2} on {day}.] [Take an umbrella with you.|Dress warmly."
         "|It is a good day for {sport}.|There is a {percent} percent chance of rain.|]"),
        ("[And in {city2}?|What about {city2}?|Is {city2} any better?]",
         "In {city2} it is {sky3}[ and|, with] {degrees2} degrees. [On {day2} it will be like in {city}.|]"),
    )),
    Skill("lights", (
        (_PLEASE + "[turn|switch] {switch} the [lights|light] in the {room}",
         _OK + "[|, {name}]. The lights in the {room} are [now {switch}|{switch} now]."
         "[| Should I do the same in the {room2}?]"),
        ("[Yes, and make them|Make the {room2}] {color2}", "The {room2} is {color2} now. [Tell me if it is too bright.|]"),
        ("Set them to {percent2} percent", "The lights are at {percent2} percent."),
    )),
    Skill("device", (
        (_PLEASE + "[turn|switch] {switch} the {device} in the {room}",
         "The {device} in the {room} is [now |]{switch}. [It uses about {grams} watts.|"
         "It will switch off after {minutes} minutes.|Anything else?|]"),
        ("Is the {device2} still on?", "[Yes, the {device2} is on|No, the {device2} is off]. [It has been like that for {minutes2}"
         " minutes.|You asked for that at {hour}:{quarter}.]"),
    )),
    Skill("heating", (
        ("[It is too cold in|Make it warmer in|Set the temperature in] the {room}[| to {room_degrees} degrees]",
         "I set the {room} to {room_degrees} degrees. It will [take|need] about {minutes} minutes[| to get warm]. "
         "[The {room2} stays as it is.|Close the windows to save energy.|]"),
    )),
    Skill("music", (
        (_PLEASE + "play [some |]{mood} {genre}[ music|][ in the {room}|]",
         "[Playing|Here is|Now playing] {song} by {band}. It is [a {mood} song|one of the {mood} songs] from [their|a] {genre} "
         "[album|list]. [Enjoy!|Say next to skip it.|The volume is at {percent} percent.|]"),
        ("[What is this song called?|Who sings this?|What is playing?]",
         "This is {song} by {band}[|, a {mood} {genre} song from {month}]."),
        ("[Play something else|Next song|Skip this one]", "[Okay, next|Sure, now] comes {song2} by {band2}."),
        ("[Turn it down|A bit louder|Volume to {percent2}]", "The volume is now at {percent2} percent."),
    )),
    Skill("shopping", (
        ("[Put|Add] {item1}, {item2} and {item3} [on|to] [my|the] shopping list",
         _OK + ", I added {item1}, {item2} and {item3}. [You now have {count} things on your list.|Do you need {item4} as "
         "well?|Your list is ready for {day}.]"),
        ("[Also|And] {item4} please", "[Added|I added] {item4}. The list now has {item1}, {item2}, {item3} and {item4}."),
        ("[Read me the list|What is on my shopping list?]", "There is {item1}, {item2}, {item3} and {item4} on your list."),
        ("[Remove|Take off] the {item2}", "{cap:item2} [is|was] removed. You still need {item1}, {item3} and {item4}."),
    )),
    Skill("calendar", (
        ("[What is on my calendar|Do I have plans|What do I have to do] on {day}?",
         "On {day} you have {event} at {hour}:{quarter}[, and {event2} at {hour2}:{quarter2}| and then {event2}]. "
         "[The [morning|evening|afternoon] is free.|You should leave {minutes} minutes early.|"
         "The {vehicle} leaves at {hour3}:{quarter}.]"),
        ("[Move|Can you move] {event} to {day2}?", "{cap:event} is now on {day2} at {hour}:{quarter}. "
         "[I told {name} about it.|{day} has only {event2} now.]"),
    )),
    Skill("date", (
        ("When is {name}'s birthday?",
         "{name}'s birthday is on {month} {date}. [It falls on a {day} this year.|That is in {count} weeks.|"
         "Last time you gave {name} {gift}.]"),
        ("[What could I give|Any ideas for a present]?", "[How about|{name} might like] {gift2}[ or {gift3}|]? "
         "[I can order it by {day}.|I can put it on your shopping list.]"),
    )),
    Skill("sum", (
        ("[What is|How much is|Calculate] {a} plus {b}[?|]", "{a} plus {b} [is|equals] {result}."),
        ("[And plus ten?|Add ten to that]", "{result} plus 10 is {again}."),
    ), _sum),
    Skill("difference", (
        ("[What is|How much is|Calculate] {a} minus {b}[?|]", "{a} minus {b} [is|equals] {result}."),
    ), _difference),
    Skill("product", (
        ("[What is|How much is|Calculate] {a} times {b}[?|]", "{a} times {b} [is|equals] {result}."),
        ("[Double it|And twice that?]", "Two times {result} is {double}."),
    ), _product),
    Skill("sharing", (
        ("I have {a} {countable1} and {b} {countable2}. How many things is that?",
         "You have {a} {countable1} and {b} {countable2}, so that makes {result} things. [Shall I write that down?|]"),
    ), _sum),
    Skill("units", (
        ("[How many {small} are in {amount} {unit}?|Convert {amount} {unit} to {small}]",
         "{amount} {unit} are {total} {small}[.|, {name}.]"),
    ), _minutes_to_seconds),
    Skill("capital", (
        ("[What is the capital of|Tell me the capital of|Which city is the capital of] {country}[?|]",
         "The capital of {country} is {capital}. [{country} is in {continent}.|It is {sky} there today.|"
         "Would you like to hear the weather there?|]"),
        ("And of {other}?", "The capital of {other} is {other_capital}."),
    ), _capital),
    Skill("fact", (
        ("[Tell me something about|What do you know about|Explain to me] {topic}[, please|]",
         "{fact} [I can tell you more if you like.|{name} asked me about {topic} last {day}.|Did you know that already?|]"),
        ("[And about {other}?|What about {other}?]", "{other_fact}"),
    ), _fact),
    Skill("spelling", (
        ("[How do you spell|Spell|Can you spell] {word}[?|]",
         "{cap:word} is spelled {letters}. It has {length} letters."),
    ), _spelling),
    Skill("countdown", (
        ("Count [down |backwards ]from {start}", "[Here we go|Okay|Ready]: {numbers}. [Done!|Liftoff!|]"),
    ), _countdown),
    Skill("recipe", (
        ("[How do I make|Give me a recipe for|How do I cook] {dish}[ for {count} people|]?",
         "For {dish} you need {grams} grams of {solid1}, {count} {countable} and [some|a little] {solid2}. [First|To begin], "
         "[wash|chop|prepare] the {countable}[ and heat a large pan|]. Then add the {solid1} and cook everything for {minutes} "
         "minutes. [Stir|Turn] it [every now and then|once or twice]. [Finally|At the end], add {solid2} and "
         "[serve it warm|let it rest for {count2} minutes|serve it with {drink}]."),
        ("[Can I leave out the {solid2}?|I have no {solid2}]", "[Yes, use|You can take] {solid3} instead of {solid2}. "
         "[It tastes almost the same.|Use only {grams2} grams of it.]"),
        ("How long does it take?", "[About|Around] {minutes} minutes[, and {count2} more to rest|]."),
    )),
    Skill("story", (
        ("Tell me a [short |bedtime |]story about {a_hero}",
         "Once upon a time there was {a_hero} who lived in {a:place}. [One [morning|evening|day]|On {a:trait2} {day}], the "
         "{beast} found {a:thing} [near|behind|under] the {place2}. [Nobody knew|The {beast} did not know] whom it belonged "
         "to. So the {hero} [asked|went to] {a:trait} {animal2} for [help|advice]. The {animal2} [smiled|thought for a "
         "while|laughed] and said: [{cap:lesson}.|Follow the {vehicle} to the {place3}.] Together they [walked|ran|sailed] "
         "to the {place3} and [found|met] the owner of the {thing}, {a:trait3} {animal3}. [They all had {drink} and {dish}|"
         "They sang until the sun came up|They became friends]. And so the {beast} learned that {lesson2}."),
        ("[What did|And what did] the {beast} find?", "The {beast} found {a:thing}[ near the {place2}|]."),
        ("[That was nice|I like that story]!", "[I am glad you liked it|Thank you]. [Tomorrow|On {day2}] I can tell you one "
         "about {a:trait} {animal3}."),
    ), _hero),
    Skill("trip", (
        ("[Plan a day|What can I do|What should I see] in {city}[ on {day}|]?",
         "[In the morning|First], [visit|see] the old [town|castle|harbor] of {city}[ and take the {vehicle}|]. [At noon|Around "
         "{hour}], have {dish} and {drink} near the [river|market|park]. In the afternoon, you could [go {sport}|walk to the "
         "museum of {subject}|listen to {genre} music in the park]. [In the evening|Later], you can hear {band} at {hour2}:{quarter}."
         " [The weather will be {sky}.|Have fun, {name}!|]"),
        ("How do I get there?", "[Take|You can take] the {vehicle} at {hour3}:{quarter2}. It takes about {minutes} minutes[ to "
         "{city}|] and costs {count} euros."),
    )),
    Skill("packing", (
        ("[What should I pack for|Help me pack for] {count} days in {city}?",
         "For {count} days in {city} you should take {count} shirts, [a warm jacket|a light jacket|a rain coat] and "
         "[comfortable shoes|good boots|swimwear]. It will be {sky} with {degrees} degrees. [Do not forget your "
         "[passport|charger|toothbrush|{sport} gear].|And take {gift} for the {vehicle}.]"),
    )),
    Skill("feeling", (
        ("I [am|feel] [so |very |a bit |]{feeling} today",
         "[I am sorry to hear that|Thank you for telling me|That happens|I see]. When people are {feeling}, [some {sport} can "
         "help|a cup of {drink} can help|they like {mood} {genre} music]. [Would you like me to play {song}?|Do you want to "
         "talk about it, {name}?|Shall I dim the lights in the {room}?]"),
        ("[Yes please|Good idea]", "[Okay|Here you go], {song} by {band} is playing in the {room}. [Take your time.|]"),
    )),
    Skill("training", (
        ("[Give me a plan for|Plan my] {sport}[ this week| training|]",
         "On {day1}, start with {minutes} minutes of easy {sport}. [Rest|Take a break] on {day2}. On {day3}, do {count} rounds "
         "of {count2} minutes each[ and drink enough {drink}|]. [Finish the week|End] with {a:mood} walk on {day4}."
         "[| You can do it, {name}!| I will remind you at {hour}.]"),
    )),
    Skill("message", (
        ("[Send|Write] a message to {name}[ that I am {feeling}| saying that I am {feeling}| about {event}|]",
         "[I wrote|Here it is|The message says]: [Hello|Dear|Hi] {name}, I am {feeling} and {minutes} minutes late for {event}. "
         "[Shall I send it?|Is that all?]"),
        ("[Yes, send it|Yes]", "The message to {name} has been sent[ at {hour}:{quarter}|]."),
    )),
    Skill("call", (
        ("[Call|Ring] {name}[ please| on the {room} speaker|]",
         "[Calling|I am calling] {name}[| from the {room}]. [{name} did not answer, so I left a message.|One "
         "moment.|The line is busy, shall I try again in {minutes} minutes?]"),
    )),
    Skill("travel", (
        ("When [does the next|is the next] {vehicle} to {city}[ leave|]?",
         "The next {vehicle} to {city} leaves at {hour}:{quarter}[ from platform {count}|] and [arrives|gets there] {minutes} "
         "minutes later. [It is {minutes2} minutes late today.|There is another one at {hour2}:{quarter2}.|]"),
        ("[Book|Buy] {count2} tickets", "I booked {count2} tickets for the {vehicle} to {city}. They cost {percent} euros."),
    )),
    Skill("news", (
        ("[What is new today?|Read me the news|Any news from {city}?]",
         "[Here are the news for {day}.|Today in the news:] In {city}, {a:animal} was found in {a:place} and brought "
         "[home|to safety]. The {vehicle} company of {city2} plans {count} new lines. [And {band} announced "
         "a {genre} album called {song}.|And it will be {sky} in {city2} on {day2}.]"),
        ("[More about the {animal} please|What happened to the {animal}?]", "The {animal} was {feeling}, but [it is|is now] "
         "safe[. {name} from {city} found it|]."),
    )),
    Skill("joke", (
        ("[Tell me a joke|Make me laugh|Do you know a joke about {a:animal}?]",
         "Why did the {animal} take {a:thing} to the {place}? [Because the {animal2} was on the {vehicle}|Because it was too "
         "{feeling} for {sport}|Because nobody told it about {subject}]! [I have {count} more of these.|Sorry, {name}.|]"),
    )),
    Skill("quiz", (
        ("[Ask me|Give me] a question about {subject}",
         "[Okay|Here is one]: [which|What] {animal} lives in the {place} and likes {item}? [Is it the {trait} one or the {trait2} "
         "one?|You have {minutes} seconds.]"),
        ("[The {trait} one|I think the {trait} one]", "[Correct|That is right|Well done]! You have {count} points in {subject}."),
    )),
    Skill("poem", (
        ("[Write|Make] a [short |]poem about the {place}",
         "[{cap:mood} is|How {mood} is] the {place} at night, the {sky} sky gives little light. The {trait} {animal} "
         "sings a {genre} song, and [all|half] the {place2} sings along."),
    )),
    Skill("identity", (
        ("[Who are you?|What is your name?|What can you do?]",
         "I am {agent}, your voice assistant. I can [set timers|play {genre} music|read the news|tell stories], [check the "
         "weather in {city}|control the {device}|keep your shopping list] and [answer questions about {subject}|call {name}|"
         "find a {vehicle}]. [What would you like to do?|Just ask.]"),
    )),
    Skill("thanks", (
        ("[Thank you|Thanks][, {agent}|]", "[You are welcome|My pleasure|Any time][, {name}|]! [Have a nice {day}.|Is there "
         "anything else I can do in the {room}?|]"),
    )),
    Skill("lost", (
        ("[Where did I leave|Have you seen|I cannot find] [my|the] {thing}[?|]",
         "[You last|I think you] left the {thing} in the {room}[, next to the {device}|]. [That was on {day} at {hour}:{quarter}.|"
         "If it is not there, look in the {room2}.]"),
        ("[Found it|It was in the {room}], thanks", "[Great|Good|I am happy to hear that]! [Next time I will remind you of the "
         "{thing}.|]"),
    )),
    Skill("note", (
        ("[Take a note|Write this down]: {name1} {verb} {item1} and {item2}",
         "[Noted|I wrote down]: {name1} {verb} {item1} and {item2}. [You have {count} notes.|Shall I tell {name2}?|]"),
        ("What did I say about {name1}?", "You said that {name1} {verb} {item1} and {item2}."),
    )),
    Skill("book", (
        ("[Which|What] {subject} book [should I read|do you recommend]?",
         "[Try|I recommend|People like] {song} by {name1} {surname}. It is {a:mood} book about {a:trait} {animal} [in {a:place}|"
         "who lives in {city}]. [It has {grams} pages.|{name2} gave it {count} stars.|You can borrow it on {day}.]"),
    ), lambda rng: {"surname": ("Hill", "Wood", "Stone", "Field", "Rivers", "Baker")[pick(rng, 6)]}),
)  # fmt: skip
