"""What turns a model's confidence into how often it is right, and tells images it does not know."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """What was fitted on images of a model's task that it was not trained on.

    Attributes:
        temperature: Divides the logits before the softmax (Guo et al. 2017, arXiv:1706.04599);
            above 1 for a model that is too sure of itself.
        energy_threshold: What 95 % of the images' log-sum-exp of the logits are above (Liu et al.
            2020, arXiv:2010.03759: the negative energy at temperature 1).
        n: Number of images.
        data: Which images, in words.
        dataset_fingerprint: Hash of the data set.
        model_fingerprint: Of the model that it holds for, and no other.
        nll: Mean negative log-likelihood of the true class before (nats).
        nll_calibrated: The same at the temperature.
        warnings: Sentences that a reader of the numbers must know.
    """

    temperature: float
    energy_threshold: float
    n: int
    data: str
    dataset_fingerprint: str
    model_fingerprint: str
    nll: float
    nll_calibrated: float
    warnings: tuple[str, ...] = ()
