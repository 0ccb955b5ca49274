//! State machines of the troubles of practice. A trouble happens once after an operator
//! switched it on, at its realistic moment, and leaves a way to a correct end.
//!
//! Pure: this file decides when a trouble happens. The effects are in the affected parts (builds,
//! host, fronts).

use std::collections::BTreeMap;

use greenlight_types::{Trouble, TroubleState};
use serde::{Deserialize, Serialize};

use super::{
    MINUTE, SECOND, World, numbers,
    record::{Actor, Op},
    work::{HostEvent, Work},
};

/// Age at which a doomed build fails.
const BUILD_FAILS_MS: i64 = 20 * MINUTE;
/// Duration of a lost connection to the host.
const CUT_MS: i64 = MINUTE;
/// Time from the start of the migration to the loss of the connection.
const CUT_AFTER_MS: i64 = 10 * SECOND;
/// Time for which GitHub refuses the token.
const REFUSED_MS: i64 = 2 * MINUTE;
/// Time that a developer needs to resolve the conflict.
const RESOLVED_MS: i64 = 10 * MINUTE;
/// Time that people need after a migration that ended half-way, to finish it by hand or to restore
/// the database.
const REPAIRED_MS: i64 = 15 * MINUTE;
/// Shortest visible duration of a trouble, in real seconds at every clock speed.
const SEEN_S: i64 = 8;
/// Shortest real time from the start of the migration to the loss of the connection, in seconds.
const BEFORE_CUT_S: i64 = 1;
/// Troubles whose migration ends half-way.
const HALF_WAY: [Trouble; 2] = [Trouble::MigrationFailsHalfWay, Trouble::MigrationRestored];
/// Number of spells kept.
const SPELLS_MAX: usize = 100;
/// Shortest slow answer, in real seconds. A slow answer takes 10 to 20 s.
const SLOW_MIN_S: u64 = 10;
/// Divisor of slow answers when the clock runs faster than real time. At speed 60, 20 s are 20
/// virtual minutes; a dozen of them would make the backup of the release too old.
const HASTE: u64 = 3;

/// The troubles of a practice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Troubles {
    entries: BTreeMap<Trouble, Entry>,
    spells: Vec<Spell>,
    /// A backup succeeded and no build was dispatched since.
    is_backed_up: bool,
    /// Number of slow answers so far.
    slow: u64,
    /// Virtual seconds per real second; 0 in runs that no person watches.
    #[serde(skip)]
    pub(crate) speed: u32,
}

/// A trouble that was switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    state: TroubleState,
    since_ms: i64,
    /// Time into the step at which a scenario wants the trouble, in ms.
    after_ms: Option<i64>,
    /// Planned start, in ms since 1970.
    begins_ms: Option<i64>,
    /// Planned end, in ms since 1970.
    ends_ms: Option<i64>,
    /// The affected work is under way.
    is_bound: bool,
    /// The answer to one dispatch was lost.
    has_lost: bool,
}

/// One occurrence of a trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// The trouble that happened.
    pub trouble: Trouble,
    /// Start, in ms since 1970.
    pub began_ms: i64,
    /// End, in ms since 1970; `None` while the trouble lasts.
    pub ended_ms: Option<i64>,
}

/// Planned end of a job's work that a trouble affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// Exit code of the script.
    pub exit: i32,
    /// Time from the start to the end, in ms.
    pub after_ms: i64,
    /// At that time the script stops to work and does not end.
    #[serde(default)]
    pub hangs: bool,
}

/// How GitHub handles one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GithubResponse {
    /// GitHub refuses the token.
    pub is_refused: bool,
    /// Real seconds until the answer.
    pub after_s: u64,
    /// GitHub accepts the request, and the answer is lost.
    pub is_lost: bool,
}

/// Kinds of GitHub requests that troubles distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GithubRequest {
    /// Dispatch of the workflow.
    Dispatch,
    /// List of the workflow's runs.
    Runs,
    /// Any other request.
    Other,
}

/// A colleague's act on the repository. The code that serves the repository carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Pushes a commit to the main branch that conflicts with the release branch.
    Conflict,
    /// Merges the main branch into the release branch and resolves the conflict.
    Resolve,
    /// Pushes a commit to the main branch.
    MoveOn,
    /// Makes the main branch take only pull requests.
    Protect,
}

impl Troubles {
    /// State of each trouble, and the time since it has this state, in ms since 1970.
    pub fn states(&self) -> impl Iterator<Item = (Trouble, TroubleState, Option<i64>)> {
        Trouble::ALL.into_iter().map(|trouble| match self.entries.get(&trouble) {
            Some(entry) if entry.state != TroubleState::Off => (trouble, entry.state, Some(entry.since_ms)),
            Some(_) | None => (trouble, TroubleState::Off, None),
        })
    }

