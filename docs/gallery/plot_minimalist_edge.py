"""Why does descent end just below the edge of stability?
======================================================

It drifts along the valley of minima until eta S / 2 is just below 1.
"""

from gradflow.experiments import minimalist_edge

results = minimalist_edge.run(**minimalist_edge.QUICK)
print(minimalist_edge.answers(results))
figure = minimalist_edge.plot(results)
