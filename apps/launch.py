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


def app(*, port: int = 8501, browser: bool = True, model: str = "restorer") -> None:
    """Open the pages in a browser: upload a picture, brush a mask, restore, compare, download.

    They answer on 127.0.0.1 only and ask nothing of the internet. Ctrl-C ends them; jobs under way go on.

    Args:
        port: where they answer.
        browser: False does not open a browser, only prints the address.
        model: restorer of the heritage page, a shipped one or a folder that `difusa train` wrote.

    Raises ModuleNotFoundError if Streamlit is missing.
    """
    from importlib.util import find_spec

    if find_spec("streamlit") is None:
        raise ModuleNotFoundError("the pages need Streamlit", name="streamlit")
    model = str(Path(model).resolve()) if Path(model).is_dir() else model  # jobs run in folders of their own
    line = command(port, browser)
    sys.stdout.flush()
    os.execve(line[0], line, os.environ | {"PYTHONSAFEPATH": "1", "DIFUSA_MODEL": model})
