"""The contract of update rules, over a list of all of them: a new rule is one line."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

import gradflow as gf
from gradflow import rules
from gradflow.analysis.stability.companion import companion_matrices, spectral_radii
from gradflow.trajectory.origin import describe, restored

ALL = [
    rules.GradientDescent(0.1),
    rules.HeavyBall(0.1, 0.7),
    rules.Nesterov(0.1, 0.7),
    rules.SignDescent(0.1),
    rules.RandomSign(0.1, amount_seed=3),
    rules.Normalized(0.1),
    rules.RMSProp(0.1, decay=0.9),
    rules.Adam(0.1, beta1=0.8),
    rules.Projected(rules.HeavyBall(0.1, 0.7), -3.0, 3.0),
]
LINEAR = [rule for rule in ALL if isinstance(rule, rules.LinearStep)]
# Those that divide by a preconditioner have this limit while it rests; here it moves with the gradient.
LIMITED = [
    rule for rule in ALL if isinstance(rule, rules.LinearLimit) and not isinstance(rule, rules.Preconditioned)
]
CLOCKED = [rule for rule in ALL if isinstance(rule, rules.Clocked)]


def named(rule):
    return type(rule).__name__


def every(rules):
    return pytest.mark.parametrize("rule", rules, ids=named)


def with_rate(rule, rate):
    """Return the same rule at another learning rate, which a projected one has from its inner rule."""
    if isinstance(rule, rules.Projected):
        return replace(rule, inner=with_rate(rule.inner, rate))
    return replace(rule, learning_rate=rate)


def path(rule, gradient, w, num_steps):
    memory, points = rule.init(w), [w]
    for step in range(num_steps):
        w, memory = rule.update(w, gradient(w), memory, step)
        points.append(w)
    return np.array(points)


def bent(w):
    return np.array([np.sin(w[0]) + w[1], w[0] + 3 * w[1] ** 3])


START = np.array([1.0, -2.0])


def test_the_list_has_every_rule_of_the_library():
    public = [getattr(rules, name) for name in rules.__all__]
    classes = {each for each in public if isinstance(each, type) and hasattr(each, "update")}
    assert classes - {rules.UpdateRule} == {type(rule) for rule in ALL}


@every(ALL)
def test_a_rule_has_the_members_of_one(rule):
    assert isinstance(rule, rules.UpdateRule)
    memory = rule.init(START)
    assert memory is None or (isinstance(memory, np.ndarray) and memory.dtype == np.float64)
    w, after = rule.update(START, bent(START), memory, 0)
    assert w.shape == START.shape
    assert (after is None) == (memory is None)
    assert after is None or after.shape == memory.shape


@every(ALL)
def test_an_update_leaves_its_arguments_as_they_are(rule):
    memory = rule.init(START)
    w = START
    for step in range(3):
        given = [each for each in (w, bent(w), memory) if each is not None]
        kept = [each.copy() for each in given]
        for each in given:
            each.flags.writeable = False
        w, memory = rule.update(w, given[1], memory, step)
        for each, before in zip(given, kept, strict=True):
            np.testing.assert_array_equal(each, before)


@every(ALL)
def test_the_same_call_gives_the_same_numbers(rule):
    memory = rule.init(START)
    memory = None if memory is None else memory + 0.25
    first, second = (rule.update(START, bent(START), memory, 3) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


@every(ALL)
def test_the_fields_determine_a_rule_bit_for_bit(rule):
    again = restored(describe(rule))
    assert type(again) is type(rule)
    assert again is not rule
    np.testing.assert_array_equal(path(again, bent, START, 20), path(rule, bent, START, 20))


@every(ALL)
def test_a_constant_schedule_takes_the_steps_of_the_constant(rule):
    constant = path(rule, bent, START, 20)
    for schedule in (lambda step: 0.1, rules.Schedule([0.1] * 20)):
        np.testing.assert_array_equal(path(with_rate(rule, schedule), bent, START, 20), constant)


@every(ALL)
def test_a_schedule_is_asked_for_the_step_that_is_taken(rule):
    asked = []

    def schedule(step):
        asked.append(step)
        return 0.1

    path(with_rate(rule, schedule), bent, START, 5)
    assert asked == [0, 1, 2, 3, 4]


@every(ALL)
def test_no_force_and_no_memory_is_rest(rule):
    memory = rule.init(START)
    w, after = rule.update(START, np.zeros(2), memory, 0)
    np.testing.assert_array_equal(w, START)
    assert memory is None or not after.any()


@every(ALL)
@pytest.mark.parametrize(
    "learning_rate", [np.array([0.1, 0.2]), np.diag([0.1, 0.2]), lambda step: 0.1 / (1 + step)]
)
def test_every_rule_takes_every_kind_of_learning_rate(rule, learning_rate):
    changed = with_rate(rule, learning_rate)
    w, g = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    plain = rule.update(w, g, rule.init(w), 0)[0] - w
    factors = np.array([1.0, 1.0]) if callable(learning_rate) else np.array([1.0, 2.0])
    np.testing.assert_allclose(changed.update(w, g, changed.init(w), 0)[0] - w, factors * plain, rtol=1e-14)


@every(LIMITED)
def test_one_percent_below_its_limit_a_rule_shrinks_and_one_above_it_grows(rule):
    sharpness = np.array([4.0, 1.0])
    limit = rule.stable_product / sharpness[0]
    for share, outcome in ((0.99, np.less), (1.01, np.greater)):
        points = path(with_rate(rule, share * limit), lambda w: sharpness * w, np.ones(2), 3000)
        assert outcome(abs(points[-1, 0]), 1e-3 if share < 1 else 1e3)


@every(LINEAR)
def test_companion_matrices_take_the_steps_of_a_linear_rule(rule):
    # z = eta lambda = 0.3, for one weight and its memory.
    matrix = companion_matrices(rule, 0.3)
    points = path(with_rate(rule, 0.3), lambda w: w, np.ones(1), 12)[:, 0]
    start = np.eye(len(matrix))[0]
    expected = [(np.linalg.matrix_power(matrix, k) @ start)[0] for k in range(13)]
    np.testing.assert_allclose(points, expected, rtol=1e-12, atol=1e-14)


@every(LINEAR)
def test_the_multipliers_of_a_linear_rule_leave_the_unit_circle_at_its_stable_product(rule):
    inside, outside = spectral_radii(rule, rule.stable_product * np.array([1 - 1e-6, 1 + 1e-6]))
    assert inside < 1 < outside


@every(CLOCKED)
def test_under_a_constant_force_a_clocked_rule_moves_so_many_times_as_far(rule):
    # In the end every step moves by clock_factor eta g; 200 steps leave 0.7^200 of the beginning.
    unbounded = replace(rule, low=-np.inf, high=np.inf) if isinstance(rule, rules.Projected) else rule
    points = path(unbounded, lambda w: np.array([2.0]), np.zeros(1), 200)
    assert points[-2, 0] - points[-1, 0] == pytest.approx(rule.clock_factor * 0.1 * 2.0, rel=1e-9)


@every(CLOCKED)
def test_a_run_takes_the_clock_of_a_clocked_rule(rule):
    run = gf.descend(gf.problems.Quadratic(1.0), [0.5], rule, 3, rate=2.0)
    np.testing.assert_allclose(run.times, np.arange(4) * rule.clock_factor * 0.1 / 2.0, rtol=1e-15)


@every(ALL)
def test_a_rule_without_a_limit_says_why_and_one_with_a_limit_is_positive(rule):
    assert isinstance(rule, rules.LinearLimit) != isinstance(rule, rules.Unlimited)
    assert rule.stable_product > 0 if isinstance(rule, rules.LinearLimit) else rule.no_limit


@every([rule for rule in ALL if isinstance(rule, rules.Preconditioned)])
def test_a_step_is_the_preconditioner_times_the_mean_gradient_while_the_force_rests(rule):
    g = np.array([2.0, -0.5])
    memory, w = rule.init(g), np.zeros(2)
    for step in range(300):
        before = w
        w, memory = rule.update(w, g, memory, step)
    np.testing.assert_allclose(before - w, 0.1 * rule.preconditioner(g, memory, 300) * g, rtol=1e-9)
    np.testing.assert_allclose(rule.preconditioner(g, None, 0), 1 / np.abs(g), rtol=1e-6)


@dataclass(frozen=True)
class GradientDescent:
    """A user's own rule of a name that the library has too: the gradient is cut off at 1."""

    learning_rate: float = 0.1

    def init(self, w):
        return None

    def update(self, w, gradient, state, step):
        return w - self.learning_rate * np.clip(gradient, -1, 1), None


