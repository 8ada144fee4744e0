"""Does descent survive a learning rate beyond the stability limit?
================================================================

Up to twice the limit it does: the loss rises until the weights have been thrown to where the sharpness is
lower, and then falls.
"""

from gradflow.experiments import catapult

results = catapult.run(**catapult.QUICK)
print(catapult.answers(results))
figure = catapult.plot(results)
