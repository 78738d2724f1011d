"""The verb `difusa app`: the pages on this machine, for this machine only."""

import os
import sys
from pathlib import Path

MAIN_PAGE = Path(__file__).parent / "main_page.py"
SETTINGS = {
    "server.address": "127.0.0.1",
    "server.maxUploadSize": 128,  # MB: a 16-bit RGB picture of 20 megapixels
    "server.enableXsrfProtection": "true",
    "server.enableCORS": "true",
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": "true",  # and with it what Streamlit offers to programmers; the address is printed here
    "client.showErrorLinks": "false",
    "theme.base": "light",
    "theme.primaryColor": "#9a3b26",
    "theme.backgroundColor": "#fbf8f3",
    "theme.secondaryBackgroundColor": "#f1ebe1",
    "theme.textColor": "#2a2420",
}


def command(port: int, browser: bool) -> list[str]:
    """The command line that serves the pages; -P keeps the current folder, perhaps a checkout, off the import path."""
    settings = SETTINGS | {"server.port": port, "server.headless": "false" if browser else "true"}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    return [sys.executable, "-P", "-m", "streamlit", "run", str(MAIN_PAGE), *flags]


def app(
    *, port: int = 8501, browser: bool = True, model: str = "restorer", molecules: str | None = None,
    hydrogens: str | None = None, materials: str | None = None, medical: str | None = None, study: Path | None = None,
) -> None:  # fmt: skip
    """Open the pages in a browser: restore pictures, draw molecules and crystals, translate scans, download.

    They answer on 127.0.0.1 only and ask nothing of the internet. Ctrl-C ends them; jobs under way go on.

    Args:
        port: where they answer.
        browser: False does not open a browser, only prints the address.
        model: restorer of the heritage page, a shipped one or a folder that `difusa train` wrote.
        molecules: a model of your own for the molecules page, a folder that `difusa train` wrote.
        hydrogens: the model that places the hydrogens of those molecules; by default the one that belongs to it.
        materials: a model of your own for the crystals page, a folder that `difusa train` wrote.
        medical: a model of your own for the page of scans, a folder that `difusa train` wrote.
        study: a study that `difusa rate prepare` wrote: the page on which people rate it.

    Raises ModuleNotFoundError if Streamlit is missing.
    """
    from importlib.util import find_spec

    if find_spec("streamlit") is None:
        raise ModuleNotFoundError("the pages need Streamlit", name="streamlit")
    named = {"DIFUSA_MODEL": model, "DIFUSA_MOLECULES": molecules, "DIFUSA_HYDROGENS": hydrogens}
    named |= {"DIFUSA_MATERIALS": materials, "DIFUSA_MEDICAL": medical, "DIFUSA_STUDY": study}
    # Jobs run in folders of their own, so a folder's whole path is kept.
    named = {k: str(Path(v).resolve()) if Path(v).is_dir() else v for k, v in named.items() if v}
    line = command(port, browser)
    print(f"http://127.0.0.1:{port}", flush=True)
    os.execve(line[0], line, os.environ | {"PYTHONSAFEPATH": "1"} | named)
