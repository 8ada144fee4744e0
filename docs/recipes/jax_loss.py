"""My JAX loss: the flow and the descent beside it, and the sharpness against 2 / eta."""

import jax
import jax.numpy as jnp
import numpy as np

import gradflow as gf


def loss(params, inputs, targets):
    return jnp.mean((jnp.tanh(inputs @ params["in"]) @ params["out"] - targets) ** 2)


inputs = np.random.default_rng(0).normal(size=(64, 3))
keys = jax.random.split(jax.random.key(0))
params = {"in": jax.random.normal(keys[0], (3, 8)), "out": jax.random.normal(keys[1], (8,))}
problem = gf.problems.from_jax(loss, params, (inputs, np.sin(inputs[:, 0])))
flow = gf.integrate(gf.GradientFlow(problem), problem.initial_weights(), end_time=2.0, rtol=1e-4)
descent = gf.descend(problem, problem.initial_weights(), 0.05, num_steps=40)
print(flow.losses[-1], descent.losses[-1], gf.curvature.sharpness(problem, descent.weights[-1]), 2 / 0.05)
