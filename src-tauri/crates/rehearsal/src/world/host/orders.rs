//! Effects of orders that reach the host, and of its restart.

use greenlight_types::LockOwner;

use super::{
    super::{
        World,
        record::{Actor, Caller, Op},
        work::{HostEvent, Work},
    },
    DUMP_BYTES, Dump, HANGS_MS, Host, Job, Packet, Put, SIGHUP, SIGKILL, SIGTERM, Stop,
};

/// Name of the work in the record.
fn name(work: Work) -> &'static str {
    match work {
        Work::Backup => "backup",
        Work::Migration => "migration",
    }
}

impl World {
    /// Puts a job on the host. The first submit of an id wins.
    pub fn submit(&mut self, id: &str, script: &str, mutex: &str, starts_within_ms: i64, run: &str) -> Put {
        let put = match self.host.jobs.get(id) {
            Some(job) if job.revoked.is_some() => Put::Revoked,
            Some(job) if job.script == script => Put::Same,
            Some(_) => Put::Conflict,
            None if !self.host.is_held_by(run) => Put::NotOwner,
            None if !self.host.is_next(id) => Put::Unfinished,
            None => Put::New,
        };
        let refused = match put {
            Put::New | Put::Same => None,
            Put::Conflict => Some("conflict".to_owned()),
            Put::Revoked => Some("revoked".to_owned()),
            Put::Unfinished => Some("unfinished".to_owned()),
            Put::NotOwner => Some("not held".to_owned()),
        };
        self.record.request(self.now_ms, refused, Op::SubmitJob { id: id.to_owned(), script: script.to_owned() });
        if put == Put::New {
            self.effects += 1;
            let job = Job {
                script: script.to_owned(),
                mutex: mutex.to_owned(),
                not_after_ms: self.now_ms.saturating_add(starts_within_ms),
                ..Job::default()
            };
            self.host.jobs.insert(id.to_owned(), job);
        }
        put
    }

    /// Revokes a job for good, also one that is not on the host yet. Returns whether it never
    /// started.
    pub fn revoke(&mut self, id: &str, why: &str) -> bool {
        let job = self.host.jobs.entry(id.to_owned()).or_default();
        let is_won = job.started_ms.is_none();
        if is_won && job.revoked.is_none() {
            job.revoked = Some(why.to_owned());
            self.effects += 1;
        }
        let refused = (!is_won).then(|| "lost".to_owned());
        self.record.request(self.now_ms, refused, Op::RevokeJob { id: id.to_owned(), why: why.to_owned() });
        is_won
    }

    /// Acquires the environment lock for a run if `from` is its owner. Returns whether the run owns
    /// the lock afterwards.
    pub fn acquire_lock(&mut self, taken: &LockOwner, from: Option<&str>) -> bool {
        let now = self.host.holder.as_ref().map(|holder| holder.run.0.as_str());
        let is_ours = now == Some(taken.run.0.as_str());
        let is_won = is_ours || now == from;
        let op = Op::EnvironmentTaken { run: taken.run.0.clone(), from: from.map(str::to_owned) };
        self.record.request(self.now_ms, (!is_won).then(|| "not held".to_owned()), op);
        if is_won && !is_ours {
            self.effects += 1;
            self.host.holder = Some(taken.clone());
        }
        is_won
    }

    /// Releases the environment lock if the run owns it.
    pub fn release_lock(&mut self, run: &str) {
        let is_held = self.host.is_held_by(run);
        let refused = (!is_held).then(|| "not held".to_owned());
        self.record.request(self.now_ms, refused, Op::EnvironmentLeft { run: run.to_owned() });
        if is_held {
            self.effects += 1;
            self.host.holder = None;
        }
    }

    /// Puts a copy of the host's image at its address. The copy has the same host key, another
    /// machine id, no jobs and no lock.
    pub fn replace_host(&mut self) {
        self.reboot();
        let fresh = Host::prepared_for(&self.host.migrates_to, self.now_ms);
        self.host.machine_id = format!("machine-{}", self.host.boot);
        self.host.jobs.clear();
        self.host.holder = None;
        self.host.dumps = fresh.dumps;
        let op = Op::HostReplaced { machine: self.host.machine_id.clone() };
        self.record.by_itself(self.now_ms, Actor::Host, op);
    }

