"""What the tests of the experiments share."""

import pytest


@pytest.fixture
def main_output(tmp_path, monkeypatch, capsys):
    """Run an experiment's main on given results: what it printed, once it has written both files."""

    def output(experiment, results):
        monkeypatch.setattr(experiment, "run", lambda: results)
        monkeypatch.setattr(experiment, "FIGURE", tmp_path / "figure")
        experiment.main()
        assert {path.name for path in tmp_path.iterdir()} == {"figure.png", "figure.svg"}
        return capsys.readouterr().out

    return output