    /// Occurrences of all troubles, oldest first.
    #[must_use]
    pub fn spells(&self) -> &[Spell] {
        &self.spells
    }

    /// Whether the trouble was never switched on and never happened.
    #[must_use]
    pub fn is_untouched(&self, trouble: Trouble) -> bool {
        self.state(trouble) == TroubleState::Off && self.spells.iter().all(|spell| spell.trouble != trouble)
    }

    fn state(&self, trouble: Trouble) -> TroubleState {
        self.entries.get(&trouble).map_or(TroubleState::Off, |entry| entry.state)
    }

    /// Whether the trouble lasts now.
    #[must_use]
    pub fn is_happening(&self, trouble: Trouble) -> bool {
        self.state(trouble) == TroubleState::Happening
    }

    fn waiting(&mut self, trouble: Trouble) -> Option<&mut Entry> {
        self.entries.get_mut(&trouble).filter(|entry| entry.state == TroubleState::Waiting)
    }

    /// The duration `virtual_ms`, extended so that it lasts at least `real_s` real seconds.
    fn seen(&self, virtual_ms: i64, real_s: i64) -> i64 {
        virtual_ms.max(real_s * SECOND * i64::from(self.speed))
    }

    /// Whether the planned end of a lasting trouble has passed.
    fn is_due(&self, trouble: Trouble, now: i64) -> bool {
        let entry = self.entries.get(&trouble).filter(|entry| entry.state == TroubleState::Happening);
        entry.and_then(|entry| entry.ends_ms).is_some_and(|at| now >= at)
    }

    fn begin(&mut self, trouble: Trouble, now: i64, lasts: Option<i64>) -> bool {
        let Some(entry) = self.waiting(trouble) else { return false };
        entry.state = TroubleState::Happening;
        entry.since_ms = now;
        entry.begins_ms = None;
        entry.ends_ms = lasts.map(|lasts| now + lasts);
        let surplus = (self.spells.len() + 1).saturating_sub(SPELLS_MAX);
        self.spells.drain(..surplus);
        self.spells.push(Spell { trouble, began_ms: now, ended_ms: None });
        true
    }

    fn end(&mut self, trouble: Trouble, now: i64) -> bool {
        let entry = self.entries.get_mut(&trouble).filter(|entry| entry.state == TroubleState::Happening);
        let Some(entry) = entry else { return false };
        *entry = Entry { state: TroubleState::Happened, since_ms: now, ..Entry::default() };
        let spell = self.spells.iter_mut().rev().find(|spell| spell.trouble == trouble && spell.ended_ms.is_none());
        if let Some(spell) = spell {
            spell.ended_ms = Some(now);
        }
        true
    }

    /// Binds a waiting trouble to work that begins now. Returns the time into that work, by default
    /// `otherwise`.
    fn bind(&mut self, trouble: Trouble, otherwise: i64) -> Option<i64> {
        let entry = self.waiting(trouble).filter(|entry| !entry.is_bound)?;
        entry.is_bound = true;
        Some(entry.after_ms.unwrap_or(otherwise))
    }

    /// Unbinds a trouble from work that ended. With `is_hit` the trouble happens; otherwise it
    /// waits for the next work. Returns whether it happens.
    fn unbind(&mut self, trouble: Trouble, is_hit: bool, now: i64, lasts: Option<i64>) -> bool {
        let Some(entry) = self.waiting(trouble).filter(|entry| entry.is_bound) else { return false };
        entry.is_bound = false;
        is_hit && self.begin(trouble, now, lasts)
    }
}

impl World {
    /// Switches a trouble on for one occurrence, or off, which also ends a lasting one. `after_ms`
    /// is the time into the step. Returns whether the state changed.
    pub fn switch_trouble(&mut self, trouble: Trouble, is_on: bool, after_ms: Option<i64>) -> bool {
        let now = self.now_ms;
        let is_changed = match (self.troubles.state(trouble), is_on) {
            (TroubleState::Off | TroubleState::Happened, true) => {
                let fresh = Entry { state: TroubleState::Waiting, since_ms: now, after_ms, ..Entry::default() };
                self.troubles.entries.insert(trouble, fresh);
                true
            }
            (TroubleState::Waiting | TroubleState::Happened, false) => self.troubles.entries.remove(&trouble).is_some(),
            (TroubleState::Happening, false) => {
                if let Some(entry) = self.troubles.entries.get_mut(&trouble) {
                    entry.ends_ms = Some(now);
                }
                self.advance_troubles(now);
                true
            }
            (TroubleState::Off, false) | (TroubleState::Waiting | TroubleState::Happening, true) => false,
        };
        self.effects += u64::from(is_changed);
        self.changed();
        is_changed
    }

