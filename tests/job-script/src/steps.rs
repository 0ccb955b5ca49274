//! Finds the statements of the verbs and inserts a stop before each.

/// The stop function. The environment of the process configures it. A stop happens at the first
/// pass; a trace records every pass.
const STOP: &str = r#"
__stop() {
  if [ "${STOP_HOW-}" = trace ] && [ "${STOP_VERB-}" = "$verb" ]; then echo "$1" >> "$STOP_DIR/passed"; fi
  [ "${STOP_AT-}" = "$1" ] && [ "${STOP_VERB-}" = "$verb" ] && [ ! -e "$STOP_DIR/reached" ] || return 0
  : > "$STOP_DIR/reached"
  if [ "$STOP_HOW" = kill ]; then kill -9 $$; exit; fi
  __n=0
  while [ ! -e "$STOP_DIR/go" ] && [ "$__n" -lt 1000 ]; do
    sleep 0.01
    __n=$((__n + 1))
  done
}
"#;

/// The verbs with a stop before each statement.
pub struct Steps {
    /// Text of the script.
    pub text: String,
    /// Function and line number of each stop.
    pub stops: Vec<(String, usize)>,
}

/// Inserts a stop before every statement that begins a line after the arguments are read.
#[must_use]
pub fn with_stops(verbs: &str) -> Steps {
    let (mut text, mut stops, mut function) = (String::new(), Vec::new(), String::from("main"));
    let (mut has_arguments, mut in_text) = (false, false);
    for (number, line) in verbs.lines().enumerate() {
        let bare = line.trim();
        if let Some(name) = bare.strip_suffix("() {") {
            name.clone_into(&mut function);
        } else if has_arguments && !in_text && begins_a_statement(bare) {
            text.push_str(&format!("__stop {number}\n"));
            stops.push((function.clone(), number));
        }
        // A text over several lines ends at a line with only its second quote.
        in_text = if in_text { bare != "\"" } else { bare.matches('"').count() % 2 == 1 };
        text.push_str(line);
        text.push('\n');
        if line == "}" {
            "main".clone_into(&mut function);
        }
        if bare == "id=$3" {
            has_arguments = true;
            text.push_str(STOP);
        }
    }
    Steps { text, stops }
}

/// Whether a line begins a statement. Continuations, closing words and `case` patterns do not.
fn begins_a_statement(bare: &str) -> bool {
    let word = bare.split([' ', ';']).next().unwrap_or_default();
    let is_pattern = bare.ends_with(')') && !bare.contains('(') || bare.ends_with(";;") || bare.contains(") return");
    let is_function = bare.contains("() {");
    !bare.is_empty()
        && !bare.starts_with('#')
        && !is_pattern
        && !is_function
        && !matches!(word, "fi" | "done" | "esac" | "else" | "elif" | "}" | "then" | "do" | "\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VERBS;

    #[test]
    fn every_changing_statement_has_a_stop() {
        let steps = with_stops(VERBS);
        let lines: Vec<&str> = VERBS.lines().collect();
        let stopped: Vec<&str> = steps.stops.iter().map(|(_, number)| lines[*number].trim()).collect();
        for changing in [
            "settle",
            "mv -T \"$job/result.tmp\" \"$job/result\"",
            "sync \"$job/log\" || true",
            "rm -f \"$who\"",
            "new=$(mktemp -d \"$job/gate.XXXXXXXX\") || return 1",
            "if ! mv -T \"$new\" \"$job/started\" 2> /dev/null; then",
            "cat > \"$filled/cmd.sh\"",
            "exec 9>&-",
        ] {
            assert!(stopped.contains(&changing), "{changing}\nof {stopped:#?}");
        }
        assert!(stopped.len() > 80, "{} stops", stopped.len());
    }
}
