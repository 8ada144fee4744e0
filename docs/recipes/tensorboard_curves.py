"""My curves in TensorBoard while a run goes on, from passes that it makes anyway."""

from tempfile import TemporaryDirectory

from tensorboardX import SummaryWriter

import gradflow as gf


class Curves(SummaryWriter):
    def at_place(self, place):
        self.add_scalar("loss", place.loss, place.step)
        self.add_scalar("gradient norm", (place.gradient**2).sum() ** 0.5, place.step)


net = gf.problems.FeedForward(*gf.datasets.xor(), (3,))
# A folder of your own instead, for `tensorboard --logdir`.
with TemporaryDirectory() as folder, Curves(folder) as curves:
    print(gf.descend(net, net.initial_weights(0), 0.5, 200, callback=curves))
