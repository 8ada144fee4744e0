"""What may come in as data, and the sentences for what may not."""

import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import gradflow as gf

GENERATOR = np.random.default_rng(4)
INPUTS, LABELS = GENERATOR.normal(size=(23, 6)), GENERATOR.integers(0, 3, 23)


def net(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)


def problem_of(data=(INPUTS, LABELS), module=None, loss=None, **options):
    return gf.problems.from_torch(module or net(), loss or nn.CrossEntropyLoss(), data, **options)


class Rows(Dataset):
    """A data set as users write it: row by row, labels as numbers of Python."""

    def __len__(self):
        return len(INPUTS)

    def __getitem__(self, i):
        return torch.from_numpy(INPUTS[i]), int(LABELS[i])


class Counting(nn.Module):
    """A module that keeps a number of its calls, as batch-norm does, and is the same function each time."""

    def __init__(self):
        super().__init__()
        self.inner = net()
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x):
        self.calls += 1
        return self.inner(x)


TENSORS = TensorDataset(torch.from_numpy(INPUTS), torch.from_numpy(LABELS))
FORMS = {
    "arrays": [INPUTS, LABELS],
    "lists": (INPUTS.tolist(), LABELS.tolist()),
    "read-only, small labels": (np.broadcast_to(INPUTS, INPUTS.shape), LABELS.astype(np.uint8)),
    "tensors": (torch.from_numpy(INPUTS), torch.from_numpy(LABELS)),
    "TensorDataset": TENSORS,
    "Dataset": Rows(),
    "DataLoader": DataLoader(TENSORS, batch_size=5),
    "DataLoader of a Dataset": DataLoader(Rows(), batch_size=4, drop_last=False),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_data_is_the_same_problem(form):
    whole, problem = problem_of(), problem_of(FORMS[form])
    w = whole.initial_weights()
    assert problem.num_samples == 23
    assert problem.loss(w) == pytest.approx(whole.loss(w), rel=1e-14)
    assert np.allclose(problem.gradient(w), whole.gradient(w), rtol=0, atol=1e-15)


def test_a_shuffled_loader_keeps_the_order_it_was_read_in():
    problem = problem_of(DataLoader(TENSORS, batch_size=7, shuffle=True))
    w = problem.initial_weights()
    assert [problem.subset([i]).loss(w) for i in range(23)] == [
        problem.subset([i]).loss(w) for i in range(23)
    ]
    assert problem.loss(w) == problem.loss(w)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_subset_is_the_problem_of_its_samples(dtype, reduction):
    module, loss = net(dtype), nn.CrossEntropyLoss(reduction=reduction)
    rows = [3, 0, 3, 22]
    part = problem_of(module=module, loss=loss, batch_size=9).subset(rows)
    value = loss(module(torch.tensor(INPUTS[rows], dtype=dtype)), torch.tensor(LABELS[rows]))
    native = torch.autograd.grad(value, list(module.parameters()))
    found, gradient = part.loss_and_gradient(part.initial_weights())
    assert (part.num_samples, part.averaged) == (4, reduction == "mean")
    assert found == float(value.detach())
    assert np.array_equal(gradient, torch.cat([g.reshape(-1) for g in native]).double().numpy())


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_batches_add_up_to_the_whole(reduction):
    loss = nn.CrossEntropyLoss(reduction=reduction)
    whole, batches = problem_of(loss=loss), problem_of(loss=loss, batch_size=10)
    w = whole.initial_weights()
    assert batches.loss(w) == pytest.approx(whole.loss(w), rel=1e-14)
    assert batches.gradient(w) == pytest.approx(whole.gradient(w), rel=1e-11, abs=1e-14)
    assert batches.linearize(w)[0] == batches.loss_and_gradient(w)[0]


def test_a_module_whose_buffers_rest_in_eval_mode_is_taken():
    module = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 3)).double().eval()
    problem = problem_of(module=module)
    w, v, step = problem.initial_weights(), np.random.default_rng(0).normal(size=21), 1e-5
    bend = (problem.gradient(w + step * v) - problem.gradient(w - step * v)) / (2 * step)
    assert np.linalg.norm(problem.hvp(w, v) - bend) <= 1e-6 * np.linalg.norm(bend)


def test_later_changes_of_the_data_do_not_reach_the_problem():
    inputs = torch.from_numpy(INPUTS.copy())
    problem = problem_of((inputs, LABELS))
    w = problem.initial_weights()
    before = problem.loss(w)
    inputs.zero_()
    assert problem.loss(w) == before


def test_read_only_weights_are_taken_and_results_belong_to_the_caller():
    problem = problem_of()
    w = problem.initial_weights()
    w.setflags(write=False)
    first = problem.loss_and_gradient(w)[1]
    kept = first.copy()
    problem.linearize(w)[2](w)
    problem.gradient(2 * w)
    assert np.array_equal(first, kept)
    first[:] = 0.0
    assert np.array_equal(problem.gradient(w), kept)


