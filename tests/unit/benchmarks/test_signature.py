import pytest

from clew.benchmarks.signature import code, code_hash, environment, model_name


def test_the_environment_names_machine_libraries_and_seed():
    found = environment(7)
    assert found["seed"] == 7
    assert found["cores"] >= 1
    assert found["libraries"]["numpy"]
    assert found["cpu"]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("default", "default"),
        ("cross-encoder/ms-marco-MiniLM-L6-v2", "cross-encoder/ms-marco-MiniLM-L6-v2"),
        ("/home/me/.clew/models/mine/ab12-v1", "mine/ab12-v1"),
    ],
)
def test_a_model_is_called_by_its_name_wherever_it_lies(model, name):
    assert model_name(model) == name


def test_the_code_hash_covers_what_is_named():
    assert code()["sha256"] == code_hash(("clew", "kg", "search", "indexer", "benchmarks"))
    assert code_hash(("benchmarks/data/texts.py",)) != code_hash(("benchmarks/signature.py",))
