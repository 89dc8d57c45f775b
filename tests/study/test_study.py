"""Studies: every shipped one can be run as it stands, arms go on from arms, and what power is stated."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.evaluation.statistics import Interval
from sleuth.evaluation.summary import difference_told
from sleuth.policy.models import load_shape
from sleuth.runs.directory import RunDirectory
from sleuth.study import run as studies
from sleuth.study.read import read_study
from sleuth.study.run import detectable
from sleuth.training.lowrank import trained
from tests.tiny import tiny_folder

STUDIES = Path(__file__).parent.parent.parent / "recipes" / "studies"
ASKED = {
    **{1: "penalty", 2: "pressure", 3: "collapse", 4: "bare-answers", 5: "few-puzzles", 6: "layers", 7: "levels"},
    **{8: "rewards", 9: "updates", 10: "exploration", 11: "warm-starts", 12: "group-size"},
    **{13: "expert-iteration", 14: "second-turn"},
}
"""The readers' questions to their studies."""


@pytest.mark.parametrize(("number", "name"), ASKED.items(), ids=ASKED.values())
def test_every_question_has_a_study_that_could_be_run(number: int, name: str) -> None:
    path = STUDIES / f"{name}.toml"
    study = read_study(path)
    assert path.read_text(encoding="utf-8").startswith(f"# Question {number}: ")
    assert len(study.seeds) == 5 and len(study.arms) > 1
    first = next(iter(study.arms.values()))[0]
    # The aim: differences of 5 points, for all comparisons of a study together a little more.
    assert detectable(first.eval.count, len(study.seeds)) < 0.05
    assert detectable(first.eval.count, len(study.seeds), len(study.arms) - 1) < 0.06
    shape = None if first.model.kind == "nano" else load_shape(first.model.name, torch.float32)[0]
    for arm, of_seed in study.arms.items():
        config = of_seed[0]
        assert (config.model.kind, config.model.name) == (first.model.kind, first.model.name)
        assert config.eval == first.eval.model_copy(update={"every": config.eval.every}), arm
        assert [source.level for source in config.puzzles.sources] == [source.level for source in first.puzzles.sources]
        if shape is not None:
            assert trained({name: parameter.shape for name, parameter in shape.named_parameters()}, config.weights)


def test_the_shipped_studies_are_those_of_the_questions_and_the_earlier_ones() -> None:
    others = {"kl", "answers", "probes", "high-rate", "translation", "penalty-forms"}
    assert {path.stem for path in STUDIES.glob("*.toml")} == {*ASKED.values(), *others}


@pytest.mark.parametrize(
    ("measure", "values", "told"),
    [
        ("strict", (0.0232, -0.006, 0.0531), "+2.3 points [-0.6, +5.3]"),
        ("length_tokens", (-0.04, -12.0, 3.96), "+0.0 [-12.0, +4.0]"),
        ("kl", (0.00126, 0.0, 0.5), "+0.0013 [+0.0000, +0.5000]"),
        ("fluency", (-0.0821, -0.3934, 0.2286), "-0.082 [-0.393, +0.229]"),
        ("strict", (math.nan, math.nan, math.nan), "–"),
    ],
)
def test_differences_of_shares_are_told_in_points(measure: str, values: tuple[float, ...], told: str) -> None:
    assert difference_told(measure, Interval(*values, n=5)) == told


def test_steps_that_are_kept_by_hand(tmp_path: Path) -> None:
    """Of 3 steps of the warm start and 7 of GRPO: saved are 2, 3, 5, 7, 9, 10; kept multiples of 3 and the last 2."""
    (tmp_path / "recipe.toml").write_text(
        "sft = {examples = 12, batch_size = 4}\ngrpo.steps = 7\ncheckpoint = {every = 2, keep = 2, keep_every = 3}\n"
    )
    text = LINES.partition("[arms.right]")[0].replace('step = "1"', 'step = "5"')
    (tmp_path / "tiny.toml").write_text(text)
    with pytest.raises(UserError, match="of arm plain there will be best, last, 3, 9, 10"):
        read_study(tmp_path / "tiny.toml")


