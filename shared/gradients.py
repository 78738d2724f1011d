"""Gradients through a denoiser, for states that are one tensor or named fields, whatever mode the caller runs in."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from difusa.shared.spaces import State


def pullback(function: Callable[[State], State], x: State) -> tuple[State, Callable[[State], State]]:
    """(function(x), vjp): vjp(cotangent) is J^T cotangent, J the Jacobian of `function` at x; callable many times.

    Works under torch.no_grad() and torch.inference_mode(). Raises ValueError if `function` switched gradients off.
    """
    with torch.inference_mode(False), torch.enable_grad():
        at = _map(lambda t: t.detach().clone().requires_grad_(), x)
        out = function(at)
    inputs, outputs = _leaves(at), _leaves(out)
    if not any(o.requires_grad for o in outputs):
        raise ValueError("the denoiser answered without a gradient; do not call its network under torch.no_grad()")

    def vjp(cotangent: State) -> State:
        pairs = [(o, c.detach().clone()) for o, c in zip(outputs, _leaves(cotangent), strict=True) if o.requires_grad]
        asked, seeds = zip(*pairs, strict=True)
        with torch.inference_mode(False):
            found = torch.autograd.grad(asked, inputs, seeds, retain_graph=True, allow_unused=True)
        found = [torch.zeros_like(i) if g is None else g for i, g in zip(inputs, found, strict=True)]
        return dict(zip(at, found, strict=True)) if isinstance(at, Mapping) else found[0]

    return _map(Tensor.detach, out), vjp


def gradient(value: Callable[[State], Tensor], x: State) -> State:
    """Gradient at x of a number a sample, value(x) [batch]; samples must not see each other."""
    at, vjp = pullback(value, x)
    return vjp(torch.ones_like(at))


def _map(function: Callable[[Tensor], Tensor], state: State) -> State:
    return {k: function(v) for k, v in state.items()} if isinstance(state, Mapping) else function(state)


def _leaves(state: State) -> list[Tensor]:
    return list(state.values()) if isinstance(state, Mapping) else [state]
