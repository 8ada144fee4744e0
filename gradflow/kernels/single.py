"""The activations in single precision, compiled by numba: `double` with shorter polynomials and words.

A number of Python's would make all of a formula double, so `f` stands around each.
"""

from __future__ import annotations

import numpy as np

from gradflow.kernels.compiling import fused, kernel, polynomial, scalar, summing

f = np.float32

LOG2_E = f(1.442695)
LN2_HIGH, LN2_LOW = f(0.693359375), f(-2.1219444e-04)
# Adding it rounds to a whole number, which then stands in the lowest bits.
SHIFT = f(12582912.0)
ZERO = f(0.0)
# x exp(x) is 0 there, and below.
LOWEST = f(-110.0)
DENSITY_0 = f(0.3989423)
TAIL_CENTER = f(0.13180102)

# Minimax polynomials, the highest coefficient first.
# fmt: off
# (exp(r) - 1 - r) / r^2 in r.
EXP = (
    0.0013950492, 0.00836889, 0.041666206, 0.16666518, 0.5,
)
# R / u^2 in u^2.
LOG = (
    0.28024462, 0.27999142, 0.400217, 0.6666641,
)
# (Phi(x) - 1/2) / x in x^2.
HALF = (
    0.00010299178, -0.0011813431, 0.009972369, -0.0664903, 0.3989423,
)
# (a + 4) Phi(-a) exp(a^2 / 2) in 1 / (a + 4) - TAIL_CENTER, but for its last two coefficients.
TAIL = (
    25767.49, 3786.0144, -3221.4526, -1069.5851, 206.514, 255.11247, 102.33742, 26.794676,
)
# fmt: on


@scalar
def power_of_2(shifted):
    return np.int32((np.float32(shifted).view(np.int32) + 127) << 23).view(np.float32)


@scalar
def quotient(above, lost, large, small):
    """Return (above + lost) / (large + small), with what rounding takes from the sum put back."""
    below = large + small
    inverse = f(1.0) / below
    y = above * inverse
    return y + (fused(-y, below, above) + (lost - y * (small - (below - large)))) * inverse


@scalar
def exp_rest(r, low):
    """Return exp(r + low) - 1 for |r| <= ln(2) / 2 and a low that r has lost to rounding."""
    return (polynomial(r, EXP) * (r * r) + low) + r


@scalar
def exp_below(y, low):
    """Return m, l, s with exp(y + low) = (m + l) s, for y <= 0 and |low| < 1e-4; s is a power of 2.

    Where the exponential is denormal, m is not yet.
    """
    y = LOWEST if y < LOWEST else y
    k = (y * LOG2_E + SHIFT) - SHIFT
    high = y - k * LN2_HIGH
    r = (high - k * LN2_LOW) + low
    low = ((high - r) + low) - k * LN2_LOW
    normal = -f(100.0) if k < -f(100.0) else k
    s = power_of_2(normal + SHIFT)
    rest = exp_rest(r, low)
    m = s + s * rest
    return m, fused(s, rest, s - m), power_of_2((k - normal) + SHIFT)


@scalar
def tanh(x):
    y = f(2.0) * x
    y = f(20.0) if y > f(20.0) else (-f(20.0) if y < -f(20.0) else y)
    shifted = y * LOG2_E + SHIFT
    k = shifted - SHIFT
    s = power_of_2(shifted)
    e = s * exp_rest((y - k * LN2_HIGH) - k * LN2_LOW, f(0.0)) + (s - f(1.0))
    return quotient(e, f(0.0), f(2.0), e)


@scalar
def sigmoid(x):
    m, _, s = exp_below(-abs(x), f(0.0))
    e = m * s
    return quotient(e if x < f(0.0) else f(1.0), f(0.0), f(1.0), e)


@scalar
def softplus(x):
    m, _, s = exp_below(-abs(x), f(0.0))
    e = m * s
    # ln(1 + e) = e - e^2 / 2 + u (e^2 / 2 + R), where 2 artanh(u) = 2 u + u R and u = e / (2 + e).
    u = e / (f(2.0) + e)
    z = u * u
    rest = z * polynomial(z, LOG)
    half = f(0.5) * e * e
    return (f(0.0) if x < f(0.0) else x) + (e - (half - u * (half + rest)))


@scalar
def swish(x):
    x = LOWEST if x < LOWEST else x
    m, _, s = exp_below(-abs(x), f(0.0))
    e = m * s
    above = x * m if x < f(0.0) else x
    lost = fused(x, m, -above) if x < f(0.0) else f(0.0)
    y = quotient(above, lost, f(1.0), e)
    return y * s if x < f(0.0) else (x if x > f(20.0) else y)


@scalar
def half_to(x):
    """Return Phi(x) - 1/2 for |x| <= 0.75."""
    return x * polynomial(x * x, HALF)


