"""How the cosines of an encoder are spread between a question and a name that have nothing to do with each other.

Encoders differ in both the mean and the deviation: .43 and .07 with the encoder that comes with Clew, .78 and .04 with
multilingual-e5-small. What is learned from cosines with one of them holds for another if each cosine is taken
as its distance from the mean, in deviations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clew.core.types import CosineScale, Floats
from clew.models.protocols import Encoder
from clew.models.unread import UNKNOWN_LIMIT

_QUESTIONS = (
    "how do volcanoes erupt", "who won the chess tournament", "cheap flights in march", "symptoms of a cold",
    "best way to cook rice", "when was the bridge built", "what does a notary do", "size of a football field",
    "can cats see colours", "how to file a patent", "why is the sky blue", "songs about rain",
)  # fmt: skip
_NAMES = (
    "violin", "Ministry of Finance", "leather boots", "Pacific salmon", "photosynthesis", "Gothic cathedral",
    "washing machine", "Napoleon", "income tax", "granite", "Lisbon", "vaccine", "bicycle chain", "parliament",
)  # fmt: skip
_CHINESE_QUESTIONS = (
    "火山为什么会喷发", "谁赢了国际象棋比赛", "三月的便宜机票", "感冒有什么症状", "怎样煮米饭最好吃",
    "这座桥是哪年建的", "公证人做什么工作", "足球场有多大", "猫能看见颜色吗",
    "怎么申请专利", "天空为什么是蓝色的", "关于下雨的歌",
)  # fmt: skip
_CHINESE_NAMES = (
    "小提琴", "财政部", "皮靴", "三文鱼", "光合作用", "哥特式大教堂", "洗衣机", "拿破仑", "所得税", "花岗岩", "里斯本",
    "疫苗", "自行车链条", "议会",
)  # fmt: skip


def cosine_scale(encoder: Encoder) -> CosineScale:
    """Return how the cosines of unrelated questions and names of one language are spread.

    Texts that the encoder cannot read do not count. If it reads none of them, or all cosines are equal: (0.0, 1.0).
    """
    found = [_cosines(encoder, *texts) for texts in ((_QUESTIONS, _NAMES), (_CHINESE_QUESTIONS, _CHINESE_NAMES))]
    cosines = np.concatenate(found)
    deviation = float(cosines.std()) if len(cosines) else 0.0
    return CosineScale(float(cosines.mean()), deviation) if deviation > 0 else CosineScale(0.0, 1.0)


def _cosines(encoder: Encoder, questions: Sequence[str], names: Sequence[str]) -> Floats:
    asked, named = (
        [text for text, unknown in zip(texts, encoder.unknown_shares(texts), strict=True) if unknown <= UNKNOWN_LIMIT]
        for texts in (questions, names)
    )
    if not asked or not named:
        return np.empty(0)
    cosines: Floats = (encoder.encode_queries(asked) @ encoder.encode_passages(named).T).astype(np.float64).ravel()
    return cosines
