//! Why a request is refused, or let through: every step of the journey with what it expects and what it found.
//!
//! The steps are those of [`validate`](crate::validate), by the same functions, and go on where that stops: what a later check
//! would come to is told as what it is, a prospect. Nothing that is told here decides anything. Of it all the filter
//! links [`trace()`] alone.

pub mod advice;
pub mod date;
mod journey;
mod trace;
mod words;

pub use advice::Advice;
pub use trace::trace;

use std::rc::Rc;

use crate::{
    decision::{Demand, Quorum, Requirement, Rulebook},
    keys::KeyStore,
    policy::Policy,
    rejection::Rejection,
    route::Ambiguous,
    validate::{Attempt, Crypto},
};

/// What is to be said of a request.
#[derive(Debug)]
pub struct Account<'r> {
    /// The rule that decides, counted from 0; `None` when the request is ambiguous.
    pub rule: Option<usize>,
    /// How the request can be read in more than one way.
    pub ambiguous: Option<Ambiguous>,
    /// What the rule asks for; `None` when it asks for nothing.
    pub requirement: Option<&'r Requirement>,
    /// `allow-missing` of the rule.
    pub allow_missing: bool,
    /// What each policy of the requirement says, in their order, whether or not the decision asks it.
    pub policies: Vec<(&'r Policy, Explanation)>,
}

impl Account<'_> {
    /// Whether the policies, as far as it is known, refuse the request whatever the keys say that are not there.
    pub fn is_refused_anyway(&self) -> bool {
        let is_refused = |(_, explanation): &(&Policy, Explanation)| explanation.is_refused_anyway();
        let quorum = self.requirement.map(|requirement| requirement.quorum);
        match quorum {
            Some(Quorum::Any) => self.policies.iter().all(is_refused),
            Some(Quorum::All) => self.policies.iter().any(is_refused),
            None => self.ambiguous.is_some(),
        }
    }
}

/// What one policy says of a request.
#[derive(Debug)]
pub struct Explanation {
    /// Every step, in order.
    pub steps: Vec<Step>,
    /// What probably explains why it is refused, or not decided, and what to do.
    pub advice: Vec<Advice>,
    /// The same about checks after the one that refuses, which would refuse it next.
    pub later: Vec<Advice>,
}

impl Explanation {
    /// Why the policy refuses the request: the step that failed.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.steps.iter().find_map(|step| match &step.finding {
            Finding::Failed(rejection) => Some(rejection),
            Finding::Passed | Finding::Undecided | Finding::NotReached(_) => None,
        })
    }

    /// Whether every step passed.
    pub fn is_allowed(&self) -> bool {
        self.steps.iter().all(|step| step.finding == Finding::Passed)
    }

    /// Whether it is refused, or would be with whatever keys.
    pub fn is_refused_anyway(&self) -> bool {
        self.steps.iter().any(|step| {
            matches!(step.finding, Finding::Failed(_) | Finding::NotReached(Prospect::WouldFail(_)))
        })
    }
}

/// One step of the journey.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is looked at: `token`, `signature`, `aud`, ….
    pub name: String,
    /// What the policy expects. Escaped, as everything that can be shown.
    pub expected: String,
    /// What was found, of a token's own text the beginning; empty where nothing was looked at.
    pub actual: String,
    /// What it came to.
    pub finding: Finding,
    /// Whether what was found can be believed, where it is a claim of the token.
    pub standing: Option<Standing>,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It passed.
    Passed,
    /// The policy refuses the request here.
    Failed(Rejection),
    /// The keys or documents that could tell are not there.
    Undecided,
    /// The decision was made before.
    NotReached(Prospect),
}

/// What a step would come to that was not reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It cannot be told.
    Unknown,
    /// It would pass, if the token were good until there.
    WouldPass,
    /// It would fail.
    WouldFail(Rejection),
}

/// Whether claims can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A signature was verified, or the policy takes unsigned tokens.
    Verified,
    /// Anybody can have written them.
    NotVerified,
}

/// Explains a request under the rule that decides about it.
pub fn explain<'r>(
    rulebook: &'r Rulebook,
    keys: &KeyStore,
    crypto: Crypto<'_>,
    attempt: Attempt<'_>,
) -> Account<'r> {
    let mut account = Account {
        rule: None,
        ambiguous: None,
        requirement: None,
        allow_missing: false,
        policies: Vec::new(),
    };
    let demand = match rulebook.routes.choose(attempt.head) {
        Ok(demand) => demand,
        Err(ambiguous) => {
            account.ambiguous = Some(ambiguous);
            return account;
        }
    };
    account.rule = rulebook.routes.actions().position(|action| std::ptr::eq(action, demand));
    if let Demand::Policy { requirement, allow_missing } = demand {
        account.requirement = Some(requirement);
        account.allow_missing = *allow_missing;
        let explained = |policy: &'r Rc<Policy>| {
            (&**policy, journey::explain(policy, &requirement.policies, keys, crypto, attempt))
        };
        account.policies = requirement.policies.iter().map(explained).collect();
    }
    account
}

#[cfg(test)]
mod tests;
