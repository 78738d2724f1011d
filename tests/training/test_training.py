"""Training: resumed equals unbroken, two processes equal accumulation, NaN stops, memory halves, low rank fine-tunes.

The examples are the pictures inside scikit-image, so that no data folder is needed.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from difusa.apps.train import train
from difusa.domains import models
from difusa.shared.checkpoint import load_tensors
from difusa.shared.training import trainer as loop

RECIPE = """
name = "small"
domain = "heritage"
trains = "{trains}"
steps = {steps}
batch = 4
save_every = 2
heldout_every = 100
heldout_count = 0
{more}
[network]
channels = [16, 32]
layers = 1
[examples]
size = 16
[objective]
target = "{target}"
weighting = "{target}"
[optimiser]
rate = 1e-3
warmup = 1
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder of pictures, as a user would have one; names chosen so that both splits are filled."""
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("pictures")
    for number, name in enumerate(("astronaut", "coffee", "chelsea", "rocket", "page")):
        pixels = getattr(data, name)()
        Image.fromarray(pixels).resize((96, 72)).save(folder / f"{name}{number}.png")
    return folder


def recipe(folder: Path, *, target="own", trains="restorer", steps=4, more="") -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(target=target, trains=trains, steps=steps, more=more), encoding="utf-8")
    return path


def losses_of(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [r["loss"] for r in rows if r["event"] == "step"]


def same_weights(a: Path, b: Path) -> bool:
    first, second = load_tensors(a / "state.safetensors"), load_tensors(b / "state.safetensors")
    return all(torch.equal(first[k], second[k]) for k in first if not k.startswith("position."))


def test_it_learns(tmp_path, pictures):
    """The loss in units where predicting nothing gives about 1 falls by half."""
    train(recipe(tmp_path, steps=60), data=pictures, out=tmp_path / "run", device="cpu")
    losses = losses_of(tmp_path / "run")
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])


def test_a_resumed_run_equals_the_unbroken_one(tmp_path, pictures):
    path = recipe(tmp_path, steps=6)
    train(path, data=pictures, out=tmp_path / "whole", device="cpu")
    train(path, data=pictures, out=tmp_path / "parts", device="cpu", steps=3)
    train(path, data=pictures, out=tmp_path / "parts", device="cpu")
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "parts")
    assert same_weights(tmp_path / "whole", tmp_path / "parts")


def run_apart(path: Path, data: Path, out: Path, *launcher: str) -> subprocess.Popen:
    words = [
        *(launcher or (sys.executable, "-m")),
        "difusa.apps.train",
        str(path),
        "--data",
        str(data),
        "--out",
        str(out),
        "--device",
        "cpu",
    ]
    return subprocess.Popen(words, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_kill_nine_and_resume_equals_the_unbroken_run(tmp_path, pictures):
    path = recipe(tmp_path, steps=40)
    assert run_apart(path, pictures, tmp_path / "whole").wait() == 0
    process = run_apart(path, pictures, tmp_path / "killed")
    while not (tmp_path / "killed" / "state.json").exists():
        time.sleep(0.05)
    time.sleep(0.3)  # into the middle of a step or a save
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "model").exists(), "it ended before it was killed: make the run longer"
    assert run_apart(path, pictures, tmp_path / "killed").wait() == 0
    assert same_weights(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
def test_two_processes_equal_one_that_accumulates(tmp_path, pictures):
    """Same examples, other order of summation: float32 rounding, amplified by a few Adam steps; the issue allows 1e-4."""
    single = recipe(tmp_path, more="micro = 2")
    assert run_apart(single, pictures, tmp_path / "one").wait() == 0
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29641", "-m")
    process = run_apart(recipe(tmp_path), pictures, tmp_path / "two", *torchrun)
    assert process.wait() == 0, process.stderr.read()[-2000:]
    one, two = losses_of(tmp_path / "one"), losses_of(tmp_path / "two")
    assert len(one) == len(two) == 4
    np.testing.assert_allclose(one, two, rtol=1e-4)


def test_not_a_number_stops_with_its_cause(tmp_path, pictures, monkeypatch):
    whole = loop.losses
    monkeypatch.setattr(loop, "losses", lambda *a: whole(*a) * (float("nan")))
    with pytest.raises(loop.Diverged, match="step 0"):
        train(recipe(tmp_path), data=pictures, out=tmp_path / "run", device="cpu")
    assert '"diverged"' in (tmp_path / "run" / "log.jsonl").read_text()


def test_out_of_memory_halves_the_micro_batch(tmp_path, pictures, monkeypatch):
    """Four rows do not fit, two do: the losses stay those of the run that had room."""
    train(recipe(tmp_path), data=pictures, out=tmp_path / "roomy", device="cpu")
    whole = loop.losses

    def cramped(objective, denoise, network, batch):
        if len(batch["clean"]) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return whole(objective, denoise, network, batch)

    monkeypatch.setattr(loop, "losses", cramped)
    train(recipe(tmp_path), data=pictures, out=tmp_path / "cramped", device="cpu")
    np.testing.assert_allclose(losses_of(tmp_path / "roomy"), losses_of(tmp_path / "cramped"), rtol=1e-4)
    assert '"micro": 2' in (tmp_path / "cramped" / "log.jsonl").read_text()


def test_low_rank_fine_tuning_starts_from_weights_and_merges(tmp_path, pictures):
    base = train(recipe(tmp_path), data=pictures, out=tmp_path / "base", device="cpu")
    tuned = train(
        recipe(tmp_path, more="lora = { rank = 2 }"), data=pictures, out=tmp_path / "tuned", start=base, device="cpu"
    )
    before, after = (load_tensors(m / "model.safetensors") for m in (base, tuned))
    assert before.keys() == after.keys()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed and all(k.rpartition(".")[0].endswith(("to_q", "to_k", "to_v", "conv1", "conv2")) for k in changed)
    assert models.find(tuned).load()(torch.zeros(1, 3, 16, 16), torch.tensor(1.0), **condition()).isfinite().all()


def condition() -> dict:
    lost = torch.full((1, 1, 16, 16), torch.inf)
    return {
        "observed": torch.zeros(1, 3, 16, 16),
        "doubt": lost,
        "task": torch.zeros(1, 4),
        "kind": torch.tensor([3]),
    }


@pytest.mark.parametrize("target", ["edm", "noise", "clean", "v"])
def test_every_target_trains(tmp_path, pictures, target):
    more = "activation_checkpointing = true" if target == "edm" else ""
    text = recipe(tmp_path, target=target, trains="prior", steps=2, more=more).read_text()
    text = text.replace("layers = 1", "layers = 1\nattention = 1").replace("size = 16", "size = 16\ndamage = false")
    (tmp_path / "recipe.toml").write_text(text)
    train(tmp_path / "recipe.toml", data=pictures, out=tmp_path / "run", device="cpu")
    assert np.isfinite(losses_of(tmp_path / "run")).all()


def test_another_recipe_does_not_go_on_in_the_same_folder(tmp_path, pictures):
    train(recipe(tmp_path, steps=2), data=pictures, out=tmp_path / "run", device="cpu")
    with pytest.raises(ValueError, match="another recipe"):
        train(recipe(tmp_path, steps=3), data=pictures, out=tmp_path / "run", device="cpu")


def test_a_recipe_that_differs_later_goes_on_from_what_both_share(tmp_path, pictures):
    """What was trained once is worth what the second recipe would have trained itself, bit by bit."""
    stages = "".join(f"[[curriculum]]\nuntil = {k}\nexamples = {{{{ size = {n} }}}}\n" for k, n in ((2, 16), (4, "{}")))
    for name, size in (("first", 16), ("second", 32)):
        (tmp_path / name).mkdir()
        recipe(tmp_path / name, steps=4, more=stages.format(size))
    train(tmp_path / "second" / "recipe.toml", data=pictures, out=tmp_path / "whole", device="cpu")
    train(tmp_path / "first" / "recipe.toml", data=pictures, out=tmp_path / "parted", device="cpu", steps=2)
    train(tmp_path / "second" / "recipe.toml", data=pictures, out=tmp_path / "parted", device="cpu")
    assert same_weights(tmp_path / "whole", tmp_path / "parted")
    with pytest.raises(ValueError, match="another recipe"):
        train(tmp_path / "first" / "recipe.toml", data=pictures, out=tmp_path / "parted", device="cpu")


def test_packed_weights_come_back_within_half_a_code(tmp_path):
    from difusa.shared.checkpoint import save_tensors

    weights = {"small": torch.randn(8, 5, 3, 3), "large": torch.randn(256, 128, 3, 3), "bias": torch.randn(8)}
    save_tensors(tmp_path / "w.safetensors", weights, bits=4)
    back = load_tensors(tmp_path / "w.safetensors")
    assert torch.equal(back["bias"], weights["bias"])
    step = weights["small"].flatten(1).abs().amax(1) / 127
    assert ((back["small"] - weights["small"]).flatten(1).abs() <= 0.5001 * step[:, None]).all()
    groups, found = weights["large"].reshape(256, -1, 32), back["large"].reshape(256, -1, 32)
    step = groups.abs().amax(2, keepdim=True) / 7
    assert ((groups - found).abs() <= 0.51 * step).all()  # scales are kept in half precision
    assert (tmp_path / "w.safetensors").stat().st_size < 0.6 * 256 * 128 * 9 + 2000  # 4.5 bits a number


def test_a_broken_or_pickled_file_is_refused(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"\xff" * 40)
    (tmp_path / "w.pt").write_bytes(b"x")
    for name in ("w.safetensors", "w.pt"):
        with pytest.raises(ValueError, match="safetensors"):
            load_tensors(tmp_path / name)


def test_weights_of_the_hub_come_from_its_cache_when_offline(tmp_path):
    """The hub's own cache layout with one small file; HF_HUB_OFFLINE keeps the library from the network."""
    code = "from difusa.shared.training.start import place_of; print(sorted(p.name for p in place_of('hf:me/small').iterdir()))"
    home = tmp_path / "models--me--small"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    snapshot = home / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"")
    env = {**os.environ, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert found.stdout.strip() == "['model.safetensors']", found.stderr[-500:]
    code = code.replace("me/small", "me/absent")
    missing = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert "no copy in the cache" in missing.stderr


def test_a_packed_model_is_a_smaller_one_without_the_old_calibration(tmp_path, pictures):
    from difusa.domains.models import find, pack

    folder = train(recipe(tmp_path, steps=1), data=pictures, out=tmp_path / "run", device="cpu")
    (folder / "calibration.json").write_text("{}")
    (folder / "card.md").write_text("a card")
    small = pack(str(folder), out=tmp_path / "small", bits=8)
    assert sorted(p.name for p in small.iterdir()) == ["card.md", "model.json", "model.safetensors"]
    sizes = [(place / "model.safetensors").stat().st_size for place in (small, folder)]
    assert sizes[0] < 0.5 * sizes[1]
    for a, b in zip(find(small).load().parameters(), find(folder).load().parameters()):
        assert (a - b).abs().max() <= b.abs().max() / 254 * 1.001
    with pytest.raises(ValueError, match="already"):
        pack(str(folder), out=small)
    with pytest.raises(ValueError, match="not 5"):
        pack(str(folder), out=tmp_path / "odd", bits=5)
