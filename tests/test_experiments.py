"""The recipes of experiments/ are commands that the tool takes."""

import shlex
from pathlib import Path

import pytest
import yaml

from tuner.cli.commands.bench import files_wanted
from tuner.cli.config.compose import compose

RECIPES = sorted(Path("experiments").glob("*.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_command_of_a_recipe_is_a_sound_configuration(recipe: Path) -> None:
    document = yaml.safe_load(recipe.read_text())
    assert set(document) == {"title", "source", "notes", "commands"}
    for command in document["commands"]:
        python, m, tuner, verb, task, *overrides = shlex.split(command)
        assert (python, m, tuner) == ("python", "-m", "tuner")
        assert verb in ("sweep", "bench")
        assert compose(task, files_wanted(overrides)[0] if verb == "bench" else overrides).task == task


def test_there_are_recipes() -> None:
    assert RECIPES
