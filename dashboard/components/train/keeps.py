"""What stands for L_pre: the choices of the pages Fine-tune and λ."""

KEEPS = {"none": "Source data", "distillation": "Distillation", "distance": "Distance"}
KEEPS_HELP = (
    "What stands for L_pre. Source data: the pretrained head on its own data, so that what is "
    "retained is measured. Distillation: its answers to the task's examples. Distance: the weights "
    "stay near. Without source data nothing tells what is retained."
)
