"""Adam beside its own limit: the sharpness it sees, scaled by its own square roots, rises to 2 and stays."""

import gradflow as gf

pixels, labels = gf.datasets.digits()
network = gf.problems.FeedForward(pixels[:200] / 16, labels[:200], [16])
rule = gf.rules.Adam(0.003, beta2=0.99)
run = gf.descend(network, network.initial_weights(seed=0), rule, num_steps=100)
steps, sharpness = [], []
while run.steps[-1] < 3000:
    means = run.final_state[network.num_weights :].reshape(2, -1)
    at, step = run.final_weights, int(run.steps[-1])
    steps.append(step)
    sharpness.append(gf.analysis.stability.effective_sharpness(network, at, rule, means, step))
    print(f"step {step:5}: loss {run.final_loss:.2e}, sharpness {sharpness[-1]:.2f} of at most 2")
    run = gf.resume(run, network, num_steps=200)
