"""Models of public packages, unchanged, by the first call that comes to mind: the figures are those of the definition.

The definition runs each pair of a start and an end as one whole sequence, as the package itself would; some of them
alone, which must be the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seprank import measure, remember

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH, COUNT = 6, 16


@dataclass
class Case:
    make: Callable[[], nn.Module]
    features: int | None = None
    """None for token ids"""
    tokens: int = 7
    last: Callable[[Any], Tensor] = lambda result: result[:, -1]
    """From what a call returns for one sequence to the output after its last step, (1, channels)"""
    given: dict[str, Any] = field(default_factory=dict)
    read_as: str = "whole sequences"
    slow: bool = False
    """Whether its package takes seconds to import"""


def of_pair(result: Any) -> Tensor:
    output: Tensor = result[0]
    return output[:, -1] if output.ndim == 3 else output


def of_logits(result: Any) -> Tensor:
    logits: Tensor = result.logits
    return logits[:, -1]


def min_gru(**settings: Any) -> nn.Module:
    made: nn.Module = pytest.importorskip("minGRU_pytorch.minGRU").minGRU(4, **settings)
    return made


def min_lstm() -> nn.Module:
    made: nn.Module = pytest.importorskip("minGRU_pytorch.minLSTM").minLSTM(4)
    return made


def min_language() -> nn.Module:
    made: nn.Module = pytest.importorskip("minGRU_pytorch.minLM").minLM(num_tokens=7, dim=8, depth=1)
    return made


def mamba(**settings: Any) -> nn.Module:
    package = pytest.importorskip("mambapy.mamba")
    made: nn.Module = package.Mamba(package.MambaConfig(d_model=4, n_layers=2, d_state=3, **settings))
    return made


def liquid(kind: str, *, wired: bool = False, **settings: Any) -> nn.Module:
    package = pytest.importorskip("ncps.torch")
    units = pytest.importorskip("ncps.wirings").AutoNCP(8, 2) if wired else 5
    made: nn.Module = getattr(package, kind)(3, units, **settings)
    return made


def s5_block() -> nn.Module:
    made: nn.Module = pytest.importorskip("s5").S5Block(4, 6, False)
    return made


def x_transformer() -> nn.Module:
    package = pytest.importorskip("x_transformers")
    layers = package.Decoder(dim=8, depth=1, heads=2)
    made: nn.Module = package.TransformerWrapper(num_tokens=7, max_seq_len=16, attn_layers=layers)
    return made


def lightning_module() -> nn.Module:
    package = pytest.importorskip("lightning")

    class Task(package.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.out(self.rnn(x)[0])
            return out

    return Task()


PACKAGES = {
    "Lightning": Case(lightning_module, 3, read_as="sequences, the state that of rnn inside", slow=True),
    "minGRU": Case(min_gru, 4),
    "minGRU, wider inside": Case(lambda: min_gru(expansion_factor=1.5), 4),
    "minGRU with its state": Case(
        min_gru, 4, given={"call": {"return_next_prev_hidden": True}}, read_as="sequences, state as prev_hidden"
    ),
    "minLSTM": Case(min_lstm, 4),
    "minGRU, a language model": Case(min_language, read_as="sequences, the state that of layers.0.2 inside"),
    "Mamba": Case(mamba, 4),
    "Mamba, step by step": Case(lambda: mamba(pscan=False), 4),
    "LTC": Case(lambda: liquid("LTC"), 3, last=of_pair, read_as="", slow=True),
    "LTC, wired": Case(lambda: liquid("LTC", wired=True), 3, last=of_pair, read_as=""),
    "CfC": Case(lambda: liquid("CfC"), 3, last=of_pair, read_as=""),
    "CfC, last output": Case(lambda: liquid("CfC", return_sequences=False), 3, last=of_pair, read_as=""),
    "CfC, mixed memory": Case(lambda: liquid("CfC", mixed_memory=True), 3, last=of_pair, read_as=""),
    "S5": Case(s5_block, 4, slow=True),
    "x-transformers": Case(x_transformer, slow=True),
}


def pretrained(name: str, **settings: Any) -> Callable[[], nn.Module]:
    """A model of transformers with small random weights that matter."""

    def make() -> nn.Module:
        package = pytest.importorskip("transformers")
        model: nn.Module = package.AutoModelForCausalLM.from_config(getattr(package, name + "Config")(**settings))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.normal_(0, 0.3)
        return model

    return make


CACHE = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 2}
SIZES = CACHE | {
    "intermediate_size": 24,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
SSM = {"mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 4, "mamba_chunk_size": 4}
LINEAR = {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 1, "linear_num_value_heads": 2}
EXPERTS = {"num_experts": 2, "num_experts_per_tok": 1}

TRANSFORMERS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "GPT-2": (
        pretrained("GPT2", vocab_size=11, n_positions=64, n_embd=16, n_layer=2, n_head=2, bos_token_id=1),
        "",
    ),
    "Llama": (pretrained("Llama", **SIZES), ""),
    "Mistral": (pretrained("Mistral", **SIZES, sliding_window=3), ""),
    "Gemma 3": (pretrained("Gemma3Text", **SIZES, head_dim=8, sliding_window=3), ""),
    "Mamba": (pretrained("Mamba", **CACHE, state_size=4, pad_token_id=0), ""),
    "Mamba 2": (
        pretrained("Mamba2", **CACHE, state_size=4, num_heads=4, head_dim=8, n_groups=1, chunk_size=4, pad_token_id=0),
        "",
    ),
    "RWKV": (pretrained("Rwkv", **CACHE, attention_hidden_size=16, context_length=64), ""),
    "Falcon H1": (pretrained("FalconH1", **SIZES, head_dim=8, mamba_d_ssm=16, mamba_n_heads=2, **SSM), ""),
    "Jamba": (
        pretrained("Jamba", **SIZES, **EXPERTS, attn_layer_period=2, attn_layer_offset=1, use_mamba_kernels=False),
        "",
    ),
    "Lfm2": (pretrained("Lfm2", **SIZES, layer_types=["conv", "full_attention"]), ""),
    "Qwen3-Next": (
        pretrained(
            "Qwen3Next",
            **SIZES,
            **LINEAR,
            **EXPERTS,
            head_dim=8,
            moe_intermediate_size=8,
            shared_expert_intermediate_size=8,
            layer_types=["linear_attention", "full_attention"],
        ),
        "",
    ),
    "RecurrentGemma": (
        pretrained("RecurrentGemma", **SIZES, attention_window_size=4, block_types=["recurrent", "attention"]),
        "whole sequences, output 'logits'",
    ),
    "Bamba": (
        pretrained("Bamba", **SIZES, attn_layer_indices=[1], mamba_n_heads=4, **SSM),
        "whole sequences, output 'logits'",
    ),
}


def definition(case: Case, model: nn.Module, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The last output of whole sequences, as the package itself gives it."""
    module = copy.deepcopy(model).eval()
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_complex() or tensor.is_floating_point():
            tensor.data = tensor.data.to(torch.promote_types(dtype, torch.complex32) if tensor.is_complex() else dtype)

    @torch.no_grad()
    def run(sequences: Tensor) -> Tensor:
        return case.last(module(sequences.to(dtype) if sequences.is_floating_point() else sequences))

    return run


