//! Markdown documents whose text comes from people and other systems.

use std::fmt::Write as _;

/// A document that grows line by line.
#[derive(Default)]
pub(crate) struct Page {
    pub text: String,
}

impl Page {
    pub fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub fn heading(&mut self, level: usize, text: &str) {
        let _ = writeln!(self.text, "\n{} {}\n", "#".repeat(level), escape(text));
    }

    /// Adds a list item, unless its value is empty.
    pub fn item(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            let _ = writeln!(self.text, "* {name}: {}", escape(value));
        }
    }

    /// Adds a block of text that is not escaped. Its fence is longer than any fence in the text.
    pub fn block(&mut self, kind: &str, text: &str) {
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let _ = writeln!(self.text, "\n{fence}{kind}\n{}\n{fence}\n", text.trim_end_matches('\n'));
    }
}

/// Escapes one line of text, so that Markdown shows it unchanged.
pub(crate) fn escape(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '!' | '&' => {
                clean.push('\\');
                clean.push(c);
            }
            c if c.is_control() => clean.push(' '),
            c => clean.push(c),
        }
    }
    clean
}
