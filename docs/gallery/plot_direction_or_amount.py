"""Is the gradient a direction, or also an amount?
===============================================

Fixed amounts with the right signs break an inequality that the gradient's amounts keep, and stall.
"""

from gradflow.experiments import direction_or_amount

results = direction_or_amount.run(**direction_or_amount.QUICK)
print(direction_or_amount.answers(results))
figure = direction_or_amount.plot(results)