    /// Starts a job at most once, if the run owns the environment lock (INV-D2). Returns whether it
    /// owns the lock.
    pub fn launch(&mut self, id: &str, run: &str) -> bool {
        let is_held = self.host.is_held_by(run);
        let refused = (!is_held).then(|| "not held".to_owned());
        self.record.request(self.now_ms, refused, Op::LaunchJob { id: id.to_owned() });
        if is_held {
            self.begin(id);
        }
        is_held
    }

    fn begin(&mut self, id: &str) {
        let (now, boot, ends) = (self.now_ms, self.host.boot, self.host.ends.clone());
        let is_busy = self.host.is_busy(id);
        let may_start = |job: &&mut Job| job.started_ms.is_none() && job.revoked.is_none() && now <= job.not_after_ms;
        let Some(job) = self.host.jobs.get_mut(id).filter(may_start).filter(|_| !is_busy) else { return };
        let hanging = &mut self.host.hanging;
        let (length, hung) = match job.work() {
            Some(Work::Backup) => (ends.backup_ms, &mut hanging.backups),
            Some(Work::Migration) => (ends.migration_ms, &mut hanging.migrations),
            None => (1_000, &mut 0),
        };
        job.hangs = *hung > 0;
        *hung = hung.saturating_sub(1);
        let length = if job.hangs { HANGS_MS } else { length };
        job.started_ms = Some(now);
        job.ends_ms = now + length;
        job.starts += 1;
        self.effects += 1;
        let work = job.work();
        if let Some(work) = work {
            let op = Op::PayloadStarted { job: id.to_owned(), work: name(work), boot };
            self.record.by_itself(now, Actor::Host, op);
            self.on_host(HostEvent::Started(work));
        }
    }

    /// Sends a signal to a script, if the run owns the environment lock.
    pub fn stop_script(&mut self, id: &str, run: &str, is_forced: bool) -> Stop {
        let job = self.host.jobs.get(id).filter(|job| job.is_running());
        let stop = if !self.host.is_held_by(run) {
            Stop::NotOwner
        } else if job.is_none() {
            Stop::NotRunning
        } else if self.host.hanging.is_foreign {
            Stop::OtherUser
        } else {
            Stop::Signalled
        };
        let refused = match stop {
            Stop::Signalled => None,
            Stop::NotRunning => Some("over".to_owned()),
            Stop::OtherUser => Some("foreign".to_owned()),
            Stop::NotOwner => Some("not held".to_owned()),
        };
        self.record.request(self.now_ms, refused, Op::StopScript { id: id.to_owned(), forced: is_forced });
        let ignores = self.host.hanging.ignores_term && !is_forced && job.is_some_and(|job| job.hangs);
        if stop == Stop::Signalled {
            self.effects += 1;
            if !ignores {
                let exit = if self.host.hanging.exits_with_0 { 0 } else { SIGTERM };
                self.end_by_signal(id, if is_forced { SIGKILL } else { exit });
            }
        }
        stop
    }

    /// Ends a script by a signal. A migration that hangs waits for a lock and has changed nothing.
    pub fn end_by_signal(&mut self, id: &str, exit: i32) {
        let now = self.now_ms;
        let Some(job) = self.host.jobs.get_mut(id).filter(|job| job.is_running()) else { return };
        job.ended = Some((now, exit));
        let hung = job.hangs;
        let Some(work) = job.work() else { return };
        self.record.by_itself(now, Actor::Host, Op::PayloadEnded { job: id.to_owned(), work: name(work), exit });
        if work == Work::Migration && !hung {
            self.break_schema();
        }
        // Its work is not done, also if it ended with 0.
        self.on_host(HostEvent::Ended(work, SIGTERM));
    }

    /// Restarts the host. Running scripts leave no result.
    pub fn reboot(&mut self) {
        self.host.boot += 1;
        self.effects += 1;
        let (mut breaks_migration, forgets_gates) = (false, self.host.forgets_gates);
        for job in self.host.jobs.values_mut().filter(|job| job.is_running()) {
            job.is_lost = !forgets_gates;
            job.started_ms = job.started_ms.filter(|_| !forgets_gates);
            breaks_migration |= job.work() == Some(Work::Migration);
        }
        self.record.by_itself(self.now_ms, Actor::Host, Op::HostRebooted { boot: self.host.boot });
        if breaks_migration {
            self.break_schema();
        }
    }

