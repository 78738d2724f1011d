"""The estimates of a run's first item, as the page shows how one forms: {"frames": [text, ...], "row": its row or null}."""

import time
from pathlib import Path

from difusa.apps.jobs import write_whole

FRAMES = "frames.json"
OFTEN = 0.3  # seconds between two writings


class Film:
    """Frames in a file that is written now and then; each is a text that viewer3d draws."""

    def __init__(self, path: Path = Path(FRAMES)):
        self.path, self.frames, self.written = path, [], 0.0

    def add(self, frame: str) -> None:
        """One more frame."""
        self.frames.append(frame)
        if time.monotonic() - self.written >= OFTEN:
            self.write(None)

    def write(self, row: int | None) -> None:
        """Replaces the file; row: of the item that came of it, from 0. Nothing is written where there is no frame."""
        if self.frames:
            write_whole(self.path, {"frames": self.frames, "row": row})
        self.written = time.monotonic()
