"""Tests of the rules: for each rule a text that breaks it and texts that nearly do."""

import io
import os
import subprocess
import tempfile
import unittest

import functions
import house
import imports
import scan
import words

ENGINE = house.ENGINE
ROW = "| INV-D2 | One start. | here | a test |\n"


def broken(rule, files, **more):
    """Violations of one rule in these files, as `path:line`."""
    return [f"{one.path}:{one.line}" for one in house.RULES[rule](house.Tree(files), **more)]


def body(lines):
    """A Rust function of so many lines."""
    return "fn long() {\n" + "    work();\n" * (lines - 2) + "}\n"


# One text per rule that breaks it, so that no rule is kept that cannot fail.
BREAKS = {
    "cited-id": {"a.rs": "// INV-D2\n"},
    "cited-document": {"a.rs": "// See RELEASE.md 6.\n"},
    "documented-file": {"docs/a.md": "`src/gone.rs`\n"},
    "documented-test": {"docs/a.md": "`src/a.rs::holds`\n"},
    "mutant": {"src-tauri/a.rs": "use mutant;\n"},
    "upward-import": {f"{ENGINE}/a.rs": ""},
    "long-function": {"a.rs": body(71)},
    "long-file": {"a.rs": "\n" * 501},
    "poison-error": {"a.rs": "use std::sync::PoisonError;\n"},
    "short-doc": {"a.rs": "/// See the file.\nstruct A;\n"},
    "wide-comment": {"a.rs": "// " + "x" * 98 + "\n"},
}


class EveryRule(unittest.TestCase):
    def test_can_fail(self):
        self.assertEqual(set(BREAKS), set(house.RULES))
        for rule, files in BREAKS.items():
            self.assertTrue(broken(rule, files), rule)

    def test_says_its_name(self):
        for rule, files in BREAKS.items():
            self.assertEqual({one.rule for one in house.RULES[rule](house.Tree(files))}, {rule})


class NamedTests(unittest.TestCase):
    TABLE = "\n## Threats\n\n| who | held by |\n|---|---|\n| a page | {} |\n\n## More\n\n| a | b |\n|---|---|\n| c | d |\n"

    def test_a_named_test_is_a_test_of_that_file(self):
        use = {"docs/a.md": "`src/a.rs::holds`\n"}
        for text in ("#[test]\nfn holds() {}\n", "#[tokio::test]\n#[ignore = \"long\"]\nasync fn holds() {}\n"):
            self.assertEqual(broken("documented-test", {**use, "x/src/a.rs": text}), [])
        for text in ("fn holds() {}\n", "#[test]\nfn holds_more() {}\n"):
            self.assertEqual(broken("documented-test", {**use, "x/src/a.rs": text}), ["docs/a.md:1"])
        self.assertEqual(broken("documented-test", {**use, "src/b.rs": "#[test]\nfn holds() {}\n"}), ["docs/a.md:1"])

    def test_each_threat_names_a_test_or_says_why_not(self):
        test = {"src/a.rs": "#[test]\nfn holds() {}\n"}
        for cell in ("`src/a.rs::holds`", "no test: it is the system's own"):
            self.assertEqual(broken("documented-test", {**test, "SECURITY.md": self.TABLE.format(cell)}), [])
        for cell in ("", "a review", "no test"):
            self.assertEqual(broken("documented-test", {**test, "SECURITY.md": self.TABLE.format(cell)}), ["SECURITY.md:6"])