    /// Ends all running scripts by SIGHUP if the host hangs up when the app ends.
    pub fn app_ended(&mut self) {
        if !self.host.hangs_up {
            return;
        }
        let (now, mut breaks_migration) = (self.now_ms, false);
        for (id, job) in self.host.jobs.iter_mut().filter(|(_, job)| job.is_running()) {
            job.ended = Some((now, SIGHUP));
            let Some(work) = job.work() else { continue };
            breaks_migration |= work == Work::Migration;
            let op = Op::PayloadEnded { job: id.clone(), work: name(work), exit: SIGHUP };
            self.record.by_itself(now, Actor::Host, op);
        }
        if breaks_migration {
            self.break_schema();
        }
    }

    /// Delivers an order at `at_ms`. Another machine at the address drops it.
    pub fn delay(&mut self, packet: Packet, machine_id: &str, at_ms: i64) {
        self.host.under_way.push((at_ms, machine_id.to_owned(), packet));
        self.changed();
    }

    fn deliver(&mut self) {
        let (now, before) = (self.now_ms, self.record.caller());
        self.record.called_by(Caller { actor: Actor::App, process: 0, is_answered: false, is_late: true });
        let (due, later) = std::mem::take(&mut self.host.under_way).into_iter().partition(|(at, _, _)| *at <= now);
        self.host.under_way = later;
        let due: Vec<(i64, String, Packet)> = due;
        for (_, machine, packet) in due {
            if !machine.is_empty() && machine != self.host.machine_id {
                continue;
            }
            match packet {
                Packet::Submit { id, script, mutex, within, run } => {
                    self.submit(&id, &script, &mutex, within, &run);
                }
                Packet::Launch { id, run } => _ = self.launch(&id, &run),
            }
        }
        self.record.called_by(before);
    }

    /// Delivers due orders and ends due scripts.
    pub(crate) fn advance_host(&mut self) {
        self.deliver();
        let now = self.now_ms;
        let due: Vec<String> = self
            .host
            .jobs
            .iter()
            .filter(|(_, job)| job.is_running() && job.ends_ms <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.end_job(&id);
        }
    }

    fn end_job(&mut self, id: &str) {
        let ends = self.host.ends.clone();
        let Some(job) = self.host.jobs.get_mut(id) else { return };
        let (at, work) = (job.ends_ms, job.work());
        let is_bad = work == Some(Work::Backup) && ends.good_backups == 0 && ends.bad_backups > 0;
        let exit = match work {
            Some(Work::Backup) => ends.backup * i32::from(is_bad),
            Some(Work::Migration) => ends.migration,
            None => 0,
        };
        job.ended = Some((at, exit));
        let Some(work) = work else { return };
        if work == Work::Backup {
            self.host.ends.good_backups = ends.good_backups.saturating_sub(1);
            self.host.ends.bad_backups = ends.bad_backups.saturating_sub(u32::from(is_bad));
            self.write_dump(id, at, !is_bad);
        }
        let op = Op::PayloadEnded { job: id.to_owned(), work: name(work), exit };
        self.record.by_itself(at, Actor::Host, op);
        if work == Work::Migration && exit != 0 && !ends.changes_nothing {
            self.break_schema();
        }
        self.on_host(HostEvent::Ended(work, exit));
    }

    fn write_dump(&mut self, job: &str, at_ms: i64, is_good: bool) {
        let file = if self.host.ends.has_one_name {
            "rally.dump".to_owned()
        } else {
            format!("rally-{}.dump", self.host.dumps.len())
        };
        self.host.dumps.retain(|dump| dump.file != file);
        let bytes = if is_good { DUMP_BYTES } else { 0 };
        let schema = self.schema.clone();
        let dump = Dump { job: job.to_owned(), file: file.clone(), bytes, at_ms, is_good, schema };
        self.host.dumps.push(dump);
        let op = Op::DumpWritten { job: job.to_owned(), file, bytes, good: is_good };
        self.record.by_itself(at_ms, Actor::Host, op);
    }
}
