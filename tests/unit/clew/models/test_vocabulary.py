"""Which tokens stay, and that texts of the languages are tokenized as before."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

from clew.core.errors import CorruptError, FormatError
from clew.models.scripts import scripts_of_languages
from clew.models.vocabulary import choose_tokens, read_vocabulary, trimmed_table
from tests.vocabularies import CYRILLIC, HAN, LATIN, OTHERS, byte_pairs, unigram, word_piece

ZH_EN = scripts_of_languages(["zh", "en"])
LOWEST = "▁абв"
KNOWN = st.text(LATIN + HAN + OTHERS + " βöξ☕", max_size=30)


def read(tokenizer):
    return read_vocabulary("tokenizer.json", json.loads(tokenizer.to_str()))


def trimmed(tokenizer, scripts=ZH_EN, counts=None, **options):
    """(tokenizer with fewer tokens, ids that it kept)"""
    vocabulary = read(tokenizer)
    kept = choose_tokens(vocabulary, scripts, counts, **options)
    return Tokenizer.from_str(json.dumps(trimmed_table(vocabulary, kept))), kept


def counted(tokenizer, text):
    return dict.fromkeys(tokenizer.encode(text, add_special_tokens=False).ids, 1)


WHOLE = {"unigram": unigram(), "word_piece": word_piece()}
ALL = {name: trimmed(tokenizer) for name, tokenizer in WHOLE.items()}
SEEN = {name: trimmed(tokenizer, counts=counted(tokenizer, "the red hat")) for name, tokenizer in WHOLE.items()}


@pytest.mark.parametrize("kind", WHOLE)
@given(text=KNOWN)
def test_texts_of_the_languages_have_the_same_tokens(kind, text):
    small, kept = ALL[kind]
    assert [kept[at] for at in small.encode(text).ids] == WHOLE[kind].encode(text).ids


@pytest.mark.parametrize("kind", WHOLE)
@given(text=KNOWN)
def test_no_character_of_the_languages_becomes_unknown(kind, text):
    """With counts, the words that were not seen are spelled; texts of seen tokens only have the same tokens."""
    small, kept = SEEN[kind]
    before, after = WHOLE[kind].encode(text), small.encode(text)
    unknown = WHOLE[kind].token_to_id("<unk>" if kind == "unigram" else "[UNK]")
    assert before.ids.count(unknown) == [kept[at] for at in after.ids].count(unknown)
    if set(before.ids) <= set(kept):
        assert [kept[at] for at in after.ids] == before.ids


@pytest.mark.parametrize("kind", WHOLE)
def test_ids_stay_monotone_and_other_scripts_become_unknown(kind):
    small, kept = ALL[kind]
    assert kept == sorted(set(kept))
    assert small.get_vocab_size() == len(kept) < WHOLE[kind].get_vocab_size()
    names = {at: token for token, at in small.get_vocab().items()}
    assert [names[at] for at in range(len(kept))] == [WHOLE[kind].id_to_token(at) for at in kept]
    left = "".join(small.get_vocab().keys() - {LOWEST})
    assert not any(letter in left for letter in CYRILLIC)
    unknown = small.token_to_id("<unk>" if kind == "unigram" else "[UNK]")
    assert small.encode("вода").ids.count(unknown) == 1
    assert WHOLE[kind].encode("вода").ids.count(WHOLE[kind].token_to_id("<unk>" if kind == "unigram" else "[UNK]")) == 0


def test_special_tokens_have_their_new_ids():
    small, kept = trimmed(unigram(), counts={})
    assert small.encode("hat").tokens[0] == "<s>"
    table = json.loads(small.to_str())
    assert table["padding"]["pad_id"] == small.token_to_id("<pad>")
    assert small.token_to_id("<mask>") == len(kept) - 1 == table["added_tokens"][-1]["id"]
    small, _ = trimmed(word_piece(), counts={})
    first, *_, last = small.encode("hat").ids
    assert (first, last) == (small.token_to_id("[CLS]"), small.token_to_id("[SEP]"))
    assert small.token_to_id("[unused0]") is None
    assert small.token_to_id("[MASK]") is not None


def test_post_processors_in_a_sequence_have_their_new_ids():
    tokenizer = word_piece()
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), tokenizer.post_processor])
    small, kept = trimmed(tokenizer, counts={})
    assert [kept[at] for at in small.encode("hat").ids] == [tokenizer.token_to_id("[CLS]"), *(
        tokenizer.token_to_id(token) for token in ("h", "##a", "##t")
    ), tokenizer.token_to_id("[SEP]")]  # fmt: skip


def test_of_latin_the_seen_tokens_stay_and_of_other_scripts_all():
    small, _ = SEEN["unigram"]
    names = set(small.get_vocab())
    assert {"▁the", "▁red", "hat", "帽子", "红hat", "12", "β"} <= names
    assert not {"▁shoe", "shoes"} & names
    without, _ = trimmed(unigram(), scripts_of_languages(["zh"]))
    assert {"帽子", "红hat", "a", "β"} <= set(without.get_vocab())
    assert not {"▁the", "hat", "вода"} & set(without.get_vocab())
    russian, _ = trimmed(unigram(), scripts_of_languages(["ru"]), counts={})
    assert {"▁вода", "да", "б", "a"} <= set(russian.get_vocab())
    assert not {"帽子", "红"} & set(russian.get_vocab())


def test_a_token_stays_if_its_characters_would_be_unknown_without_it():
    small, _ = SEEN["word_piece"]
    assert "öst" in small.get_vocab()  # ö is no token by itself
    assert "##ste" not in small.get_vocab()


def test_the_rarest_tokens_leave_first():
    tokenizer = unigram()
    counts = {
        tokenizer.token_to_id(token): times for token, times in (("▁the", 9), ("hat", 1), ("▁red", 5), ("▁вода", 50))
    }
    least = len(choose_tokens(read(tokenizer), ZH_EN, {}))
    small, kept = trimmed(tokenizer, counts=counts, most=least + 2)
    assert len(kept) == least + 2
    assert {"▁the", "▁red"} <= set(small.get_vocab())
    assert not {"hat", "▁вода"} & set(small.get_vocab())
    assert len(choose_tokens(read(tokenizer), ZH_EN, counts, most=3)) == least
    needed = tokenizer.token_to_id("▁shoe")
    assert needed in choose_tokens(read(tokenizer), ZH_EN, {}, needed=[needed])


def test_the_score_of_unknown_characters_stays():
    """A unigram tokenizer takes it from the lowest score, so the token that has it stays whatever its script is."""
    assert min(json.loads(ALL["unigram"][0].to_str())["model"]["vocab"], key=lambda row: row[1]) == [LOWEST, -25]


def test_other_vocabularies_are_refused():
    with pytest.raises(FormatError, match="type BPE") as error:
        read(byte_pairs())
    assert "unigram or WordPiece" in error.value.hint
    with pytest.raises(FormatError, match="unknown"):
        read_vocabulary("tokenizer.json", {})
    table = json.loads(unigram().to_str())
    for broken in ({"vocab": [3]}, {"vocab": None}, {"unk_id": "x"}):
        with pytest.raises(CorruptError, match=r"tokenizer\.json"):
            read_vocabulary("tokenizer.json", {**table, "model": {**table["model"], **broken}})
