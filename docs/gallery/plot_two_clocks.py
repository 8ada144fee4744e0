"""The flow and the steps beside it
================================

Exclusive or by a small network: the flow, and descent at three learning rates on its clock.
"""

import gradflow as gf

case = gf.cases.make("xor")
result = gf.study(case.problem, case.w0, [0.05, 0.2, 0.8], end_time=100.0)
figure = result.plot()
print(result.table())
