"""How much does momentum move the stability limit?
================================================

Heavy ball raises it to 2 (1 + b) / lambda, Nesterov's method to (2 + 2 b) / ((1 + 2 b) lambda).
"""

from gradflow.experiments import momentum_limits

results = momentum_limits.run(**momentum_limits.QUICK)
print(momentum_limits.answers(results))
figure = momentum_limits.plot(results)
