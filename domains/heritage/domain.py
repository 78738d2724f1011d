"""Heritage as the suite sees it; every part is imported when it is used."""

from pathlib import Path

from difusa.shared.domain import Domain


def _load(path):
    from difusa.domains.heritage.data import load

    return load(path)


def _save(item, path):
    from difusa.domains.heritage.export import save

    return save(item, path)


def _examples(data: Path, split: str, options: dict, seed: int = 0):
    from difusa.domains.heritage.corpus import Examples, Options
    from difusa.shared.training.recipe import parse

    return Examples(data, split, parse(Options, options, "examples"), seed)


def _network(options: dict):
    from difusa.domains.heritage.network import Restorer

    return Restorer(**options)


def _adopt(prior: dict, network) -> list[str]:
    from difusa.domains.heritage.network import adopt

    return adopt(prior, network)


def _metrics(*args, **options):
    from difusa.domains.heritage.metrics import evaluate

    return evaluate(*args, **options)


DOMAIN = Domain("heritage", load=_load, save=_save, examples=_examples, network=_network, metrics=_metrics, adopt=_adopt)