    /// Starts and ends all troubles that are due.
    pub(crate) fn advance_troubles(&mut self, now: i64) {
        if self.troubles.entries.is_empty() {
            return;
        }
        let cut = Trouble::ConnectionLostInMigration;
        let is_due = self.troubles.waiting(cut).and_then(|entry| entry.begins_ms).is_some_and(|at| now >= at);
        if is_due {
            let lasts = self.troubles.seen(CUT_MS, SEEN_S);
            self.effects += u64::from(self.troubles.begin(cut, now, Some(lasts)));
        }
        if self.troubles.waiting(Trouble::SiteCheckFails).is_some() && self.has_switched() {
            self.effects += u64::from(self.troubles.begin(Trouble::SiteCheckFails, now, None));
        }
        if self.troubles.is_due(Trouble::ApprovalWanted, now) {
            self.rules.approval = None;
        }
        if self.troubles.is_due(Trouble::MigrationFailsHalfWay, now) {
            self.finish_migration();
        }
        // A half-done migration keeps the version from before.
        if self.troubles.is_due(Trouble::MigrationRestored, now) && std::mem::take(&mut self.is_half_migrated) {
            let (from, to) = (self.schema.clone(), self.schema.clone());
            self.record.by_itself(now, Actor::Colleague, Op::DatabaseRestored { from, to });
        }
        for trouble in Trouble::ALL {
            // The resolution in the repository ends a conflict, not a time.
            if trouble != Trouble::MergeConflict && self.troubles.is_due(trouble, now) {
                self.effects += u64::from(self.troubles.end(trouble, now));
            }
        }
    }

    /// Whether every serving task runs the version built from the main branch.
    fn has_switched(&self) -> bool {
        let new = numbers(&self.main.version_value);
        let mut serving = self.service.healthy().peekable();
        let is_built = self.builds.last().is_some_and(|build| build.commit.id == self.main.id);
        is_built && serving.peek().is_some() && serving.all(|task| self.version_of(task).as_deref() == Some(&new))
    }

    /// People finish a half-done migration by hand.
    pub fn finish_migration(&mut self) {
        if !std::mem::take(&mut self.is_half_migrated) {
            return;
        }
        let to = numbers(&self.main.version_value);
        let from = std::mem::replace(&mut self.schema, to.clone());
        self.record.by_itself(self.now_ms, Actor::Colleague, Op::SchemaChanged { from, to, complete: true });
    }

    /// Planned end of work that begins now; `None` when no trouble affects it.
    pub fn fate_of(&mut self, work: Work) -> Option<Fate> {
        let half = work.duration_ms() / 2;
        if let Some(after_ms) = self.troubles.bind(Trouble::ScriptHangs, half) {
            self.effects += 1;
            return Some(Fate { exit: 0, after_ms, hangs: true });
        }
        let after_ms = match work {
            Work::Backup => self.troubles.bind(Trouble::BackupDiskFull, half),
            Work::Migration => HALF_WAY.into_iter().find_map(|trouble| self.troubles.bind(trouble, half)),
        }?;
        let exit = if work == Work::Backup { 1 } else { 3 };
        self.effects += 1;
        Some(Fate { exit, after_ms, hangs: false })
    }

    /// Updates the troubles that affect the host. Idempotent.
    pub(crate) fn trouble_on_host(&mut self, event: HostEvent) {
        let now = self.now_ms;
        match event {
            HostEvent::Started(_) => _ = self.troubles.unbind(Trouble::ScriptHangs, true, now, None),
            HostEvent::Ended(..) => _ = self.troubles.end(Trouble::ScriptHangs, now),
        }
        match event {
            HostEvent::Started(Work::Migration) => {
                let at = now + self.troubles.seen(CUT_AFTER_MS, BEFORE_CUT_S);
                for trouble in [Trouble::ConnectionLostInMigration, Trouble::MachineReplaced] {
                    let entry = self.troubles.waiting(trouble);
                    if let Some(entry) = entry.filter(|entry| entry.begins_ms.is_none()) {
                        entry.begins_ms = Some(entry.after_ms.map_or(at, |after| now + after));
                    }
                }
            }
            HostEvent::Ended(Work::Migration, exit) => {
                let lasts = self.troubles.seen(REPAIRED_MS, SEEN_S);
                let is_half_way =
                    HALF_WAY.into_iter().any(|trouble| self.troubles.unbind(trouble, exit == 3, now, Some(lasts)));
                if is_half_way {
                    self.is_half_migrated = true;
                    let (from, to) = (self.schema.clone(), numbers(&self.main.version_value));
                    self.record.by_itself(now, Actor::Host, Op::SchemaChanged { from, to, complete: false });
                }
                if exit == 0 {
                    self.effects += u64::from(self.troubles.begin(Trouble::NeverStarts, now, None));
                }
            }
            HostEvent::Ended(Work::Backup, exit) => {
                self.troubles.unbind(Trouble::BackupDiskFull, exit == 1, now, None);
                self.troubles.end(Trouble::BackupDiskFull, now);
                self.troubles.is_backed_up = exit == 0;
            }
            HostEvent::Started(Work::Backup) => {}
        }
    }

