//! Seeded defects of the verbs, alone and in pairs. A case must detect each. Pairs are needed
//! because a second layer may hide a defect (docs/testing.md#job-script).
#![expect(clippy::print_stdout, reason = "it says which case shows a defect")]

use std::time::Instant;

use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use crate::{
    VERBS,
    alone::ALONE,
    cases::{Case, Kind, all, play},
    failing::{self, HOW, Verb},
    machine::Shell,
    steps::{Steps, with_stops},
};

/// A defect and its change of the text.
#[derive(Clone, Copy, Debug)]
pub struct Defect {
    /// Description of the wrong behaviour.
    pub words: &'static str,
    /// The correct text of the verbs.
    pub right: &'static str,
    /// The replacement.
    pub wrong: &'static str,
    /// A second pair of text and replacement, or two empty texts.
    pub and: (&'static str, &'static str),
    /// The reason why no case detects it alone. Empty when a case must detect it.
    pub hidden: &'static str,
    /// The first place to try when the early cases do not detect it.
    sought: Sought,
}

/// The first place to try. All places follow.
#[derive(Clone, Copy, Debug)]
enum Sought {
    Anywhere,
    In(Kind),
    /// Where a call of this verb fails.
    Failing(Verb),
}

const fn defect(words: &'static str, right: &'static str, wrong: &'static str) -> Defect {
    Defect { words, right, wrong, and: ("", ""), hidden: "", sought: Sought::Anywhere }
}

const fn sought(sought: Sought, defect: Defect) -> Defect {
    Defect { sought, ..defect }
}

/// A defect in two places.
const fn twice(
    words: &'static str,
    right: &'static str,
    wrong: &'static str,
    and: (&'static str, &'static str),
) -> Defect {
    Defect { and, ..defect(words, right, wrong) }
}

const fn hidden(words: &'static str, right: &'static str, wrong: &'static str, why: &'static str) -> Defect {
    Defect { hidden: why, ..defect(words, right, wrong) }
}

