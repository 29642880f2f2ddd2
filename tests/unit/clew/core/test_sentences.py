from clew.core.sentences import sentence_ends, sentences


def test_sentences_end_at_marks_of_both_languages_and_lines():
    text = 'He said "no." Then 3.14 fell.\n\n  Next line 你好。再见！End'
    assert [text[start:end] for start, end in sentences(text)] == [
        'He said "no."', "Then 3.14 fell.", "Next line 你好。", "再见！", "End"
    ]  # fmt: skip
    assert sentences(" \n ") == []
    assert sentence_ends("") == [0]
