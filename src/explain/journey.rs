//! The journey under one policy, step by step. It goes by the functions of [`validate`], in their order.

use std::{cmp::Ordering, rc::Rc};

use super::{Explanation, Finding, Prospect, Standing, Step, advice, words};
use crate::{
    checks::Check,
    jwe::Decrypted,
    keys::KeyStore,
    policy::Policy,
    rejection::{IssuerFault, Malformed, Rejection},
    search::Found,
    token::{TokenParts, UntrustedToken},
    trust::{self, Undecided},
    validate::{self, Attempt, Crypto},
};

/// The steps so far.
#[derive(Default)]
struct Journey {
    steps: Vec<Step>,
}

/// The steps between parsing and the claims, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Algorithm,
    Type,
    Issuer,
    Tenant,
    Key,
    Signature,
}

/// Explains what `policy` says of a request; `beside` are the policies that are asked about it.
pub(super) fn explain(
    policy: &Policy,
    beside: &[Rc<Policy>],
    keys: &KeyStore,
    crypto: Crypto<'_>,
    attempt: Attempt<'_>,
) -> Explanation {
    let mut journey = Journey::default();
    let bytes = |text: &[u8]| format!("{} bytes", text.len());
    let extracted = policy.source.extract(attempt.head);
    let found = extracted.as_deref().ok();
    let text = journey.step(
        "token",
        words::place(&policy.source),
        Some(extracted.as_deref().map_err(Clone::clone)),
        |text| bytes(text),
    );
    let size =
        text.map(
            |text| {
                if text.len() > policy.max_token_bytes { Err(Malformed::TooLong.into()) } else { Ok(text) }
            },
        );
    let text =
        journey.step("size", format!("at most {} bytes", policy.max_token_bytes), size, |text| bytes(text));
    let decrypted = decrypt(&mut journey, policy, beside, text, crypto, attempt);
    let parts = match (text, &decrypted) {
        (Some(text), Some(Content::Plain)) => Some(TokenParts::decode(text)),
        (_, Some(Content::Decrypted(decrypted))) => Some(validate::decode_decrypted(policy, decrypted)),
        (None, Some(Content::Plain)) | (_, None) => None,
    };
    let parsed = match &parts {
        Some(Ok(parts)) => Some(UntrustedToken::parse(parts).map_err(Rejection::from)),
        Some(Err(malformed)) => Some(Err(malformed.clone().into())),
        None => None,
    };
    let expected = "three parts, each base64url; header and claims strict JSON".to_owned();
    let was_parsed = parsed.as_ref().map(|parsed| parsed.as_ref().map_err(Clone::clone));
    let token = journey.step("structure", expected, was_parsed, |_| "a JWT".to_owned());
    let verdict = token.map(|token| validate::find_key(policy, keys, crypto.verifier, token, attempt));
    journey.stages(policy, keys, attempt, token, verdict.as_ref());
    journey.claims(policy, attempt, token, verdict.as_ref().and_then(|verdict| verdict.as_ref().ok()));
    let explaining =
        |steps: &[Step]| advice::of(&advice::Sight { policy, keys, attempt, text: found, token, steps });
    let mut later = explaining(&journey.steps);
    let advice =
        if journey.is_refused() { explaining(&journey.until_refused()) } else { std::mem::take(&mut later) };
    later.retain(|further| !advice.contains(further));
    Explanation { steps: journey.steps, advice, later }
}

/// What is to be parsed.
enum Content {
    /// The token itself.
    Plain,
    /// What an encrypted token held.
    Decrypted(Decrypted),
}

/// The step of decryption, where the policy has keys for it; `None` when the journey ends there or before.
fn decrypt(
    journey: &mut Journey,
    policy: &Policy,
    beside: &[Rc<Policy>],
    text: Option<&[u8]>,
    crypto: Crypto<'_>,
    attempt: Attempt<'_>,
) -> Option<Content> {
    if policy.decryption_keys.is_empty() {
        return text.map(|_| Content::Plain);
    }
    let decrypted = text.map(|text| {
        let decrypted = validate::decrypt(policy, beside, crypto.decryptor, text, attempt)?;
        Ok(decrypted.map_or(Content::Plain, Content::Decrypted))
    });
    let expected = "not encrypted, or for one of `decryption-keys`".to_owned();
    journey.step("decryption", expected, decrypted, |content| {
        let told = match content {
            Content::Plain => "not encrypted",
            Content::Decrypted(_) => "decrypted",
        };
        told.to_owned()
    })
}

