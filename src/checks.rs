//! The rules that a verified token's claims must meet, one function a rule, in the order in which they are applied.

use std::borrow::Cow;

use crate::{
    claims::Claims,
    json::Json,
    policy::{Audience, Audiences, ClaimRule, Entra, Policy, RequiredClaim},
    rejection::{Malformed, Rejection},
    request::RequestHead,
    time::Timestamp,
    token::{Claimed, VerifiedToken},
};

/// One rule about claims.
#[derive(Clone, Copy, Debug)]
pub enum Check<'p> {
    /// `exp` and `nbf`
    Lifetime,
    /// `ver` (`validate-azure-ad-token`)
    Version,
    /// `aud`
    Audience,
    /// `azp` or `appid`, and `aud` as an application (`validate-azure-ad-token`)
    Applications,
    /// One of `required-claims`.
    RequiredClaim(&'p RequiredClaim),
}

impl<'p> Check<'p> {
    /// The rules of a policy in the order in which they are applied (APIM's: lifetime, audience, applications, claims; the issuer
    /// was checked when the keys were chosen).
    pub fn of(policy: &'p Policy) -> impl Iterator<Item = Self> {
        let (version, applications) = match policy.entra {
            Some(_) => (Some(Self::Version), Some(Self::Applications)),
            None => (None, None),
        };
        let rules = [Some(Self::Lifetime), version, Some(Self::Audience), applications];
        rules.into_iter().flatten().chain(policy.required_claims.iter().map(Self::RequiredClaim))
    }

    /// Whether a token that came with the request `head` meets the rule.
    pub fn run(
        self,
        policy: &Policy,
        token: VerifiedToken<'_>,
        head: RequestHead<'_>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.look(policy, token.claims(), head, now)
    }

    /// Whether a token would meet the rule if it were what it claims to be: for who asks why, and for nothing else.
    pub fn try_claimed(
        self,
        policy: &Policy,
        claimed: Claimed<'_>,
        head: RequestHead<'_>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.look(policy, claimed.claims(), head, now)
    }

    fn look(
        self,
        policy: &Policy,
        claims: &Claims<'_>,
        head: RequestHead<'_>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        match self {
            Self::Lifetime => check_lifetime(policy, Lifetime::of(claims), now),
            Self::Version => Entra::check_version(claims),
            Self::Audience => check_audience(policy, claims, head),
            Self::Applications => {
                policy.entra.as_ref().map_or(Ok(()), |entra| entra.check_applications(claims))
            }
            Self::RequiredClaim(required) => check_claim(required, claims),
        }
    }
}

/// Checks everything that the policy asks of the claims of a token; the first rule that fails decides.
pub fn check_all(
    policy: &Policy,
    token: VerifiedToken<'_>,
    head: RequestHead<'_>,
    now: Timestamp,
) -> Result<(), Rejection> {
    Check::of(policy).try_for_each(|check| check.run(policy, token, head, now))
}

/// The dates between which a token may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// `exp` (RFC 7519 §4.1.4).
    pub exp: Option<Timestamp>,
    /// `nbf` (RFC 7519 §4.1.5).
    pub nbf: Option<Timestamp>,
}

impl Lifetime {
    /// The dates that these claims name.
    pub fn of(claims: &Claims<'_>) -> Self {
        Self { exp: claims.expires(), nbf: claims.not_before() }
    }
}

/// Checks a token's dates (APIM `require-expiration-time`, `clock-skew`): of all rules, the only one that may come to another end
/// for the same token later.
pub fn check_lifetime(policy: &Policy, lifetime: Lifetime, now: Timestamp) -> Result<(), Rejection> {
    let Lifetime { exp, nbf } = lifetime;
    if exp.is_none() && policy.require_expiration {
        return Err(Rejection::ExpirationMissing);
    }
    if exp.zip(nbf).is_some_and(|(exp, nbf)| nbf > exp) {
        return Err(Malformed::Lifetime.into());
    }
    if let Some(exp) = exp.filter(|exp| now >= exp.after(policy.clock_skew)) {
        return Err(Rejection::Expired { exp, now });
    }
    if let Some(nbf) = nbf.filter(|nbf| *nbf > now.after(policy.clock_skew)) {
        return Err(Rejection::NotYetValid { nbf, now });
    }
    Ok(())
}

