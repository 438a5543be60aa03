//! The checks of a request in one line for each policy: for the log of the filter, at the level `trace`. What the policy came to is
//! all that it needs, so that the module has no second journey; a test holds the lines to the steps that are explained.

use crate::{
    decision::{Demand, Rulebook},
    keys::KeyStore,
    policy::Policy,
    rejection::{IssuerFault, Malformed, Reason, Rejection},
    route,
    validate::{self, Attempt, Crypto, Outcome},
};

/// A line for each policy that is asked about a request: the names of its checks, with what each came to, and nothing of the token
/// but why it is refused. The request is decided anew for that, and as far as it was: another policy's decryption would be at the
/// cost of the ration.
pub fn trace(rulebook: &Rulebook, keys: &KeyStore, crypto: Crypto<'_>, attempt: Attempt<'_>) -> Vec<String> {
    let Ok(Demand::Policy { requirement, .. }) = rulebook.routes.choose(attempt.head) else {
        return Vec::new();
    };
    if rulebook.allow_cors_preflight && route::is_cors_preflight(attempt.head) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for policy in &requirement.policies {
        let outcome = validate::validate(policy, &requirement.policies, keys, crypto, attempt);
        lines.push(of_policy(policy, &outcome));
        if requirement.is_settled_by(&outcome) {
            break;
        }
    }
    lines
}

/// What is said of a policy whose keys are awaited, or not to be had.
const KEYS_MISSING: &str = "keys are missing";

/// The line for what one policy came to.
fn of_policy(policy: &Policy, outcome: &Outcome) -> String {
    let mut line = format!("checks of policy {}: ", policy.name);
    let failed = match outcome {
        Outcome::Allow(_) => None,
        // Which check they are missing for, the documents alone could tell.
        Outcome::AwaitKeys(_) => return line + KEYS_MISSING,
        Outcome::Deny(denial) if denial.rejection.reason() == Reason::DiscoveryUnavailable => {
            return line + KEYS_MISSING;
        }
        Outcome::Deny(denial) => Some(&denial.rejection),
    };
    let fails_at = failed.map(name_of);
    let mut word = "pass";
    let mut separator = "";
    for name in names(policy) {
        line = line + separator + name + " ";
        match failed.filter(|_| fails_at == Some(name)) {
            Some(rejection) => {
                line = line + "FAIL (" + &rejection.to_string() + ")";
                word = "not reached";
            }
            None => line.push_str(word),
        }
        separator = ", ";
    }
    line
}

/// The names of a policy's checks, in their order; of all required claims there is one.
fn names(policy: &Policy) -> impl Iterator<Item = &'static str> {
    let (is_entra, has_claims) = (policy.entra.is_some(), !policy.required_claims.is_empty());
    let names = [
        (true, "token"),
        (true, "size"),
        (!policy.decryption_keys.is_empty(), "decryption"),
        (true, "structure"),
        (true, "alg"),
        (policy.token_types.is_some(), "typ"),
        (true, "iss"),
        (is_entra, "tid"),
        (true, "key"),
        (true, "signature"),
        (true, "exp"),
        (is_entra, "ver"),
        (true, "aud"),
        (is_entra, "azp"),
        (has_claims, "claims"),
    ];
    names.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name)
}

/// The check that refuses for this.
fn name_of(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::ClaimNotFound { .. } | Rejection::ClaimValueNotAllowed { .. } => "claims",
        Rejection::PathAmbiguous
        | Rejection::NotPresent(_)
        | Rejection::Malformed(Malformed::SeveralTokens) => "token",
        Rejection::Malformed(Malformed::TooLong) => "size",
        Rejection::DecryptionFailed | Rejection::DecryptionUnavailable => "decryption",
        Rejection::Malformed(Malformed::Lifetime)
        | Rejection::ExpirationMissing
        | Rejection::Expired { .. }
        | Rejection::NotYetValid { .. } => "exp",
        Rejection::Malformed(_) => "structure",
        Rejection::AlgorithmNotAllowed => "alg",
        Rejection::TypeNotAllowed => "typ",
        Rejection::IssuerNotAllowed(IssuerFault::Version) => "ver",
        Rejection::SignatureInvalid | Rejection::IssuerNotAllowed(IssuerFault::OtherKeyIssuer) => "signature",
        Rejection::IssuerNotAllowed(_) => "iss",
        Rejection::TenantNotAllowed(_) => "tid",
        Rejection::KeyNotFound | Rejection::KeysUnavailable { .. } => "key",
        Rejection::AudienceNotAllowed => "aud",
        Rejection::BackendApplicationNotAllowed | Rejection::ClientApplicationNotAllowed(_) => "azp",
    }
}
