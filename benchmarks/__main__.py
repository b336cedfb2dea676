"""Every benchmark, one after another, each in its own process: `python -m benchmarks`."""

import subprocess
import sys

MODULES = (
    "accuracy_loop",
    "attacks",
    "memory",
    "corruptions",
    "comparison",
    "compiled_steps",
    "candidates",
    "cluster",
    "cam",
    "fine_tuning",
    "joint_objective",
    "learning_rates",
    "divergence",
    "demo",
    "first_page",
    "notebook",
    "estimates",
    "pages",
    "glance_checks",
    "gradient_maps",
    "superpixel_maps",
    "evidence",
    "first_maps",
    "first_words",
    "clicks",
    "sessions",
    "run_list",
    "duplicates",
    "splits",
    "cost",
    "sources",
    "team_store",
    "text_maps",
    "text_worth",
    "texts",
    "pretraining_kinds",
    "text_pretraining",
    "text_training",
    "training_loop",
    "transferability",
    "verify_evidence",
    "weights_that_move",
    "word_attacks",
)

for module in MODULES:
    print(f"\n## {module}\n", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{module}"], check=True)
