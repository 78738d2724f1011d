"""Recipes: typed, no import paths, unknown keys refused with the nearest valid one."""

from pathlib import Path

import pytest

from difusa.apps.train import recipe_file
from difusa.domains import NAMES, domain
from difusa.shared.training.recipe import read_recipe

SHIPPED = sorted((Path(__file__).parents[2] / "domains").glob("*/recipes/*.toml"))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


BASE = 'name = "x"\ndomain = "heritage"\ntrains = "prior"\n'


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_recipes_are_valid_and_name_a_model_there_is(path):
    recipe = read_recipe(path)
    assert recipe.domain in NAMES and recipe.trains in domain(recipe.domain).models
    assert recipe_file(path.stem) == path


@pytest.mark.parametrize(
    "text, words",
    [
        (BASE + "stepps = 3", "steps"),
        (BASE + "[optimiser]\nrat = 1e-3", "rate"),
        (BASE + '[objective]\ntarget = "noize"', "noise"),
        (BASE + 'steps = "many"', "whole number"),
        (BASE + "[[curriculum]]\nbatch = 2", "until"),
        ('name = "x"', "domain"),
        ("name = ", "TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_way_out(tmp_path, text, words):
    with pytest.raises(ValueError, match=words):
        read_recipe(write(tmp_path / "r.toml", text))


def test_the_fingerprint_sees_values_not_defaults(tmp_path):
    plain = read_recipe(write(tmp_path / "a.toml", BASE))
    spelled = read_recipe(write(tmp_path / "b.toml", BASE + "batch = 16\n"))  # 16 is the default
    other = read_recipe(write(tmp_path / "c.toml", BASE + "batch = 17\n"))
    assert plain.sha256() == spelled.sha256() != other.sha256()


def test_the_course_recipe_is_the_course():
    recipe = read_recipe(recipe_file("ddpm-course"))
    assert (recipe.objective.target, recipe.objective.weighting, recipe.objective.schedule) == (
        "noise",
        "noise",
        "linear",
    )
    assert (recipe.objective.steps, recipe.optimiser.name, recipe.optimiser.rate) == (1000, "adam", 2e-4)


def test_curriculum_stages(tmp_path):
    stages = "[[curriculum]]\nuntil = 4\n[[curriculum]]\nuntil = 9\nbatch = 2\nexamples = { size = 16 }"
    text = BASE + "steps = 9\n[examples]\nsize = 8\n" + stages
    recipe = read_recipe(write(tmp_path / "r.toml", text))
    assert (recipe.stage(3).batch, recipe.stage(3).examples["size"]) == (16, 8)
    assert (recipe.stage(4).batch, recipe.stage(4).examples["size"]) == (2, 16)
