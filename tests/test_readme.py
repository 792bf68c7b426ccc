"""What is written is true of the code: commands are ones that the command line takes, and links lead somewhere.

With `-m readme` every command is run, in the order of the page.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from engines.published.catalogue import catalogue
from engines.published.places import folder
from tests.engines.published.stand_in import as_if_fetched
from tuner.cli.config.compose import compose
from tuner.cli.main import parse

ROOT = Path(__file__).parents[1]


PAGES = (
    "README.md",
    "docs/reading-results.md",
    "docs/language-models.md",
    "docs/options.md",
    "docs/published.md",
    "docs/speech.md",
    "benchmarks/README.md",
)
"""Where commands are shown, in the order in which a newcomer reads them."""


def fenced_commands():
    """The shell commands of all pages' fenced blocks; a prompt, comments and continued lines are taken care of."""
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    commands = [re.sub(r"^\$ ", "", line.strip()) for line in lines]
    return [c for c in commands if re.match(r"([\w./-]*python[\d.]* -m [\w.]+|tuner|make)( |$)", c)]


COMMANDS = fenced_commands()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_pasted_into_an_interactive_zsh(command):
    """There a `#` begins no comment, and brackets outside of quotes are patterns of file names."""
    assert shlex.split(command) == shlex.split(command, comments=True)
    assert not set("[]{}()*?") & set(re.sub(r"'[^']*'", "", command))


PROSE = (page for folder in ("benchmarks", "docs", "engines", "experiments") for page in (ROOT / folder).rglob("*.md"))
LINKING = [ROOT / "README.md", *sorted(page for page in PROSE if "results" not in page.parts)]


def anchors(page):
    """The fragments by which GitHub names the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", LINKING, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        target, _, fragment = link.partition("#")
        if "://" in target:
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert not fragment or fragment in anchors(file), link


def test_the_readme_shows_how_to_begin():
    assert "make sweep" in {" ".join(c.split()[:2]) for c in COMMANDS}
    assert any("-m tuner sweep llm" in c for c in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if "-m tuner " in c and not c.startswith("make ")])
def test_a_command_of_the_readme_is_understood(command, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path))
    for name in set(shlex.split(command.replace("model=", " "))) & set(catalogue()):
        as_if_fetched(catalogue()[name], folder(catalogue()[name]))
    words = shlex.split(command, comments=True)
    options = parse(words[words.index("tuner") + 1 :])
    if hasattr(options, "task"):
        compose(options.task, [o for o in options.overrides if not o.startswith("deploy=")])


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_a_make_target_of_the_readme_exists(command):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    words = [w for w in shlex.split(command, comments=True)[1:] if "=" not in w]
    assert set(words) <= set(targets)


SHORT = {
    # A round of the largest shape takes seconds: on a busy machine the default alone would use up the minutes.
    "model.shape=tinyllama-1.1b": "budget.trials=2 budget.minutes=2 budget.tournament_pairs=2 "
    "budget.tournament_pairs_most=2",
    "workload=chunks": "workload.items_per_round=2 workload.eval_clips=4 budget.minutes=1",
    "stt": "budget.trials=2 budget.minutes=0.4 budget.tournament_pairs=2 budget.tournament_pairs_most=2 "
    "workload.eval_clips=6",
    "targets=jane": "workload.size=brief budget.trials=3 budget.minutes=0.7 budget.tournament_pairs=2 "
    "budget.tournament_pairs_most=2",
    "sweep": "budget.trials=2 budget.minutes=0.3 budget.tournament_pairs=2 budget.tournament_pairs_most=2",
    "benchmarks.overhead": "budget.trials=3 budget.tournament_pairs=2 budget.tournament_pairs_most=2",
    "benchmarks.search_efficiency": f"--seeds 1 --recording {next(ROOT.glob('benchmarks/recordings/*.json.gz'))}",
}
"""Added to a command, so that it takes a minute at most; nothing else of it is changed. Two pairs may tell nothing on a
busy machine, which is an answer too (exit status 1)."""
NOT_REACHED = ("cannot download ", " was not fetched yet")
"""Without the network the commands for published weights end with one of these; all others run without it."""
RECORDED = r"llm-embedded-llama-160m-[0-9a-f]{8}"
"""The study of the recorded sweep; the newcomer's study of the same command may have another digest."""
RECORDINGS = 24


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """A folder with the files that the README's commands name; the commands run in it, in the README's order."""
    import soundfile

    from engines.embedded.clips import CLIPS_AUDIO, UTTERANCE, spoken_clips
    from engines.llama_cpp import LlamaCppEngine
    from engines.whisper_cpp import WhisperCppEngine
    from tests.engines.llama_cpp.gguf_builder import write_model

    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "models").mkdir()
    f16 = write_model(folder / "models" / "f16.gguf")
    engine = LlamaCppEngine()
    model = engine.resolve_model({"source": str(f16)}, lambda text: None)
    for name, quantization in {"q4": "Q4_K_M", "q8": "Q8_0"}.items():
        made = engine.prepare(model, {"quantization": quantization}, lambda text: None)
        (folder / "models" / f"{name}.gguf").write_bytes(Path(made.path).read_bytes())
    speech = WhisperCppEngine().resolve_model({"source": "embedded", "shape": "small-trained"}, lambda text: None)
    (folder / "ggml-base.en.bin").write_bytes(Path(speech.variants[speech.native]).read_bytes())
    (folder / "recordings").mkdir()
    audio, rate = soundfile.read(CLIPS_AUDIO, dtype="float32")
    for clip in [c for c in spoken_clips() if c.kind == UTTERANCE][:RECORDINGS]:
        begin, end = round(clip.start_s * rate), round((clip.start_s + clip.seconds) * rate)
        soundfile.write(folder / "recordings" / f"{clip.id}.wav", audio[begin:end], rate)
        (folder / "recordings" / f"{clip.id}.txt").write_text(clip.text, encoding="utf-8")
    return folder


def as_the_newcomer_has_it(word, newcomer):
    """`word` with the name of the newcomer's study in place of the recorded one's."""
    if not re.search(RECORDED, word):
        return word
    return re.sub(RECORDED, min((newcomer / "outputs").glob("llm-embedded-llama-160m-*/deploy.json")).parent.name, word)


@pytest.mark.readme
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", [c for c in dict.fromkeys(COMMANDS) if not c.startswith("make ")])
def test_a_command_of_the_readme_runs(command, newcomer):
    words = [as_the_newcomer_has_it(word, newcomer) for word in shlex.split(command, comments=True)]
    words[0] = sys.executable
    added = next((more for name, more in SHORT.items() if name in words[2:]), "").split()
    given = {w.split("=")[0] for w in words}
    words += [a for a in added if a.split("=")[0] not in given]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=newcomer, env=environment, capture_output=True, text=True)
    print(done.stdout, done.stderr, sep="\n")
    if done.returncode == 3 and any(sign in done.stderr for sign in NOT_REACHED):
        pytest.skip("pip reaches no index here")
    undecided = done.returncode == 1 and "undecided" in done.stdout
    assert done.returncode == 0 or undecided, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
