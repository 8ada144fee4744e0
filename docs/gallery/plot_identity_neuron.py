"""What does one weight learning f(x) = x do?
==========================================

It never arrives: w grows like ln(2 t) / 2, and the error falls towards 1/8 like 1 / (4 t).
"""

from gradflow.experiments import identity_neuron

results = identity_neuron.run(**identity_neuron.QUICK)
print(identity_neuron.answers(results))
figure = identity_neuron.plot(results)
