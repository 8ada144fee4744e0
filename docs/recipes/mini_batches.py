"""Mini-batches beside the flow: how far from it their noise and their step size leave a descent."""

import gradflow as gf

pixels, labels = gf.datasets.digits()
network = gf.problems.FeedForward(pixels[:500] / 16, labels[:500], [16], loss="cross_entropy")
w0, end = network.initial_weights(seed=0), 20.0
flow = gf.integrate(gf.GradientFlow(network), w0, end, rtol=1e-4)
distances = {}
for eta in (0.2, 0.1, 0.05):
    for batch in (None, 20):
        seed = None if batch is None else 0
        run = gf.descend(network, w0, eta, end_time=end, batch=batch, seed=seed, record_every=20)
        distances[eta, batch] = gf.compare(run, flow).final_distance
        whole = f"loss {run.final_loss:.4f} (the flow's {flow.final_loss:.4f})"
        print(f"eta {eta:<4} batch {batch!s:4}: {whole}, distance {distances[eta, batch]:.4f}")