WITH_HOLE = np.where(np.arange(138).reshape(23, 6) == 20, np.nan, INPUTS)
COMPLAINTS = {
    "module": (lambda: problem_of(module=lambda x: x), r"`module` must be a torch\.nn\.Module"),
    "loss": (lambda: problem_of(loss=3), "`loss` must be a function"),
    "one array": (lambda: problem_of(INPUTS), r"`data` must be \(inputs, targets\), a Dataset or"),
    "three parts": (lambda: problem_of((INPUTS, INPUTS, LABELS)), "`data` must be"),
    "batches of one part": (lambda: problem_of(TensorDataset(torch.zeros(3, 6))), "got a batch"),
    "no batches": (
        lambda: problem_of(DataLoader(TENSORS, batch_size=30, drop_last=True)),
        "a loader without batches",
    ),
    "unequal": (lambda: problem_of((INPUTS, LABELS[:-1])), r"shape \(23, 6\) and targets of shape \(22,\)"),
    "empty": (lambda: problem_of((INPUTS[:0], LABELS[:0])), "one target for each input"),
    "text": (lambda: problem_of((INPUTS, LABELS.astype(str))), "must be numbers, got targets of dtype"),
    "hole": (lambda: problem_of((WITH_HOLE, LABELS)), r"must be finite, got nan in inputs at \[3, 2\]"),
    "width": (lambda: problem_of((INPUTS[:, :4], LABELS)), r"must fit .* inputs \(23, 4\) torch\.float64"),
    "float labels": (
        lambda: problem_of((INPUTS, LABELS + 0.0)),
        r"must fit .* targets \(23,\) torch\.float64",
    ),
    "whole inputs": (lambda: problem_of((LABELS[:, None].repeat(6, 1), LABELS)), r"torch\.int64 and"),
    "labels out of range": (lambda: problem_of((INPUTS, LABELS + 5)), "must fit .* out of bounds"),
    "no scalar": (lambda: problem_of(loss=nn.CrossEntropyLoss(reduction="none")), "must fit .* scalar"),
    "a float": (lambda: problem_of(loss=lambda out, target: 1.0), "must fit the module and the loss"),
    "infinite": (lambda: problem_of(loss=lambda out, _: out.sum() / 0), "`loss` must be finite at"),
    "root of the mean": (
        lambda: problem_of(loss=lambda out, _: (out**2).sum().sqrt()),
        "a mean or a sum over samples",
    ),
    "dropout": (lambda: problem_of(module=nn.Sequential(net(), nn.Dropout())), r"call module\.eval\(\)"),
    "a buffer that moves": (
        lambda: problem_of(module=Counting()),
        r"writes into its buffer 'calls' on .*call module\.eval\(\)",
    ),
    "half": (lambda: problem_of(module=net(torch.float16)), r"all float32 or all float64.*float16"),
    "mixed": (
        lambda: problem_of(module=nn.Sequential(net(), nn.Linear(3, 3))),
        "float32 on cpu, torch.float64",
    ),
    "frozen": (lambda: problem_of(module=net().requires_grad_(False)), "got none"),
    "device": (
        lambda: problem_of(device="cuda:99"),
        "`device` must be one that torch has here, got 'cuda:99'",
    ),
    "no device": (lambda: problem_of(device="shed"), "`device` must be one that torch has here"),
    "batch size": (lambda: problem_of(batch_size=0), "`batch_size` must be a whole number of at least 1"),
    "weights": (lambda: problem_of().loss([1.0]), r"`w` must have shape \(53,\), got \(1,\)"),
    "subset": (lambda: problem_of().subset([23]), "`indices` must lie in 0 to 22"),
    "parameters": (lambda: problem_of().flatten({}), "got none named 0.weight"),
}


@pytest.mark.parametrize("case", COMPLAINTS)
def test_what_cannot_be_meant_ends_in_one_sentence(case):
    call, sentence = COMPLAINTS[case]
    with pytest.raises(ValueError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_keras_module_is_told_so_without_keras():
    loaded = set(sys.modules)
    model = type("Sequential", (nn.Linear,), {"__module__": "keras.src.models"})
    with pytest.raises(ValueError, match="got a Keras model"):
        problem_of(module=model(6, 3))
    assert not any(name.partition(".")[0] == "keras" for name in set(sys.modules) - loaded)


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"gradflow-sim\[frameworks\]"):
        gf.problems.from_torch(None, None, None)


def weighted(**options):
    return nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64), **options)


def test_weights_of_classes_are_those_of_torch_where_all_samples_come_at_once():
    module, loss = net(), weighted()
    problem = problem_of(module=module, loss=loss)
    w, rows = problem.initial_weights(), [4, 1, 9]
    for part, chosen in ((problem, slice(None)), (problem.subset(rows), rows)):
        value = loss(module(torch.tensor(INPUTS[chosen])), torch.tensor(LABELS[chosen]))
        native = torch.cat([g.reshape(-1) for g in torch.autograd.grad(value, list(module.parameters()))])
        assert part.loss(w) == pytest.approx(float(value.detach()), rel=1e-14)
        assert np.allclose(part.gradient(w), native.numpy(), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "loss", [weighted(), nn.CrossEntropyLoss(ignore_index=2)], ids=["weights", "ignored index"]
)
@pytest.mark.parametrize("form", ["arrays", "DataLoader"])
def test_a_mean_whose_samples_weigh_differently_is_refused_in_batches(loss, form):
    data, size = FORMS[form], None if form == "DataLoader" else 5
    with pytest.raises(ValueError, match=r"`loss` must be a mean or a sum .*batch_size=23$"):
        problem_of(data, loss=loss, batch_size=size)
    whole = problem_of(loss=loss)
    assert problem_of(data, loss=loss, batch_size=23).loss(whole.initial_weights()) == pytest.approx(
        whole.loss(whole.initial_weights()), rel=1e-14
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_weighted_sum_adds_up_over_batches(dtype):
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0], dtype=dtype), reduction="sum")
    whole, batches = (problem_of(module=net(dtype), loss=loss, batch_size=size) for size in (None, 5))
    w = whole.initial_weights()
    assert batches.loss(w) == pytest.approx(whole.loss(w), rel=10 * torch.finfo(dtype).eps)