def test_a_rule_of_a_users_own_is_judged_as_itself():
    own = GradientDescent()
    assert isinstance(own, rules.UpdateRule)
    assert not isinstance(own, rules.LinearLimit | rules.LinearStep | rules.Clocked)
    with pytest.raises(ValueError, match="`rule` must be one whose steps are linear"):
        companion_matrices(own, 0.1)
    run = gf.descend(gf.problems.Quadratic(1.0), [3.0], own, 2)
    np.testing.assert_allclose(run.weights[:, 0], [3.0, 2.9, 2.8])
    assert run.rule is own


@pytest.mark.parametrize("name", sorted(set(rules.__all__) & {type(rule).__name__ for rule in ALL}))
def test_a_rule_by_its_name_or_as_a_class_is_refused_with_what_to_give(name):
    with pytest.raises(ValueError, match=r"`rule` must be a learning rate or a rule such as gf\.rules\."):
        rules.as_rule(name.lower())
    with pytest.raises(ValueError, match=f"got the class {name}$"):
        rules.as_rule(getattr(rules, name))


@pytest.mark.parametrize("bad", [None, object(), {}, [0.1, "x"], -0.1])
def test_what_is_neither_rule_nor_learning_rate_is_refused_as_a_rule(bad):
    with pytest.raises(ValueError, match="`rule` must"):
        rules.as_rule(bad, 2)


