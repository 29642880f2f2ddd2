"""Choose which of a teacher's layers a student has, and remove the others."""

from __future__ import annotations

from typing import Any

from clew.core.errors import SpecError


def student_layers(wanted: int | tuple[int, ...], count: int) -> list[int]:
    """Return the layers of a teacher, counted from 0, that its student has, in order.

    wanted: the layers themselves; or how many, evenly spaced from the first to the last (Sanh et al. 2019); 0: all.
    count: how many the teacher has. Raises SpecError for layers that it does not have.
    """
    if isinstance(wanted, tuple):
        if missing := [layer for layer in wanted if layer >= count]:
            raise SpecError(
                f"layers names layer {missing[0]}, but the teacher has {count}, counted from 0",
                f"use layers from 0 to {count - 1}",
            )
        return list(wanted)
    if wanted > count:
        raise SpecError(
            f"layers is {wanted}, but the teacher has {count}", f"set layers to 1 to {count}, or to 0 for all"
        )
    if not wanted:
        return list(range(count))
    step = (count - 1) / max(1, wanted - 1)
    return [round(at * step) for at in range(wanted)]


def keep_layers(network: Any, wanted: int | tuple[int, ...]) -> list[int]:
    """Reduce a BERT-like network of transformers to some of its layers, as `student_layers` says; return which.

    Raises its errors, and SpecError for a network without a list of layers; if all are wanted, returns none for it.
    """
    from torch.nn import ModuleList

    encoder = getattr(network.base_model, "encoder", None)
    layers = getattr(encoder, "layer", None)
    if encoder is None or layers is None:
        if not wanted:
            return []
        raise SpecError(
            f"cannot remove layers from a {type(network).__name__}",
            "remove layers from the spec, or use a BERT-like teacher",
        )
    chosen = student_layers(wanted, len(layers))
    encoder.layer = ModuleList([layers[at] for at in chosen])
    network.config.num_hidden_layers = len(chosen)
    return chosen
