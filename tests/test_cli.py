"""The command: fast help, one clear line for a mistake, the same arguments as the Python function."""

import inspect
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from difusa.apps import cli
from difusa.apps.arguments import notes, read, summary

DIFUSA = [sys.executable, "-m", "difusa.apps.cli"]
DONE = []


def verb(
    pictures: list[Path],
    *,
    out: Path | None = None,
    from_: str | None = None,
    task: str = "inpaint",
    pick: Literal["mean", "sample"] = "mean",
    samples: int = 4,
    find_damage: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Restores pictures.

    It takes a while.

    pictures: files,
        or folders of them.
    out: where to write.
    Raises ValueError for a broken one.
    """
    DONE.append((pictures, out, from_, task, pick, samples, find_damage, progress))


def fails() -> None:
    """Fails."""
    raise ValueError("sigma must be positive, got -1: give a larger one")


def lost() -> None:
    """Opens what is not there."""
    Path("/nowhere/at/all.png").read_bytes()


def interrupted() -> None:
    """Is stopped by Ctrl-C."""
    raise KeyboardInterrupt


def bare() -> None:
    """Needs a package that is not there."""
    import no_such_package_anywhere  # noqa: F401


@pytest.fixture
def table(monkeypatch):
    """The verbs above beside the real ones."""
    for function in (verb, fails, lost, interrupted, bare):
        monkeypatch.setitem(cli.VERBS, function.__name__, cli.Verb("a test", f"here:{function.__name__}"))
    monkeypatch.setattr(cli, "load", lambda where: globals()[where.split(":")[1]])
    DONE.clear()


@pytest.mark.parametrize("words", [["--help"], ["heritage", "--help"], []])
def test_help_is_fast_and_names_the_verbs(words):
    seconds = []
    for _ in range(5):  # the fastest of five: other tests share the machine, the limit is on the command
        start = time.perf_counter()
        shown = subprocess.run([*DIFUSA, *words], capture_output=True, text=True, check=True).stdout
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1
    assert "heritage restore" in shown
    assert ("doctor" in shown) == (words != ["heritage", "--help"])


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_is_a_documented_function(name):
    function = cli.load(cli.VERBS[name].where)
    assert inspect.getdoc(function), f"{name} has no docstring"
    with pytest.raises(SystemExit) as left:
        read(function, f"difusa {name}", ["--help"])
    assert left.value.code == 0


def test_arguments_reach_the_function(table):
    words = ["verb", "a.png", "b", "--out", "x.tif", "--from", "w", "--task", "inpaint,denoise", "--find-damage"]
    assert cli.main([*words, "--pick", "sample", "--samples", "2"]) == 0
    expected = ([Path("a.png"), Path("b")], Path("x.tif"), "w", "inpaint,denoise", "sample", 2, True, None)
    assert [expected] == DONE


def test_defaults_are_the_functions_own(table):
    assert cli.main(["verb", "a.png"]) == 0
    assert DONE == [([Path("a.png")], None, None, "inpaint", "mean", 4, False, None)]


def test_a_keyword_without_default_is_a_needed_option(capsys):
    def find(source: Path, *, out: Path) -> None:
        """Finds."""

    assert read(find, "find", ["a.png", "--out", "m.png"]) == {"source": Path("a.png"), "out": Path("m.png")}
    with pytest.raises(SystemExit) as left:
        read(find, "find", ["a.png"])
    assert left.value.code == 2
    assert "--out" in capsys.readouterr().err


def test_docstring_becomes_help(capsys):
    assert notes(verb) == {"pictures": "files, or folders of them.", "out": "where to write."}
    assert summary(verb) == "Restores pictures.\n\nIt takes a while."
    with pytest.raises(SystemExit):
        read(verb, "difusa verb", ["--help"])
    shown = capsys.readouterr().out
    assert "files, or folders of them." in shown
    assert "--progress" not in shown


@pytest.mark.parametrize("words", [["--smples", "2"], ["--pick", "best"], ["--samples", "two"]])
def test_wrong_arguments_end_with_2(table, capsys, words):
    with pytest.raises(SystemExit) as left:
        cli.main(["verb", "a.png", *words])
    assert left.value.code == 2
    assert words[0].replace("smples", "samples") in "".join(capsys.readouterr())
    assert not DONE


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["fails"], 2, "difusa: sigma must be positive, got -1: give a larger one"),
        (["lost"], 2, "difusa: /nowhere/at/all.png: No such file or directory"),
        (["interrupted"], 130, "difusa: stopped"),
        (["bare"], 2, "difusa: this needs no_such_package_anywhere: pip install 'no_such_package_anywhere'"),
        (["verb"], 2, "difusa: difusa verb needs at least one of: pictures; `difusa verb --help` tells more"),
        (["restore", "x.png"], 2, "difusa: no verb is called 'restore'; did you mean: heritage restore?"),
        (["heritage", "udno"], 2, "difusa: no verb is called 'heritage udno'; did you mean: heritage undo"),
        (["xqzw"], 2, "difusa: no verb is called 'xqzw'; `difusa --help` lists the verbs"),
    ],
)
def test_mistakes_get_one_line(table, capsys, words, status, line):
    assert cli.main(words) == status
    shown = capsys.readouterr().err.strip()
    assert shown.startswith(line)
    assert "\n" not in shown


def test_debug_shows_the_traceback(table, monkeypatch):
    monkeypatch.setenv("DIFUSA_DEBUG", "1")
    with pytest.raises(ValueError, match="sigma must be positive"):
        cli.main(["fails"])


def test_missing_extra_is_named():
    assert cli.missing_package("streamlit.runtime") == "this needs streamlit: pip install 'difusa[apps]'"
    assert cli.missing_package("cv2") == "this needs cv2: pip install 'difusa[heritage]'"


def test_a_later_verb_says_so():
    with pytest.raises(ValueError, match="difusa.apps.tomorrow"):
        cli.load("difusa.apps.tomorrow:verb")
    with pytest.raises(ValueError, match="difusa.apps.cli:tomorrow"):
        cli.load("difusa.apps.cli:tomorrow")


def test_a_closed_pipe_is_no_error():
    # The reader leaves before the first line arrives: the pipe's end is closed at once.
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*DIFUSA, "--help"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.stderr == ""
