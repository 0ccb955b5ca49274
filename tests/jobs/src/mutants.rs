//! Seeded defects of the verbs, single and in pairs: each has to show in a case. A second layer may hide the first, so
//! pairs are tried too (RELIABILITY.md 3.8).
#![expect(clippy::print_stdout, reason = "it says which case shows a defect")]

use std::time::Instant;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::{
    VERBS,
    alone::ALONE,
    cases::{all, play},
    machine::Shell,
    steps::with_stops,
};

/// A defect: what it does wrong, and the text that it changes.
#[derive(Clone, Copy, Debug)]
pub struct Defect {
    /// What it does wrong.
    pub words: &'static str,
    /// What the verbs say.
    pub right: &'static str,
    /// What they say instead.
    pub wrong: &'static str,
    /// A second place that it changes, or nothing.
    pub and: (&'static str, &'static str),
    /// Why no case shows it when it is alone; empty when one has to.
    pub hidden: &'static str,
}

const fn defect(words: &'static str, right: &'static str, wrong: &'static str) -> Defect {
    Defect { words, right, wrong, and: ("", ""), hidden: "" }
}

const fn hidden(words: &'static str, right: &'static str, wrong: &'static str, why: &'static str) -> Defect {
    Defect { words, right, wrong, and: ("", ""), hidden: why }
}

/// All of them.
pub const DEFECTS: [Defect; 23] = [
    defect(
        "the gate is made, whoever was there before",
        "if ! mv -T \"$new\" \"$job/started\" 2> /dev/null; then",
        "rm -rf \"$job/started\"; if ! mv -T \"$new\" \"$job/started\" 2> /dev/null; then",
    ),
    defect(
        "the job starts although another one passed the gate",
        "gate run launched || exit 0",
        "gate run launched || true",
    ),
    hidden(
        "the supervisor does not look whether it started before it waits for its lock",
        "  [ ! -d started ] || exit 0\n  exec 8>> lock.sup",
        "  exec 8>> lock.sup",
        "the look after the lock, and the gate, say the same",
    ),
    hidden(
        "the supervisor does not look again once it has its lock",
        "  flock -w 5 8 || exit 0\n  [ ! -d started ] || exit 0",
        "  flock -w 5 8 || exit 0",
        "the gate says the same",
    ),
    defect(
        "the lock of the payload is taken after the gate",
        "  flock -w 5 9 || exit 0\n  keep_holder \"$2\" || exit 0\n  [ \"$(run_of \"$2\")\" = \"$3\" ] || exit 0\n  gate run launched || exit 0",
        "  keep_holder \"$2\" || exit 0\n  [ \"$(run_of \"$2\")\" = \"$3\" ] || exit 0\n  gate run launched || exit 0\n  flock -n 9 || exit 0",
    ),
    defect("the gate is not on disk before it is in place", "  sync \"$new/info\" \"$new\" || return 1\n", ""),
    defect(
        "the way to the gate is not on disk before the payload",
        "    return 1\n  fi\n  settle\n}\n\n# Everything",
        "    return 1\n  fi\n}\n\n# Everything",
    ),
    defect("the script is not on disk before it is in place", "  sync \"$1\"/* \"$1\" || return 1\n", ""),
    Defect {
        words: "the locks are read before the gate",
        right: "  if [ ! -d \"$j/started\" ]; then\n    state=waiting",
        wrong: "  supervisor=free\n  is_free \"$j/lock.sup\" || supervisor=held\n  tree=free\n  \
                is_free \"$j/lock.tree\" || tree=held\n  if [ ! -d \"$j/started\" ]; then\n    state=waiting",
        and: (
            "  supervisor=free\n  is_free \"$j/lock.sup\" || supervisor=held\n  tree=free\n  \
             is_free \"$j/lock.tree\" || tree=held\n  ended=",
            "  ended=",
        ),
        hidden: "",
    },
    defect("the payload does not hold its lock", "8>&-) >> \"$job/log\"", "8>&- 9>&-) >> \"$job/log\""),
    defect("the result is not moved into place", "  mv -T \"$job/result.tmp\" \"$job/result\"\n", ""),
    defect("every script ended well", "wait \"$payload\" || code=$?", "wait \"$payload\" || code=0"),
    defect("closing a gate always succeeds", "    say lost\n", "    say won\n"),
    defect("a closed gate is not told to who submits", "    say revoked\n  elif", "    say same\n  elif"),
    defect("no tombstone is made", "    place \"$filled\" || true\n", ""),
    defect(
        "what was damaged on the way is taken",
        "    if [ \"$(hash_of \"$filled/cmd.sh\")\" != \"$1\" ]; then",
        "    if false; then",
    ),
    defect("a piece of output begins one byte too early", "tail -c \"+$(($1 + 1))\"", "tail -c \"+$1\""),
    defect(
        "the supervisor does not ask who holds the environment",
        "  [ \"$(run_of \"$2\")\" = \"$3\" ] || exit 0\n",
        "",
    ),
    defect("another run may take the environment while a job passes its gate", "  keep_holder \"$2\" || exit 0\n", ""),
    defect(
        "whoever orders a start is not asked whether he holds the environment",
        "  if [ \"$(run_of \"$1\")\" != \"$2\" ]; then\n    say \"other $(holder_of \"$1\")\"\n    return\n  fi\n  setsid",
        "  setsid",
    ),
    defect(
        "the environment is taken whoever holds it",
        "    if [ \"$(run_of \"$id\")\" != \"$2\" ]; then",
        "    if false; then",
    ),
    defect(
        "a job is put there for who does not hold the environment",
        "    if [ \"$(run_of \"$5\")\" != \"$6\" ]; then",
        "    if false; then",
    ),
    defect("the second attempt does not wait for the first", "    if ! is_next; then", "    if false; then"),
];

