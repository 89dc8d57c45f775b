"""Names of models: those that come with Sleuth come first, and a folder is a folder however it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleuth.bench.models import behind_interface
from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.integrations.trl.export import model_path
from sleuth.model_names import SHIPPED, local_folder
from sleuth.policy.models import folder_of
from sleuth.runs.settings import differences


def named(name: str) -> RunConfig:
    return RunConfig.model_validate({"model": {"name": name}})


def test_a_folder_is_the_same_model_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("mine", "./mine", "~/mine", "other/../mine"):
        assert differences(named(name), named(str(tmp_path / "mine"))) == {}, name
    assert list(differences(named("mine"), named("other"))) == ["model.name"]
    assert list(differences(named("mine"), named("not/there"))) == ["model.name"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_folder_beside_does_not_stand_in_for_a_model_of_ours(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert local_folder(name) is None and local_folder(f"./{name}") == Path(name)
    assert folder_of(name) != Path(name)
    assert list(differences(named(name), named(f"./{name}"))) == ["model.name"]


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x", "x" * 300, "./" + "x" * 300])
def test_odd_names_are_no_folders_and_are_refused_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert local_folder(name) is None
    with pytest.raises(UserError) as refused:
        folder_of(name)
    assert "\n" not in str(refused.value)


def test_names_mean_the_same_to_trl_and_to_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nano-detective").mkdir()
    monkeypatch.chdir(tmp_path)
    assert model_path("nano-detective") == str(folder_of("nano-detective"))
    assert not behind_interface("x" * 300) and model_path("./nano-detective") == str(tmp_path / "nano-detective")
    with pytest.raises(UserError):
        model_path("x" * 300)
