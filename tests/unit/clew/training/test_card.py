"""A trained model's card names what it was made of, through every run that led to it."""

from __future__ import annotations

from clew.training.card import write_card
from clew.training.spec import spec_of

DATA = [
    {"folder": "/data/squad1.1", "licence": "CC BY-SA 4.0", "queries": 5},
    {"clicks": "/logs/clicks.jsonl.gz", "index": "shop", "candidates": "judged"},
]


def lineage(name, seed, queries, **more):
    spec = spec_of({"name": name, "seed": seed, "data": DATA, "licence": "CC-BY-SA-4.0"}, "spec")
    table = {"kind": "cross-encoder", "base": "ab" * 32, "spec": spec.as_table(), "queries": queries, "pairs": 1234}
    return spec, {**table, **more}


def test_the_card_names_data_licences_seed_and_measures(tmp_path):
    spec, made = lineage("mine", 7, {"squad1.1": 1500, "clicks": 20})
    write_card(tmp_path, spec, "cross_encoder", made, {"dev nDCG@10": {"squad1.1": 0.91234}, "step": 8, "steps": 9})
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-sa-4.0\npipeline_tag: text-ranking\n")
    assert "| squad1.1 | train | 1,500 | mined | CC BY-SA 4.0 |" in card
    assert "| clicks | train | 20 | judged |  |" in card
    assert "started from default (fingerprint abababababababab), 1,234 pairs, seed 7." in card
    assert "at step 8 of 9" in card
    assert "| squad1.1 | 0.9123 |" in card
    assert "before" not in card


def test_a_run_that_started_from_a_trained_model_tells_of_that_too(tmp_path):
    _, first = lineage("mine", 1, {"squad1.1": 10, "clicks": 2})
    spec, made = lineage("mine", 2, {"squad1.1": 99, "clicks": 3}, **{"started from": first})
    write_card(tmp_path, spec, "cross_encoder", made, {"dev nDCG@10": {}, "step": 1, "steps": 1})
    card = (tmp_path / "README.md").read_text()
    assert card.count("## The run before") == 1
    assert card.index("seed 2.") < card.index("## The run before") < card.index("seed 1.")
    assert "| squad1.1 | train | 10 | mined |" in card


def test_a_run_that_started_from_a_trimmed_model_names_its_languages(tmp_path):
    trimmed = {"kind": "trimmed", "base": "cd" * 32, "languages": ["en", "zh"], "tokens": {"before": 9000, "after": 15}}
    spec, made = lineage("mine", 2, {"squad1.1": 99, "clicks": 3}, **{"started from": trimmed})
    write_card(tmp_path, spec, "bi_encoder", made, {"dev nDCG@10": {}, "step": 1, "steps": 1})
    card = (tmp_path / "README.md").read_text()
    assert "cdcdcdcdcdcdcdcd, of which `clew models trim` kept 15 of 9,000 tokens, for en, zh." in card
    assert "The run before" not in card


def test_a_run_that_started_from_a_converted_model_says_how_it_was_converted(tmp_path):
    converted = {"quantised from": "x-v1", "dequantised from": "y-v1"}
    spec, made = lineage("mine", 2, {"squad1.1": 99, "clicks": 3}, **{"started from": converted})
    write_card(tmp_path, spec, "bi_encoder", made, {"dev nDCG@10": {}, "step": 1, "steps": 1})
    card = (tmp_path / "README.md").read_text()
    assert "## What was done before\n\n- quantised from: x-v1\n- dequantised from: y-v1" in card
    assert "Trimmed" not in card
