#!/usr/bin/env python3
"""The rules that no compiler and no other linter of this repository checks.

Run from the root of the repository. Prints `path:line: rule: text` for each violation, and exits
with 1 when there is one.

    house.py [--only RULE[,RULE]]   check
    house.py --list                 the rules
    house.py --counts               violations per rule; exits with 0
    house.py --words                how often comments use vague words
"""

import os
import posixpath
import re
import subprocess
import sys
from collections import namedtuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import functions  # noqa: E402
import imports  # noqa: E402
import scan  # noqa: E402
import words  # noqa: E402

# ---------------------------------------------------------------- tables and limits

ENGINE = "src-tauri/crates/engine/src"

# The order of the engine's modules, lowest layer first. A module uses only modules of earlier
# lines. Modules of one line do not use each other. Each file is one module: `runner/acts.rs` is
# `runner::acts`, `steps/mod.rs` is `steps`, and `crate` is lib.rs. Test code does not count.
LAYERS = """
crate
time transition properties shell loopback
redact::span redact::spellings
redact::shapes
redact::registry redact::hidden
redact::lines
redact ports::changing_calls
ports fold
ports::clean::decorator
ports::clean::aws ports::clean::catalog ports::clean::git ports::clean::github ports::clean::host ports::clean::logs
ports::clean ports::deployments rollout::goal
rollout::history
rollout::view
rollout::patience
ports::aws ports::catalog ports::git ports::github ports::host spool journal rollout log_follow service_events
parts other_runs rollout_facts
earlier_runs start_rules
profile::value profile::file_keys
profile::source profile::raw profile::fields::field profile::fields::forms
profile::fields::aws profile::fields::code profile::fields::database profile::fields::machine profile::fields::people profile::fields::site
profile::fields
profile::check profile::confirm profile::write profile::difference
profile
step::context
step::outline
step
step::draft
env_lock::entry
env_lock::git_ref
handover env_lock
steps::known_builds
steps::git_objects steps::refusals
steps::run_facts
deploy_check
steps::publish::push_rules steps::backup::folder
steps::watch steps::publish steps::job steps::production
steps::existing_package steps::shown_builds steps::unproved_package steps::build_wait
steps::migration::command steps::backup::file steps::aws_patience steps::service_change steps::register_task_definition::meaning steps::register_task_definition::image
steps::migration::attempts steps::migration::database steps::migration::failed_starts
steps::migration::unknown_end steps::migration::restored_since steps::migration::before_end
steps::backup
steps::migration::preconditions steps::migration::undone
steps::rerun_build steps::cancel_build steps::follow_other_build
steps::merge_branch steps::set_version steps::create_tag steps::register_task_definition steps::migration
steps::pull_request
steps::open_pull_request steps::push_branch steps::push_tag steps::dispatch_build steps::follow_build steps::other_revision steps::check_site
steps::await_deploy_phase steps::await_rollout steps::raise_failure_limit steps::stop_rollout steps::deploy_again steps::roll_back
steps::restore_failure_limit
steps
readiness::workflow_text
production_now readiness::computer_state readiness::last_look readiness::reads setup::templates setup::value_tests::tested
setup::value_tests::aws setup::value_tests::code setup::value_tests::database setup::value_tests::machine setup::value_tests::site setup::proposals
setup::value_tests
setup
readiness::check
readiness::machine::program
readiness::code::approvals readiness::code::branches readiness::code::build_job readiness::code::build_under_way readiness::code::commit_checks readiness::code::github_sign_in readiness::code::large_files readiness::code::lock_free readiness::code::merges_cleanly readiness::code::push_rules readiness::code::settings readiness::code::submodules readiness::code::tag_free readiness::code::version_file readiness::code::workflow readiness::code::workflow_concurrency readiness::code::workflow_deploys readiness::code::workflow_inputs readiness::code::workflow_triggers
readiness::production::alarms readiness::production::aws_sign_in readiness::production::bake_time readiness::production::breaker readiness::production::container readiness::production::controller readiness::production::deployment readiness::production::health_checks readiness::production::hooks readiness::production::log_group readiness::production::newest_settings readiness::production::package_name readiness::production::replacement_room readiness::production::roles readiness::production::secrets readiness::production::servers readiness::production::site readiness::production::site_version
readiness::machine::answers readiness::machine::backup_script readiness::machine::backup_space readiness::machine::clock readiness::machine::jobs readiness::machine::login_shell readiness::machine::migration_script readiness::machine::sign_in readiness::machine::sudo readiness::computer::awake readiness::computer::clock
readiness::code readiness::production readiness::machine readiness::computer
readiness
phase rollback_run
options doubt
markdown
export release_plan
release_plan::document
act::order
act
act::acquire_lock act::revoke_job act::start_prepare act::confirm_plan act::show_plan act::start_step
act::accept_findings act::answer_question act::answer_check act::apply_observation act::change_operator act::end_run
act::change_address act::give_up_machine act::correct_value act::stop_script act::start_over
act::start_deploy act::report_done act::report_undone act::skip_step act::continue_here
act::settle_doubt
runner::trouble
runner
runner::sink
runner::automatic runner::background
runner::open
release::earlier
release
"""