def halves(case: Case, seed: int) -> Any:
    generator = np.random.default_rng(seed)
    shape = (COUNT, LENGTH // 2)
    return (
        generator.integers(case.tokens, size=shape)
        if case.features is None
        else generator.standard_normal((*shape, case.features))
    )


def check_figures(case: Case) -> None:
    torch.manual_seed(0)
    model = case.make()
    starts, ends = halves(case, 0), halves(case, 1)
    found = measure(model, length=LENGTH, starts=starts, ends=ends, progress=False, **case.given)
    dtype = torch.float64 if found.dtype == "float64" else torch.float32
    run = definition(case, model, dtype)
    pairs = torch.from_numpy(np.concatenate([starts.repeat(COUNT, 0), np.concatenate([ends] * COUNT)], 1))
    values = run(pairs).double()
    assert found.floor is not None
    near = max(1e-12, found.floor if found.floor > 1e-9 else 0)  # float32 on the way
    for number in range(0, len(pairs), COUNT + 1):
        alone = run(pairs[number : number + 1])[0].double()
        assert torch.allclose(alone, values[number], rtol=0, atol=near * values.abs().max().item())
    expected = np.linalg.svd(values.reshape(COUNT, -1).numpy(), compute_uv=False) / COUNT
    count = len(found.singular_values)
    assert np.allclose(found.singular_values, expected[:count], rtol=0, atol=near * expected[0])
    said = [note.removeprefix("read as: ") for note in found.notes if note.startswith("read as: ")]
    assert said == ([case.read_as] if case.read_as else [])
    settings: dict[str, Any] = {"length": LENGTH, "samples": 32, "lags": [2], "progress": False}
    curve = remember(model, **settings, **case.given)
    sizes = {"inputs": case.features, "tokens": case.tokens if case.features is None else None}
    plain = remember(run, **settings, **sizes)
    assert np.allclose(curve.memory, plain.memory, rtol=0, atol=max(near, 1e-12) * 10)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if case.slow else name for name, case in PACKAGES.items()]
)
def test_packages(name: str) -> None:
    check_figures(PACKAGES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(name: str) -> None:
    make, read_as = TRANSFORMERS[name]
    check_figures(Case(make, tokens=11, last=of_logits, read_as=read_as))
