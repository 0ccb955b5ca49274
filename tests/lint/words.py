"""Counts vague words in comments: "what" as a noun clause, and five others together."""

import re
from collections import Counter

WORD = re.compile(r"[A-Za-z][\w'-]*")
END_OF_SENTENCE = re.compile(r"[.!?]")
VAGUE = {
    "nobody": re.compile(r"\bnobody\b", re.IGNORECASE),
    "stands": re.compile(r"\bstands?\b(?!-)", re.IGNORECASE),
    "is told": re.compile(r"\b(?:is|are|was|were|be) told\b", re.IGNORECASE),
    "by itself": re.compile(r"\bby (?:itself|themselves)\b", re.IGNORECASE),
    "whoever": re.compile(r"\bwhoever\b", re.IGNORECASE),
}


def whats(text):
    """How often "what" is used as a noun clause: everywhere but in a question."""
    return sum(1 for one in re.finditer(r"\bwhat\b", text, re.IGNORECASE) if not _is_question(text[one.start() :]))


def _is_question(rest):
    end = END_OF_SENTENCE.search(rest)
    return end is not None and end.group() == "?"


def count(comments_by_language):
    """{language: [texts of comments]} to {language: Counter}, with a sum over all of them."""
    counts = {}
    for language, texts in comments_by_language.items():
        text = "\n".join(texts)
        one = Counter({"words": len(WORD.findall(text)), "what": whats(text)})
        one.update({name: len(pattern.findall(text)) for name, pattern in VAGUE.items()})
        counts[language] = one
    counts["all"] = sum(counts.values(), Counter())
    return counts


def table(counts):
    """One line per language: words, then how many per 10,000 of them; at the end the limits."""
    names = ["words", "what", *VAGUE, "the five together"]
    lines = ["per 10,000 words".ljust(18) + "".join(name.rjust(max(len(name), 7) + 2) for name in names)]
    for language, one in counts.items():
        per = 10_000 / one["words"] if one["words"] else 0
        together = sum(one[name] for name in VAGUE)
        values = [one["what"], *(one[name] for name in VAGUE), together]
        cells = [str(one["words"])] + [f"{value * per:.1f}" for value in values]
        pairs = zip(names, cells)
        lines.append(language.ljust(18) + "".join(cell.rjust(max(len(name), 7) + 2) for name, cell in pairs))
    return lines + ["limits: what under 25, the five together under 5"]
