"""TextAttack's greedy attack with the swaps of ours; imported only where TextAttack is installed.

TextAttack imports much that such an attack never uses. What of it is not installed is stood in for;
its folder of downloads is one for the time being, so that nobody's home is written to.
"""

import importlib.abc
import importlib.machinery
import logging
import os
import sys
import tempfile
import types
from collections.abc import Sequence
from unittest.mock import MagicMock

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from usable_core.inputs.tokens import Tokens
from usable_core.word_attacks.swaps import Swaps

_UNUSED = (
    "OpenHowNet",
    "Levenshtein",
    "bert_score",
    "datasets",
    "editdistance",
    "flair",
    "jieba",
    "langdetect",
    "language_tool_python",
    "lemminflect",
    "more_itertools",
    "nltk",
    "num2words",
    "pinyin",
    "pycld2",
    "terminaltables",
    "word2number",
)


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module wherever one that is not used is not installed."""

    def find_spec(
        self, name: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in _UNUSED:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return MagicMock(name=spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Leave it empty."""


with tempfile.TemporaryDirectory() as _folder:
    os.environ["TA_CACHE_DIR"] = _folder
    logging.disable(logging.INFO)
    sys.meta_path.append(_StandIns())  # the last, so that what is installed is found first
    from textattack import Attack
    from textattack.attack_results import SkippedAttackResult, SuccessfulAttackResult
    from textattack.constraints import PreTransformationConstraint
    from textattack.constraints.pre_transformation import RepeatModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.models.wrappers import HuggingFaceModelWrapper
    from textattack.search_methods import GreedyWordSwapWIR
    from textattack.shared import AttackedText
    from textattack.transformations import Transformation, WordSwap


class Repaired(HuggingFaceModelWrapper):
    """The wrapper, but a batch is padded to its longest text, not to what the model reads."""

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        read = self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        with torch.no_grad():
            return self.model(**read).logits


class Swap(WordSwap):
    """Our swaps."""

    def __init__(self, swaps: Swaps, takes: Tokens) -> None:
        super().__init__()
        self._swaps, self._takes = swaps, takes

    def _get_replacement_words(self, word: str) -> list[str]:
        return list(self._swaps(word, self._takes))


class Swappable(PreTransformationConstraint):
    """Words that have no swap, as stop words, are neither ranked nor tried, as by ours."""

    def __init__(self, swap: Swap) -> None:
        self._swap = swap

    def _get_modifiable_indices(self, text: AttackedText) -> set[int]:
        words = enumerate(text.words)
        return {place for place, word in words if self._swap._get_replacement_words(word)}

    def check_compatibility(self, transformation: Transformation) -> bool:
        return True


class Peer:
    """TextAttack's greedy search by words left out (as of TextFooler), each word changed once.

    Attributes:
        queries: Texts that were asked about so far.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        swap: Swap,
        *,
        is_repaired: bool,
    ) -> None:
        wrapper = (Repaired if is_repaired else HuggingFaceModelWrapper)(network, tokenizer)
        constraints = [RepeatModification(), Swappable(swap)]
        search = GreedyWordSwapWIR(wir_method="delete")
        self._attack = Attack(UntargetedClassification(wrapper), constraints, swap, search)
        self.queries = 0

    def broken(self, text: str, label: int) -> str | None:
        """Return what a text became: itself where the answer is wrong before, None if withstood."""
        found = self._attack.attack(text, label)
        self.queries += found.num_queries
        if isinstance(found, SkippedAttackResult):
            return text
        is_broken = isinstance(found, SuccessfulAttackResult)
        return found.perturbed_result.attacked_text.text if is_broken else None
