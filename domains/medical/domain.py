"""Scans as the suite sees them; every part is imported when it is used."""

from importlib import import_module

from difusa.shared.domain import Domain

HERE = "difusa.domains.medical"


def late(module: str, name: str):
    """The function `name` of a module of this domain, imported at its first call."""

    def call(*args, **options):
        return getattr(import_module(f"{HERE}.{module}"), name)(*args, **options)

    return call


DOMAIN = Domain(
    "medical", load=late("readers", "load"), save=late("export", "save"), metrics=late("metrics", "evaluate"), models={}
)
