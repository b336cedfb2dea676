"""Why a model said so: one function per method, `catalog.explainers.EXPLAINERS` lists them.

A method explains one class, `target`, by its index. Those that hide parts take `(game, target,
options)`: the game asks the model about coalitions, `options` say how many, from which seed and
when a map is stable. Those with gradients take `(oracle, picture, target, options)`: the oracle of
a differentiable model, the picture as the model sees it; they raise `ExplanationError` where the
model passes no gradient.
"""
