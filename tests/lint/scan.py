"""Splits source text into code and comments. It finds strings and comments and parses nothing else."""

import re
from collections import namedtuple

# One physical line of a comment: its text without marks, whether it documents an item, its mark.
Comment = namedtuple("Comment", "line text doc mark")
# `code` is the source with strings and comments blanked out: offsets and lines stay the same.
Split = namedtuple("Split", "code comments")

RUST_TOKEN = re.compile(
    r"""
      (?P<line>//[^\n]*)
    | (?P<block>/\*)
    | (?P<raw>\b(?:br|cr|r)(?P<hashes>\#*)".*?"(?P=hashes))
    | (?P<string>(?:\b[bc])?"(?:\\.|[^"\\])*")
    | (?P<char>(?:\bb)?'(?:\\(?:u\{[0-9a-fA-F_]+\}|x[0-9a-fA-F]{2}|.)|[^\\'\n])')
    """,
    re.VERBOSE | re.DOTALL,
)
SCRIPT_TOKEN = re.compile(
    r"""
      (?P<line>//[^\n]*)
    | (?P<block>/\*)
    | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<template>`)
    | (?P<regex>(?:(?<=[(,=:\[!&|?{};\n])|(?<=return))\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*)
    """,
    re.VERBOSE | re.DOTALL,
)
C_TOKEN = re.compile(
    r"""(?P<line>//[^\n]*)|(?P<block>/\*)|(?P<string>"(?:\\.|[^"\\\n])*")|(?P<char>'(?:\\.|[^'\\\n])+')""",
    re.DOTALL,
)


class _Blanks:
    """A text from which strings and comments are taken out."""

    def __init__(self, text):
        self.text = text
        self.out = list(text)
        self.comments = []

    def blank(self, start, end):
        for at in range(start, end):
            if self.out[at] != "\n":
                self.out[at] = " "

    def comment(self, start, end, mark, doc):
        """Keeps the lines of a comment, without the marks that begin, continue and end it."""
        line = self.text.count("\n", 0, start) + 1
        for offset, text in enumerate(self.text[start:end].split("\n")):
            self.comments.append(Comment(line + offset, _unmarked(text), doc, mark))
        self.blank(start, end)

    def split(self):
        return Split("".join(self.out), self.comments)


def _unmarked(text):
    text = text.strip()
    text = re.sub(r"^(///|//!|//|/\*\*|/\*!|/\*|<!--|\*(?!/)|#+!?)", "", text)
    return re.sub(r"(\*/|-->)$", "", text).strip()


def rust(text):
    """Rust: nested block comments, raw strings, characters that look like lifetimes."""
    return _scan(text, RUST_TOKEN, _nested_end)


def script(text):
    """TypeScript or JavaScript."""
    return _scan(text, SCRIPT_TOKEN, _plain_end)


def c(text):
    """C and CSS."""
    return _scan(text, C_TOKEN, _plain_end)


def _scan(text, token, block_end):
    found = _Blanks(text)
    at = 0
    while match := token.search(text, at):
        kind, start = match.lastgroup, match.start()
        if kind == "line":
            at = match.end()
            mark = _line_mark(match.group())
            found.comment(start, at, mark, mark != "//")
        elif kind == "block":
            at = block_end(text, start)
            found.comment(start, at, "/*", re.match(r"/\*\*(?!/)|/\*!", text[start:]) is not None)
        elif kind == "template":
            at = _template(found, start)
        else:
            at = match.end()
            found.blank(start, at)
    return found.split()


def _line_mark(text):
    if text.startswith("//!"):
        return "//!"
    return "///" if text.startswith("///") and not text.startswith("////") else "//"


def _nested_end(text, start):
    depth = 0
    for match in re.finditer(r"/\*|\*/", text[start:]):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return start + match.end()
    return len(text)


def _plain_end(text, start):
    end = text.find("*/", start + 2)
    return len(text) if end < 0 else end + 2


def _template(found, start):
    """Blanks a template literal and the code in its `${}`. Gives the offset behind it."""
    text, at, depth = found.text, start + 1, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif depth == 0 and text[at] == "`":
            break
        elif depth == 0 and text.startswith("${", at):
            depth, at = 1, at + 2
        elif depth and text[at] == "`":
            at = _template(found, at)
        else:
            depth += {"{": 1, "}": -1}.get(text[at], 0) if depth else 0
            at += 1
    end = min(at + 1, len(text))
    found.blank(start, end)
    return end


def svelte(text):
    """Svelte: scripts as TypeScript, styles as CSS, the comments of the markup. Code is that of scripts."""
    code, comments = list(re.sub(r"[^\n]", " ", text)), []
    markup = text
    for match in re.finditer(r"<(script|style)\b[^>]*>(.*?)</\1>", text, re.DOTALL):
        start, end = match.span(2)
        part = (script if match.group(1) == "script" else c)(text[start:end])
        first = text.count("\n", 0, start)
        comments += [one._replace(line=one.line + first) for one in part.comments]
        if match.group(1) == "script":
            code[start:end] = part.code
        markup = markup[:start] + re.sub(r"[^\n]", " ", text[start:end]) + markup[end:]
    for match in re.finditer(r"<!--.*?-->", markup, re.DOTALL):
        first = text.count("\n", 0, match.start()) + 1
        lines = match.group().split("\n")
        comments += [Comment(first + at, _unmarked(line), False, "<!--") for at, line in enumerate(lines)]
    return Split("".join(code), sorted(comments))


def hashes(text):
    """Shell, Python, TOML, Makefile: lines that are wholly a comment, without the `#!` of a program."""
    comments = [
        Comment(number, _unmarked(line), False, "#")
        for number, line in enumerate(text.split("\n"), 1)
        if line.lstrip().startswith("#") and not (number == 1 and line.startswith("#!"))
    ]
    return Split(text, comments)


def brace_end(code, start):
    """Offset behind the brace that closes the one at `start`; the end of the text when none does."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, start):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.end()
    return len(code)
