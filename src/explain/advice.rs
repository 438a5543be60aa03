//! What probably explains a refusal, and what to do: the known mistakes with tokens of Microsoft Entra ID and of others. An advice
//! decides nothing, so it may go by claims that nobody verified.
//!
//! Their numbers are stable. H29, the order of elements, is about API Management's XML and is told where that is converted.

mod claims;
mod form;
mod issuer;

use super::{Finding, Prospect, Step};
use crate::{
    claims::Claims,
    json::Json,
    keys::KeyStore,
    policy::Policy,
    rejection::Rejection,
    token::{Claimed, UntrustedToken},
    validate::Attempt,
};

/// A known mistake, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Its number: `H8`.
    pub number: u8,
    /// What it looks like.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// H26, which says that nothing is wrong here.
const PASSES: u8 = 26;

impl Advice {
    /// Whether it is about a request that passes: it misleads where another policy refuses that.
    pub fn is_about_passing(&self) -> bool {
        self.number == PASSES
    }

    fn new(number: u8, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { number, cause: cause.into(), remedy: remedy.into() }
    }
}

/// What an advice goes by.
pub(super) struct Sight<'s> {
    pub(super) policy: &'s Policy,
    pub(super) keys: &'s KeyStore,
    pub(super) attempt: Attempt<'s>,
    /// What stands in the place of the token.
    pub(super) text: Option<&'s [u8]>,
    pub(super) token: Option<&'s UntrustedToken<'s>>,
    pub(super) steps: &'s [Step],
}

/// What probably explains what became of the request, the closest first.
pub(super) fn of(sight: &Sight<'_>) -> Vec<Advice> {
    let mut advice = Vec::new();
    advice.extend(issuer::advise(sight));
    advice.extend(form::advise(sight));
    advice.extend(claims::advise(sight));
    advice
}

impl<'s> Sight<'s> {
    fn claims(&self) -> Option<&'s Claims<'s>> {
        self.token.map(UntrustedToken::claimed).map(Claimed::claims)
    }

    /// Why the policy refuses, or what a later step would refuse for.
    fn rejections(&self) -> impl Iterator<Item = &Rejection> {
        self.steps.iter().filter_map(|step| match &step.finding {
            Finding::Failed(rejection) | Finding::NotReached(Prospect::WouldFail(rejection)) => {
                Some(rejection)
            }
            Finding::Passed | Finding::Undecided | Finding::NotReached(_) => None,
        })
    }

    fn is_refused_for(&self, is_it: impl Fn(&Rejection) -> bool) -> bool {
        self.rejections().any(is_it)
    }

    fn is_undecided(&self) -> bool {
        self.steps.iter().any(|step| step.finding == Finding::Undecided)
    }

    fn is_allowed(&self) -> bool {
        self.steps.iter().all(|step| step.finding == Finding::Passed)
    }

    /// Whether the step of this name passed.
    fn passed(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name == name && step.finding == Finding::Passed)
    }

    fn has_claim(&self, name: &str) -> bool {
        self.claims().is_some_and(|claims| claims.get(name).is_some_and(|claim| *claim != Json::Null))
    }
}
