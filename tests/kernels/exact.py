"""The activations to 40 decimals by mpmath, points where formulas change, and distances in ulps."""

import mpmath as mp
import numpy as np

mp.mp.dps = 40

VALUES = {
    "identity": lambda x: x,
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "relu": lambda x: max(x, mp.mpf(0)),
    "softplus": lambda x: mp.log1p(mp.exp(-abs(x))) + max(x, mp.mpf(0)),
    "swish": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
}
SLOPES = {
    "tanh": lambda x: 1 - mp.tanh(x) ** 2,
    "sigmoid": lambda x: mp.exp(-abs(x)) / (1 + mp.exp(-abs(x))) ** 2,
    "relu": lambda x: mp.mpf(x > 0),
    "softplus": VALUES["sigmoid"],
    "swish": lambda x: VALUES["sigmoid"](x) * (1 + x * VALUES["sigmoid"](-x)),
    "gelu": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2 + x * mp.npdf(x),
}
# At 0, -inf and inf.
LIMITS = {
    "identity": (0.0, -np.inf, np.inf),
    "tanh": (0.0, -1.0, 1.0),
    "sigmoid": (0.5, 0.0, 1.0),
    "relu": (0.0, 0.0, np.inf),
    "softplus": (np.log(2.0), 0.0, np.inf),
    "swish": (0.0, 0.0, np.inf),
    "gelu": (0.0, 0.0, np.inf),
}


def points(dtype):
    """Return arguments of all sizes, densely where formulas change: k ln 2 / 2, k / 64, 0.75, 1, 20, 40."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    reach = -np.log(float(info.smallest_subnormal))
    powers = np.arange(-70, 71) * np.log(2.0) / 2
    joints = np.concatenate([powers, powers / 2, (np.arange(-40, 41) + 0.5) / 64, [0.75, 1.0, 20.0, 40.0]])
    tiny = 10.0 ** rng.uniform(np.log10(float(info.smallest_subnormal)) + 1, 0, 200)
    drawn = [
        *(scale * rng.normal(size=300) for scale in (0.1, 1.0, 5.0)),
        rng.uniform(-reach, reach, 300),
        *(joints * sign * shift for sign in (1, -1) for shift in (1, 1 + 2e-7, 1 - 2e-7)),
        *(tiny, -tiny),
    ]
    return np.concatenate(drawn).astype(dtype)


def ulps(found, exact):
    """Return |found - exact| in units in the last place of the exact values, which are mpmath's."""
    units = np.spacing(np.abs(np.array(exact, dtype=float).astype(found.dtype)))
    return np.array([float(abs(mp.mpf(float(f)) - e)) for f, e in zip(found, exact, strict=True)]) / units