class Citations(unittest.TestCase):
    def test_an_id_is_defined_by_a_table_row_in_docs(self):
        use = {"a.rs": "\n// INV-D2\n"}
        self.assertEqual(broken("cited-id", use), ["a.rs:2"])
        self.assertEqual(broken("cited-id", {**use, "docs/invariants.md": ROW}), [])
        self.assertEqual(broken("cited-id", {**use, "README.md": ROW}), ["a.rs:2", "README.md:1"])
        self.assertIn("a.rs:2", broken("cited-id", {**use, "docs/x.md": "INV-D2 is nice.\n"}))

    def test_short_forms_of_several_ids_count(self):
        docs = {"docs/invariants.md": ROW + "| TRAP-T1 | x |\n"}
        self.assertEqual(broken("cited-id", {**docs, "a.rs": "// INV-D2, D3\n"}), ["a.rs:1"])
        self.assertEqual(broken("cited-id", {**docs, "a.rs": "// TRAP-T1 and L2\n"}), ["a.rs:1"])
        self.assertEqual(broken("cited-id", {**docs, "a.rs": "// INV-D2, Done\n"}), [])

    def test_words_that_only_look_like_ids_are_left_alone(self):
        text = 'starts_with("INV-") XINV-D2 LATEST-T3 INV-D INV-d2\n'
        self.assertEqual(broken("cited-id", {"a.rs": text}), [])

    def test_finds_a_document_from_root_beside_and_in_docs(self):
        tree = {"docs/releases.md": "# A\n", "src/notes.md": "# A\n"}
        for name in ("docs/releases.md", "releases.md", "notes.md"):
            self.assertEqual(broken("cited-document", {**tree, "src/a.rs": f"// {name}\n"}), [], name)
        self.assertEqual(broken("cited-document", {**tree, "a.rs": "// notes.md\n"}), ["a.rs:1"])

    def test_a_heading_of_a_document_must_exist(self):
        tree = {"docs/releases.md": "## Way back, and who\n"}
        good, bad = "// docs/releases.md#way-back-and-who.\n", "// docs/releases.md#way-back\n"
        self.assertEqual(broken("cited-document", {**tree, "a.rs": good + bad}), ["a.rs:2"])

    def test_names_of_written_files_are_no_citations(self):
        text = 'let name = "record.md"; // "Rally-2.1.0.md"\nformat!("{name}.md")\n'
        self.assertEqual(broken("cited-document", {"a.rs": text}), [])
        self.assertEqual(broken("cited-document", {"a.rs": "// record.md\n"}), ["a.rs:1"])
        self.assertEqual(broken("cited-document", {"a.rs": 'let a = "RELEASE.md";\n'}), ["a.rs:1"])

    def test_a_file_in_a_document_may_lack_its_first_folders(self):
        tree = {"src-tauri/crates/engine/src/fold.rs": "", "a/steps/x.rs": ""}
        text = "`engine/src/fold.rs` `steps/<step>.rs` `fold.rs` `src/gone`\n"
        self.assertEqual(broken("documented-file", {**tree, "docs/a.md": text}), [])
        self.assertEqual(broken("documented-file", {**tree, "docs/a.md": "\n`src/olds.rs`\n"}), ["docs/a.md:2"])
        self.assertEqual(broken("documented-file", {**tree, "CHANGELOG.md": "`src/olds.rs`\n"}), [])


class Defects(unittest.TestCase):
    def test_the_word_counts_in_src_tauri_alone(self):
        self.assertEqual(broken("mutant", {"src-tauri/Cargo.toml": "\nmutants = []\n"}), ["src-tauri/Cargo.toml:2"])
        self.assertEqual(broken("mutant", {"src-tauri/mutant.rs": ""}), ["src-tauri/mutant.rs:1"])
        self.assertEqual(broken("mutant", {"tests/mutants/a.patch": "mutant\n", "src-tauri/a.rs": "mutate()"}), [])


