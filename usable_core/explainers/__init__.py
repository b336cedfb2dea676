"""Why a model said so: one function per method, `catalog.explainers.EXPLAINERS` lists them."""
