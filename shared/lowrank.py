"""Low-rank updates of a network: a second behaviour for a tenth of the weights (LoRA, Hu et al. 2021)."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

SMALL = 20_000  # numbers; smaller parameters get a full update


class LowRank(nn.Module):
    """An update of every parameter of a module: up @ down of the given rank, in full where that is small.

    Starts as zero. `call(module, ...)` runs the module with its parameters updated; gradients reach the update.
    """

    def __init__(self, module: nn.Module, rank: int):
        super().__init__()
        if rank < 1:
            raise ValueError(f"rank must be at least 1, got {rank}")
        self.rank = rank
        self.full, self.up, self.down = nn.ParameterDict(), nn.ParameterDict(), nn.ParameterDict()
        for name, value in module.named_parameters():
            key = name.replace(".", "/")  # dots may not stand in the names of a ParameterDict
            if value.ndim < 2 or value.numel() < SMALL:
                self.full[key] = nn.Parameter(torch.zeros_like(value))
            else:
                self.up[key] = nn.Parameter(torch.zeros(len(value), rank))
                self.down[key] = nn.Parameter(torch.randn(rank, value[0].numel()) / value[0].numel() ** 0.5)
        self._kept: tuple[list[int], dict[str, Tensor]] | None = None

    def updated(self, module: nn.Module) -> dict[str, Tensor]:
        """The module's parameters with the update added; kept from call to call until a parameter is changed in place."""
        state = [p._version for part in (self, module) for p in part.parameters()]
        if self._kept is not None and not torch.is_grad_enabled() and self._kept[0] == state:
            return self._kept[1]
        found = {}
        for name, value in module.named_parameters():
            key = name.replace(".", "/")
            found[name] = value + (
                self.full[key] if key in self.full else (self.up[key] @ self.down[key]).reshape(value.shape)
            )
        self._kept = None if torch.is_grad_enabled() else (state, found)
        return found

    def call(self, module: nn.Module, *args, **options):
        """module(*args, **options) with updated parameters."""
        return functional_call(module, self.updated(module), args, options)

    @torch.no_grad()
    def fit(self, before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
        """Sets the update to the best one of its rank for after - before (Eckart and Young 1936)."""
        self._kept = None
        for name, value in after.items():
            change, key = (value - before[name]).float(), name.replace(".", "/")
            if key in self.full:
                self.full[key].copy_(change)
            else:
                u, s, v = torch.linalg.svd(change.flatten(1), full_matrices=False)
                self.up[key].copy_(u[:, : self.rank] * s[: self.rank].sqrt())
                self.down[key].copy_(s[: self.rank, None].sqrt() * v[: self.rank])
