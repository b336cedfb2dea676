"""What stands for L_pre: the choices of the pages Fine-tune and λ."""

import streamlit as st

from usable_core.evaluations.specs import DatasetSpec

KEEPS = {"none": "Source data", "distillation": "Distillation", "distance": "Distance"}
KEEPS_HELP = (
    "What stands for L_pre. Source data: the pretrained head on its own data, so that what is "
    "retained is measured. Distillation: its answers to the task's examples. Distance: the weights "
    "stay near. Without source data nothing tells what is retained."
)


def differ(dataset: DatasetSpec | None, source: DatasetSpec | None) -> bool:
    """Say that nothing is forgotten of a source that is the task itself; tell whether it is not."""
    is_same = dataset is not None and source is not None and dataset.reference == source.reference
    if is_same:
        st.warning(
            "Task and source are the same data, so nothing could be forgotten. Choose the data "
            "that the backbone comes from, or another task.",
            icon=":material/compare_arrows:",
        )
    return not is_same
