import pytest

from gradflow import Event


def value(t, w):
    return w[0]


@pytest.mark.parametrize(
    ("direction", "before", "after", "met"),
    [
        (0, -1, 1, True),
        (0, 1, -1, True),
        (1, -1, 1, True),
        (1, 1, -1, False),
        (-1, 1, -1, True),
        (-1, -1, 1, False),
        (0, -1, 0, True),
        (0, 0, 1, False),
        (0, 1, 2, False),
    ],
)
def test_a_level_is_crossed_when_it_is_reached_from_strictly_one_side(direction, before, after, met):
    assert bool(Event(value, direction=direction).crossed(before, after)) is met


def test_several_levels_are_told_apart():
    assert Event(value, levels=(1.0, 2.0, 5.0)).crossed(0.0, 3.0) == [1.0, 2.0]


def test_one_level_may_be_a_number():
    assert Event(value, levels=2).levels == (2.0,)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"function": 3}, "`function` must be callable"),
        ({"levels": ()}, "`levels` must be one or more"),
        ({"levels": float("nan")}, "`levels` must be one or more finite"),
        ({"direction": 2}, "`direction` must be"),
    ],
)
def test_wrong_events_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        Event(**{"function": value, **options})
