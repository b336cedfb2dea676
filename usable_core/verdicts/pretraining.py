"""Whether a model may have seen the data in pre-training: what names tell, and no more."""

import re

from usable_core.evaluations.result import Measured

_IMAGENET = re.compile(r"imagenet|ilsvrc|(^|[^a-z])in1k", re.IGNORECASE)
_WEB = re.compile(
    r"laion|openai|webli|datacomp|dfn|metaclip|lvd|swag|ig1b|yfcc|cc12m", re.IGNORECASE
)
_TAGGED = re.compile(r"in1k|in12k|in21k|in22k|ft_", re.IGNORECASE)


def pretraining(result: Measured) -> str:
    """Return a sentence on whether a model may have seen the evaluated data before.

    It is told by the names of model and data, for nobody can look into a pre-training; pictures
    that were compared one by one are told of elsewhere (`Provenance.leaked`).
    """
    model, data = result.provenance.model, result.provenance.dataset
    source = model.partition("/")[0]
    if source in ("bundled", "run"):
        return (
            f"{model} was trained by Usable; its card names the data, and their examples were "
            "compared one by one. Of what its starting weights saw, only their card tells."
        )
    is_imagenet = source == "torchvision" or bool(_TAGGED.search(model))
    if _IMAGENET.search(data) and (is_imagenet or source == "timm"):
        return (
            f"{model} was probably pre-trained on ImageNet, and the data are called like it: their "
            "train part is then known to it, and their validation part chose its weights."
        )
    if _WEB.search(model):
        return (
            f"{model} is named after pictures of the web: any public picture may have been among "
            "them, and nobody can tell which."
        )
    if is_imagenet:
        return (
            f"{model} was probably pre-trained on ImageNet; pictures that are also there, or from "
            "the same source, may be known to it. This was not looked for."
        )
    return f"What {model} saw in pre-training is not known: its file does not say. Ask who made it."
