"""Denoisers: anything that answers (x, sigma) -> clean; EDM preconditioning and adapters for other predictions.

All states follow x = clean + sigma * noise. Variance-preserving (VP) networks see alpha x with
alpha = 1 / sqrt(1 + sigma^2); rectified flow sees (1 - t) x with t = sigma / (1 + sigma).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from difusa.shared.spaces import Space, State, per_row

Denoiser = Callable[[State, Tensor], State]


def like_rows(sigma, x: Tensor) -> Tensor:
    """sigma (scalar or one a row) as one number a row, in the precision of x."""
    return torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))


class Preconditioned(nn.Module):
    """D(x) = c_skip x + c_out F(c_in x, c_noise): unit variance into and out of the network F.

    sigma_data: standard deviation of the clean data (codecs bring it to 1/2). F is called as
    network(scaled x, time [rows], **condition), time = 250 ln(sigma). Source: Karras et al. 2022, Table 1.
    """

    def __init__(self, network: nn.Module, sigma_data: float = 0.5):
        super().__init__()
        self.network = network
        self.sigma_data = sigma_data

    def forward(self, x: Tensor, sigma: Tensor, **condition) -> Tensor:
        rows = like_rows(sigma, x)
        total = (rows**2 + self.sigma_data**2).sqrt()
        c_skip, c_out = self.sigma_data**2 / total**2, rows * self.sigma_data / total
        out = self.network(per_row(1 / total, x) * x, 250 * rows.log(), **condition)
        return per_row(c_skip, x) * x + per_row(c_out, x) * out

    def weight(self, sigma: Tensor) -> Tensor:
        """Loss weight that makes the network's own error count equally at every level: 1 / c_out^2."""
        return (sigma**2 + self.sigma_data**2) / (sigma * self.sigma_data) ** 2


# A network answers network(scaled x, time [rows]) -> tensor like x, its conditions already bound
# (`lambda x, t: unet(x, t).sample` for diffusers, `lambda x, t: unet(x, timesteps=t)` for MONAI).
Network = Callable[[Tensor, Tensor], Tensor]


def time_of(sigmas: Tensor, sigma: Tensor, nearest: bool = False) -> Tensor:
    """The time in 0 .. T - 1 of a training schedule ([T + 1] sigmas, see levels) whose sigma is `sigma`, in float64.

    Between two levels it is interpolated in log sigma, or with `nearest` rounded; below the lowest level it is 0.
    """
    table = sigmas[:-1].flip(0).double().cpu().log()
    wanted = torch.as_tensor(sigma).double().cpu().log()
    if bool((wanted > table[-1] + 0.01).any()):
        raise ValueError(
            f"sigma {float(wanted.exp().max()):.4g} is above the network's highest level {float(table[-1].exp()):.4g}; "
            "start sampling there"
        )
    upper = torch.searchsorted(table, wanted.contiguous()).clamp(1, len(table) - 1)
    part = (wanted - table[upper - 1]) / (table[upper] - table[upper - 1])
    time = (upper - 1 + part).clamp(0, len(table) - 1)
    whole = time.round()
    # a level of the schedule that was rounded to float32 must reach the network as the integer it was trained on
    return whole if nearest else torch.where((time - whole).abs() < 1e-3, whole, time)


def _variance_preserving(read: Callable, network: Network, sigmas: Tensor, nearest: bool) -> Denoiser:
    """read(x, sigma, alpha, output) -> clean around a network that sees alpha x and a time of the schedule `sigmas`."""

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        rows = like_rows(sigma, x)
        time = time_of(sigmas, sigma, nearest).expand(len(x)).to(x.device, torch.long if nearest else x.dtype)
        alpha, rows = per_row((1 + rows**2).rsqrt(), x), per_row(rows, x)
        return read(x, rows, alpha, network(alpha * x, time))

    return denoise


def from_noise_prediction(network: Network, sigmas: Tensor, nearest: bool = False) -> Denoiser:
    """Denoiser of a VP network that predicts the noise: clean = x - sigma eps. Source: Ho et al. 2020, Eq. 15.

    sigmas: its training schedule, [T + 1]: levels.linear() ..., levels.from_alphas_cumprod(scheduler.alphas_cumprod).
    nearest: hand the network whole times (type long) only.
    """
    return _variance_preserving(lambda x, sigma, alpha, eps: x - sigma * eps, network, sigmas, nearest)


def from_v_prediction(network: Network, sigmas: Tensor, nearest: bool = False) -> Denoiser:
    """Denoiser of a VP network that predicts v = alpha eps - sigma_vp clean. Source: Salimans and Ho 2022, App. D."""
    return _variance_preserving(lambda x, sigma, alpha, v: alpha * (alpha * x - sigma * v), network, sigmas, nearest)


def from_clean_prediction(network: Network, sigmas: Tensor, nearest: bool = False) -> Denoiser:
    """Denoiser of a VP network that predicts the clean state."""
    return _variance_preserving(lambda x, sigma, alpha, clean: clean, network, sigmas, nearest)


def from_velocity(network: Network, time_scale: float = 1000.0) -> Denoiser:
    """Denoiser of a rectified flow: the network sees (1 - t) clean + t noise and predicts noise - clean.

    t = sigma / (1 + sigma); the network gets time_scale * t. Source: Liu et al. 2023, Eq. 1, with noise at t = 1.
    """

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        t = like_rows(torch.as_tensor(sigma) / (1 + torch.as_tensor(sigma)), x)
        seen = per_row(1 - t, x) * x
        return seen - per_row(t, x) * network(seen, time_scale * t)

    return denoise


def from_score(score: Callable[[State, Tensor], State], space: Space) -> Denoiser:
    """Denoiser of a network that predicts the score of x: clean = x + sigma^2 score (Tweedie), in any space."""

    def denoise(x: State, sigma: Tensor) -> State:
        return space.nudge(x, score(x, sigma), sigma**2)

    return denoise
