"""The coefficients of Dormand and Prince's pair of order 5 and 4, and how a step follows from its error."""

from __future__ import annotations

# Stage s is at w + h sum_j STAGES[s][j] k_j; the last one is the new point, whose slope is the next first.
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
# The new point less that of order 4.
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
# A step becomes this share of the largest that would have done, and changes by no more than these factors.
SAFETY, LEAST_FACTOR, MOST_FACTOR = 0.9, 0.2, 10.0
# Below so many spacings of the time a step is none.
LEAST_SPACINGS = 10.0