    /// Age at which a build dispatched now fails; `None` when no trouble affects it.
    pub(crate) fn planned_build_failure(&mut self) -> Option<i64> {
        self.troubles.is_backed_up = false;
        self.troubles.bind(Trouble::BuildFails, BUILD_FAILS_MS)
    }

    /// Ends the trouble of a doomed build that has failed.
    pub(crate) fn build_has_failed(&mut self) {
        let now = self.now_ms;
        if self.troubles.unbind(Trouble::BuildFails, true, now, None) {
            self.troubles.end(Trouble::BuildFails, now);
            self.effects += 1;
        }
    }

    /// Whether the image that is pushed now gets lost.
    pub(crate) fn loses_this_image(&mut self) -> bool {
        let now = self.now_ms;
        let is_lost = self.troubles.begin(Trouble::ImageMissing, now, None);
        self.effects += u64::from(is_lost);
        is_lost && self.troubles.end(Trouble::ImageMissing, now)
    }

    /// Decides the answer to a request with GitHub's token. `Some` is a REST request, `None` is
    /// git.
    pub fn github_asked(&mut self, asked: Option<GithubRequest>) -> GithubResponse {
        if self.troubles.entries.is_empty() {
            return GithubResponse::default();
        }
        let now = self.now_ms;
        let refused_for = self.troubles.seen(REFUSED_MS, SEEN_S);
        self.effects += u64::from(self.troubles.begin(Trouble::TokenExpires, now, Some(refused_for)));
        if self.troubles.is_happening(Trouble::TokenExpires) {
            return GithubResponse { is_refused: true, ..GithubResponse::default() };
        }
        let late = Trouble::GithubAnswersLate;
        let Some(asked) = asked else { return GithubResponse::default() };
        self.effects += u64::from(self.troubles.begin(late, now, None));
        if !self.troubles.is_happening(late) {
            return GithubResponse::default();
        }
        self.troubles.slow += 1;
        let slow_s = SLOW_MIN_S + self.troubles.slow * 7 % 11;
        let after_s = if self.troubles.speed > 1 { slow_s / HASTE } else { slow_s };
        let has_lost = self.troubles.entries.get(&late).is_some_and(|entry| entry.has_lost);
        match asked {
            GithubRequest::Dispatch if !has_lost => {
                if let Some(entry) = self.troubles.entries.get_mut(&late) {
                    entry.has_lost = true;
                    self.effects += 1;
                }
                GithubResponse { is_refused: false, after_s, is_lost: true }
            }
            // The app finds its build in this list, so the trouble ends here.
            GithubRequest::Runs if has_lost => {
                self.effects += u64::from(self.troubles.end(late, now));
                GithubResponse { after_s, ..GithubResponse::default() }
            }
            GithubRequest::Dispatch | GithubRequest::Runs | GithubRequest::Other => {
                GithubResponse { after_s, ..GithubResponse::default() }
            }
        }
    }

    /// Acts that colleagues must carry out on the repository now. `is_read` says that the app is
    /// about to read it.
    #[must_use]
    pub fn deeds(&self, is_read: bool) -> Vec<Deed> {
        let is_waiting = |trouble| self.troubles.state(trouble) == TroubleState::Waiting;
        let mut deeds = Vec::new();
        if is_read && is_waiting(Trouble::MergeConflict) {
            deeds.push(Deed::Conflict);
        }
        if is_read && is_waiting(Trouble::MainIsProtected) {
            deeds.push(Deed::Protect);
        }
        if self.troubles.is_due(Trouble::MergeConflict, self.now_ms) {
            deeds.push(Deed::Resolve);
        }
        if is_waiting(Trouble::MainMovedOn) && self.troubles.is_backed_up {
            deeds.push(Deed::MoveOn);
        }
        deeds
    }

    /// Notes that a colleague carried the act out.
    pub fn deed_done(&mut self, deed: Deed) {
        let now = self.now_ms;
        self.effects += 1;
        match deed {
            Deed::Conflict => {
                let lasts = self.troubles.seen(RESOLVED_MS, SEEN_S);
                self.troubles.begin(Trouble::MergeConflict, now, Some(lasts));
            }
            Deed::Resolve => {
                self.troubles.end(Trouble::MergeConflict, now);
            }
            Deed::MoveOn => {
                self.troubles.begin(Trouble::MainMovedOn, now, None);
                self.troubles.end(Trouble::MainMovedOn, now);
            }
            Deed::Protect => {
                self.troubles.begin(Trouble::MainIsProtected, now, None);
            }
        }
    }
}

mod builds;
mod machine;
mod protection;
mod rollout;
#[cfg(test)]
mod tests;