impl Journey {
    fn is_refused(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.finding, Finding::Failed(_)))
    }

    /// The steps without what those would come to that were not reached.
    fn until_refused(&self) -> Vec<Step> {
        let mut steps = self.steps.clone();
        for step in &mut steps {
            if matches!(step.finding, Finding::NotReached(_)) {
                step.finding = Finding::NotReached(Prospect::Unknown);
            }
        }
        steps
    }

    /// A step that the journey reached when there is an `outcome`; gives what it brought.
    fn step<T>(
        &mut self,
        name: &str,
        expected: String,
        outcome: Option<Result<T, Rejection>>,
        actual: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let (actual, finding) = match &outcome {
            None => (String::new(), Finding::NotReached(Prospect::Unknown)),
            Some(Ok(brought)) => (actual(brought), Finding::Passed),
            Some(Err(rejection)) => (rejection.to_string(), Finding::Failed(rejection.clone())),
        };
        self.steps.push(Step { name: name.to_owned(), expected, actual, finding, standing: None });
        outcome.and_then(Result::ok)
    }

    /// From the algorithm to the signature: what `find_key` came to, at the step where it ended.
    fn stages(
        &mut self,
        policy: &Policy,
        keys: &KeyStore,
        attempt: Attempt<'_>,
        token: Option<&UntrustedToken<'_>>,
        verdict: Option<&Result<Found<'_>, Undecided>>,
    ) {
        let now = keys.time(attempt.now);
        let selected = token.map(|token| trust::select(policy, keys, token, attempt.waited, now));
        let is_issuer_known = matches!(selected, Some(Ok(_)))
            || token.is_some_and(|token| trust::is_listed(policy, token) && !policy.inline_keys.is_empty());
        let ended = verdict.and_then(|verdict| verdict.as_ref().err()).map(|undecided| match undecided {
            Undecided::Wait(_) => (undecided_stage(is_issuer_known), Finding::Undecided),
            Undecided::Refuse(Rejection::KeysUnavailable { .. }) => {
                (undecided_stage(is_issuer_known), Finding::Undecided)
            }
            Undecided::Refuse(rejection) => (stage_of(rejection), Finding::Failed(rejection.clone())),
        });
        let standing = match verdict {
            Some(Ok(_)) => Standing::Verified,
            Some(Err(_)) | None => Standing::NotVerified,
        };
        let mut stages = vec![Stage::Algorithm, Stage::Issuer, Stage::Key, Stage::Signature];
        stages.extend(policy.token_types.as_ref().map(|_| Stage::Type));
        stages.extend(policy.entra.as_ref().map(|_| Stage::Tenant));
        stages.sort_unstable();
        let prospect = |stage| match (stage, token) {
            (Stage::Type, Some(token)) => prospect(validate::check_type(policy, token), |_| true),
            (Stage::Issuer | Stage::Tenant, Some(_)) => {
                selected.as_ref().map_or(Prospect::Unknown, |selected| {
                    let selected = selected.as_ref().map(|_| ()).map_err(clone_undecided);
                    prospect(selected, |rejection| stage_of(rejection) == stage)
                })
            }
            (Stage::Algorithm | Stage::Key | Stage::Signature, _) | (_, None) => Prospect::Unknown,
        };
        for stage in stages {
            let finding = match (&ended, verdict) {
                (_, None) => Finding::NotReached(Prospect::Unknown),
                (None, Some(_)) => Finding::Passed,
                (Some((end, finding)), Some(_)) => match stage.cmp(end) {
                    Ordering::Less => Finding::Passed,
                    Ordering::Equal => finding.clone(),
                    Ordering::Greater => Finding::NotReached(prospect(stage)),
                },
            };
            let (name, expected, actual) = match stage {
                Stage::Algorithm => words::algorithm(policy, token),
                Stage::Type => words::token_type(policy, token),
                Stage::Issuer => words::issuer(policy, keys, token),
                Stage::Tenant => words::tenant(policy, token),
                Stage::Key => words::key(policy, keys, now, token),
                Stage::Signature => words::signature(&finding),
            };
            let reads_claims = matches!(stage, Stage::Issuer | Stage::Tenant) && token.is_some();
            let standing = reads_claims.then_some(standing);
            self.steps.push(Step { name: name.to_owned(), expected, actual, finding, standing });
        }
    }

    /// The rules about claims: as the decision applies them to a token that can be believed, up to the first that fails; beyond
    /// that, and for a token that nobody verified, what they would come to.
    fn claims(
        &mut self,
        policy: &Policy,
        attempt: Attempt<'_>,
        token: Option<&UntrustedToken<'_>>,
        found: Option<&Found<'_>>,
    ) {
        let mut goes_on = found.is_some();
        for check in Check::of(policy) {
            let finding = match (found, token) {
                (Some(found), _) => match check.run(policy, found.token, attempt.head, attempt.now) {
                    Ok(()) if goes_on => Finding::Passed,
                    Err(rejection) if goes_on => {
                        goes_on = false;
                        Finding::Failed(rejection)
                    }
                    Ok(()) => Finding::NotReached(Prospect::WouldPass),
                    Err(rejection) => Finding::NotReached(Prospect::WouldFail(rejection)),
                },
                (None, Some(token)) => {
                    let tried = check.try_claimed(policy, token.claimed(), attempt.head, attempt.now);
                    Finding::NotReached(match tried {
                        Ok(()) => Prospect::WouldPass,
                        Err(rejection) => Prospect::WouldFail(rejection),
                    })
                }
                (None, None) => Finding::NotReached(Prospect::Unknown),
            };
            let (name, expected, actual) =
                words::check(policy, check, attempt, token.map(UntrustedToken::claimed));
            let standing = token.map(|_| match found {
                Some(_) => Standing::Verified,
                None => Standing::NotVerified,
            });
            self.steps.push(Step { name, expected, actual, finding, standing });
        }
    }
}

