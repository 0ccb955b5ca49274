//! Hands the run to another person on this computer.

use greenlight_types::{Actor, ErrorCode, Failure, RunEvent};

use super::{Decision, Situation, Then};

pub(crate) fn decide(now: &Situation<'_>, person: &str) -> Result<Decision, Failure> {
    let person = person.trim();
    if person.is_empty() {
        return Err(Failure::new(ErrorCode::BadInput, "take over without a name"));
    }
    let by = Actor { person: person.to_owned(), ..now.by.clone() };
    Ok(Decision {
        events: vec![RunEvent::TookOver { from: now.operator.person.clone() }.into()],
        then: Then::ChangeOperator(Box::new(by)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::{Desk, code, deploying};

    #[test]
    fn records_the_person_who_was_responsible_before() {
        let decision = decide(&Desk::new(deploying()).now(), " Bo ").expect("allowed");
        assert!(matches!(decision.only_run_event(), RunEvent::TookOver { from } if from == "Lena"));
        let Then::ChangeOperator(by) = decision.then else { panic!("another operator") };
        assert_eq!((by.person.as_str(), by.computer.as_str()), ("Bo", "desk"));
    }

    #[test]
    fn refuses_an_empty_name() {
        assert_eq!(code(decide(&Desk::new(deploying()).now(), " ")), ErrorCode::BadInput);
    }
}
