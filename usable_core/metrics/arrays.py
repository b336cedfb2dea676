"""Names of the arrays that travel between functions, so that signatures tell what is in them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
Indices = NDArray[np.int64]  # classes, places, orders
Segments = NDArray[np.int32]  # which superpixel each pixel is in, or which superpixels there are
Values = NDArray[np.float32]  # a map, or logits
