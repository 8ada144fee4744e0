import numpy as np
import pytest

import gradflow as gf

Q = gf.problems.Quadratic([1.0, 4.0])
RUNS = [
    lambda **options: gf.descend(Q, [1.0, 1.0], 0.1, 4, **options),
    lambda **options: gf.integrate(gf.GradientFlow(Q), [1.0, 1.0], 0.4, times=5, **options),
]


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize(("first", "later"), [(0, 0.7), (True, 0.5), ("a", "longer"), (1, 2 + 1j)])
def test_a_record_keeps_what_its_function_returned_whatever_came_first(make, first, later):
    run = make(record={"value": lambda t, w: first if t == 0 else later})
    assert run.records["value"].tolist() == [first] + [later] * 4


@pytest.mark.parametrize("make", RUNS)
def test_a_record_that_changes_its_shape_ends_the_run_and_keeps_the_rows_before(make):
    run = make(record={"value": lambda t, w: np.zeros(2 if t < 0.2 else 3)})
    assert run.outcome is gf.Outcome.FAILED
    assert "record 'value' must return the same shape at every row" in run.message
    assert len(run.times) == len(run.records["value"]) > 0


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize("error", [gf.Undefined, np.linalg.LinAlgError, RuntimeError])
@pytest.mark.parametrize("when", [0.0, 0.15])
def test_a_record_that_fails_ends_the_run_with_its_sentence(make, error, when):
    def record(t, w):
        if t >= when:
            raise error("no such number here")
        return t

    run = make(record={"value": record})
    assert run.outcome is gf.Outcome.FAILED
    assert run.message.startswith("no such number here")
    assert len(run.times) == len(run.records["value"]) >= 1


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"record": {"a": 3}}, r"`record\['a'\]` must be a function"),
        ({"record": ["a"]}, "`record` must map names"),
        ({"callback": 3}, "`callback` must be a function"),
        ({"events": gf.Event(lambda t, w: t)}, "`events` must map names"),
        ({"sketch": 5}, "`sketch` must be a Sketch"),
    ],
)
def test_what_is_no_function_is_refused_at_the_door(make, options, match):
    with pytest.raises(ValueError, match=match):
        make(**options)
