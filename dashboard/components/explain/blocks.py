"""What the Explain page says of a picture, in this order; its report says the same.

A block is a module with `show`, which draws it on the page, and `sections`, which yields it for the
report. The page shows one map, comparison or ε at a time; the report has all of them.
"""

from dashboard.components.explain import agreement, drift, evidence, map_grid, predictions

BLOCKS = (predictions, map_grid, evidence, agreement, drift)