/// Where a token waits for keys: for the documents that name issuers, or for a key of its issuer.
fn undecided_stage(is_issuer_known: bool) -> Stage {
    if is_issuer_known { Stage::Key } else { Stage::Issuer }
}

/// The step that refuses for this, of those between parsing and the claims.
fn stage_of(rejection: &Rejection) -> Stage {
    match rejection {
        Rejection::TypeNotAllowed => Stage::Type,
        Rejection::IssuerNotAllowed(IssuerFault::OtherKeyIssuer) | Rejection::SignatureInvalid => {
            Stage::Signature
        }
        Rejection::IssuerNotAllowed(
            IssuerFault::Absent
            | IssuerFault::NotListed
            | IssuerFault::SeveralHosts
            | IssuerFault::PersonalAccount
            | IssuerFault::Version,
        ) => Stage::Issuer,
        Rejection::TenantNotAllowed(_) => Stage::Tenant,
        Rejection::KeyNotFound | Rejection::KeysUnavailable { .. } => Stage::Key,
        // Of these, the first alone comes from the search for a key.
        Rejection::AlgorithmNotAllowed
        | Rejection::PathAmbiguous
        | Rejection::NotPresent(_)
        | Rejection::Malformed(_)
        | Rejection::ExpirationMissing
        | Rejection::Expired { .. }
        | Rejection::NotYetValid { .. }
        | Rejection::BackendApplicationNotAllowed
        | Rejection::ClientApplicationNotAllowed(_)
        | Rejection::AudienceNotAllowed
        | Rejection::ClaimNotFound { .. }
        | Rejection::ClaimValueNotAllowed { .. }
        | Rejection::DecryptionFailed
        | Rejection::DecryptionUnavailable => Stage::Algorithm,
    }
}

/// What `tried` would come to; a refusal counts where it `is_own` to the step.
fn prospect(tried: Result<(), Undecided>, is_own: impl Fn(&Rejection) -> bool) -> Prospect {
    match tried {
        Ok(()) => Prospect::WouldPass,
        Err(Undecided::Refuse(rejection)) if is_own(&rejection) => Prospect::WouldFail(rejection),
        Err(Undecided::Wait(_) | Undecided::Refuse(_)) => Prospect::Unknown,
    }
}

fn clone_undecided(undecided: &Undecided) -> Undecided {
    match undecided {
        Undecided::Wait(wish) => Undecided::Wait(wish.clone()),
        Undecided::Refuse(rejection) => Undecided::Refuse(rejection.clone()),
    }
}
