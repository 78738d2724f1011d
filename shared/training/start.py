"""Weights to start from: exactly the same network, or whatever a domain can adopt; whole or low rank."""

from pathlib import Path

import torch
from torch import nn

from difusa.shared.checkpoint import load_folder
from difusa.shared.training.recipe import Lora


def start_from(source: Path, network: nn.Module, adopt=None) -> list[str]:
    """Loads `source` (file or folder of safetensors) into `network`; returns the parameters that stay fresh."""
    state = load_folder(source)
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
