"""Finds the functions of a source text and their lines, from the first word to the closing brace."""

import ast
import re
from collections import namedtuple

import scan

Function = namedtuple("Function", "name line lines")

RUST_FN = re.compile(r"\bfn\s+(\w+)")
SCRIPT_FN = re.compile(
    r"""
      \bfunction\b\s*\*?\s*(?P<named>\w*)\s*(?:<[^>{}]*>)?\s*(?=\()
    | ^[ \t]*(?:(?:public|private|static|async|get|set|override)\s+)*(?P<method>\#?\w+)\s*(?:<[^>{}()]*>)?
        \((?P<args>[^(){};]*)\)\s*(?::[^={};\n]+)?(?=\{)
    | (?P<arrow>=>)\s*(?=\{)
    """,
    re.VERBOSE | re.MULTILINE,
)
# Keywords that look like methods, and calls whose function only groups tests.
KEYWORDS = {"if", "for", "while", "switch", "catch", "with", "function", "return"}
GROUPS = re.compile(r"\bdescribe(?:\.\w+)*\s*\([^;{}]*$")


def rust(text):
    """Functions of Rust, those within other functions too."""
    code = scan.rust(text).code
    for match in RUST_FN.finditer(code):
        body = _rust_body(code, match.end())
        if body is not None:
            yield _function(code, match.group(1), match.start(), scan.brace_end(code, body))


def _rust_body(code, start):
    """Offset of the brace that opens the body; none for a function without one."""
    depth = 0
    for match in re.compile(r"[()\[\]{};]").finditer(code, start):
        char = match.group()
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif depth == 0 and char == "{":
            return match.start()
        elif depth == 0 and char == ";":
            return None
    return None


def script(code):
    """Functions of TypeScript; strings and comments of the code are blanked."""
    for match in SCRIPT_FN.finditer(code):
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        if match.group("method") in KEYWORDS:
            continue
        if match.group("arrow"):
            body, name = code.index("{", match.end() - 1), _arrow_name(code, start)
            line = code.rfind("\n", 0, start) + 1
            if GROUPS.search(code[line:start]):
                continue
            yield _function(code, name, start, scan.brace_end(code, body))
        elif match.group("method"):
            yield _function(code, match.group("method"), start, scan.brace_end(code, code.index("{", match.end())))
        else:
            body = _script_body(code, match.end())
            if body is not None:
                yield _function(code, match.group("named") or "a function", start, scan.brace_end(code, body))


def _script_body(code, start):
    """Offset of the brace that opens the body; none for a declaration alone."""
    depth = 0
    for match in re.compile(r"[(){};]").finditer(code, start):
        char = match.group()
        if char in "()":
            depth += 1 if char == "(" else -1
        elif depth == 0 and char == ";":
            return None
        # A brace behind a colon opens a type.
        elif depth == 0 and char == "{" and not code[: match.start()].rstrip().endswith((":", "|", "&", "<", ",")):
            return match.start()
    return None


def _arrow_name(code, at):
    line = code[code.rfind("\n", 0, at) + 1 : at]
    named = re.search(r"(?:const|let)\s+(\w+)|(\w+)\s*[:=(]", line)
    return "an arrow function" if named is None else f"the arrow function of {named.group(1) or named.group(2)}"


def python(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield Function(node.name, node.lineno, node.end_lineno - node.lineno + 1)


def shell(text):
    """Functions as this repository writes them: `name() {` and `}`, each at the start of a line."""
    opened = None
    for number, line in enumerate(text.split("\n"), 1):
        if match := re.match(r"(\w+)\(\)\s*\{\s*$", line):
            opened = (match.group(1), number)
        elif line.rstrip() == "}" and opened is not None:
            yield Function(opened[0], opened[1], number - opened[1] + 1)
            opened = None


def _function(code, name, start, end):
    first, last = code.count("\n", 0, start), code.count("\n", 0, end)
    return Function(name, first + 1, last - first + 1)