/// `aud` (RFC 7519 §4.1.3; APIM `audiences`): one of the token's is one of the policy's, a trailing `/` aside, which Entra's
/// v1 tokens have at random, unless `options.strict-audience` is on.
fn check_audience(policy: &Policy, claims: &Claims<'_>, head: RequestHead<'_>) -> Result<(), Rejection> {
    let Some(Audiences { allowed, strict }) = &policy.audiences else {
        return Ok(());
    };
    let is_same = |one: &str, other: &str| {
        if *strict { one == other } else { without_slash(one) == without_slash(other) }
    };
    let is_allowed = allowed.iter().any(|allowed| {
        let allowed = match allowed {
            Audience::Literal(text) => Some(Cow::Borrowed(text.as_str())),
            Audience::RequestHost { before, after } => {
                head.host().map(|host| Cow::Owned(format!("{before}{host}{after}")))
            }
        };
        allowed.is_some_and(|allowed| claims.audiences().any(|audience| is_same(&allowed, audience)))
    });
    if is_allowed { Ok(()) } else { Err(Rejection::AudienceNotAllowed) }
}

fn without_slash(audience: &str) -> &str {
    audience.strip_suffix('/').unwrap_or(audience)
}

/// One of `required-claims` (APIM `claim` with `match`, `separator` and `value`).
fn check_claim(required: &RequiredClaim, claims: &Claims<'_>) -> Result<(), Rejection> {
    let claim = claims.get(&required.name).filter(|claim| !is_empty(claim));
    let Some(claim) = claim else {
        return Err(Rejection::ClaimNotFound { name: required.name.clone() });
    };
    let values = values(claim, required.separator.as_deref());
    let has = |expected: &String| values.iter().any(|value| value == expected);
    let holds = match &required.rule {
        ClaimRule::Present => true,
        ClaimRule::All(expected) => expected.iter().all(has),
        ClaimRule::Any(expected) => expected.iter().any(has),
    };
    if holds { Ok(()) } else { Err(Rejection::ClaimValueNotAllowed { name: required.name.clone() }) }
}

/// `null` and `[]` are as good as absent; an empty string is a value.
fn is_empty(claim: &Json<'_>) -> bool {
    match claim {
        Json::Null => true,
        Json::Array(elements) => elements.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => false,
    }
}

/// The values of a claim as text: a string (split when there is a separator), a boolean, a number as it is written, or the
/// elements of an array. An object has none.
fn values<'c>(claim: &'c Json<'_>, separator: Option<&str>) -> Vec<Cow<'c, str>> {
    match claim {
        Json::Array(elements) => elements.iter().flat_map(|element| scalar(element, separator)).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            scalar(claim, separator)
        }
    }
}

fn scalar<'c>(value: &'c Json<'_>, separator: Option<&str>) -> Vec<Cow<'c, str>> {
    match (value, separator) {
        (Json::String(text), None) => vec![Cow::Borrowed(text)],
        // Words apart by one blank or two are the same words; of a comma-separated list an empty part is a value.
        (Json::String(text), Some(separator)) if separator.trim().is_empty() => {
            text.split(separator).filter(|part| !part.is_empty()).map(Cow::Borrowed).collect()
        }
        (Json::String(text), Some(separator)) => text.split(separator).map(Cow::Borrowed).collect(),
        (Json::Number(digits), _) => vec![Cow::Borrowed(digits)],
        (Json::Bool(value), _) => vec![Cow::Borrowed(if *value { "true" } else { "false" })],
        (Json::Null | Json::Array(_) | Json::Object(_), _) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
