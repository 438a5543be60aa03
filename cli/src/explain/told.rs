//! What is to be told of a request.

use super::documents::KeyReport;
use super::request::RequestText;
use crate::exit::Exit;
use validate_jwt::decision::{Decision, Passage, Refused};
use validate_jwt::explain::{Account, Finding, Prospect};
use validate_jwt::rejection::{Reason, Rejection};
use validate_jwt::reply::Reply;
use validate_jwt::time::Timestamp;

/// Everything that is to be told.
#[derive(Debug)]
pub(super) struct Told<'t> {
    /// The request, without the token.
    pub(super) request: &'t RequestText,
    /// When.
    pub(super) now: Timestamp,
    /// What the filter does.
    pub(super) decision: Decision<'t>,
    /// The answer, where the filter gives one.
    pub(super) reply: Option<Reply>,
    /// Check by check.
    pub(super) account: Account<'t>,
    /// What the identity providers published.
    pub(super) keys: &'t [KeyReport],
    /// Whether the configuration has rules to choose by.
    pub(super) has_rules: bool,
}

/// What the decision comes to, for a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It passes.
    Allow,
    /// It is refused.
    Deny,
    /// The keys that could tell are not there.
    Undecided,
}

impl<'t> Told<'t> {
    /// The refusal, where there is one, answered or only reported.
    pub(super) fn refused(&self) -> Option<&Refused<'t>> {
        match &self.decision {
            Decision::Refuse { refused, .. }
            | Decision::Allow { passage: Passage::ReportOnly { refused, .. }, .. } => Some(refused),
            Decision::Allow { passage: Passage::Validated(_) | Passage::Anonymous, .. }
            | Decision::AwaitKeys { .. } => None,
        }
    }

    /// Why the request is refused; without keys, what it is refused for at the latest.
    pub(super) fn because(&self) -> Option<&Rejection> {
        let refused = self.refused().map(|refused| &refused.denial.rejection);
        match refused.filter(|rejection| !rejection.reason().is_undecided()) {
            Some(rejection) => Some(rejection),
            None if self.verdict() == Verdict::Deny => self.refused_anyway(),
            None => refused,
        }
    }

    fn refused_anyway(&self) -> Option<&Rejection> {
        let mut steps = self.account.policies.iter().flat_map(|(_, explanation)| &explanation.steps);
        steps.find_map(|step| match &step.finding {
            Finding::Failed(rejection) | Finding::NotReached(Prospect::WouldFail(rejection)) => {
                Some(rejection)
            }
            Finding::Passed | Finding::Undecided | Finding::NotReached(_) => None,
        })
    }

    /// What it comes to. Where the keys are missing, but no key could make the request pass, it is refused.
    pub(super) fn verdict(&self) -> Verdict {
        let undecided = || if self.account.is_refused_anyway() { Verdict::Deny } else { Verdict::Undecided };
        match &self.decision {
            Decision::Allow { .. } => Verdict::Allow,
            Decision::Refuse { refused, .. } if refused.denial.rejection.reason().is_undecided() => {
                undecided()
            }
            Decision::Refuse { .. } if self.is_guessed() => Verdict::Undecided,
            Decision::Refuse { .. } => Verdict::Deny,
            Decision::AwaitKeys { .. } => undecided(),
        }
    }

    /// Whether the request is refused for its issuer alone, and what issuers there are was guessed from URLs: a key set does not
    /// say whose it is, and Entra ID publishes other issuers than its URLs have.
    pub(super) fn is_guessed(&self) -> bool {
        self.keys.iter().any(|report| report.note.is_some())
            && self
                .refused()
                .is_some_and(|refused| refused.denial.rejection.reason() == Reason::TokenIssuerNotAllowed)
    }

    /// How the command ends.
    pub(super) fn exit(&self) -> Exit {
        match self.verdict() {
            Verdict::Allow => Exit::Fine,
            Verdict::Deny => Exit::Denied,
            Verdict::Undecided => Exit::Other,
        }
    }
}
