"""The keywords of a run, and texts as their values: each kind, both sides of what it takes."""

from collections.abc import Sequence

import pytest

from gradflow import experiments
from gradflow.experiments.parameters import Parameter, parameters, settings

TAKEN = [
    (int, "12", 12),
    (int, "-3", -3),
    (int, "1e4", 10_000),
    (int, "123456789012345678901", 123456789012345678901),
    (float, "0.5", 0.5),
    (float, " 2 ", 2.0),
    (bool, "True", True),
    (bool, "no", False),
    (str, "xor", "xor"),
    (float | None, "none", None),
    (float | None, "2", 2.0),
    (Sequence[float], "0.1,2", (0.1, 2.0)),
    (Sequence[float], "[0.1, 2]", (0.1, 2.0)),
    (Sequence[int], "(7,)", (7,)),
    (Sequence[str], "digits, xor", ("digits", "xor")),
    (tuple[float, ...], "1", (1.0,)),
    (tuple[int, int, int], "1,2,3", (1, 2, 3)),
]
REFUSED = [
    (int, "1.5", "a whole number"),
    (int, "many", "a whole number"),
    (int, "", "a whole number"),
    (int, "inf", "a whole number"),
    (float, "nan", "a number"),
    (float, "1e999", "a number"),
    (bool, "perhaps", "true or false"),
    (str, "", "a word"),
    (float | None, "nothing", "a number or none"),
    (Sequence[float], "0.1;2", "numbers separated by commas"),
    (Sequence[float], "", "numbers separated by commas"),
    (tuple[int, int, int], "1,2", "3 whole numbers separated by commas"),
    (tuple[float, float], "1,x", "2 numbers separated by commas"),
]


@pytest.mark.parametrize(("kind", "text", "value"), TAKEN)
def test_a_text_becomes_the_value_it_means(kind, text, value):
    found = Parameter("it", kind, None).value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("kind", "text", "words"), REFUSED)
def test_any_other_text_is_refused_with_the_kind_that_is_wanted(kind, text, words):
    with pytest.raises(ValueError) as caught:
        Parameter("it", kind, None).value(text)
    assert str(caught.value) == f"`it` must be {words}, got {text!r}"


def test_what_the_docstring_says_of_a_parameter_is_its_text():
    known = parameters(experiments.load("momentum_limits").run)
    assert list(known) == ["momenta", "num_steps"]
    texts = {name: each.text for name, each in parameters(experiments.load("pineda_xor").run).items()}
    assert texts["long_time"] == "Their flow time."
    assert texts["largest"] == texts["num_halvings"] != ""


@pytest.mark.parametrize("name", experiments.names())
def test_every_parameter_of_every_experiment_can_be_set_and_has_a_word_of_help(name):
    found = experiments.load(name)
    known = parameters(found.run)
    assert set(found.quick) <= set(known)
    for each in known.values():
        values = each.default if isinstance(each.default, tuple) else (each.default,)
        text = ",".join(map(str, values))
        assert each.value(text) == each.default
        assert each.text, each.name


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("widht=3", "`catapult` has no parameter 'widht', did you mean width?"),
        ("zzz=3", "`catapult` has no parameter 'zzz', it has width, seed, products, num_steps, num_sweep"),
        ("width", "`set` must be name=value, got 'width'"),
        ("width=x=3", "`width` must be a whole number, got 'x=3'"),
    ],
)
def test_a_word_that_sets_nothing_is_answered_with_the_nearest_name(word, sentence):
    with pytest.raises(ValueError) as caught:
        settings("catapult", parameters(experiments.load("catapult").run), [word])
    assert str(caught.value) == sentence


def test_of_two_words_for_one_name_the_later_counts():
    known = parameters(experiments.load("catapult").run)
    assert settings("catapult", known, ["width=3", "width=4"]) == {"width": 4}