def test_the_power_that_is_stated_by_hand() -> None:
    # z = 1.959964 + 0.841621; the standard error of a difference of two shares of one half is sqrt(2 / 4 / n).
    assert detectable(400, 5) == pytest.approx(2.801585 * math.sqrt(0.5 / 2000), rel=1e-6)
    # Five comparisons: 0.05 / 5 two-sided, z = 2.575829.
    assert detectable(400, 5, 5) == pytest.approx((2.575829 + 0.841621) * math.sqrt(0.5 / 2000), rel=1e-6)


LINES = """\
name = "tiny"
question = "Does it?"
recipe = "recipe.toml"
seeds = [0]
measures = ["strict", "right_by_1", "right_by_2", "kl", "length_worse", "sentences_unread"]

[arms.plain]

[arms.later]
from = "plain"
step = "1"
"grpo.learning_rate" = 1e-6

[arms.right]
"grpo.learn_from" = "right"

[arms.again]
"grpo.retries" = 1
"""


RECIPE = """\
mode = "reason"
model = {name = "MODEL", dtype = "float32", device = "cpu", threads = 1}
puzzles = {fixed = 2, choice = "edge"}
sft.examples = 0
grpo = {steps = 2, puzzles_per_step = 2, samples = 2}
sampling.max_new_tokens = 3
eval = {count = 2, every = 1, every_count = 2}
checkpoint = {every = 1, keep_every = 1, best = "strict"}
"""