class Layers(unittest.TestCase):
    LAYERS = "crate\nlow\nhigh other\nhigh::part"

    def uses(self, **texts):
        files = {name: "" for name in ("lib", "low", "high", "other", "high/part")}
        files.update({name.replace("__", "/"): text for name, text in texts.items()})
        tree = {f"{ENGINE}/{name}.rs": text for name, text in files.items()}
        return [at.removeprefix(ENGINE + "/") for at in broken("upward-import", tree, layers=self.LAYERS, allowed={})]

    def test_only_lower_layers_may_be_used(self):
        self.assertEqual(self.uses(high="use crate::low::A;\n"), [])
        self.assertEqual(self.uses(low="\nuse crate::{high::{self, B}, x};\n"), ["low.rs:2"])
        self.assertEqual(self.uses(low="fn a() { crate::high::b() }\n"), ["low.rs:1"])
        self.assertEqual(self.uses(other="use crate::high;\n"), ["other.rs:1"])

    def test_a_parent_and_its_part_are_two_modules(self):
        self.assertEqual(self.uses(high__part="use super::A;\nuse super::super::low::B;\n"), [])
        self.assertEqual(self.uses(high="mod part;\nfn a() { part::b() }\n"), ["high.rs:2"])
        self.assertEqual(self.uses(high="mod part;\nuse part::b;\n"), ["high.rs:2"])
        self.assertEqual(self.uses(high="mod part;\npub use part::b;\n"), [])

    def test_comments_strings_tests_and_other_crates_use_nothing(self):
        text = '// crate::high::A\nlet a = "crate::high::A";\nuse other_crate::high;\nuse std::x;\n'
        self.assertEqual(self.uses(low=text), [])
        self.assertEqual(self.uses(low="pub(in crate::high) fn a() {}\n"), [])
        self.assertEqual(self.uses(low="#[cfg(test)]\nmod tests {\n    use crate::high::A;\n}\n"), [])
        self.assertEqual(self.uses(low="#[cfg(test)]\nmod tests { use super::*; }\nuse crate::high;\n"), ["low.rs:3"])

    def test_the_table_names_every_module_and_no_other(self):
        tree = {f"{ENGINE}/lib.rs": "", f"{ENGINE}/new.rs": "", f"{ENGINE}/new/tests.rs": ""}
        found = broken("upward-import", tree, layers="crate\ngone", allowed={})
        self.assertEqual(found, [f"{ENGINE}/new.rs:1", "tests/lint/house.py:1"])

    def test_exceptions_are_at_most_two_and_needed(self):
        tree = {f"{ENGINE}/lib.rs": "", f"{ENGINE}/a.rs": "use crate::b;", f"{ENGINE}/b.rs": ""}
        layers, here = "crate\na\nb", "tests/lint/house.py:1"
        self.assertEqual(broken("upward-import", tree, layers=layers, allowed={("a", "b"): "why"}), [])
        self.assertEqual(broken("upward-import", tree, layers=layers, allowed={("b", "a"): ""})[-1], here)
        three = {("a", "b"): "", ("b", "a"): "", ("b", "crate"): ""}
        self.assertEqual(broken("upward-import", tree, layers=layers, allowed=three), [here] * 3)

    def test_a_tree_of_uses_is_taken_apart(self):
        found = set(imports.expand("crate::{a::{self, B as C}, d::*, e}"))
        self.assertEqual(found, {("crate", "a"), ("crate", "a", "B"), ("crate", "d"), ("crate", "e")})


