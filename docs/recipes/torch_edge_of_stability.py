"""My torch module at its edge of stability: the flow meets 2 / eta, descent hovers there."""

import torch
from torch import nn

import gradflow as gf

torch.manual_seed(0)
pixels, labels = gf.datasets.digits()
images, targets = pixels[:200].reshape(-1, 1, 8, 8) / 16, torch.eye(10)[labels[:200]]
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 10))
problem = gf.problems.from_torch(net, nn.MSELoss(), (images, targets))
w0, eta = problem.initial_weights(), 1.0
event = gf.events.sharpness_reaches(2 / eta)
flow = gf.integrate(gf.GradientFlow(problem), w0, end_time=300.0, rtol=1e-4, events=event)
tracker = gf.curvature.SharpnessTracker(problem)
descent = gf.descend(problem, w0, eta, num_steps=400, record={"sharpness": tracker})
print(flow, descent, gf.curvature.sharpness(problem, w0))
print(descent.records["sharpness"][::20], descent.records["sharpness"][-50:].mean() * eta / 2)