def test_a_study_whose_arms_go_on_from_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is named from the working directory, and the runs write down where it is: no other model for that."""
    tiny_folder(tmp_path / "model", words=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sleuth.study.table.MOST_CURVES", 3)
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("MODEL", "model"))
    (tmp_path / "tiny.toml").write_text(LINES)
    table = studies.run(read_study(tmp_path / "tiny.toml"), tmp_path / "runs", tmp_path / "results")
    assert table is not None
    text = table.read_text()
    assert "| later (goes on from plain, step 1, grpo.learning_rate 1e-06) |" in text
    assert "for 3 comparisons together, counting only chance in the puzzles" in text
    assert "![puzzles solved at the end, with 95 % intervals](tiny-strict.svg)" in text
    drawn = (tmp_path / "results" / "tiny-strict.svg").read_text()
    assert drawn.startswith("<svg") and all(f">{arm}</text>" in drawn for arm in ("plain", "later", "right", "again"))
    plain, later, again = (RunDirectory.open(tmp_path / "runs" / f"{arm}-0") for arm in ("plain", "later", "again"))
    told = json.loads((later.path / "parent.json").read_text())
    assert told["step"] == 1 and told["changed"] == {"grpo.learning_rate": 1e-6}
    assert later.read_metrics("grpo")[0] == plain.read_metrics("grpo")[0]
    assert later.read_metrics("grpo")[1].values["learning_rate"] < 1e-6
    chosen = [(run.path / "chosen.json").read_bytes() for run in (plain, later)]
    assert chosen[0] == chosen[1]
    rows = again.read_evaluation("after-grpo")
    assert all([said for _, said in row.turns] == ["No answers could be read. Think again."] for row in rows)
    row = next(line for line in text.splitlines() if line.startswith("| again "))
    assert row.split(" | ")[2:4] == [row.split(" | ")[1]] * 2  # nothing is solved, at once or later


def test_a_run_of_another_study_with_the_same_settings_stands_for_an_arm_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_folder(tmp_path / "model", words=True)
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("MODEL", str(tmp_path / "model")))
    (tmp_path / "one.toml").write_text(LINES)
    (tmp_path / "other.toml").write_text(
        LINES.replace('"tiny"', '"other"').replace(
            '[arms.right]\n"grpo.learn_from" = "right"', '[arms.new]\n"grpo.kl" = 0.1'
        )
    )
    one, other = (read_study(tmp_path / f"{name}.toml") for name in ("one", "other"))
    first = studies.run(one, tmp_path / "a", tmp_path / "results")
    (tmp_path / "a" / "averaged").mkdir()
    (tmp_path / "a" / "averaged" / "config.json").write_text("{}")  # a model, not a run
    capsys.readouterr()
    second = studies.run(other, tmp_path / "b", tmp_path / "results", reuse=[tmp_path / "a"])
    # An arm from which another goes on is made in any case, since its checkpoints are needed; so is the other one.
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["later-0", "new-0", "plain-0"]
    said = capsys.readouterr()
    assert f"other: arm again, seed 0: {tmp_path / 'a' / 'again-0'} has the same settings" in said.err + said.out
    assert first is not None and second is not None
    tables = [table.read_text() for table in (first, second)]
    rows = [next(line for line in table.splitlines() if line.startswith("| again ")) for table in tables]
    assert rows[0] == rows[1]
    assert "Runs of other studies" not in tables[0]
    assert "Runs of other studies: arm again is tiny-again-0." in tables[1]

    (tmp_path / "empty").mkdir()
    for folder, told in (
        ("none", "No such file or directory"),
        ("empty", "there is no finished run in it that goes on from no other"),
    ):
        with pytest.raises(UserError, match=f"--reuse .*{folder}: {told}; name a folder of runs"):
            studies.run(other, tmp_path / "c", tmp_path / "results", reuse=[tmp_path / folder])


def test_a_shared_warm_start_is_a_run_that_can_be_opened(tmp_path: Path) -> None:
    whole = RunConfig.model_validate({"checkpoint": {"best": "strict"}, "engine": {"kind": "trl"}})
    RunDirectory.create(tmp_path / "warm", studies.warm_start(whole))
    assert RunDirectory.open(tmp_path / "warm").config == studies.warm_start(whole)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('from = "plain"', 'from = "right"', "arm later: from 'right' names no arm above it"),
        ('step = "1"', 'step = "1"\nmode = "answer"', "mode is not that of arm plain, whose checkpoint"),
        ('step = "1"', 'step = "best"\n"checkpoint.best" = ""', ""),
        (
            "[arms.plain]",
            '[arms.plain]\n"checkpoint.best" = ""\n"eval.every" = 0',
            "arm plain names no best checkpoint",
        ),
        ('step = "1"', "step = 3", "step '3': of arm plain there will be best, last, 1, 2"),
        ('step = "1"', 'step = "latest"', "step 'latest': of arm plain there will be best, last, 1, 2"),
        ('"grpo.retries" = 1', 'step = "1"', "arm again: from None names no arm above it"),
        ('"grpo.retries" = 1', '"eval.count" = 3', "arm again: is asked other puzzles than the arms above it"),
        ('"grpo.retries" = 1', '"puzzles.level" = "2"', "arm again: is asked other puzzles than"),
        ("seeds = [0]", "seeds = [0, 1, 0]", "seeds has 0 2 times"),
        ("seeds = [0]", "seeds = [true]", "seeds.0: Input should be a valid integer"),
        ("[arms.plain]", "[arms.plain]\nseed = 5", "arm plain: the study itself sets seed of every run; leave it out"),
        ("[arms.plain]", "[set]\n'puzzles.seed' = 5\n[arms.plain]", "set: the study itself sets puzzles.seed of every"),
        ("[arms.plain]", "[arms.plain]\nname = 'x'", "arm plain: the study itself sets name of every run"),
        (
            "[arms.right]",
            "[arms.warm-plain]",
            "arm warm-plain would be that of the warm start that arm plain may",
        ),
        ("[arms.right]", "[arms.Plain]", "the folder of arm Plain would be that of arm plain"),
        ("[arms.right]", f"[arms.{'a' * 101}]", "names folders; use at most 100 letters"),
        ('"recipe.toml"', '"a\\u0000"', "not a TOML file: embedded null byte"),
        ('"right_by_2"', '"right_by_3"', "unknown measure 'right_by_3'; did you mean"),
        ('"right_by_2"', '"right_by_1"', "measures has 'right_by_1' 2 times; name each once"),
        (
            'measures = ["strict", "right_by_1", "right_by_2", "kl", "length_worse", "sentences_unread"]',
            "measures = []",
            "measures: Tuple should have at least 1 item",
        ),
    ],
)
def test_bad_studies(old: str, new: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("MODEL", "smollm2-135m"))
    assert old in LINES
    text = LINES.replace(old, new)
    (tmp_path / "tiny.toml").write_text(text.replace('step = "1"', 'step = "best"') if "no best" in said else text)
    if not said:
        assert read_study(tmp_path / "tiny.toml").origins == {"later": ("plain", "best")}
        return
    with pytest.raises(UserError, match=said) as error:
        read_study(tmp_path / "tiny.toml")
    assert "\n" not in str(error.value)
