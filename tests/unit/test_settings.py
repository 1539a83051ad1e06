"""Where a setting's value comes from, and what happens to a name that no setting has."""

import json
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.errors import BadInput
from shared.settings import JobSettings, load_settings, service_config

RUN = ["--run-id", "r", "--namespace", "n"]


class Adapter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(default=16, ge=1, description="rank")
    target_modules: tuple[str, ...] = Field(default=("q_proj",), description="modules")
    dropouts: tuple[Annotated[float, Field(lt=1)], ...] = Field(default=(0.0,), min_length=1, description="d")

    @model_validator(mode="after")
    def _is_no_zoo(self):
        if self.r > len(self.target_modules) * 99:
            raise ValueError("too many; lower r")
        return self


class ToySettings(JobSettings):
    """Settings of a job that does not exist."""

    model_config = service_config("TOY_")

    learning_rate: float = Field(default=0.1, gt=0, description="learning rate")
    lora: Adapter = Field(default=Adapter(), description="adapter")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROFILE_JSON", raising=False)


def use_profile(monkeypatch, **section):
    monkeypatch.setenv("PROFILE_JSON", json.dumps({"profile": "p", "toy": section}))


def test_each_source_overrides_the_one_before(monkeypatch, tmp_path):
    assert load_settings(ToySettings, RUN).settings.learning_rate == 0.1
    use_profile(monkeypatch, learning_rate=0.2)
    assert load_settings(ToySettings, RUN).settings.learning_rate == 0.2
    (tmp_path / ".env").write_text("TOY_LEARNING_RATE=0.3\n")
    assert load_settings(ToySettings, RUN).settings.learning_rate == 0.3
    monkeypatch.setenv("TOY_LEARNING_RATE", "0.4")
    assert load_settings(ToySettings, RUN).settings.learning_rate == 0.4
    assert load_settings(ToySettings, [*RUN, "--learning-rate", "0.5"]).settings.learning_rate == 0.5


def test_every_setting_is_listed_with_its_source(monkeypatch):
    use_profile(monkeypatch, lora={"r": 4})
    monkeypatch.setenv("TOY_LEARNING_RATE", "0.4")
    loaded = load_settings(ToySettings, RUN)
    assert loaded.sources["learning_rate"] == "environment"
    assert loaded.sources["lora.r"] == "profile"
    assert loaded.sources["lora.target_modules"] == "default"
    assert loaded.sources["run_id"] == "command line"
    assert any("lora.r" in line and "4" in line and "(profile)" in line for line in loaded.describe())


def test_a_group_takes_members_from_different_sources(monkeypatch):
    use_profile(monkeypatch, lora={"r": 4})
    monkeypatch.setenv("TOY_LORA__TARGET_MODULES", '["v_proj"]')
    assert load_settings(ToySettings, RUN).settings.lora == Adapter(r=4, target_modules=("v_proj",))


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [("TOY_LEARNING_RAT", "TOY_LEARNING_RATE"), ("TOY_LORA__RR", "TOY_LORA__R")],
)
def test_a_misspelled_environment_variable_is_refused_naming_the_nearest(monkeypatch, variable, nearest):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(BadInput, match=rf"{variable} .*Did you mean {nearest}\?"):
        load_settings(ToySettings, RUN)


def test_a_misspelled_name_in_the_env_file_is_refused(tmp_path):
    (tmp_path / ".env").write_text("TOY_LEARNIN_RATE=1\n")
    with pytest.raises(BadInput, match=r"in \.env"):
        load_settings(ToySettings, RUN)


def test_a_misspelled_name_in_the_profile_is_refused(monkeypatch):
    use_profile(monkeypatch, lora={"rank": 4})
    with pytest.raises(BadInput, match=r"lora\.rank \(in \[toy\] of profile p\)\. Did you mean lora\.r\?"):
        load_settings(ToySettings, RUN)


def test_a_misspelled_flag_is_refused():
    with pytest.raises(BadInput, match="--learning-rat"):
        load_settings(ToySettings, [*RUN, "--learning-rat", "1"])


def test_a_value_out_of_bounds_is_refused_naming_its_source(monkeypatch):
    monkeypatch.setenv("TOY_LEARNING_RATE", "-1")
    with pytest.raises(BadInput, match=r"learning_rate='-1' \(environment\): Input should be greater than 0"):
        load_settings(ToySettings, RUN)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("TOY_LORA__R", "100", "toy setting lora={'r': '100'} (environment): too many; lower r"),
        (
            "TOY_LEARNING_RATE",
            "inf",
            "toy setting learning_rate=inf (environment): it must be a finite number",
        ),
        (
            "TOY_LORA__DROPOUTS",
            "[0.1, 2]",
            "toy setting lora.dropouts.1=2 (environment): Input should be less than 1",
        ),
        (
            "TOY_LORA__TARGET_MODULES",
            "q_proj",
            'error parsing value for field "lora" (the environment). Write a list as JSON: \'["a", "b"]\'',
        ),
    ],
)
def test_a_refusal_names_the_value_its_source_and_the_rule_once(monkeypatch, variable, value, complaint):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput) as refused:
        load_settings(ToySettings, RUN)
    assert str(refused.value).partition(". See --help")[0].rstrip(".") == complaint


def test_the_run_must_be_named():
    with pytest.raises(BadInput, match="toy needs --run-id"):
        load_settings(ToySettings, ["--namespace", "n"])


def test_the_recorded_configuration_holds_only_what_decides_the_result():
    config = load_settings(ToySettings, [*RUN, "--force"]).settings.config()
    assert config == {
        "learning_rate": 0.1,
        "lora": {"r": 16, "target_modules": ["q_proj"], "dropouts": [0.0]},
    }
