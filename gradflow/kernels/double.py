"""The activations in double precision, compiled by numba: values in place, and deltas times slopes.

Everything compiled stands in this one file, since numba's cache looks at the file of a kernel alone to see
whether it has changed. A kernel's value is written over its argument: with a second array that may overlap
the first, LLVM falls back to scalar code at three to six times the time. Polynomials are minimax, their
errors below 2e-17 of the result; `tests/kernels` measures what they leave after rounding.
"""

from __future__ import annotations

import numpy as np

from gradflow.kernels.compiling import fused, kernel, polynomial, scalar, summing

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# Adding it rounds to a whole number, which then stands in the lowest bits.
SHIFT = 6755399441055744.0
ZERO = 0.0
# x exp(x) is 0 there, and below.
LOWEST = -760.0
DENSITY_0 = 0.3989422804014327
TAIL_CENTER = 0.11684886843114692

# Minimax polynomials, the highest coefficient first.
# fmt: off
# (exp(r) - 1 - r) / r^2 in r.
EXP = (
    2.5110049895858716e-08, 2.763265575933203e-07, 2.7557242336680357e-06, 2.4801487326012337e-05,
    0.00019841269886591, 0.0013888888947820891, 0.008333333333322207, 0.04166666666652199,
    0.16666666666666674, 0.500000000000001,
)
# R / u^2 in u^2.
LOG = (
    0.170185799423199, 0.08340098966982189, 0.12106086840517506, 0.13300973512607248, 0.1538655992844916,
    0.18181743924696628, 0.2222222396973635, 0.2857142854785384, 0.40000000000157243, 0.6666666666666631,
)
# (Phi(x) - 1/2) / x in x^2.
HALF = (
    2.005846706562108e-09, -4.095070639196301e-08, 6.658142022803857e-07, -9.444605196960627e-06,
    0.00011543467772281285, -0.0011873282144024449, 0.009973557009976937, -0.0664903800669042,
    0.39894228040143265,
)
# (a + 4) Phi(-a) exp(a^2 / 2) in 1 / (a + 4) - TAIL_CENTER, but for its last two coefficients.
TAIL = (
    47665595292.025444, 9579943989.426168, -6298776514.82358, -685238571.6326832, 547610874.730418,
    10910846.289190222, -42213171.419305794, 2109345.188198575, 3301327.209111, -303091.67355526827,
    -289523.98445313156, 24723.238449972243, 30085.42196093207, -17.464284611560668, -3492.0739106731257,
    -714.284186610692, 286.86622019148206, 236.47087464589782, 87.60684930857572, 22.538737045967004,
)
# fmt: on


@scalar
def power_of_2(shifted):
    return np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)


@scalar
def quotient(above, lost, large, small):
    """Return (above + lost) / (large + small), with what rounding takes from the sum put back."""
    below = large + small
    inverse = 1.0 / below
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
    normal = -1000.0 if k < -1000.0 else k
    s = power_of_2(normal + SHIFT)
    rest = exp_rest(r, low)
    m = s + s * rest
    return m, fused(s, rest, s - m), power_of_2((k - normal) + SHIFT)


@scalar
def tanh(x):
    y = 2.0 * x
    y = 40.0 if y > 40.0 else (-40.0 if y < -40.0 else y)
    shifted = y * LOG2_E + SHIFT
    k = shifted - SHIFT
    s = power_of_2(shifted)
    e = s * exp_rest((y - k * LN2_HIGH) - k * LN2_LOW, 0.0) + (s - 1.0)
    return quotient(e, 0.0, 2.0, e)


@scalar
def sigmoid(x):
    m, _, s = exp_below(-abs(x), 0.0)
    e = m * s
    return (e if x < 0.0 else 1.0) / (1.0 + e)


@scalar
def softplus(x):
    m, _, s = exp_below(-abs(x), 0.0)
    e = m * s
    # ln(1 + e) = e - e^2 / 2 + u (e^2 / 2 + R), where 2 artanh(u) = 2 u + u R and u = e / (2 + e).
    u = e / (2.0 + e)
    z = u * u
    rest = z * polynomial(z, LOG)
    half = 0.5 * e * e
    return (0.0 if x < 0.0 else x) + (e - (half - u * (half + rest)))


@scalar
def swish(x):
    x = LOWEST if x < LOWEST else x
    m, _, s = exp_below(-abs(x), 0.0)
    e = m * s
    above = x * m if x < 0.0 else x
    lost = fused(x, m, -above) if x < 0.0 else 0.0
    y = quotient(above, lost, 1.0, e)
    return y * s if x < 0.0 else (x if x > 40.0 else y)


@scalar
def half_to(x):
    """Return Phi(x) - 1/2 for |x| <= 0.75."""
    return x * polynomial(x * x, HALF)


@scalar
def tail_times(a):
    """Return h, l, m, s with a Phi(-a) = (h + l) s and exp(-a^2 / 2) = m s, for 0.74 <= a <= 40."""
    high = np.int64(np.float64(a).view(np.int64) & -134217728).view(np.float64)
    b = a + 4.0
    v = 1.0 / b
    t = v - TAIL_CENTER
    # What rounding has taken from v and t, times how Phi(-a) exp(a^2 / 2) depends on them.
    power = 1.85 + 8.7 * t
    z = t - v
    from_t = (v - (t - z)) - (TAIL_CENTER + z)
    lost = (fused(-v, b, 1.0) - v * (a - (b - 4.0))) * power + from_t * (power - 1.0) * b
    m, lost_m, s = exp_below(-0.5 * high * high, lost - 0.5 * (a - high) * (a + high))
    q = polynomial(t, TAIL)
    # The last two coefficients are the large ones: the second has a low part too.
    main = 4.4777602364530305 * t + 0.7172403234616023
    lost_main = fused(4.4777602364530305, t, 0.7172403234616023 - main)
    q = main + ((q * t - 4.160571279221018e-16) * t + lost_main)
    first = v * q
    second = m * first
    third = a * second
    low = fused(m, first, -second) + (m * fused(v, q, -first) + lost_m * first)
    return third, fused(a, second, -third) + a * low, m, s


@scalar
def gelu(x):
    a = 40.0 if abs(x) > 40.0 else abs(x)
    high, low, _, s = tail_times(a)
    tail = (high + low) * s
    far = (x if x > 40.0 else a) - tail if x > 0.0 else -tail
    near = x * (0.5 + half_to(x))
    return near if a < 0.75 else far


@scalar
def tanh_slope(y):
    return 1.0 - y * y


@scalar
def sigmoid_slope(y):
    return y * (1.0 - y)


@scalar
def relu_slope(y):
    return 1.0 if y > 0.0 else (0.0 if y <= 0.0 else y)


@scalar
def swish_slope(x):
    x = -760.0 if x < -760.0 else (760.0 if x > 760.0 else x)
    m, _, s = exp_below(-abs(x), 0.0)
    e = m * s
    inverse = 1.0 / (1.0 + e)
    return e * inverse * (1.0 + x * inverse) if x < 0.0 else inverse * (1.0 + x * (e * inverse))


@scalar
def gelu_slope(x):
    a = 40.0 if abs(x) > 40.0 else abs(x)
    high, low, m, s = tail_times(a)
    density = a * (DENSITY_0 * m) * s
    below = 0.5 - half_to(a) if a < 0.75 else (high + low) * s / a
    return (1.0 - below) + density if x > 0.0 else below - density


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