pub const DEFECTS: [Defect; 33] = [
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
    twice(
        "the lock of the payload is taken after the gate",
        "  flock -w 5 9 || exit 0\n",
        "",
        ("  gate run launched || exit 0\n", "  gate run launched || exit 0\n  flock -n 9 || exit 0\n"),
    ),
    sought(
        Sought::In(Kind::SubmitKilled),
        defect("the gate is not on disk before it is in place", "  sync \"$new/info\" \"$new\" || return 1\n", ""),
    ),
    sought(
        Sought::In(Kind::SubmitKilled),
        defect(
            "the way to the gate is not on disk before the payload",
            "    return 1\n  fi\n  settle\n}\n\n# Everything",
            "    return 1\n  fi\n}\n\n# Everything",
        ),
    ),
    sought(
        Sought::In(Kind::SubmitKilled),
        defect("the script is not on disk before it is in place", "  sync \"$1\"/* \"$1\" || return 1\n", ""),
    ),
    sought(
        Sought::In(Kind::StatusHeldOverAStart),
        twice(
            "the locks are read before the gate",
            "  if [ ! -d \"$j/started\" ]; then\n    state=waiting",
            "  supervisor=free\n  is_free \"$j/lock.sup\" || supervisor=held\n  tree=free\n  \
                is_free \"$j/lock.tree\" || tree=held\n  if [ ! -d \"$j/started\" ]; then\n    state=waiting",
            (
                "  supervisor=free\n  is_free \"$j/lock.sup\" || supervisor=held\n  tree=free\n  \
             is_free \"$j/lock.tree\" || tree=held\n  ended=",
                "  ended=",
            ),
        ),
    ),
    defect("the payload does not hold its lock", "8>&-) >> \"$job/log\"", "8>&- 9>&-) >> \"$job/log\""),
    defect("the result is not moved into place", "  mv -T \"$job/result.tmp\" \"$job/result\"\n", ""),
    defect("every script ended well", "wait \"$payload\" || code=$?", "wait \"$payload\" || code=0"),
    defect("closing a gate always succeeds", "    run) say lost ;;", "    run) say won ;;"),
    sought(
        Sought::Failing(Verb::Revoke),
        defect(
            "a gate that could not be closed is called passed",
            "it may still start.\n    *) exit 1 ;;",
            "it may still start.\n    *) say lost ;;",
        ),
    ),
    defect(
        "whether it is too late is asked only before the waits",
        "  if [ \"$1\" = run ] && ! in_time \"$job\"; then",
        "  if false; then",
    ),
    defect(
        "a holder that cannot be read is nobody",
        "    line=$(line_of \"$environments/$1/holder\") || return 1\n",
        "    line=$(line_of \"$environments/$1/holder\") || line=run=nobody\n",
    ),
    defect("a home that was emptied is the same machine", ".$(line_of \"$root/store\" 2> /dev/null || echo none)", ""),
    defect("a log that is gone costs the result", " || size=0", ""),
    defect(
        "a log that cannot be made durable costs the result",
        "  sync \"$job/log\" || true\n",
        "  sync \"$job/log\"\n",
    ),
    defect(
        "who takes the environment is read while nobody else may ask for it",
        "  who=$(mktemp \"$root/staging/who.XXXXXXXX\")\n  cat > \"$who\"\n",
        "  who=$(mktemp \"$root/staging/who.XXXXXXXX\")\n  keep_holder \"$id\" || exit 1\n  cat > \"$who\"\n",
    ),
    sought(
        Sought::In(Kind::RevokeKilled),
        defect("a closed gate is not told to who submits", "    say revoked\n  elif", "    say same\n  elif"),
    ),
    sought(Sought::In(Kind::EarlyRevokeKilled), defect("no tombstone is made", "    place \"$filled\" || true\n", "")),
    defect(
        "what was damaged on the way is taken",
        "    if [ \"$(hash_of \"$filled/cmd.sh\")\" != \"$1\" ]; then",
        "    if false; then",
    ),
    defect("a piece of output begins one byte too early", "tail -c \"+$(($1 + 1))\"", "tail -c \"+$1\""),
    sought(
        Sought::In(Kind::SupervisorHeldWhileTakenOver),
        defect(
            "the supervisor does not ask who holds the environment",
            "  [ \"$(run_of \"$2\")\" = \"$3\" ] || exit 0\n",
            "",
        ),
    ),
    defect("another run may take the environment while a job passes its gate", "  keep_holder \"$2\" || exit 0\n", ""),
    sought(
        Sought::In(Kind::SupervisorHeldWhileTakenOver),
        defect(
            "whoever orders a start is not asked whether he holds the environment",
            "  owns \"$1\" \"$2\" || return 0\n  setsid",
            "  setsid",
        ),
    ),
    defect(
        "the environment is taken whoever holds it",
        "    if [ \"$(run_of \"$id\")\" != \"$2\" ]; then",
        "    if false; then",
    ),
    defect(
        "a job is put there for who does not hold the environment",
        "    if [ \"$(run_of \"$4\")\" != \"$5\" ]; then",
        "    if false; then",
    ),
    defect(
        "a run that does not hold the environment may stop a script",
        "  owns \"$1\" \"$2\" || return 0\n  case",
        "  case",
    ),
    defect(
        "a stop signals only the first process group of a script",
        "kill \"-$3\" $groups",
        "kill \"-$3\" \"-$group\"",
    ),
    defect("processes of another user are left running", "    *foreign) sudo", "    *foreign-not) sudo"),
    defect("the second attempt does not wait for the first", "    if ! is_next; then", "    if false; then"),
];

impl Defect {
    /// Applies the defect to the verbs. Returns `None` when another defect removed its place.
    fn put_into(&self, verbs: &str) -> Option<String> {
        let (right, wrong) = self.and;
        let is_there = verbs.contains(self.right) && verbs.contains(right);
        is_there.then(|| verbs.replacen(right, wrong, 1).replacen(self.right, self.wrong, 1))
    }
}

/// A case that detects a defect.
#[derive(Clone, Debug)]
pub struct Shown {
    pub words: String,
    place: Place,
}

/// Calls of one verb that are tried.
const CALLS: u32 = 24;

