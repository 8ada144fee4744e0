"""My torch module at its edge of stability: the flow meets 2 / eta, descent hovers there."""

import torch
from torch import nn

import gradflow as gf

torch.manual_seed(0)
pixels, labels = gf.datasets.digits()
data = pixels[:100].reshape(-1, 1, 8, 8) / 16, torch.eye(10)[labels[:100]]
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 10))
problem = gf.problems.from_torch(net, nn.MSELoss(), data)
w0, eta = problem.initial_weights(), 1.0
events = {"edge": gf.events.sharpness_reaches(problem, 2 / eta)}
flow = gf.integrate(gf.GradientFlow(problem), w0, end_time=1000.0, rtol=1e-4, times=50, events=events)
record = {"sharpness": gf.curvature.SharpnessTracker(problem)}
descent = gf.descend(problem, w0, eta, num_steps=1500, record_every=5, record=record)
last = gf.curvature.sharpness(problem, flow.final_weights)
print(f"the flow meets {2 / eta:g} at {flow.crossings['edge'].times[0]:.0f} and goes on to {last:.2f},")
print(f"descent hovers at {descent.records['sharpness'][-100:].mean():.2f}")