@scalar
def tail_times(a):
    """Return h, l, m, s with a Phi(-a) = (h + l) s and exp(-a^2 / 2) = m s, for 0.74 <= a <= 15."""
    high = np.int32(np.float32(a).view(np.int32) & -4096).view(np.float32)
    b = a + f(4.0)
    v = f(1.0) / b
    t = v - TAIL_CENTER
    # What rounding has taken from v and t, times how Phi(-a) exp(a^2 / 2) depends on them.
    power = f(1.85) + f(8.7) * t
    z = t - v
    from_t = (v - (t - z)) - (TAIL_CENTER + z)
    lost = (fused(-v, b, f(1.0)) - v * (a - (b - f(4.0)))) * power + from_t * (power - f(1.0)) * b
    m, lost_m, s = exp_below(-f(0.5) * high * high, lost - f(0.5) * (a - high) * (a + high))
    q = polynomial(t, TAIL)
    # The last two coefficients are the large ones: the second has a low part too.
    main = f(5.2137537) * t + f(0.7895363)
    lost_main = fused(f(5.2137537), t, f(0.7895363) - main)
    q = main + (((q * t + f(3.8559204e-08)) * t - f(1.1252687e-08)) + lost_main)
    first = v * q
    second = m * first
    third = a * second
    low = fused(m, first, -second) + (m * fused(v, q, -first) + lost_m * first)
    return third, fused(a, second, -third) + a * low, m, s


@scalar
def gelu(x):
    a = f(15.0) if abs(x) > f(15.0) else abs(x)
    high, low, _, s = tail_times(a)
    tail = (high + low) * s
    far = (x if x > f(15.0) else a) - tail if x > f(0.0) else -tail
    near = x * (f(0.5) + half_to(x))
    return near if a < f(0.75) else far


@scalar
def tanh_slope(y):
    return f(1.0) - y * y


@scalar
def sigmoid_slope(y):
    return y * (f(1.0) - y)


@scalar
def relu_slope(y):
    return f(1.0) if y > f(0.0) else (f(0.0) if y <= f(0.0) else y)


@scalar
def swish_slope(x):
    x = -f(110.0) if x < -f(110.0) else (f(110.0) if x > f(110.0) else x)
    m, _, s = exp_below(-abs(x), f(0.0))
    e = m * s
    inverse = f(1.0) / (f(1.0) + e)
    return e * inverse * (f(1.0) + x * inverse) if x < f(0.0) else inverse * (f(1.0) + x * (e * inverse))


@scalar
def gelu_slope(x):
    a = f(15.0) if abs(x) > f(15.0) else abs(x)
    high, low, m, s = tail_times(a)
    density = a * (DENSITY_0 * m) * s
    below = f(0.5) - half_to(a) if a < f(0.75) else (high + low) * s / a
    return (f(1.0) - below) + density if x > f(0.0) else below - density


@kernel
def tanh_values(x):
    for i in range(x.size):
        x[i] = tanh(x[i])


@kernel
def sigmoid_values(x):
    for i in range(x.size):
        x[i] = sigmoid(x[i])


@kernel
def softplus_values(x):
    for i in range(x.size):
        x[i] = softplus(x[i])


@kernel
def swish_values(x):
    for i in range(x.size):
        x[i] = swish(x[i])


@kernel
def gelu_values(x):
    for i in range(x.size):
        x[i] = gelu(x[i])


@kernel
def tanh_chain(y, delta):
    for i in range(y.size):
        delta[i] *= tanh_slope(y[i])


@kernel
def sigmoid_chain(y, delta):
    for i in range(y.size):
        delta[i] *= sigmoid_slope(y[i])


@kernel
def relu_chain(y, delta):
    for i in range(y.size):
        delta[i] *= relu_slope(y[i])


@kernel
def softplus_chain(x, delta):
    for i in range(x.size):
        delta[i] *= sigmoid(x[i])


@kernel
def swish_chain(x, delta):
    for i in range(x.size):
        delta[i] *= swish_slope(x[i])


@kernel
def gelu_chain(x, delta):
    for i in range(x.size):
        delta[i] *= gelu_slope(x[i])


@summing
def squared_residual(y, targets, out, share):
    total = ZERO
    for i in range(y.size):
        gap = y[i] - targets[i]
        total += gap * gap
        out[i] = gap * share
    return total


@kernel
def below_largest(y, largest, out):
    n = largest.size
    largest[:] = y[:n]
    for start in range(n, y.size, n):
        row = y[start : start + n]
        for j in range(n):
            largest[j] = row[j] if row[j] > largest[j] else largest[j]
    for start in range(0, y.size, n):
        row, below = y[start : start + n], out[start : start + n]
        for j in range(n):
            below[j] = row[j] - largest[j]


@kernel
def softmax_residual(targets, total, out, share):
    n = total.size
    total[:] = ZERO
    for i in range(out.size):
        m, _, s = exp_below(out[i], ZERO)
        out[i] = m * s
    for start in range(0, out.size, n):
        row = out[start : start + n]
        for j in range(n):
            total[j] += row[j]
    for start in range(0, out.size, n):
        row, wanted = out[start : start + n], targets[start : start + n]
        for j in range(n):
            row[j] = (row[j] / total[j] - wanted[j]) * share
