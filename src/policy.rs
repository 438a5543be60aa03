//! A policy as it is applied: compiled from the configuration, free of its syntax.

use std::time::Duration;

use crate::{algorithm::AlgorithmSet, extract::TokenSource, jwk::Jwk, keys::ProviderId, url::Url};

/// One `validate-jwt` policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where the token is.
    pub source: TokenSource,
    /// The algorithms that may sign.
    pub algorithms: AlgorithmSet,
    /// `issuer-signing-keys`.
    pub inline_keys: Vec<Jwk>,
    /// `openid-config`.
    pub providers: Vec<PolicyProvider>,
    /// `issuers`; `None` when the policy does not list any.
    pub issuers: Option<Vec<String>>,
    /// `audiences`; `None` when the policy does not list any: then `aud` is not looked at.
    pub audiences: Option<Vec<String>>,
    /// `require-expiration-time`: whether a token without `exp` is refused.
    pub require_expiration: bool,
    /// `clock-skew`: by how much the issuer's clock may differ.
    pub clock_skew: Duration,
    /// `required-claims`: all of them must hold.
    pub required_claims: Vec<RequiredClaim>,
    /// What a refused request is told.
    pub refusal: Refusal,
}

/// An `openid-config` of a policy.
#[derive(Clone, Debug)]
pub struct PolicyProvider {
    /// Its place in the key store.
    pub id: ProviderId,
    /// Its URL.
    pub url: Url,
}

/// One of `required-claims`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredClaim {
    /// `name`, literal.
    pub name: String,
    /// What the claim's values must be.
    pub rule: ClaimRule,
    /// `separator`: splits the token's strings, not the policy's.
    pub separator: Option<String>,
}

/// What a required claim must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimRule {
    /// Anything: no `values`.
    Present,
    /// `match: all`: each of these is among the token's values.
    All(Vec<String>),
    /// `match: any`: at least one of these is.
    Any(Vec<String>),
}

/// How a refusal is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `failed-validation-httpcode`.
    pub status: u16,
    /// `failed-validation-error-message`; `None` for the defaults.
    pub message: Option<String>,
}