class Lengths(unittest.TestCase):
    def test_seventy_lines_are_allowed(self):
        self.assertEqual(broken("long-function", {"a.rs": body(70)}), [])
        self.assertEqual(broken("long-function", {"a.rs": "\n" + body(71)}), ["a.rs:2"])

    def test_braces_in_strings_and_comments_do_not_count(self):
        odd = "    f('{', \"{\", r#\"\"{\"#, b'{'); // {\n    /* { /* { */ */\n    let l: &'a str;\n"
        self.assertEqual([one.lines for one in functions.rust("fn a<'a>() {\n" + odd + "}\nfn b() {}\n")], [5, 1])

    def test_a_declaration_and_a_type_have_no_body(self):
        text = "trait A { fn a(&self) -> [u8; 2]; fn b() { x } }\ntype C = fn(u32) -> u32;\n"
        self.assertEqual([one.name for one in functions.rust(text)], ["b"])

    def test_functions_of_typescript(self):
        text = "function a(): { b: C } {\n}\nclass D {\n  e(f: G) {\n    if (x) {\n    }\n  }\n}\nconst h = () => {\n};\n"
        found = {(one.name, one.lines) for one in functions.script(scan.script(text).code)}
        self.assertEqual(found, {("a", 2), ("e", 4), ("the arrow function of h", 2)})

    def test_a_group_of_tests_is_no_function(self):
        text = 'describe("x", () => {\n  it("y", () => {\n  });\n});\n'
        self.assertEqual([one.lines for one in functions.script(scan.script(text).code)], [2])

    def test_functions_of_svelte_python_and_shell(self):
        svelte = "<script>\nfunction a() {\n" + "b();\n" * 69 + "}\n</script>\n"
        python = "def a():\n" + "    b()\n" * 70
        shell = "a() {\n" + "b\n" * 69 + "}\n"
        files = {"a.svelte": svelte, "a.py": python, "a.sh": shell, "b.sh": shell.replace("b\n", "", 1)}
        self.assertEqual(broken("long-function", files), ["a.svelte:2", "a.py:1", "a.sh:1"])

    def test_generated_files_may_be_long(self):
        long = "\n" * 501
        files = {"a.rs": "\n" * 500, "ui/src/generated/b.ts": long, "tests/golden/c.rs": long, "d.md": long}
        self.assertEqual(broken("long-file", files), [])
        self.assertEqual(broken("long-file", {"a.py": long, "b": "#!/bin/sh" + long}), ["a.py:501", "b:501"])
        self.assertEqual(house.Tree({"b": "#!/bin/sh\n"}).kind("b"), ".sh")


class Comments(unittest.TestCase):
    def test_a_doc_comment_is_as_long_as_all_its_lines(self):
        self.assertEqual(broken("short-doc", {"a.rs": "/// Short\n/// but not alone.\n"}), [])
        self.assertEqual(broken("short-doc", {"a.rs": "/// Fifteen chars!!\n"}), [])
        self.assertEqual(broken("short-doc", {"a.rs": "//! Short.\n/// Also short.\n"}), ["a.rs:1", "a.rs:2"])
        self.assertEqual(broken("short-doc", {"a.ts": "/** Short. */\nlet a;\n/**\n * Short.\n */\n"}), ["a.ts:1", "a.ts:3"])

    def test_other_comments_may_be_short(self):
        text = '// Why.\n//// Why.\n/* Why. */\nlet a = "/// Why.";\n'
        self.assertEqual(broken("short-doc", {"a.rs": text, "b.ts": "// Why.\n/* Why. */\n"}), [])

    def test_a_line_with_a_comment_has_at_most_100_columns(self):
        self.assertEqual(broken("wide-comment", {"a.rs": "// " + "x" * 97 + "\n"}), [])
        self.assertEqual(broken("wide-comment", {"a.rs": "let a = 1; // " + "x" * 87 + "\n"}), ["a.rs:1"])
        self.assertEqual(broken("wide-comment", {"a.rs": "let a = \"// " + "x" * 99 + "\";\n"}), [])
        self.assertEqual(broken("wide-comment", {"a.svelte": "<!-- " + "x" * 99 + " -->\n"}), ["a.svelte:1"])
        self.assertEqual(broken("wide-comment", {"Makefile": "# " + "x" * 99 + "\nrun: ## " + "x" * 99}), ["Makefile:1"])

    def test_one_long_address_may_be_wide(self):
        self.assertEqual(broken("wide-comment", {"a.rs": "// https://" + "x" * 99 + "\n"}), [])
        self.assertEqual(broken("wide-comment", {"a.rs": "// https://x.y " + "x" * 99 + "\n"}), ["a.rs:1"])

    def test_a_poisoned_lock_counts_in_code_alone(self):
        self.assertEqual(broken("poison-error", {"a.rs": "// PoisonError\nlet a = \"PoisonError\";\n"}), [])
        self.assertEqual(broken("poison-error", {"a.rs": "\nx.unwrap_or_else(PoisonError::into_inner)\n"}), ["a.rs:2"])


