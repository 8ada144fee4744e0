"""What does descent do in a double well as the learning rate grows?
=================================================================

It doubles its period at eta = 1 and at 1.236, is chaotic at 1.35 and escapes beyond 2.
"""

from gradflow.experiments import bifurcations

results = bifurcations.run(**bifurcations.QUICK)
print(bifurcations.answers(results))
figure = bifurcations.plot(results)
