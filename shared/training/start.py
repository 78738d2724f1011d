"""Weights to start from: exactly the same network, or whatever a domain can adopt; whole or low rank."""

from pathlib import Path

import torch
from torch import nn

from difusa.shared.checkpoint import load_folder
from difusa.shared.training.recipe import Lora

HUB = "hf:"  # marks weights of the Hugging Face hub: hf:owner/name


def place_of(source: str | Path) -> Path:
    """The folder of `source`: as it is, or for hf:owner/name its safetensors files, downloaded once and kept in the hub's cache.

    Raises FileNotFoundError when the hub cannot be reached and the cache has no copy.
    """
    if not str(source).startswith(HUB):
        return Path(source)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    name = str(source).removeprefix(HUB)
    try:
        return Path(snapshot_download(name, allow_patterns=["*.safetensors", "*.json"]))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise FileNotFoundError(
            f"{source}: not on the hub, or no connection and no copy in the cache ({error})"
        ) from error


def start_from(source: str | Path, network: nn.Module, adopt=None) -> list[str]:
    """Loads `source` (file or folder of safetensors, or hf:owner/name) into `network`; returns the parameters that stay fresh."""
    state = load_folder(place_of(source))
    own = network.state_dict()
    if state.keys() == own.keys() and all(state[k].shape == v.shape for k, v in own.items()):
        network.load_state_dict(state)
        return []
    if adopt is None:
        missing = sorted(own.keys() - state.keys())[:3]
        raise ValueError(
            f"{source} holds another network (missing here: {missing}): train with the recipe it came from"
        )
    with torch.no_grad():
        return adopt(state, network)


def with_low_rank(network: nn.Module, lora: Lora) -> nn.Module:
    """Freezes the network and puts trainable low-rank updates (peft) on the named layers, in place."""
    from peft import LoraConfig, inject_adapter_in_model

    found = [n for n, m in network.named_modules() if n.endswith(lora.layers) and isinstance(m, nn.Linear | nn.Conv2d)]
    if not found:
        raise ValueError(f"lora.layers {lora.layers}: no linear or convolution layer's name ends so")
    network.requires_grad_(False)
    return inject_adapter_in_model(LoraConfig(r=lora.rank, lora_alpha=lora.rank, target_modules=found), network)


def merged(network: nn.Module) -> nn.Module:
    """The network with its low-rank updates added into the weights, in place."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(network.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            parent = network.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], module.get_base_layer())
    return network
