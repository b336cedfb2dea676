"""Formats that a model can be exported in, for production and for other libraries."""

from dataclasses import dataclass

from usable_core.catalog.models import SOURCES


@dataclass(frozen=True)
class ExportRow:
    """One format.

    Attributes:
        title: What people call it.
        help: What it holds, and on which side of it pictures are normalised.
        readers: What reads it.
        write: Dotted name of `(model) -> writer`; the writer puts the model, with what is said of
            it, at a path, as often as it is called.
        source: The source of references, a key of `SOURCES`, by which Usable reads it again.
        kinds: What the models take that it can hold.
        install: The command that brings what writing it needs; empty where nothing is.
    """

    title: str
    help: str
    readers: str
    write: str
    source: str
    kinds: tuple[str, ...] = ("picture", "text")
    install: str = ""

    @property
    def ending(self) -> str:
        """How its file's name ends; empty where it is a folder."""
        return (*SOURCES[self.source].endings, "")[0]


_INSIDE = (
    "Pictures go in as RGB in [0, 1] and are normalised inside, texts as input_ids and "
    "attention_mask; resize and crop or tokenizer, classes and card are in its metadata."
)
EXPORTS = {
    "safetensors": ExportRow(
        "safetensors and card",
        "A folder of model.safetensors and card.json, which says how the network is built and how "
        "pictures are normalised, which is outside.",
        "Usable (folder/PATH), safetensors",
        "usable_core.models.exporting.folders:safetensors",
        "folder",
    ),
    "onnx": ExportRow(
        "ONNX",
        f"One file for any number of examples. {_INSIDE}",
        "ONNX Runtime, OpenVINO, TensorRT, Usable (onnx/PATH)",
        "usable_core.models.exporting.programs:onnx",
        "onnx",
        install='pip install "usable[onnx]"',
    ),
    "program": ExportRow(
        "Exported program (.pt2)",
        f"One file of torch.export for any number of examples. {_INSIDE}",
        "torch.export.load, AOTInductor, ExecuTorch, Usable (file/PATH)",
        "usable_core.models.exporting.programs:program",
        "file",
    ),
    "timm": ExportRow(
        "timm folder",
        "A folder of model.safetensors and config.json, for networks of timm. Pictures are "
        "normalised outside, as timm's own transform does.",
        "timm.create_model('local-dir:PATH', pretrained=True), Usable (hf/PATH)",
        "usable_core.models.exporting.folders:timm",
        "hf",
        kinds=("picture",),
    ),
    "transformers": ExportRow(
        "transformers folder",
        "A folder of model.safetensors, config.json and tokenizer or image processor, for networks "
        "of transformers. Pictures are normalised outside, by that processor.",
        "AutoModelForSequenceClassification or AutoModelForImageClassification, Usable (hf/PATH)",
        "usable_core.models.exporting.transformers_folders:transformers",
        "hf",
    ),
}