def test_a_list_of_learning_rates_is_a_schedule_where_it_fits_no_weights():
    assert isinstance(rules.as_rule([0.1, 0.2, 0.3], 2).learning_rate, rules.Schedule)
    np.testing.assert_array_equal(rules.as_rule([0.1, 0.2], 2).learning_rate, [0.1, 0.2])
    with pytest.raises(ValueError, match="each of the 2 weights or for each of the 5 steps, got 3 of them"):
        gf.descend(gf.problems.Quadratic([1.0, 1.0]), [1.0, 1.0], [0.1, 0.1, 0.1], 5)


@every(ALL)
def test_fields_are_what_a_rule_is_made_of(rule):
    assert vars(rule).keys() == {each.name for each in fields(rule)}


def test_heavy_ball_is_the_two_step_recursion():
    eta, b, h = 0.3, 0.6, np.array([1.0, 3.0])
    points = path(rules.HeavyBall(eta, b), lambda w: h * w, np.array([1.0, 1.0]), 20)
    for k in range(1, 20):
        expected = points[k] - eta * h * points[k] + b * (points[k] - points[k - 1])
        np.testing.assert_allclose(points[k + 1], expected, atol=1e-14)


def test_nesterov_stores_the_point_ahead_of_the_two_sequences():
    eta, b, h = 0.3, 0.6, np.array([1.0, 3.0])
    points = path(rules.Nesterov(eta, b), lambda w: h * w, np.array([1.0, 1.0]), 20)
    x, ahead = points[0], points[0]
    for k in range(20):
        x_new = ahead - eta * h * ahead
        ahead, x = x_new + b * (x_new - x), x_new
        np.testing.assert_allclose(points[k + 1], ahead, atol=1e-14)


def test_sign_descent_moves_every_weight_by_the_same_amount():
    w = rules.SignDescent(0.1).update(np.zeros(3), np.array([1e-9, -5.0, 0.0]), None, 0)[0]
    np.testing.assert_allclose(w, [-0.1, 0.1, 0.0])


def test_normalized_descent_travels_the_learning_rate_and_stays_where_the_gradient_is_zero():
    rule = rules.Normalized(0.1)
    assert np.isclose(np.linalg.norm(rule.update(np.zeros(3), np.array([3.0, 0.0, 4.0]), None, 0)[0]), 0.1)
    np.testing.assert_array_equal(rule.update(np.ones(3), np.zeros(3), None, 0)[0], np.ones(3))


def test_the_first_steps_of_rmsprop_and_adam_are_sign_steps():
    g = np.array([2.0, -0.5])
    w = rules.Adam(0.1).update(np.zeros(2), g, np.zeros((2, 2)), 0)[0]
    np.testing.assert_allclose(w, -0.1 * np.sign(g), rtol=1e-7)
    w = rules.RMSProp(0.1, decay=0.99).update(np.zeros(2), g, np.zeros(2), 0)[0]
    np.testing.assert_allclose(w, -np.sign(g), rtol=1e-6)


