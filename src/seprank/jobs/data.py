"""The files that settings name: sequences, templates, tokenizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..sources.code import is_code, source_hash, source_of
from ..sources.factory import Size
from ..store import JsonObject
from ..system.files import existing_file


def read_data(name: str | None, tokenizer: str | None = None) -> Any:
    """Sequences of a file, None without one.

    Args:
        name: .npy, .npz, .csv or .safetensors; or .txt with a tokenizer.
        tokenizer: file.py:name of a function from text to token ids, or a tokenizer.json.
    """
    if name is None:
        return None
    path = Path(name)
    if path.suffix != ".txt":
        if tokenizer is not None:
            raise ValueError(f"--tokenizer is for .txt files, got {path.name}")
        from ..measurement import read_sequences

        return read_sequences(path)
    if tokenizer is None:
        raise ValueError(f"{path.name} needs --tokenizer file.py:name, a function from text to token ids")
    from ..memory_curve import read_text

    return read_text(path, _read_tokenizer(tokenizer))


def _read_tokenizer(name: str) -> Any:
    from ..system.extras import need

    if not name.endswith(".json"):
        from ..sources import load_factory

        return load_factory(name).function
    tokenizers = need("tokenizers", "hf", "reading a tokenizer.json")
    if not Path(name).is_file():
        raise ValueError(f"there is no file {name}; check the path")
    return tokenizers.Tokenizer.from_file(name)


def read_templates(text: Any) -> Any:
    """Templates as `certify` takes them: vectors from a .npy file, or the word itself."""
    if not isinstance(text, str) or not text.endswith(".npy"):
        return text
    import numpy as np

    try:
        return np.load(existing_file(text), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{text} is not a .npy file of numbers: {error}") from None


def letters(inputs: Size | None, templates: Any) -> Size | None:
    """`inputs` as `certify` takes it; None where the templates are vectors, which say themselves how many there are."""
    return inputs if templates is None or isinstance(templates, str) else None


def digests(model: str, settings: JsonObject) -> dict[str, str]:
    """SHA-256 of every file that a job reads, by the setting that names it: with another content it is another job."""
    files = {name: settings[name] for name in ("data", "weights") if settings.get(name) is not None}
    templates, tokenizer = settings.get("templates"), settings.get("tokenizer")
    if isinstance(templates, str) and templates.endswith(".npy"):
        files["templates"] = templates
    if tokenizer is not None:
        files["tokenizer"] = tokenizer if tokenizer.endswith(".json") else source_of(tokenizer)
    if is_code(model):
        files["model"] = source_of(model)
    return {name: source_hash(existing_file(path)) for name, path in files.items()}
