"""Finds which module of a Rust crate uses which other module. Test code is left out."""

import re
from collections import namedtuple

import scan

# `module` uses `target`, first at `line` of `path`.
Import = namedtuple("Import", "module target path line")

PATH = re.compile(r"(?<![\w:])(?:crate|super|self)(?:::\w+)+")
USE = re.compile(r"^[ \t]*(pub(?:\([^)]*\))?[ \t]+)?use\s+([^;]+);", re.MULTILINE)
TEST_MODULE = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*(?=\{)")
VISIBILITY = re.compile(r"pub\(in [^)]*\)")
CHILD = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?mod\s+(\w+)\s*;", re.MULTILINE)


def module_of(path, root):
    """`steps/mod.rs` and `steps.rs` are both `steps`; the root of the crate is `crate`."""
    name = path[len(root):].lstrip("/")[: -len(".rs")]
    if name in ("lib", "main"):
        return "crate"
    return re.sub(r"/mod$", "", name).replace("/", "::")


def is_test(module):
    parts = module.split("::")
    return "tests" in parts or parts[-1] == "test_support"


def without_tests(code):
    """The code with each `#[cfg(test)] mod x { … }` blanked."""
    for match in TEST_MODULE.finditer(code):
        end = scan.brace_end(code, match.end())
        code = code[: match.start()] + re.sub(r"[^\n]", " ", code[match.start() : end]) + code[end:]
    return code


def expand(tree, prefix=()):
    """The paths of a use tree: `a::{b, c::{self, D}}` gives `a::b`, `a::c` and `a::c::D`."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    segments = prefix + tuple(part for part in re.split(r"\s*::\s*", head.split(" as ")[0].strip()) if part)
    if not brace:
        yield segments[:-1] if segments and segments[-1] in ("self", "*") else segments
        return
    for part in _parts(rest.rsplit("}", 1)[0]):
        yield from expand(part, segments)


def _parts(text):
    """Splits at the commas that stand in no braces."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    if text[start:].strip():
        yield text[start:]


def resolve(segments, module, children):
    """A path as it is written, from the root of the crate; none when it leads outside of the crate."""
    here = [] if module == "crate" else module.split("::")
    rest = list(segments)
    if not rest:
        return None
    if rest[0] == "crate":
        return rest[1:]
    if rest[0] == "self":
        return here + rest[1:]
    if rest[0] in children:
        return here + rest
    if rest[0] != "super":
        return None
    while rest and rest[0] == "super":
        here, rest = here[:-1], rest[1:]
    return here + rest


def paths(code, children):
    """Each path that the code uses, with its offset. What is only exported again is not used."""
    code = VISIBILITY.sub(lambda match: " " * len(match.group()), code)
    rest = list(code)
    for match in USE.finditer(code):
        for at in range(match.start(), match.end()):
            rest[at] = rest[at] if rest[at] == "\n" else " "
        if match.group(1) is None:
            for segments in expand(match.group(2)):
                yield segments, match.start(2)
    rest = "".join(rest)
    for match in PATH.finditer(rest):
        yield tuple(match.group().split("::")), match.start()
    for child in children:
        for match in re.finditer(rf"(?<![\w:]){child}(?:::\w+)+", rest):
            yield tuple(match.group().split("::")), match.start()


def imports(files, root):
    """Every import between modules of the crate whose sources are `files` ({path: text}) below `root`."""
    modules = {module_of(path, root) for path in files}
    found = {}
    for path, text in sorted(files.items()):
        module = module_of(path, root)
        if is_test(module):
            continue
        code = without_tests(scan.rust(text).code)
        children = [name for name in CHILD.findall(code) if not is_test(name)]
        for segments, at in paths(code, children):
            target = _target(resolve(segments, module, children), modules)
            if target not in (None, module) and not is_test(target):
                line = code.count("\n", 0, at) + 1
                known = found.get((module, target))
                if known is None or line < known.line:
                    found[(module, target)] = Import(module, target, path, line)
    return sorted(found.values(), key=lambda one: (one.path, one.line, one.target))


def _target(segments, modules):
    """The module that a path leads into: the longest beginning of it that is one."""
    if segments is None:
        return None
    for length in range(len(segments), 0, -1):
        if "::".join(segments[:length]) in modules:
            return "::".join(segments[:length])
    return "crate" if segments == [] or "crate" in modules else None
