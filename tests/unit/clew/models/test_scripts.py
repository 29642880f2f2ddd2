"""The script of a character, and the scripts of a language."""

import pytest

from clew.core.errors import UsageError
from clew.models.scripts import scripts_of, scripts_of_languages


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("naïve Straße", {"LATIN"}),
        ("Ａ１", {"LATIN"}),
        ("漢字々〇、。", {"HAN"}),
        ("ひらがな", {"HIRAGANA"}),
        ("ｶﾞー", {"KATAKANA"}),
        ("한국", {"HANGUL"}),
        ("Привет, β-2", {"CYRILLIC", "GREEK"}),
        ("१२ ١٢", {"DEVANAGARI", "ARABIC"}),
        ("12.5 % – «…» ™ ☕ e\u0301", {"LATIN"}),
        ("12.5 % – «…» ☕ ①", set()),
        ("", set()),
    ],
)
def test_scripts_of_a_text(text, scripts):
    assert scripts_of(text) == scripts


def test_scripts_of_languages():
    assert scripts_of_languages(["zh", "en"]) == {"HAN", "BOPOMOFO", "LATIN"}
    assert scripts_of_languages(["ja"]) == {"HAN", "HIRAGANA", "KATAKANA"}
    assert scripts_of_languages(["sr"]) == {"CYRILLIC", "LATIN"}


@pytest.mark.parametrize("name", ["english", "", "zz", "ZH-en"])
def test_a_language_that_is_not_known(name):
    with pytest.raises(UsageError, match="is not known") as error:
        scripts_of_languages(["zh", name])
    assert "zh,en" in error.value.hint
