"""The `difusa` command: a table of verbs; each is a documented Python function, imported only when it is called."""

import os
import sys
from dataclasses import dataclass

from difusa import __version__


@dataclass(frozen=True)
class Verb:
    """One verb: its line in the help, and where its function lives (module:function)."""

    help: str
    where: str


VERBS = {
    "demo": Verb("restore a real picture that was really damaged: demo/index.html", "difusa.apps.demo:demo"),
    "app": Verb("open the pages: restore pictures, draw molecules, compare, download", "difusa.apps.launch:app"),
    "doctor": Verb("what this machine has, what is missing, what it costs", "difusa.apps.doctor:doctor"),
    "models": Verb("list the models at hand", "difusa.domains.models:models"),
    "bench": Verb("measure, and write docs/results/NAME.json and NAME.md", "difusa.apps.bench:bench"),
    "train": Verb("train a model from a recipe, resume it, or fine-tune one", "difusa.apps.train:train"),
    "pack": Verb("store a model in 8 or 4 bits a weight", "difusa.domains.models:pack"),
    "compare": Verb("two checkpoints on the same held-out examples", "difusa.apps.compare:compare"),
    "keys init": Verb("make the keys that passports are signed with", "difusa.shared.passport.keys:init"),
    "keys export": Verb("write their public half, for others", "difusa.shared.passport.keys:export"),
    "verify": Verb("whether files are ours, and were they changed", "difusa.apps.verify:verify"),
    "detect": Verb("do files look generated, and how sure is that", "difusa.apps.detect:detect"),
    "forensics fit": Verb("fit the detectors anew from the data folder", "difusa.apps.detection_ship:fit"),
    "watermark embed": Verb("mark a picture of your own, for you to know again", "difusa.apps.watermark:embed"),
    "watermark read": Verb("whether pictures carry your mark", "difusa.apps.watermark:read"),
    "watermark remove": Verb("take your mark out again, without loss", "difusa.apps.watermark:remove"),
    "batch": Verb("make a documented data set from a recipe", "difusa.datasets.batch:batch"),
    "audit": Verb("judge a synthetic set against the real one", "difusa.apps.audit:audit"),
    "counterfactual": Verb("pairs that differ in one condition", "difusa.apps.counterfactual:counterfactual"),
    "repair": Verb("top up what a data set lacks, and measure what that did", "difusa.apps.repair:repair"),
    "release": Verb("let a data set go, or say why it may not", "difusa.apps.release:release"),
    "export": Verb("a released data set as files, with credentials", "difusa.apps.export:export"),
    "rate prepare": Verb("a blind comparison of sets, for people to rate", "difusa.apps.rating:prepare"),
    "rate result": Verb("what people's votes say: ranking, agreement", "difusa.apps.rating:result"),
    "data prepare": Verb("make a folder of pictures ready to train on", "difusa.shared.training.prepare:prepare"),
    "heritage restore": Verb("restore pictures, and map what was invented", "difusa.domains.heritage.task:restore"),
    "heritage undo": Verb("give back the original file from a bundle", "difusa.domains.heritage.task:undo"),
    "heritage find": Verb("find the damage in a picture: a mask", "difusa.domains.heritage.find:find_damage"),
    "heritage calibrate": Verb("fit the interval on held-out files", "difusa.domains.heritage.calibration:calibrate"),
    "heritage evaluate": Verb("score restorations against the truth", "difusa.domains.heritage.metrics:evaluate"),
    "materials generate": Verb("draw new crystals, under hard constraints", "difusa.domains.materials.task:generate"),
    "materials predict": Verb("structures of a composition", "difusa.domains.materials.predicting:predict"),
    "materials evaluate": Verb("judge crystals: valid, new, stable", "difusa.domains.materials.metrics:evaluate"),
    "materials cathode": Verb("draw hosts of Li or Na, rank by voltage", "difusa.domains.materials.worked:cathode"),
    "materials abundant": Verb("draw crystals of common elements", "difusa.domains.materials.worked:abundant"),
    "materials calibrate": Verb("fit a regressor's intervals", "difusa.domains.materials.calibrating:calibrate"),
    "medical translate": Verb("make one contrast of a scan out of others", "difusa.domains.medical.task:translate"),
    "medical calibrate": Verb("fit the intervals on people never seen", "difusa.domains.medical.calibrating:calibrate"),
    "medical evaluate": Verb("score translations against true scans", "difusa.domains.medical.metrics:evaluate"),
    "medical gate": Verb("train what tells right scans from wrong", "difusa.domains.medical.gate_training:gate"),
    "medical progress": Verb("a disease may go on: a scenario", "difusa.domains.medical.progress:progress"),
    "medical simulate": Verb("paint a head as a scanner would", "difusa.domains.medical.synthesizing:simulate"),
    "medical synthesize": Verb("paired contrasts with masks", "difusa.domains.medical.synthesizing:synthesize"),
    "molecules generate": Verb("draw new molecules, under hard constraints", "difusa.domains.molecules.task:generate"),
    "molecules conformers": Verb("place the atoms of given SMILES", "difusa.domains.molecules.conformers:conformers"),
    "molecules grow": Verb("keep a fragment, and complete it", "difusa.domains.molecules.grow:grow"),
    "molecules calibrate": Verb("fit the guide's intervals", "difusa.domains.molecules.calibrating:calibrate"),
    "molecules evaluate": Verb("judge molecules by independent methods", "difusa.domains.molecules.metrics:evaluate"),
}


