"""Stands for the worker where pages ask for pictures of a data set."""

import json

import numpy as np
from made_pictures import png

from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.jobs import interactive
from usable_core.records import from_json


def read_pictures(*, without=(), method="saliency"):
    """Answer all questions for pictures that wait, and return them.

    `without` are not in the data set any more; maps that are asked for are by `method`.
    """
    answered = []
    for path in sorted((interactive.lane() / "requests").glob("*.json")):
        request = from_json(ImageRequest, json.loads(path.read_text("utf-8"))["request"])
        if request.kind != "examples":
            continue
        folder = interactive.files(path.stem)
        for place, identity in enumerate(request.examples):
            if identity not in without:
                (folder / f"{identity}.png").write_bytes(png(place, (8, 8)))
                if request.method:
                    np.save(folder / f"{identity}.npy", np.ones((8, 8), np.float32))
        explanation = Explanation(method=request.method and method)
        interactive.write_answer(path.stem, Answer("done", explanation))
        path.unlink()
        answered.append(request)
    return answered
