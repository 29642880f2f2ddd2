"""Which queries a cross-encoder cannot read, by the tokenizer of the English model that comes with Clew."""

from __future__ import annotations

import pytest

from clew.models.bi_encoder import open_tokenizer, unknown_id
from clew.models.overlap import OverlapScorer
from clew.models.protocols import LanguageReader
from clew.models.store import SHIPPED_SCORER
from clew.models.unread import UNKNOWN_LIMIT, knows_words, reads_han, unread_share


@pytest.fixture(scope="module")
def tokenizer():
    return open_tokenizer(SHIPPED_SCORER)


@pytest.mark.parametrize(
    "query",
    [
        "how long does the battery last",
        "WH1000XM5 noise cancelling",
        "größe der bettdecke",
        "Hà Nội ở đâu",
        "β-carotene vitamin a",
        "100 °C",
        "!?",
    ],
)
def test_latin_queries_are_read(tokenizer, query) -> None:
    assert unread_share(tokenizer, unknown_id(tokenizer), query, han=False) <= UNKNOWN_LIMIT


@pytest.mark.parametrize(
    "query",
    [
        "红色连衣裙",
        "臺灣的首都在哪裡",
        "中国人口",  # each of these characters is in the vocabulary
        "телефон с хорошей камерой",  # spelled letter by letter, without an unknown token
        "موبايل بكاميرا جيدة",
        "서울특별시는 어디에",
        "πού είναι η θάλασσα",
        "iphone 手机壳",
        "",
    ],
)
def test_queries_in_a_language_without_words_in_the_vocabulary_are_not(tokenizer, query) -> None:
    assert unread_share(tokenizer, unknown_id(tokenizer), query, han=False) > UNKNOWN_LIMIT


def test_a_vocabulary_of_chinese_characters_reads_chinese(tokenizer, tmp_path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import BertPreTokenizer

    from clew.models.unread import COMMON_HAN

    characters = sorted(set(COMMON_HAN + "红色连衣裙"))
    chinese = Tokenizer(
        WordPiece({"[UNK]": 0, **{each: at for at, each in enumerate(characters, 1)}}, unk_token="[UNK]")
    )
    chinese.pre_tokenizer = BertPreTokenizer()
    chinese.normalizer = tokenizer.normalizer
    assert reads_han(chinese, 0)
    assert not reads_han(tokenizer, unknown_id(tokenizer))
    assert unread_share(chinese, 0, "红色连衣裙", han=True) == 0


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("kettle with temperature control", True),
        ("blorfnik kettle", True),
        ("asdf qwer", False),
        ("rw120-wu 4.5 xqzvw", False),
        ("pc of", False),  # as short as the pieces of any string of letters
        ("红色", False),
        ("", False),
    ],
)
def test_a_word_of_the_vocabulary_is_told_from_a_string_of_letters(tokenizer, text, known) -> None:
    assert knows_words(tokenizer, unknown_id(tokenizer), text, han=False) is known


def test_a_model_that_reads_every_language_says_nothing_of_it() -> None:
    assert not isinstance(OverlapScorer(), LanguageReader)