/// The kind of case that detects a defect.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A check without a stop.
    Alone(&'static str),
    /// A row and the statement at the stop. The statement identifies the place, because another
    /// defect changes the line number.
    Stopped { kind: Kind, function: String, statement: String },
    /// A failed call of a verb.
    Failing { verb: Verb, at: u32, how: &'static str },
}

/// Finds a case that detects the defect of these verbs. Places that detected one part are tried
/// first.
#[must_use]
fn shown_by(verbs: &str, first: Sought, before: &[Place]) -> Option<Shown> {
    let steps = with_stops(verbs);
    let cases = all(&steps, &[Shell::Dash]);
    let calls_of = |verb: Verb| (1..=CALLS).flat_map(move |at| HOW.map(|how| (verb, at, how)));
    let failing = |calls: Vec<(Verb, u32, &'static str)>| {
        calls.into_par_iter().find_map_any(|(verb, at, how)| fails(verbs, verb, at, how))
    };
    let sought = || match first {
        Sought::Anywhere => None,
        Sought::In(row) => {
            stopped(verbs, &steps, &cases, |place| matches!(place, Place::Stopped { kind, .. } if *kind == row))
        }
        Sought::Failing(verb) => failing(calls_of(verb).collect()),
    };
    before
        .iter()
        .find_map(|place| match place {
            Place::Alone(name) => alone(verbs, |one| one == *name),
            Place::Stopped { .. } => stopped(verbs, &steps, &cases, |one| one == place),
            Place::Failing { verb, at, how } => fails(verbs, *verb, *at, how),
        })
        .or_else(sought)
        .or_else(|| alone(verbs, |_| true))
        .or_else(|| stopped(verbs, &steps, &cases, |_| true))
        .or_else(|| failing(Verb::ALL.into_iter().flat_map(calls_of).collect()))
}

fn fails(verbs: &str, verb: Verb, at: u32, how: &'static str) -> Option<Shown> {
    let error = failing::play(Shell::Dash, verbs, verb, at, how).err()?;
    Some(Shown { words: format!("call {at} of {verb:?} fails: {error:#}"), place: Place::Failing { verb, at, how } })
}

fn alone(verbs: &str, is_tried: impl Fn(&str) -> bool + Sync) -> Option<Shown> {
    ALONE.into_par_iter().filter(|(name, _)| is_tried(name)).find_map_any(|(name, check)| {
        let error = check(Shell::Dash, verbs).err()?;
        Some(Shown { words: format!("{name}: {error:#}"), place: Place::Alone(name) })
    })
}

fn stopped(verbs: &str, steps: &Steps, cases: &[Case], is_tried: impl Fn(&Place) -> bool + Sync) -> Option<Shown> {
    cases.par_iter().find_map_any(|case| {
        let statement = verbs.lines().nth(case.line).unwrap_or_default().to_owned();
        let place = Place::Stopped { kind: case.kind, function: case.function.clone(), statement };
        let error = is_tried(&place).then(|| play(case, &steps.text).err()).flatten()?;
        let first = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
        Some(Shown { words: format!("{:?} ({}): {first}", case.kind, case.function), place })
    })
}

/// Tries every defect alone and in pairs. Returns the number of undetected defects that a case must
/// detect.
#[must_use]
pub fn unseen() -> usize {
    let begun = Instant::now();
    let mut unseen = 0;
    let mut places: Vec<Option<Place>> = Vec::new();
    for defect in &DEFECTS {
        let verbs = defect.put_into(VERBS);
        // A hidden defect has a reason. A case must detect it together with a defect of the layer
        // above it.
        let is_sought = defect.hidden.is_empty();
        let shown = verbs.as_ref().filter(|_| is_sought).and_then(|verbs| shown_by(verbs, defect.sought, &[]));
        match &shown {
            _ if verbs.is_none() => {
                println!("NO PLACE  {}", defect.words);
                unseen += 1;
            }
            Some(shown) => println!("shown     {}: {}", defect.words, shown.words),
            None if !is_sought => println!("hidden    {}: {}", defect.words, defect.hidden),
            None => {
                println!("UNSEEN    {}", defect.words);
                unseen += 1;
            }
        }
        places.push(shown.map(|shown| shown.place));
    }
    println!("{} defects in {:.0?}", DEFECTS.len(), begun.elapsed());
    let pairs = pairs();
    let not_shown: Vec<(usize, usize)> = pairs
        .par_iter()
        .filter(|(one, other, verbs)| {
            if !DEFECTS[*one].hidden.is_empty() && !DEFECTS[*other].hidden.is_empty() {
                return true;
            }
            let before: Vec<Place> = [*one, *other].into_iter().filter_map(|at| places[at].clone()).collect();
            shown_by(verbs, Sought::Anywhere, &before).is_none()
        })
        .map(|(one, other, _)| (*one, *other))
        .collect();
    for (one, other) in not_shown {
        let (one, other) = (&DEFECTS[one], &DEFECTS[other]);
        let is_hidden = !one.hidden.is_empty() && !other.hidden.is_empty();
        println!("{}    {} + {}", if is_hidden { "hidden" } else { "UNSEEN" }, one.words, other.words);
        unseen += usize::from(!is_hidden);
    }
    println!("{} defects and {} pairs; {unseen} unseen, in {:.0?}", DEFECTS.len(), pairs.len(), begun.elapsed());
    unseen
}

/// All pairs of compatible defects, with the changed verbs.
fn pairs() -> Vec<(usize, usize, String)> {
    let both = |one: usize, other: usize| {
        let verbs = DEFECTS[one].put_into(VERBS).and_then(|verbs| DEFECTS[other].put_into(&verbs))?;
        Some((one, other, verbs))
    };
    (0..DEFECTS.len()).flat_map(|one| (one + 1..DEFECTS.len()).filter_map(move |other| both(one, other))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_applies_to_the_verbs() {
        for defect in &DEFECTS {
            assert!(defect.put_into(VERBS).is_some_and(|verbs| verbs != VERBS), "{}", defect.words);
        }
    }
}
