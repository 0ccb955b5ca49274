//! The trouble in which another machine takes the place of the staging machine.

use greenlight_types::Trouble;

use super::super::World;

impl World {
    /// Whether the staging machine is replaced now. True once. The caller replaces it.
    pub fn replaces_machine(&mut self) -> bool {
        let (now, trouble) = (self.now_ms, Trouble::MachineReplaced);
        let is_due = self.troubles.waiting(trouble).and_then(|entry| entry.begins_ms).is_some_and(|at| now >= at);
        let is_replaced = is_due && self.troubles.begin(trouble, now, None) && self.troubles.end(trouble, now);
        self.effects += u64::from(is_replaced);
        is_replaced
    }
}