def test_adam_matches_its_sums_written_out():
    rng, rule = np.random.default_rng(0), rules.Adam(0.1)
    gradients = rng.standard_normal((6, 3))
    w, state = np.zeros(3), rule.init(np.zeros(3))
    expected = np.zeros(3)
    for k, g in enumerate(gradients):
        w, state = rule.update(w, g, state, k)
        ages = np.arange(k, -1, -1)[:, None]
        mean = (0.9**ages * gradients[: k + 1]).sum(0) * 0.1 / (1 - 0.9 ** (k + 1))
        square = (0.999**ages * gradients[: k + 1] ** 2).sum(0) * 0.001 / (1 - 0.999 ** (k + 1))
        expected = expected - 0.1 * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(w, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "bad", [0.0, -1.0, np.nan, np.inf, "fast", True, [0.1, -0.1], [[1.0, 2.0], [2.0, 1.0]], []]
)
def test_wrong_learning_rates_are_refused(bad):
    with pytest.raises(ValueError, match="`learning_rate` must"):
        rules.GradientDescent(bad)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda v: rules.HeavyBall(0.1, v), "momentum"),
        (lambda v: rules.Nesterov(0.1, v), "momentum"),
        (lambda v: rules.RMSProp(0.1, v), "decay"),
        (lambda v: rules.Adam(0.1, v), "beta1"),
        (lambda v: rules.Adam(0.1, 0.9, v), "beta2"),
    ],
)
@pytest.mark.parametrize("bad", [-0.1, 1.0, np.nan, True])
def test_decays_and_momenta_outside_zero_to_one_are_refused(make, name, bad):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 0 and below 1"):
        make(bad)


def test_random_sign_takes_its_signs_from_the_gradient_and_moves_by_the_learning_rate_on_average():
    rule, gradient = rules.RandomSign(0.1, amount_seed=3), np.repeat([1e-9, -5.0, 0.0], 20_000)
    moves = rule.update(np.zeros(60_000), gradient, None, 0)[0].reshape(3, -1)
    assert (moves[0] <= 0).all()
    assert (moves[1] >= 0).all()
    assert (moves[2] == 0).all()
    # 20,000 amounts uniform between 0 and 0.2 have a standard error of 0.2 / sqrt(12 * 20,000).
    assert abs(np.abs(moves[:2]).mean(axis=1) - 0.1).max() < 5 * 0.2 / np.sqrt(12 * 20_000)
    assert np.abs(moves).max() <= 0.2


def test_the_amounts_of_a_step_depend_on_seed_and_step_alone():
    w, gradient = np.zeros(5), np.ones(5)

    def moved(seed, step):
        return rules.RandomSign(0.1, amount_seed=seed).update(w, gradient, None, step)[0]

    np.testing.assert_array_equal(moved(1, 7), moved(1, 7))
    assert not np.array_equal(moved(1, 7), moved(1, 8))
    assert not np.array_equal(moved(1, 7), moved(2, 7))


def test_the_amount_seed_is_a_whole_number():
    with pytest.raises(ValueError, match="`amount_seed` must be a whole number"):
        rules.RandomSign(0.1, amount_seed=-1)


def test_projected_descent_is_descent_inside_the_box_and_is_cut_off_outside():
    inside, outside = np.array([0.5, 0.5]), np.array([4.0, -4.0])
    rule = rules.Projected(rules.GradientDescent(0.25), 0.0, 1.0)
    np.testing.assert_allclose(rule.update(inside, np.array([1.0, -1.0]), None, 0)[0], [0.25, 0.75])
    np.testing.assert_array_equal(rule.update(inside, outside, None, 0)[0], [0.0, 1.0])


def test_projected_descent_settles_where_the_constrained_minimum_is():
    # E = 1/2 |w - (2, 0.5)|^2 on [0, 1]^2 is least at (1, 0.5), where the gradient presses against the bound.
    problem = gf.problems.Quadratic([1.0, 1.0], [2.0, 0.5])
    run = gf.descend(problem, [0.0, 0.0], rules.Projected(rules.GradientDescent(0.5), 0.0, 1.0), 60)
    np.testing.assert_allclose(run.final_weights, [1.0, 0.5], atol=1e-12)
    assert problem.gradient(run.final_weights)[0] == -1.0
    assert ((run.weights >= 0) & (run.weights <= 1)).all()


def test_a_projected_rule_keeps_memory_and_clock_of_the_inner_one():
    inner = rules.HeavyBall(0.1, 0.9)
    run = gf.descend(gf.problems.Quadratic(1.0), [1.0], rules.Projected(inner), 5)
    plain = gf.descend(gf.problems.Quadratic(1.0), [1.0], inner, 5)
    np.testing.assert_array_equal(run.weights, plain.weights)
    np.testing.assert_array_equal(run.times, plain.times)
    assert run.method == "Projected"


def test_a_projected_run_comes_back_from_its_file(tmp_path):
    run = gf.descend(gf.problems.Quadratic(1.0), [1.0], rules.Projected(rules.GradientDescent(0.1), 0.5), 9)
    run.save(tmp_path / "run.npz")
    np.testing.assert_array_equal(gf.Trajectory.load(tmp_path / "run.npz").weights, run.weights)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (np.nan, 1.0)])
def test_bounds_are_in_order(low, high):
    with pytest.raises(ValueError, match="`low` must be below `high`"):
        rules.Projected(rules.GradientDescent(0.1), low, high)
