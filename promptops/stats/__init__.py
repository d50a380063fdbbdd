"""Arrays in, numbers out. Nothing in here has ever heard of a metric, a run or a file.

Conventions: `alpha` is one-sided each way (a gate's bounds), `level` is two-sided (an interval that
is shown); `clusters` holds one label a case, and None means that each case stands for itself;
everything random takes a `seed` and gives the same figures for the same seed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
