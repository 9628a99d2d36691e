"""What floating point measures of networks with tanh and sigmoid, beside what is certified of their polynomial forms.

python examples/squashed_twins.py
"""

import torch

from seprank import MODELS, certify, measure

SIZES = {"inputs": 3, "width": 3, "depth": 1}
DRAWN = {"starts": 256, "ends": 256, "readout": "random", "progress": False}


def row(name: str, length: int) -> tuple[str, int, int, int, float]:
    """Certified rank and numerical rank of the polynomial model; numerical and effective rank of the squashed one."""
    spec = MODELS[name]
    found = certify(spec.build(**SIZES), length=length, max_samples=1024, progress=False)
    rank = f"{found.rank:,}" if found.saturated else f"≥{found.rank:,}"
    torch.manual_seed(0)
    plain = spec.build(**SIZES, dtype=torch.float64)
    squashed = spec.build(**SIZES, dtype=torch.float64, nonlinearity="tanh")
    squashed.load_state_dict(plain.state_dict())
    floats, measured = (measure(module, length=length, **DRAWN) for module in (plain, squashed))
    return rank, floats.numerical_rank, measured.numerical_rank, measured.starts, measured.effective_rank


if __name__ == "__main__":
    print(f"{'':<17} {'polynomial':>22} {'squashed':>24}")
    print(f"{'model':<15} T {'certified':>10} {'in floats':>12} {'in floats':>12} {'effective':>11}")
    for model in ("elman", "mi_rnn", "arithmetic_lstm", "arithmetic_gru"):
        for steps in (2, 4, 6, 8):
            rank, floats, numerical, drawn, effective = row(model, steps)
            shown = f"≥{numerical}" if numerical == drawn else str(numerical)
            print(f"{model:<15} {steps} {rank:>10} {floats:>12} {shown:>12} {effective:>11.3f}")
