//! The decision about a request: which rule it falls under, which policies that asks, and what their outcomes come to.

use std::{rc::Rc, time::Duration};

use crate::{
    extract::{self, TokenSource},
    keys::{KeyStore, Wish},
    policy::{Policy, Refusal},
    rejection::{Absence, Rejection},
    request::RequestHead,
    route::{self, Routes},
    validate::{self, Admission, Attempt, Crypto, Denial, Outcome},
};

/// What stands for the policy in statistics when a rule asked none; no policy may be called so.
pub const NO_POLICY: &str = "none";

/// The rules of a configuration.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// What each rule asks, in their order (`rules`); a single policy is the only rule.
    pub routes: Routes<Demand>,
    /// `allow-cors-preflight`.
    pub allow_cors_preflight: bool,
}

/// What a rule asks of a request.
#[derive(Clone, Debug)]
pub enum Demand {
    /// `allow-anonymous`: nothing.
    Nothing,
    /// `policy`
    Policy {
        /// What decides.
        requirement: Rc<Requirement>,
        /// `allow-missing`: whether a request without a token passes.
        allow_missing: bool,
    },
}

/// A member of `policies`.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// Its name, or that of the single policy.
    pub name: String,
    /// How many of its policies must allow.
    pub quorum: Quorum,
    /// The policies; one, or those that a composite names, in their order.
    pub policies: Vec<Rc<Policy>>,
}

/// How many policies must allow a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// `any-of`
    Any,
    /// `all-of`, or a single policy.
    All,
}

/// What to do with a request.
#[derive(Debug)]
pub enum Decision<'r> {
    /// Let it through.
    Allow {
        /// Under which name it is counted; `None` when no policy was asked.
        policy: Option<&'r str>,
        /// On what ground.
        passage: Passage<'r>,
    },
    /// Answer it.
    Refuse {
        /// Under which name it is counted; `None` when no policy was asked.
        policy: Option<&'r str>,
        /// Why, and by which policy.
        refused: Refused<'r>,
    },
    /// Let it wait for keys, then ask again.
    AwaitKeys {
        /// Under which name it is counted.
        policy: &'r str,
        /// What it waits for.
        wish: Box<Wish>,
        /// What it is told when it cannot wait.
        otherwise: Refused<'r>,
    },
}

/// On what ground a request is let through.
#[derive(Debug)]
pub enum Passage<'r> {
    /// Its token is good.
    Validated(Admission),
    /// It needs none.
    Anonymous,
    /// The policy only reports (`options.report-only`).
    ReportOnly {
        /// What it would have refused for.
        refused: Refused<'r>,
        /// Newer keys that a waiting request would have asked for.
        wish: Box<Wish>,
    },
}

/// A refusal, and the words of the policy that refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused<'r> {
    /// Why.
    pub denial: Box<Denial>,
    /// The policy that refused, and how it tells; `None` when none was asked.
    pub policy: Option<(&'r str, &'r Refusal)>,
}

impl Rulebook {
    /// Whether it decides by the `Authorization` header alone: nothing else of a request's head can change what it says.
    pub fn reads_authorization_only(&self) -> bool {
        let by_authorization = |policy: &Rc<Policy>| {
            matches!(policy.source, TokenSource::Authorization { .. }) && !policy.looks_at_host()
        };
        let is_blind = |demand: &Demand| match demand {
            Demand::Nothing => true,
            Demand::Policy { requirement, .. } => requirement.policies.iter().all(by_authorization),
        };
        self.routes.is_unconditional() && !self.allow_cors_preflight && self.routes.actions().all(is_blind)
    }
}

impl Decision<'_> {
    /// Whether it might be another one with newer keys.
    pub fn may_change_with_keys(&self) -> bool {
        match self {
            Self::Allow { passage: Passage::ReportOnly { refused, .. }, .. } => {
                refused.denial.rejection.depends_on_keys()
            }
            Self::Allow { .. } => false,
            Self::Refuse { refused, .. } => refused.denial.rejection.depends_on_keys(),
            Self::AwaitKeys { .. } => true,
        }
    }
}

/// Decides about a request.
pub fn decide<'r>(
    rulebook: &'r Rulebook,
    keys: &KeyStore,
    crypto: Crypto<'_>,
    attempt: Attempt<'_>,
) -> Decision<'r> {
    let Ok(demand) = rulebook.routes.choose(attempt.head) else {
        return refuse_unasked(Rejection::PathAmbiguous);
    };
    if rulebook.allow_cors_preflight && route::is_cors_preflight(attempt.head) {
        return Decision::Allow { policy: None, passage: Passage::Anonymous };
    }
    match demand {
        Demand::Nothing => Decision::Allow { policy: None, passage: Passage::Anonymous },
        Demand::Policy { requirement, allow_missing } => {
            if *allow_missing && requirement.misses_token(attempt.head) {
                let policy = Some(requirement.name.as_str());
                return Decision::Allow { policy, passage: Passage::Anonymous };
            }
            requirement.decide(keys, crypto, attempt)
        }
    }
}

fn refuse_unasked<'r>(rejection: Rejection) -> Decision<'r> {
    let refused = Refused { denial: Box::new(rejection.into()), policy: None };
    Decision::Refuse { policy: None, refused }
}

/// Whether the place of the token is absent or blank.
fn is_missing(source: &TokenSource, head: RequestHead<'_>) -> bool {
    matches!(source.extract(head), Err(Rejection::NotPresent(Absence::Nothing)))
}

impl Requirement {
    /// Whether there are policies, and no token where any of them looks.
    fn misses_token(&self, head: RequestHead<'_>) -> bool {
        !self.policies.is_empty() && self.policies.iter().all(|policy| is_missing(&policy.source, head))
    }