def help_text(group: str = "") -> str:
    """The help of the whole command, or of the verbs that share the first word `group`."""
    names = [name for name in VERBS if not group or name.split()[0] == group]
    width = max(map(len, names))
    lines = [
        f"Difusa {__version__}: diffusion models for heritage, medicine, molecules and materials.",
        "",
        f"usage: difusa {group or 'VERB'} {'VERB ' if group else ''}[ARGUMENTS]",
        "",
        *(f"  {name:{width}}  {VERBS[name].help}" for name in names),
        "",
        "`difusa VERB --help` tells the arguments of a verb. DIFUSA_DEBUG=1 shows where an error arose.",
    ]
    return "\n".join(lines)


def nearest(words: list[str]) -> list[str]:
    """The verbs that look most like what was typed, best first; at most three."""
    from difflib import SequenceMatcher

    def likeness(name: str) -> float:
        typed, meant = (words[0], " ".join(words[:2])), (name, name.split()[-1])
        return max(SequenceMatcher(None, a, b).ratio() for a in typed for b in meant)

    return [name for name in sorted(VERBS, key=likeness, reverse=True) if likeness(name) >= 0.65][:3]


def load(where: str):
    """The function at module:function. Raises ValueError with the way out if it or a package it needs is missing."""
    from importlib import import_module

    module, function = where.split(":")
    try:
        found = getattr(import_module(module), function, None)
    except ModuleNotFoundError as error:
        raise ValueError(missing_package(error.name) if error.name else str(error)) from error
    if found is None:
        raise ValueError(missing_package(where))
    return found


def missing_package(name: str) -> str:
    """What to tell somebody who lacks the module `name`."""
    from difusa.apps.doctor import extra_with

    if name.split(".")[0] == "difusa":
        return f"difusa {__version__} has no {name}; a newer version may: pip install --upgrade difusa"
    extra = extra_with(name)
    return f"this needs {name.split('.')[0]}: pip install '{f'difusa[{extra}]' if extra else name.split('.')[0]}'"


def call(argv: list[str]) -> int:
    """Find the verb that argv begins with, read its arguments and call it; the exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(help_text())
        return 0
    if argv[0] == "--version":
        print(__version__)
        return 0
    name = next((n for n in (" ".join(argv[:2]), argv[0]) if n in VERBS), None)
    if name is None:
        in_group = any(n.startswith(f"{argv[0]} ") for n in VERBS)
        if in_group and (len(argv) == 1 or argv[1] in ("-h", "--help")):
            print(help_text(argv[0]))
            return 0
        close = nearest([a for a in argv if not a.startswith("-")] or argv)
        hint = f"did you mean: {', '.join(close)}?" if close else "`difusa --help` lists the verbs"
        raise ValueError(f"no verb is called {' '.join(argv[: 1 + in_group])!r}; {hint}")
    function = load(VERBS[name].where)
    from difusa.apps.arguments import read

    arguments = read(function, f"difusa {name}", argv[len(name.split()) :])
    try:
        done = function(**arguments)
    except ModuleNotFoundError as error:
        raise ValueError(missing_package(error.name) if error.name else str(error)) from error
    return getattr(done, "exit_status", 0)


def advice(error: Exception) -> str:
    """One line for a person: an OSError names its file first."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"out of memory; a smaller --batch needs less {error}".strip()
    return str(error)


def main(argv: list[str] | None = None) -> int:
    """The console script. Exit status: 0 done (or the verb's own), 2 a mistake that the user can mend, 130 stopped by Ctrl-C."""
    try:
        return call(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        print("\ndifusa: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`difusa models | head`) has gone; without this, Python complains again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, MemoryError) as error:
        if os.environ.get("DIFUSA_DEBUG") == "1":
            raise
        print(f"difusa: {advice(error)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
