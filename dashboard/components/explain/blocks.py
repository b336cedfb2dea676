"""What the Explain page says of a picture, below the maps and in the report.

A block is a module with `sections`, which yields it for the report; what draws it stands in a tab.
The page shows one map, comparison or ε at a time; the report has all of them.
"""

from dashboard.components.explain import agreement, drift, evidence, map_grid, predictions

BLOCKS = (predictions, map_grid, evidence, agreement, drift)
