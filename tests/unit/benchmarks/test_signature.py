from benchmarks.signature import code, code_hash, environment


def test_the_environment_names_machine_libraries_and_seed():
    found = environment(7)
    assert found["seed"] == 7
    assert found["cores"] >= 1
    assert found["libraries"]["numpy"]
    assert found["cpu"]


def test_the_code_hash_covers_what_is_named():
    assert code()["sha256"] == code_hash(("clew", "kg", "search", "indexer", "benchmarks"))
    assert code_hash(("benchmarks/texts.py",)) != code_hash(("benchmarks/signature.py",))
