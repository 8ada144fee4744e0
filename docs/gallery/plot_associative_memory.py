"""From how many wrong units is a learned pattern recalled?
========================================================

A recurrent network that has learned patterns as fixed points completes cues with wrong units.
"""

from gradflow.experiments import associative_memory

results = associative_memory.run(**associative_memory.QUICK)
print(associative_memory.answers(results))
figure = associative_memory.plot(results)
