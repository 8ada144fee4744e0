"""What the tests of the experiments share."""

import pytest

from gradflow import experiments
from gradflow.experiments.experiment import from_module


@pytest.fixture
def main_output(tmp_path):
    """Perform an experiment whose run is over: what it prints, once all its files are there."""

    def output(module, results):
        found = from_module("name", module)

        def run(**_):
            return results

        run.__kwdefaults__ = {}
        made = experiments.Experiment("name", found.text, run, found.answers, found.plot, {})
        left = experiments.perform(made, {}, tmp_path)
        suffixes = ("csv", "json", "npz", "png", "svg")
        assert {path.name for path in tmp_path.iterdir()} == {f"name.{suffix}" for suffix in suffixes}
        return "\n".join(left.answers)

    return output
