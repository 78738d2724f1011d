"""A function called in a fresh Python process, so that its memory and its seconds are its own."""

import json
import subprocess
import sys

CODE = (
    "import importlib, json, sys; f = getattr(importlib.import_module(sys.argv[1]), sys.argv[2]); "
    "print('\\n' + json.dumps(f(**json.load(sys.stdin)), default=str))"
)


def alone(module: str, function: str, options: dict) -> dict:
    """What module.function(**options) returns, both as JSON can say them. Raises RuntimeError with its last line of complaint."""
    command = [sys.executable, "-P", "-c", CODE, module, function]
    done = subprocess.run(command, input=json.dumps(options), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{function} ended with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.splitlines()[-1])
