"""Membership attacks on the model that drew a set: by its losses, its likelihoods, beside a reference model."""

from pathlib import Path

LOSSES, LIKELIHOODS = 200, 60  # examples of each split


def attacked(model: str, reference: str | None, likelihood: bool, data: Path | None, limit: float, seed: int) -> list:
    """The findings; limit: the AUC that passes. Raises ValueError or FileNotFoundError where a model cannot be attacked so."""
    from difusa.apps.train import data_folder
    from difusa.domains.models import find
    from difusa.ethics.membership import membership, model_likelihoods, model_losses

    def told(attack, name: str, count: int):
        return [attack(find(name), data_folder(data), split, count, seed=seed) for split in ("train", "test")]

    members, strangers = told(model_losses, model, LOSSES)
    found = membership("membership by the model's losses", -members, -strangers, limit)
    if likelihood:
        found += membership(
            "membership by the model's likelihoods", *told(model_likelihoods, model, LIKELIHOODS), limit
        )
    if reference:
        easy, hard = told(model_losses, reference, LOSSES)
        found += membership("membership beside a reference model", easy - members, hard - strangers, limit)
    return found