class Scanning(unittest.TestCase):
    def texts(self, split):
        return [(one.line, one.text) for one in split.comments]

    def test_rust_strings_that_hold_marks_are_no_comments(self):
        text = 'let a = "// no"; let b = r##"" // no"##; let c = b"/*"; let d = \'"\'; // yes\n'
        self.assertEqual(self.texts(scan.rust(text)), [(1, "yes")])

    def test_rust_lifetimes_are_no_characters(self):
        self.assertEqual(self.texts(scan.rust("fn a<'a>(b: &'a str, c: &'static str) {} // yes\n")), [(1, "yes")])

    def test_scripts_have_templates_and_regular_expressions(self):
        text = "const a = `// ${b(`}`)} no`; const c = /[/\"`]{2}/; const d = 4 / 2; // yes\n"
        self.assertEqual(self.texts(scan.script(text)), [(1, "yes")])

    def test_an_address_in_a_string_is_no_comment(self):
        self.assertEqual(self.texts(scan.script('open("https://x.y"); /* a\n b */\n')), [(1, "a"), (2, "b")])

    def test_svelte_has_three_kinds_of_comments(self):
        text = "<!-- a -->\n<script>\n// b\n</script>\n<p>// no</p>\n<style>\n/* c */\n</style>\n"
        self.assertEqual(self.texts(scan.svelte(text)), [(1, "a"), (3, "b"), (7, "c")])

    def test_the_first_line_of_a_program_is_no_comment(self):
        self.assertEqual(self.texts(scan.hashes("#!/bin/sh\n# a\nb # c\n")), [(2, "a")])


class Words(unittest.TestCase):
    def test_what_in_a_question_is_not_counted(self):
        self.assertEqual(words.whats("What it does. Says what\nwas seen."), 2)
        self.assertEqual(words.whats("What is it? Whatever."), 0)

    def test_words_are_counted_per_ten_thousand(self):
        counts = words.count({"Rust": ["Nobody stands here; it is told by itself, whoever.", "a stand-in, told"]})
        self.assertEqual([counts["all"][name] for name in words.VAGUE], [1, 1, 1, 1, 1])
        self.assertIn("12", words.table(counts)[1].split())


class Command(unittest.TestCase):
    def run_main(self, *args, files=None):
        out = io.StringIO()
        return house.main(list(args), out, house.Tree(files or {})), out.getvalue()

    def test_ends_with_1_when_a_rule_is_broken(self):
        code, text = self.run_main("--only", "short-doc", files=BREAKS["short-doc"])
        self.assertEqual((code, text), (1, "a.rs:1: short-doc: See the file.\n"))
        self.assertEqual(self.run_main("--only", "long-file,short-doc", files={"a.rs": ""}), (0, ""))

    def test_counts_and_words_end_with_0(self):
        code, text = self.run_main("--counts", files=BREAKS["short-doc"])
        self.assertEqual(code, 0)
        self.assertIn("short-doc        1\n", text)
        self.assertEqual(self.run_main("--words", files={"a.rs": "// What it is.\n"})[0], 0)

    def test_lists_every_rule(self):
        text = self.run_main("--list")[1]
        self.assertEqual(len(text.strip().split("\n")), len(house.RULES))

    def test_reads_only_what_git_tracks(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("a.rs", b"//a\n"), ("b.rs", b"//b\n"), ("c.png", b"\0")):
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(content)
            subprocess.run(["git", "-C", folder, "init", "-q"], check=True)
            subprocess.run(["git", "-C", folder, "add", "a.rs", "c.png"], check=True)
            self.assertEqual(house.Tree.tracked(folder).files, {"a.rs": "//a\n"})


if __name__ == "__main__":
    unittest.main()
