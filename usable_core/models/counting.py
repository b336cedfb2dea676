"""What a network holds and does for one example, counted: weights, multiply-adds, tensors alive.

Multiply-adds are those of matrix products and convolutions, by torch's own formulas
(`torch.utils.flop_counter`, two operations each), as publications count them; what acts on single
elements (activations, normalisation, pooling) is left out.
"""

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from usable_core.models.model import Model

# Operations that multiply a lot and for which torch has no formula: their work would be left out
# in silence.
UNKNOWN = (
    "lstm",
    "gru",
    "rnn",
    "multi_head",
    "transformer_encoder",
    "scaled_dot_product",
    "quantized",
    "mkldnn",
    "fft",
    "cdist",
    "trilinear",
)


@dataclass(frozen=True)
class Work:
    """What one example costs.

    Attributes:
        macs: Multiply-adds.
        uncounted: Names of operations whose work is not in them.
    """

    macs: int
    uncounted: tuple[str, ...] = ()


def work_of(model: Model, pieces: int | None = None) -> Work:
    """Return the multiply-adds of one picture of the model's input size, or of one text.

    Attention is counted as the matrix products that it is: torch's fused kernels have no formula on
    every device, and the fast path of its transformer layers has none at all.

    Args:
        model: Pixels, or pieces of a text, to logits.
        pieces: How many pieces a text has; None for a picture.
    """
    # Exported programs may take batches of a least size only, and fill up smaller ones.
    count = int(getattr(model.network, "least", 1))
    if pieces is None:
        x = torch.full((count, 3, *model.input_size), 0.5, device=model.device)
    else:  # of which pieces it is does not matter
        blank = model.input.blank(1)
        x = blank[..., torch.arange(pieces) % blank.shape[-1]].to(model.device)
    with torch.inference_mode(), _plain_attention(), _Multiplications() as found:
        model(x)
    return Work(found.operations // 2 // count, tuple(sorted(found.uncounted)))


def weight_bytes(model: Model) -> int:
    """Return the bytes of all weights and buffers as they are held, each once."""
    return sum(storage.nbytes() for storage in _storages(model))


def alive_bytes(model: Model, x: Tensor) -> int:
    """Return the bytes of the weights and of the tensors that are there at once during a pass.

    Counted as tensors are made and freed; scratch memory inside an operation is not seen.

    Args:
        model: Pixels to logits.
        x: Images (N, 3, H, W), counted too.
    """
    with torch.inference_mode(), _Alive((*_storages(model), x.untyped_storage())) as found:
        model(x)
    return int(found.most)


def _storages(model: Model) -> list[torch.UntypedStorage]:
    tensors = [*model.network.parameters(), *model.network.buffers()]
    found = {tensor.untyped_storage()._cdata: tensor.untyped_storage() for tensor in tensors}
    return list(found.values())


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Have attention done step by step."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _Multiplications(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations of matrix products and convolutions."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0
        self.uncounted: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - an operation of torch
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        formula = flop_registry.get(func._overloadpacket)
        if formula is None:
            with self:  # what it is made of may be known
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        found = func(*args, **kwargs)
        if formula is not None:
            self.operations += formula(*args, **kwargs, out_val=found)
        elif any(word in str(func) for word in UNKNOWN):
            self.uncounted.add(str(func._overloadpacket))
        return found


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that are there at once, `most` at any time."""

    def __init__(self, there: tuple[torch.UntypedStorage, ...]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known = {storage._cdata for storage in there}
        self._now: int = sum(storage.nbytes() for storage in there)
        self.most: int = self._now

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - an operation of torch
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        found = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(found):
            if isinstance(leaf, Tensor):
                self._note(leaf.untyped_storage())
        return found

    def _note(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self._known:
            return
        self._known.add(storage._cdata)
        self._now += storage.nbytes()
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._forget, storage._cdata, storage.nbytes())

    def _forget(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size
