"""Settings of `train`: all that decides the numbers of a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from ..models import MODELS
from ..models.base.width import nearest_width
from ..question import keep, keep_whole, keep_whole_if_given
from ..sources.architecture import Own, Registered, Sizes, find_architecture
from ..sources.code import is_code, source_hash, source_of
from ..sources.own_task import find_task
from .as_text import Arguments
from .entries import Flag

if TYPE_CHECKING:
    from ..tasks import Task

USUAL_WIDTH = 64
"""Used where neither a width nor a number of parameters is given"""


@dataclass(frozen=True)
class TrainSettings:
    """Settings of one training run; equal settings give equal numbers on one machine.

    Example:
        >>> settings = TrainSettings(task="copying-memory", task_settings={"delay": 10}, model="gru", width=16)
        >>> settings.network_width, settings.task_built.length
        (16, 70)
    """

    task: Annotated[str, Flag()]
    """A name from `seprank tasks`, or file.py:name, or package.module:name of a task of your own."""
    model: str = "orthogonal"
    """A name from `seprank models`, or file.py:factory, or package.module:factory."""
    width: int | None = None
    """R: width of every layer; 64 by default."""
    parameters: int | None = None
    """Target number of parameters, read-out included, in place of --width; the closest width is used."""
    depth: int = 1
    """L: number of layers."""
    residual: bool = False
    """Add its input to the output of each layer above the first."""
    task_settings: Annotated[Arguments, Flag("--set")] = field(default_factory=dict)
    """key=value for the task; may be repeated."""
    model_settings: Annotated[Arguments, Flag("--model-set")] = field(default_factory=dict)
    """key=value for the model; may be repeated."""
    steps: int = 5000
    """Maximum number of optimizer steps."""
    batch: int = 64
    """Sequences per step."""
    rate: float = 1e-3
    """Learning rate of RMSprop."""
    decay: float = 0.9
    """Smoothing constant of RMSprop."""
    clip: float = 1.0
    """Maximum norm of the gradient."""
    evaluate_every: int = 100
    """Steps between two validations; an interrupted run repeats at most that many."""
    validation: int = 512
    """Sequences per validation."""
    test: int = 10_000
    """Sequences in the test that decides whether the task is solved."""
    memory_every: int = 0
    """Steps between two measurements of long-term memory, a multiple of --evaluate-every; 0 for none."""
    memory_samples: int = 64
    """Start halves and end halves of each measurement; 32 or more also give a memory curve."""
    memory_cut: int | None = None
    """c: steps in the start half of each measurement; the task decides by default."""
    seed: int = 0
    """Seed of weights and batches."""

    def __post_init__(self) -> None:
        _ = self.task_built
        if self.width is not None and self.parameters is not None:
            raise ValueError(f"give width or parameters, got width={self.width} and parameters={self.parameters}")
        sized = self.architecture.takes
        if self.width is None and self.parameters is None and "width" in sized:
            keep(self, width=USUAL_WIDTH)
        for name in ("depth", "steps", "batch", "evaluate_every", "validation", "test"):
            keep_whole(self, name, 1)
        keep_whole(self, "seed", 0)
        keep_whole(self, "memory_every", 0)
        keep_whole(self, "memory_samples", 16)
        for name in ("width", "parameters", "memory_cut"):
            keep_whole_if_given(self, name, 1)
        for name, low, high in (("rate", 0.0, float("inf")), ("decay", 0.0, 1.0), ("clip", 0.0, float("inf"))):
            if not low < getattr(self, name) < high:
                raise ValueError(f"{name} must be between {low:g} and {high:g}, got {getattr(self, name)}")
        self._check_sizes(sized)
        if self.memory_every % self.evaluate_every:
            raise ValueError(
                f"memory_every must be a multiple of evaluate_every, {self.evaluate_every}, got {self.memory_every}"
            )
        if self.memory_cut is not None and self.memory_cut >= self.task_built.length:
            raise ValueError(
                f"memory_cut must be below the task's length, {self.task_built.length}, got {self.memory_cut}"
            )

    def _check_sizes(self, sized: frozenset[str]) -> None:
        """Refuse a size that a factory of the user's own does not take."""
        for name in ("width", "parameters"):
            if "width" not in sized and getattr(self, name) is not None:
                raise ValueError(
                    f"{self.model} takes no width, so leave {name} out, or let it take an argument width or hidden_size"
                )
        if self.depth > 1 and not self.residual and "depth" not in sized:
            raise ValueError(
                f"{self.model} takes no depth, so it must be 1, or residual be set, got {self.depth}; or let it take "
                "an argument depth or num_layers"
            )

    @cached_property
    def task_built(self) -> Task:
        return find_task(self.task, self.task_settings)

    @cached_property
    def architecture(self) -> Registered | Own:
        """What makes the network."""
        if is_code(self.model):
            return find_architecture(self.model, self.model_settings)
        found = find_architecture(self.model)
        assert isinstance(found, Registered)
        if not found.spec.recurrent:
            known = ", ".join(name for name, other in MODELS.items() if other.recurrent)
            raise ValueError(f"model must be recurrent to be trained, got {self.model!r}; the models are: {known}")
        found.spec.load()
        return Registered(found.spec, {**found.spec.training, **self.model_settings})

    def layers(self, width: int | None) -> list[Sizes]:
        """Sizes of the modules on top of each other, as `architecture.build` takes them.

        One module of many layers is faster, but has no place for residual connections between them.
        """
        first: Sizes = {"inputs": self.task_built.inputs, "width": width, "depth": self.depth}
        if not self.residual or self.depth == 1:
            return [first]
        first["depth"] = 1
        above: Sizes = {**first, "inputs": self.architecture.outputs(**first)}
        return [first] + [above] * (self.depth - 1)

    def count_parameters(self, width: int | None) -> int:
        """Parameters of a network of that width, read-out included."""
        layers = self.layers(width)
        body = sum(self.architecture.count(**layer) for layer in layers)
        return body + self.task_built.outputs * (self.architecture.outputs(**layers[-1]) + 1)

    @cached_property
    def network_width(self) -> int | None:
        """The width that is built, None for what takes none."""
        if self.parameters is None:
            return self.width
        return nearest_width(self.count_parameters, self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON's types, with the task's own version and all its parameters: what a job is known by.

        Of the user's own code, its text is part of that.
        """
        task = self.task_built
        known = asdict(self) | {
            "task_settings": task.settings(),
            "task_version": task.version,
            "model_settings": {**self.architecture.settings},
        }
        own = {name: source_hash(source_of(text)) for name in ("task", "model") if is_code(text := getattr(self, name))}
        return known | ({"files": own} if own else {})
