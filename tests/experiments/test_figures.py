"""The list of figures: what it names is there in both formats, with its script and its command."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = {
    match[1]: match[0]
    for match in re.finditer(
        r"^\| \[(\w+)\]\(\1\.png\) \|.*$", (ROOT / "figures/README.md").read_text(), re.MULTILINE
    )
}


@pytest.mark.parametrize("name", LINES)
def test_a_listed_figure_has_both_formats_a_script_a_command_and_a_number(name):
    assert (ROOT / "figures" / f"{name}.png").is_file()
    assert (ROOT / "figures" / f"{name}.svg").is_file()
    question, answer, command = LINES[name].split(" | ")[1:]
    assert question.endswith("?")
    assert re.search(r"\d", answer)
    commands = {"experiments": f"`gradflow run {name}` |", "benchmarks": f"`python benchmarks/{name}.py` |"}
    assert [command] == [commands[place] for place in commands if (ROOT / place / f"{name}.py").is_file()]


def test_the_questions_of_the_seeds_are_among_them():
    assert {
        "antiparallel",
        "direction_or_amount",
        "identity_neuron",
        "backpropagation",
        "one_pattern_or_all",
        "step_size_stability",
        "learning_rate_convergence",
    } <= set(LINES)
