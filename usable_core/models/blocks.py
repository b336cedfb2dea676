"""The blocks of a network, from its stem to its head: by rule, from its modules, not by names.

A block is a part of several layers that stands in a row of its kind (a residual unit, a layer of a
transformer), and is no row of others itself (a stage). Without rows it is the outermost part whose
kind comes again; a network without such (VGG) has its layers for blocks.
"""

from collections import Counter
from collections.abc import Iterator, Sequence, Set

from torch import nn

from usable_core.errors import ConfigError
from usable_core.models.heads import head

_ROWS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)  # of parts, and no kind of part themselves


def depths(network: nn.Module) -> dict[nn.Module, int]:
    """Return how deep each module lies: 0 in the stem, from 1 in the blocks, most in the head.

    What lies between two blocks (downsampling) is as deep as the later one, what lies between the
    last and the head (a norm) as the last, what is in one part with the head alone as the head: as
    timm's `param_groups_layer_decay` has it. Where layers are blocks, the first is the stem, and
    what follows a layer belongs to it.

    Raises:
        CheckpointError: the network has no head that can be found.
    """
    ends, blocks = set(head(network).modules()), _repeated(network)
    found = _around(network, blocks) if blocks else _by_layers(network, ends)
    if blocks:
        ends |= _alone_with(ends, network, blocks)
    return found | dict.fromkeys(ends, max(found.values()) + 1)


def multiples(network: nn.Module, decay: float) -> dict[nn.Parameter, float]:
    """Return what the learning rate of each weight is multiplied by: decay^(depth from the head).

    Reference: Bao et al. 2022, arXiv:2106.08254 (BEiT), appendix H.
    """
    found: dict[nn.Parameter, float] = {}
    last = max((placed := depths(network)).values())
    for module, depth in placed.items():
        for parameter in module.parameters(recurse=False):
            found[parameter] = max(found.get(parameter, 0.0), decay ** (last - depth))
    return found


def freeze_below(network: nn.Module, blocks: int) -> frozenset[str]:
    """Freeze the weights below the last blocks, in place; the head and these go on moving.

    Args:
        network: Whose weights all move.
        blocks: How many blocks move, from 1.

    Returns:
        Names of the modules at rest: in evaluation mode they keep their batch statistics too.

    Raises:
        ConfigError: there are not so many.
    """
    last = max((placed := depths(network)).values())
    if blocks >= last:
        raise ConfigError(
            f"last_blocks must be at most {last - 1}, for so many blocks were found in "
            f"{type(network).__name__}, but is {blocks}. Give fewer; left out, all move."
        )
    first = last - blocks
    moving = [p for m, d in placed.items() if d >= first for p in m.parameters(recurse=False)]
    network.requires_grad_(False)
    for parameter in moving:
        parameter.requires_grad_(True)
    return frozenset(
        name
        for name, module in network.named_modules()
        if all(placed[inner] < first for inner in module.modules())
    )


def _around(network: nn.Module, blocks: Sequence[nn.Module]) -> dict[nn.Module, int]:
    found = {module: depth for depth, block in enumerate(blocks, 1) for module in block.modules()}
    passed = 0
    for module in network.modules():  # in the order of their making, which is that of the passes
        passed = max(passed, found.get(module, 0))
        found.setdefault(module, min(passed + 1, len(blocks)) if passed else 0)
    return found


def _alone_with(
    ends: Set[nn.Module], network: nn.Module, blocks: Sequence[nn.Module]
) -> set[nn.Module]:
    """Return what is in the outermost parts that hold modules of the head, and no block."""
    found: set[nn.Module] = set()
    for part in network.modules():
        inner = set(part.modules())
        if part is not network and inner.isdisjoint(blocks) and not inner.isdisjoint(ends):
            found |= inner
    return found


def _by_layers(network: nn.Module, ends: Set[nn.Module]) -> dict[nn.Module, int]:
    found, passed = {}, 0
    for module in network.modules():
        passed += module not in ends and _matrices(module, recurse=False) > 0
        found[module] = max(passed - 1, 0)
    return found


def _repeated(network: nn.Module) -> list[nn.Module]:
    """Return the blocks that are of a kind which stands in rows, else of one that comes again."""
    parts = [m for m in network.modules() if type(m) not in _ROWS and _matrices(m) > 1]
    rows = {module: row for module in network.modules() if (row := _row(module))}
    again = (kind for kind, count in Counter(map(type, parts)).items() if count > 1)
    kinds = {type(row[0]) for row in rows.values()} or set(again)

    def walked(module: nn.Module) -> Iterator[nn.Module]:
        for child in module.children():
            if type(child) in kinds and rows.keys().isdisjoint(child.modules()):
                yield child
            else:
                yield from walked(child)

    return list(walked(network))


def _row(module: nn.Module) -> list[nn.Module]:
    """Return the parts that a module consists of, if they are several of one kind."""
    children = [child for child in module.children() if any(True for _ in child.parameters())]
    kinds = {type(child) for child in children}
    is_row = len(kinds) == 1 and kinds.isdisjoint(_ROWS) and min(map(_matrices, children)) > 1
    return children if is_row and len(children) > 1 else []


def _matrices(module: nn.Module, *, recurse: bool = True) -> int:
    return sum(parameter.ndim > 1 for parameter in module.parameters(recurse))
