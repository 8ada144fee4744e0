"""Convolutions whose second derivative is made of passes back, as the first one is.

Torch makes it of convolutions that have the samples for channels, and for the innermost layer it derives by
the data too, which nobody asks for: with its own kernels for passes back a product with the Hessian of a
small convolutional network is a sixth cheaper. Values and gradients are torch's to the last bit, but take a
tenth longer, so that only graphs that are kept are made this way.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any


class Convolutions:
    """The convolutions of a module, computed by this file while they are `derived_twice`."""

    def __init__(self, module: Any) -> None:
        from torch import nn

        self.derived_twice = False
        for part in module.modules():
            is_plain = type(part) in (nn.Conv1d, nn.Conv2d, nn.Conv3d) and part.padding_mode == "zeros"
            if is_plain and isinstance(part.padding, tuple):
                part.forward = partial(self._forward, part)

    def _forward(self, part: Any, inputs: Any) -> Any:
        import torch

        is_batch = inputs.ndim == part.weight.ndim
        if not (self.derived_twice and is_batch) or torch.is_autocast_enabled(inputs.device.type):
            return type(part).forward(part, inputs)
        # Not transposed, and so without padding of the outputs.
        window = part.stride, part.padding, part.dilation, False, (0,) * len(part.stride), part.groups
        return _function().apply(inputs, part.weight, part.bias, window)


@cache
def _function() -> Any:
    """Return the convolution as a function with derivatives."""
    import torch

    value, back = torch.ops.aten.convolution, torch.ops.aten.convolution_backward

    class Slopes(torch.autograd.Function):
        """The slopes by inputs, kernel and offset along delta, each where it is asked for."""

        generate_vmap_rule = True

        @staticmethod
        def forward(delta: Any, inputs: Any, kernel: Any, sizes: Any, window: Any, asked: Any) -> Any:
            return back(delta, inputs, kernel, sizes, *window, asked)

        @staticmethod
        def setup_context(ctx: Any, given: Any, output: Any) -> None:  # noqa: ARG004
            ctx.save_for_backward(*given[:3])
            ctx.window = given[4]
            ctx.set_materialize_grads(False)

        @staticmethod
        def backward(ctx: Any, by_inputs: Any, by_kernel: Any, by_offset: Any) -> Any:
            (delta, inputs, kernel), window = ctx.saved_tensors, ctx.window
            outward, inward, around = [], None, None
            if by_inputs is not None:
                outward.append(value(by_inputs, kernel, None, *window))
                if ctx.needs_input_grad[2]:
                    around = back(delta, by_inputs, kernel, None, *window, [False, True, False])[1]
            if by_kernel is not None:
                outward.append(value(inputs, by_kernel, None, *window))
                if ctx.needs_input_grad[1]:
                    inward = back(delta, inputs, by_kernel, None, *window, [True, False, False])[0]
            if by_offset is not None:
                outward.append(by_offset.view(-1, *(1,) * (delta.ndim - 2)).expand_as(delta))
            return sum(outward[1:], outward[0]), inward, around, None, None, None

    class Convolution(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(inputs: Any, kernel: Any, offset: Any, window: Any) -> Any:
            return value(inputs, kernel, offset, *window)

        @staticmethod
        def setup_context(ctx: Any, given: Any, output: Any) -> None:  # noqa: ARG004
            inputs, kernel, offset, ctx.window = given
            ctx.save_for_backward(inputs, kernel)
            ctx.sizes = None if offset is None else list(offset.shape)

        @staticmethod
        def backward(ctx: Any, delta: Any) -> Any:
            asked = list(ctx.needs_input_grad[:3])
            return *Slopes.apply(delta, *ctx.saved_tensors, ctx.sizes, ctx.window, asked), None

    return Convolution
