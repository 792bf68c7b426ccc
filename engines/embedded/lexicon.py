"""The words that fill the slots of the grammar."""

from __future__ import annotations

WORDS: dict[str, tuple[str, ...]] = {
    "name": (
        "Anna", "Ben", "Carla", "David", "Elena", "Felix", "Grace", "Hugo", "Ines", "Jonas", "Katja", "Leo", "Maria",
        "Nico", "Olga", "Paul", "Rita", "Sam", "Tara", "Victor", "Wendy", "Yusuf", "Zoe", "Martin", "Laura", "Peter",
        "Sofia", "Daniel", "Emma", "Oscar",
    ),
    "agent": ("Juno", "Echo", "Milo", "Vera", "Atlas", "Nova", "Robin", "Ada"),
    "room": ("kitchen", "bedroom", "living room", "hallway", "bathroom", "office", "garage", "garden", "nursery"),
    "device": ("lamp", "fan", "heater", "coffee machine", "television", "speaker", "dishwasher", "humidifier"),
    "color": ("red", "blue", "green", "warm white", "cool white", "orange", "purple", "yellow", "pink"),
    "dish": (
        "pasta", "rice", "eggs", "potatoes", "bread", "pizza", "soup", "lentils", "cookies", "chicken", "carrots",
        "tea", "beans", "muffins", "salmon", "vegetables",
    ),
    "drink": ("coffee", "green tea", "orange juice", "water", "hot chocolate", "lemonade", "milk"),
    "item": (
        "milk", "butter", "flour", "sugar", "apples", "bananas", "onions", "garlic", "tomatoes", "cheese", "yogurt",
        "honey", "rice", "olive oil", "salt", "pepper", "lemons", "spinach", "mushrooms", "batteries", "soap",
    ),
    "solid": ("flour", "sugar", "butter", "cheese", "yogurt", "rice", "honey", "spinach", "cream", "salt", "oats"),
    "countable": ("apples", "bananas", "onions", "tomatoes", "lemons", "eggs", "carrots", "peppers", "pears", "nuts"),
    "city": (
        "Berlin", "Paris", "London", "Madrid", "Rome", "Vienna", "Prague", "Lisbon", "Oslo", "Dublin", "Athens",
        "Warsaw", "Boston", "Denver", "Seattle", "Toronto", "Sydney", "Tokyo", "Cairo", "Lima",
    ),
    "sky": ("sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "stormy", "mostly clear", "partly cloudy"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "month": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
    "genre": ("jazz", "classical", "rock", "folk", "blues", "pop", "reggae", "ambient", "piano", "opera", "country"),
    "mood": ("calm", "happy", "quiet", "energetic", "gentle", "cheerful", "relaxing"),
    "band": (
        "the Silver Foxes", "the Paper Boats", "Northern Lights", "the Velvet Clocks", "Blue Harbor", "the Lanterns",
        "Morning Tide", "the Old Maps", "Crystal River", "the Night Owls",
    ),
    "song": (
        "Summer Rain", "Long Way Home", "Paper Moon", "Golden Hour", "Winter Road", "Dancing Shadows", "Open Window",
        "River Song", "Falling Stars", "Second Chance", "City of Glass", "Slow Train",
    ),
    "task": (
        "call the dentist", "water the plants", "pay the rent", "take out the trash", "send the report",
        "buy a present", "feed the cat", "renew the passport", "charge the phone", "book the tickets",
        "return the library books", "clean the windows", "pick up the parcel", "check the oven",
    ),
    "event": (
        "a dentist appointment", "a team meeting", "lunch with Maria", "a piano lesson", "a doctor visit",
        "football practice", "a birthday party", "a parent evening", "a train to catch", "dinner with friends",
    ),
    "animal": (
        "fox", "owl", "bear", "rabbit", "mouse", "cat", "dog", "turtle", "frog", "squirrel", "whale", "dragon",
        "penguin", "elephant", "hedgehog", "crow",
    ),
    "trait": ("brave", "shy", "clever", "lazy", "curious", "tiny", "old", "kind", "hungry", "lonely", "proud", "calm"),
    "place": (
        "forest", "village", "mountain", "lake", "island", "castle", "desert", "valley", "harbor", "meadow", "cave",
        "lighthouse",
    ),
    "thing": (
        "golden key", "silver bell", "red balloon", "broken clock", "wooden boat", "glass marble", "magic lamp",
        "paper crown", "lost letter", "small lantern", "blue stone", "old map",
    ),
    "lesson": (
        "a friend is worth more than gold", "small steps lead far", "it is good to share", "patience wins",
        "even the small can be brave", "home is where friends are", "asking for help is not weak",
        "a kind word opens every door",
    ),
    "subject": ("history", "biology", "geography", "music", "chemistry", "painting", "astronomy", "grammar"),
    "sport": ("running", "swimming", "cycling", "yoga", "hiking", "climbing", "rowing", "dancing"),
    "feeling": ("tired", "happy", "nervous", "bored", "sad", "excited", "stressed", "grateful"),
    "gift": ("a book", "a scarf", "a plant", "a puzzle", "a teapot", "a notebook", "a candle", "a board game"),
    "verb": ("likes", "wants", "needs", "hates", "sells"),
    "switch": ("on", "off"),
    "vehicle": ("bus", "train", "tram", "ferry", "taxi"),
}  # fmt: skip

CAPITALS: tuple[tuple[str, str, str], ...] = (
    ("France", "Paris", "Europe"), ("Spain", "Madrid", "Europe"), ("Italy", "Rome", "Europe"),
    ("Germany", "Berlin", "Europe"), ("Austria", "Vienna", "Europe"), ("Portugal", "Lisbon", "Europe"),
    ("Norway", "Oslo", "Europe"), ("Sweden", "Stockholm", "Europe"), ("Finland", "Helsinki", "Europe"),
    ("Greece", "Athens", "Europe"), ("Ireland", "Dublin", "Europe"), ("Poland", "Warsaw", "Europe"),
    ("Hungary", "Budapest", "Europe"), ("Japan", "Tokyo", "Asia"), ("China", "Beijing", "Asia"),
    ("India", "New Delhi", "Asia"), ("Thailand", "Bangkok", "Asia"), ("Egypt", "Cairo", "Africa"),
    ("Kenya", "Nairobi", "Africa"), ("Morocco", "Rabat", "Africa"), ("Canada", "Ottawa", "North America"),
    ("Mexico", "Mexico City", "North America"), ("Cuba", "Havana", "North America"),
    ("Brazil", "Brasilia", "South America"), ("Peru", "Lima", "South America"), ("Chile", "Santiago", "South America"),
)  # fmt: skip

FACTS: tuple[tuple[str, str], ...] = (
    ("the moon", "The moon circles the Earth in about 27 days and always shows us the same side."),
    ("the sun", "The sun is a star, and its light needs about eight minutes to reach us."),
    ("Mars", "Mars is called the red planet because its soil is full of rust."),
    ("Saturn", "Saturn is famous for its rings, which are made of ice and rock."),
    ("Jupiter", "Jupiter is the largest planet, and more than a thousand Earths would fit inside it."),
    ("whales", "Whales are mammals that breathe air, and the blue whale is the largest animal alive."),
    ("bees", "Bees dance to tell each other where the flowers are."),
    ("owls", "Owls can turn their heads very far and fly almost without a sound."),
    ("penguins", "Penguins cannot fly, but they swim faster than most people can run."),
    ("honey", "Honey keeps for many years, because bacteria cannot grow in it."),
    ("glass", "Glass is made by melting sand at a very high temperature."),
    ("paper", "Paper was invented in China and is made from plant fibers."),
    ("rainbows", "A rainbow appears when sunlight is bent and split by drops of water."),
    ("volcanoes", "A volcano erupts when hot melted rock finds its way to the surface."),
    ("the ocean", "The ocean covers most of the planet, and much of it has never been seen."),
    ("lightning", "Lightning is a giant spark between clouds, or between a cloud and the ground."),
    ("diamonds", "Diamonds are made of carbon and form deep below the ground."),
    ("trees", "Trees drink water through their roots and make sugar from sunlight in their leaves."),
    ("chess", "Chess is a very old game that came from India, and it is played on 64 squares."),
    ("the heart", "The heart beats about a hundred thousand times a day and moves blood through the body."),
)  # fmt: skip

NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip

NUMBERS: dict[str, tuple[str, ...]] = {
    "minutes": tuple(str(n) for n in (*range(2, 20), 20, 25, 30, 35, 40, 45, 50, 55, 75, 90)),
    "hour": tuple(str(n) for n in range(1, 13)),
    "quarter": ("00", "15", "30", "45", "05", "10", "20", "50"),
    "percent": tuple(str(n) for n in range(5, 100, 5)),
    "degrees": tuple(str(n) for n in range(1, 36)),
    "date": tuple(str(n) for n in range(1, 29)),
    "count": tuple(str(n) for n in range(2, 13)),
    "grams": tuple(str(n) for n in range(50, 550, 50)),
    "room_degrees": tuple(str(n) for n in range(17, 26)),
}
