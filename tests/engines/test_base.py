from engines.base import Capabilities


def test_the_wording_of_advice_makes_no_other_engine():
    build = {"version": "1", "build": "abc"}
    advised = Capabilities({}, {**build, "unused": "AVX-512", "rebuild": "pip install x"})
    assert advised.identity == Capabilities({}, build).identity == build
    assert Capabilities({}, {**build, "build": "def"}).identity != build