# At most two pairs that may use each other against the order: (module, used module): why.
ALLOWED_UPWARD = {}

MOST_LINES_OF_FUNCTION = 70
MOST_LINES_OF_FILE = 500
FEWEST_CHARACTERS_OF_DOC = 15
MOST_COLUMNS_OF_COMMENT = 100

# Files that were not written by hand here: generated, recorded, or from another project.
NOT_OURS = re.compile(r"(^|/)(generated|golden|found|node_modules|vendor)/|\.lock$|package-lock\.json$|\.jsonl$|\.sqlite$")
# Their ids and documents are samples that need not exist.
SAMPLES = ("tests/lint/",)

SOURCE = (".rs", ".ts", ".js", ".svelte", ".py", ".sh", ".c", ".css")
SCANNERS = {
    ".rs": scan.rust, ".ts": scan.script, ".js": scan.script, ".svelte": scan.svelte, ".c": scan.c, ".css": scan.c,
    ".sh": scan.hashes, ".py": scan.hashes, ".toml": scan.hashes, ".yml": scan.hashes, "Makefile": scan.hashes,
}
LANGUAGES = {".rs": "Rust", ".ts": "TypeScript", ".svelte": "Svelte", ".sh": "shell"}

ID = re.compile(r"\b(INV|TRAP|TEST)-([A-Z]\d+)\b((?:(?:, and |, | and | or | to )[A-Z]\d+\b)*)")
DEFINITION = re.compile(r"^\|\s*`?((?:INV|TRAP|TEST)-[A-Z]\d+)`?\s*\|", re.MULTILINE)
# A name of letters alone: `rally-2.1.0.md` is a sample value.
DOCUMENT = re.compile(r"(?<![\w{}<>*-])((?:[\w.-]+/)*[A-Za-z][A-Za-z_-]*\.md)\b(?:#([\w-]+))?")
# In documents, a name in backticks with a folder and an ending is a file of the tree.
FILE = re.compile(r"`((?:[\w.*<>-]+/)+[\w*<>-]+\.(?:rs|ts|svelte|sh|py|toml|js|css|c))`")

# In documents, a test in backticks: `src/file.rs::name_of_the_test`.
TEST_NAME = re.compile(r"`([\w./-]+\.rs)::(\w+)`")

Violation = namedtuple("Violation", "path line rule text")