    /// Whether no further policy is asked after one that came to this.
    pub fn is_settled_by(&self, outcome: &Outcome) -> bool {
        match (self.quorum, outcome) {
            (Quorum::Any, Outcome::Allow(_)) => true,
            (Quorum::All, Outcome::Deny(denial)) => !denial.rejection.reason().is_undecided(),
            (Quorum::Any, Outcome::Deny(_))
            | (Quorum::All, Outcome::Allow(_))
            | (_, Outcome::AwaitKeys(_)) => false,
        }
    }

    fn decide(&self, keys: &KeyStore, crypto: Crypto<'_>, attempt: Attempt<'_>) -> Decision<'_> {
        let mut tally = Tally::default();
        for policy in &self.policies {
            let outcome = validate::validate(policy, &self.policies, keys, crypto, attempt);
            match (self.quorum, outcome) {
                (Quorum::Any, Outcome::Allow(admission)) => return self.admit(admission, attempt.head),
                (Quorum::All, Outcome::Allow(admission)) => tally.allow(admission),
                (_, Outcome::AwaitKeys(wish)) => tally.wait(policy, &wish),
                // What another policy of an `all-of` can tell needs no wait for this one's keys.
                (_, Outcome::Deny(denial)) if denial.rejection.reason().is_undecided() => {
                    tally.leave_undecided(Refused::by(policy, denial));
                }
                (Quorum::Any, Outcome::Deny(denial)) => tally.refuse(policy, denial),
                (Quorum::All, Outcome::Deny(denial)) => {
                    tally.refuse(policy, denial);
                    break;
                }
            }
        }
        self.conclude(tally, attempt.head)
    }

    /// What it comes to when no policy of an `any-of` allows, or every one of an `all-of` was asked or one refused.
    fn conclude<'r>(&'r self, tally: Tally<'r>, head: RequestHead<'_>) -> Decision<'r> {
        let Tally { allowed, admission, wish, undecided, refused } = tally;
        let (refused, waits) = match (self.quorum, refused, undecided) {
            (Quorum::All, None, None) if allowed > 0 && allowed == self.policies.len() => {
                return self.admit(admission, head);
            }
            (Quorum::All, Some(refused), _) | (Quorum::Any, Some(refused), None) => (refused, false),
            (Quorum::All, None, Some(undecided)) | (Quorum::Any, _, Some(undecided)) => {
                (undecided, wish.as_ref().is_some_and(|wish| !wish.is_empty()))
            }
            // A requirement without policies: nothing is let through.
            (Quorum::All | Quorum::Any, None, None) => {
                return refuse_unasked(Rejection::NotPresent(Absence::Nothing));
            }
        };
        let wish = wish.unwrap_or_default();
        if self.policies.iter().any(|policy| policy.report_only) {
            return self.allow(Passage::ReportOnly { refused, wish });
        }
        if waits {
            return Decision::AwaitKeys { policy: &self.name, wish, otherwise: refused };
        }
        Decision::Refuse { policy: Some(&self.name), refused }
    }

    /// Lets a request through that some policies allow: with what they give it, without the tokens that are to go. Those go that
    /// any policy of the requirement takes out: what it refused is not for the backend, either.
    fn admit(&self, admission: Admission, head: RequestHead<'_>) -> Decision<'_> {
        let mut gone = self.policies.iter().filter(|policy| policy.forward.remove_token).peekable();
        if gone.peek().is_none() {
            return self.allow(Passage::Validated(admission));
        }
        let mut edits = extract::remove_tokens(gone.map(|policy| &policy.source), head);
        edits.extend(admission.edits);
        self.allow(Passage::Validated(Admission { edits, ..admission }))
    }

    fn allow<'r>(&'r self, passage: Passage<'r>) -> Decision<'r> {
        Decision::Allow { policy: Some(&self.name), passage }
    }
}

/// What the policies of a requirement came to so far.
#[derive(Default)]
struct Tally<'r> {
    /// How many allow.
    allowed: usize,
    /// What the request gets of those.
    admission: Admission,
    wish: Option<Box<Wish>>,
    /// What a request is told that could not be decided, and does not wait, or cannot.
    undecided: Option<Refused<'r>>,
    /// The refusal that answers.
    refused: Option<Refused<'r>>,
}

impl<'r> Tally<'r> {
    fn allow(&mut self, admission: Admission) {
        self.allowed = self.allowed.saturating_add(1);
        self.admission.edits.extend(admission.edits);
        self.admission.variables.extend(admission.variables);
    }

    fn wait(&mut self, policy: &'r Policy, wish: &Wish) {
        let earlier = self.wish.take().unwrap_or_default();
        self.wish = Some(Box::new(earlier.and(*wish)));
        let unavailable = Rejection::KeysUnavailable { retry_after: Duration::from_secs(1) };
        self.leave_undecided(Refused::by(policy, Box::new(unavailable.into())));
    }

    /// Keeps the first policy that could not decide.
    fn leave_undecided(&mut self, undecided: Refused<'r>) {
        self.undecided.get_or_insert(undecided);
    }

    /// Keeps the refusal of the policy under which the token came furthest, the first among equals.
    fn refuse(&mut self, policy: &'r Policy, denial: Box<Denial>) {
        let progress = |denial: &Denial| denial.rejection.reason().progress();
        let is_further =
            self.refused.as_ref().is_none_or(|earlier| progress(&denial) > progress(&earlier.denial));
        if is_further {
            self.refused = Some(Refused::by(policy, denial));
        }
    }
}

impl<'r> Refused<'r> {
    fn by(policy: &'r Policy, denial: Box<Denial>) -> Self {
        Self { denial, policy: Some((&policy.name, &policy.refusal)) }
    }
}

#[cfg(test)]
mod tests;