impl Defect {
    /// The verbs with the defect; `None` when another one took its place away.
    fn put_into(&self, verbs: &str) -> Option<String> {
        let (right, wrong) = self.and;
        let is_there = verbs.contains(self.right) && verbs.contains(right);
        is_there.then(|| verbs.replacen(right, wrong, 1).replacen(self.right, self.wrong, 1))
    }
}

/// The case that shows that these verbs are wrong, if one does.
#[must_use]
pub fn shown_by(verbs: &str) -> Option<String> {
    let found = ALONE.into_par_iter().find_map_any(|(name, check)| {
        let error = check(Shell::Dash, verbs).err()?;
        Some(format!("{name}: {error:#}"))
    });
    if found.is_some() {
        return found;
    }
    let steps = with_stops(verbs);
    all(&steps, &[Shell::Dash]).into_par_iter().find_map_any(|case| {
        let error = play(&case, &steps.text).err()?;
        let first = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
        Some(format!("{:?} ({}): {first}", case.kind, case.function))
    })
}

/// Tries every defect alone and with every other one; how many showed in no case although they had to.
#[must_use]
pub fn unseen() -> usize {
    let begun = Instant::now();
    let mut unseen = 0;
    for defect in &DEFECTS {
        let Some(verbs) = defect.put_into(VERBS) else {
            println!("NO PLACE  {}", defect.words);
            unseen += 1;
            continue;
        };
        match shown_by(&verbs) {
            Some(case) => println!("shown     {}: {case}", defect.words),
            None if !defect.hidden.is_empty() => println!("hidden    {}: {}", defect.words, defect.hidden),
            None => {
                println!("UNSEEN    {}", defect.words);
                unseen += 1;
            }
        }
    }
    let mut pairs = 0;
    for (at, one) in DEFECTS.iter().enumerate() {
        for other in DEFECTS.iter().skip(at + 1) {
            let Some(verbs) = one.put_into(VERBS).and_then(|verbs| other.put_into(&verbs)) else { continue };
            pairs += 1;
            let is_hidden = !one.hidden.is_empty() && !other.hidden.is_empty();
            match shown_by(&verbs) {
                Some(_) => {}
                None if is_hidden => println!("hidden    {} + {}", one.words, other.words),
                None => {
                    println!("UNSEEN    {} + {}", one.words, other.words);
                    unseen += 1;
                }
            }
        }
    }
    println!("{} defects and {pairs} pairs; {unseen} unseen, in {:.0?}", DEFECTS.len(), begun.elapsed());
    unseen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_has_its_place_in_the_verbs() {
        for defect in &DEFECTS {
            assert!(defect.put_into(VERBS).is_some_and(|verbs| verbs != VERBS), "{}", defect.words);
        }
    }
}
