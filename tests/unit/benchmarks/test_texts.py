from benchmarks.texts import queries_of, synthetic


def test_texts_are_seeded_and_of_the_promised_length():
    texts = synthetic(50, seed=1)
    assert texts == synthetic(50, seed=1)
    assert texts != synthetic(50, seed=2)
    assert all(8 <= len(text.split()) <= 20 for text in texts)


def test_each_query_has_words_of_one_text():
    texts = synthetic(20, seed=1)
    queries = queries_of(texts, 30, seed=1)
    assert len(queries) == 30
    assert all(any(set(query.split()) <= set(text.split()) for text in texts) for query in queries)
    assert all(2 <= len(query.split()) <= 5 for query in queries)