class Tree:
    """The tracked text files, {path: text}."""

    def __init__(self, files):
        self.files = files
        self._splits = {}

    @classmethod
    def tracked(cls, root="."):
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], check=True, capture_output=True).stdout
        files = {}
        for name in filter(None, listed.decode().split("\0")):
            path = os.path.join(root, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
                if b"\0" not in content:
                    files[name] = content.decode("utf-8", "replace")
        return cls(files)

    def ours(self, *kinds):
        """Files of these kinds that a person of this project wrote."""
        for path, text in self.files.items():
            if self.kind(path) in kinds and not NOT_OURS.search(path):
                yield path, text

    def kind(self, path):
        """The ending of a file's name; of a program without one, its first line tells."""
        name = posixpath.basename(path)
        ending = name if name in SCANNERS else posixpath.splitext(name)[1]
        return ending or (".sh" if re.match(r"#!.*sh\b", self.files[path]) else "")

    def split(self, path):
        if path not in self._splits:
            self._splits[path] = SCANNERS[self.kind(path)](self.files[path])
        return self._splits[path]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


# ---------------------------------------------------------------- the rules


def cited_id(tree):
    """INV-, TRAP- and TEST- ids that are cited and have no row in a table of docs/."""
    defined = {one for path, text in tree.files.items() if path.startswith("docs/") for one in DEFINITION.findall(text)}
    for path, text in tree.files.items():
        if path.startswith(SAMPLES):
            continue
        for match in ID.finditer(text):
            cited = [match.group(2), *re.findall(r"[A-Z]\d+", match.group(3))]
            for one in cited:
                name = f"{match.group(1)}-{one}"
                if name not in defined:
                    yield Violation(path, line_of(text, match.start()), "cited-id", f"{name} is not in docs/")


def cited_document(tree):
    """Documents (`*.md`) that are cited and not in the tree, and headings of them that do not exist."""
    for path, text in tree.files.items():
        if path.startswith(SAMPLES):
            continue
        for match in DOCUMENT.finditer(text):
            name, heading = match.groups()
            found = document(tree, path, name)
            line = line_of(text, match.start())
            if found is None and not is_sample(text, match):
                yield Violation(path, line, "cited-document", f"{name} is not in the repository")
            elif found is not None and heading and heading not in headings(tree.files[found]):
                yield Violation(path, line, "cited-document", f"{name} has no heading #{heading}")


def document(tree, path, name):
    """The file that a document's name means: from the root, beside the file that names it, or in docs/."""
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    places = (name, beside, posixpath.join("docs", name))
    return next((place for place in places if place in tree.files), None)


def is_sample(text, match):
    """A name within a string, in small letters, is a file that a program or a test writes."""
    before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    return match.group(1).islower() and before.count('"') % 2 == 1


def headings(text):
    """Anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#{1,6} +(.+?)\s*#*$", text, re.MULTILINE)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.lower())) for title in titles}


def documented_file(tree):
    """Files of the tree that a document names in backticks and that do not exist."""
    for path, text in tree.files.items():
        if not path.endswith(".md") or path == "CHANGELOG.md":
            continue
        for match in FILE.finditer(text):
            name = match.group(1)
            pattern = re.compile("(^|/)" + re.sub(r"<[\w-]+>|\\\*+", "[^/]+", re.escape(name)) + "$")
            if not any(pattern.search(one) for one in tree.files):
                yield Violation(path, line_of(text, match.start()), "documented-file", f"{name} is not in the tree")


def documented_test(tree):
    """Tests that a document names and that do not exist, and threats of SECURITY.md without a test."""
    for path, text in tree.files.items():
        if not path.endswith(".md") or path == "CHANGELOG.md":
            continue
        for match in TEST_NAME.finditer(text):
            name, test = match.groups()
            function = re.compile(rf"#\[(?:tokio::)?test\](?:\s*#\[[^\n]*\])*\s*(?:async )?fn {test}\(")
            held = any(function.search(held) for one, held in tree.files.items() if ("/" + one).endswith("/" + name))
            if not held:
                yield Violation(path, line_of(text, match.start()), "documented-test", f"{name} has no test {test}")
    security = tree.files.get("SECURITY.md", "")
    for row in threats(security):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if not TEST_NAME.search(cells[-1]) and not cells[-1].startswith("no test: "):
            line = line_of(security, security.index(row))
            yield Violation("SECURITY.md", line, "documented-test", f"this threat names no test: {cells[0]}")


def threats(text):
    """The rows of the table under the heading Threats."""
    section = text.partition("\n## Threats\n")[2].partition("\n## ")[0]
    return [line for line in section.split("\n") if line.startswith("| ")][1:]


def seeded_defect(tree):
    """The word `mutant` in src-tauri, in a name or a text."""
    for path, text in tree.files.items():
        if not path.startswith("src-tauri/"):
            continue
        if "mutant" in path.lower():
            yield Violation(path, 1, "mutant", "a file is called so")
        for number, line in enumerate(text.split("\n"), 1):
            if "mutant" in line.lower():
                yield Violation(path, number, "mutant", line.strip()[:80])


def upward_import(tree, layers=LAYERS, allowed=None):
    """Imports in the engine from a module of the same or a higher layer."""
    allowed = ALLOWED_UPWARD if allowed is None else allowed
    files = {path: text for path, text in tree.files.items() if path.startswith(ENGINE + "/") and path.endswith(".rs")}
    rank = {module: row for row, line in enumerate(layers.strip().split("\n")) for module in line.split()}
    here = "tests/lint/house.py"
    modules = {imports.module_of(path, ENGINE): path for path in files}
    for module, path in modules.items():
        if module not in rank and not imports.is_test(module):
            yield Violation(path, 1, "upward-import", f"{module} is in no line of LAYERS in {here}")
    for module in sorted(set(rank) - set(modules)):
        yield Violation(here, 1, "upward-import", f"LAYERS names {module}, which does not exist")
    used = set()
    for one in imports.imports(files, ENGINE):
        if (one.module, one.target) in allowed:
            used.add((one.module, one.target))
        elif one.module in rank and one.target in rank and rank[one.target] >= rank[one.module]:
            place = "the same" if rank[one.target] == rank[one.module] else "a higher"
            text = f"{one.module} uses {one.target}, which is in {place} layer"
            yield Violation(one.path, one.line, "upward-import", text)
    for module, target in sorted(set(allowed) - used):
        yield Violation(here, 1, "upward-import", f"{module} may use {target}, and does not")
    if len(allowed) > 2:
        yield Violation(here, 1, "upward-import", f"{len(allowed)} exceptions are allowed; two are the most")


def long_function(tree):
    """Functions of more than 70 lines: Rust, TypeScript, Svelte, Python, shell."""
    for path, text in tree.ours(*SOURCE):
        for one in functions_of(tree, path, text):
            if one.lines > MOST_LINES_OF_FUNCTION:
                yield Violation(path, one.line, "long-function", f"{one.name} has {one.lines} lines")


def functions_of(tree, path, text):
    ending = tree.kind(path)
    if ending == ".rs":
        return functions.rust(text)
    if ending in (".ts", ".js", ".svelte"):
        return functions.script(tree.split(path).code)
    if ending == ".py":
        return functions.python(text)
    return functions.shell(text) if ending == ".sh" else ()


def long_file(tree):
    """Source files of more than 500 lines."""
    for path, text in tree.ours(*SOURCE):
        lines = text.count("\n")
        if lines > MOST_LINES_OF_FILE:
            yield Violation(path, MOST_LINES_OF_FILE + 1, "long-file", f"{lines} lines")


def poisoned_lock(tree):
    """`PoisonError`: parking_lot has locks that cannot be poisoned."""
    for path, _ in tree.ours(".rs"):
        for number, line in enumerate(tree.split(path).code.split("\n"), 1):
            if "PoisonError" in line:
                yield Violation(path, number, "poison-error", line.strip()[:80])


def short_doc(tree):
    """Doc comments of fewer than 15 characters: they say nothing that the name does not say."""
    for path, _ in tree.ours(".rs", ".ts", ".js", ".svelte"):
        for line, text in docs_of(tree.split(path).comments):
            if len(text) < FEWEST_CHARACTERS_OF_DOC:
                yield Violation(path, line, "short-doc", text or "empty")


def docs_of(comments):
    """Doc comments as (first line, whole text): adjacent lines with the same mark are one."""
    doc = None
    for one in comments:
        if not one.doc:
            continue
        if doc is not None and one.line == doc[1] + 1 and one.mark == doc[2]:
            doc = (doc[0], one.line, doc[2], f"{doc[3]} {one.text}")
            continue
        if doc is not None:
            yield doc[0], doc[3].strip()
        doc = (one.line, one.line, one.mark, one.text)
    if doc is not None:
        yield doc[0], doc[3].strip()


def wide_comment(tree):
    """Lines with a comment of more than 100 columns; one long address may stand in them."""
    for path, text in tree.ours(*SCANNERS):
        lines = text.split("\n")
        for number in sorted({one.line for one in tree.split(path).comments}):
            line = lines[number - 1]
            if len(line) > MOST_COLUMNS_OF_COMMENT and not re.search(r"https?://\S{60,}", line):
                yield Violation(path, number, "wide-comment", f"{len(line)} columns")


RULES = {
    "cited-id": cited_id,
    "cited-document": cited_document,
    "documented-file": documented_file,
    "mutant": seeded_defect,
    "upward-import": upward_import,
    "long-function": long_function,
    "long-file": long_file,
    "documented-test": documented_test,
    "poison-error": poisoned_lock,
    "short-doc": short_doc,
    "wide-comment": wide_comment,
}

# ---------------------------------------------------------------- the command


def comment_words(tree):
    texts = {language: [] for language in LANGUAGES.values()}
    for path, _ in tree.ours(*LANGUAGES):
        texts[LANGUAGES[tree.kind(path)]] += [one.text for one in tree.split(path).comments]
    return words.table(words.count(texts))


def check(tree, names, out):
    """Prints violations; gives how many there are."""
    number = 0
    for name in names:
        for one in RULES[name](tree):
            number += 1
            print(f"{one.path}:{one.line}: {one.rule}: {one.text}", file=out)
    return number


def main(args, out=sys.stdout, tree=None):
    names = list(RULES)
    if args[:1] == ["--list"]:
        for name, rule in RULES.items():
            print(f"{name:<16} {' '.join(rule.__doc__.split())}", file=out)
        return 0
    if args[:1] == ["--only"] and len(args) == 2:
        names = args[1].split(",")
        unknown = [name for name in names if name not in RULES]
        if unknown:
            print(f"no such rule: {', '.join(unknown)}; --list names them", file=sys.stderr)
            return 2
    elif args not in ([], ["--counts"], ["--words"]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    tree = tree or Tree.tracked()
    if args == ["--words"]:
        print("\n".join(comment_words(tree)), file=out)
        return 0
    if args == ["--counts"]:
        for name in names:
            print(f"{name:<16} {sum(1 for _ in RULES[name](tree))}", file=out)
        return 0
    return 1 if check(tree, names, out) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
