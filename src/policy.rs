//! A policy as it is applied: compiled from the configuration, free of its syntax. `validate-jwt` and
//! `validate-azure-ad-token` are one type here: the second adds its rules as [`Entra`].

use std::{collections::BTreeMap, time::Duration};

use crate::{
    algorithm::AlgorithmSet,
    extract::TokenSource,
    forward::Forward,
    issuer::Comparison,
    jwe::DecryptionKey,
    jwk::Jwk,
    keys::{ProviderId, ProviderSet},
    token::UnsignedPermission,
    url::Url,
};

/// One `validate-jwt` or `validate-azure-ad-token` policy.
#[derive(Debug)]
pub struct Policy {
    /// Its position in the configuration.
    pub position: usize,
    /// What it is called in logs and metrics.
    pub name: String,
    /// Where the token is.
    pub source: TokenSource,
    /// `options.max-token-bytes`: longer tokens are refused unread.
    pub max_token_bytes: usize,
    /// The algorithms that may sign.
    pub algorithms: AlgorithmSet,
    /// `require-signed-tokens: false`: the permission to take unsigned tokens.
    pub unsigned: Option<UnsignedPermission>,
    /// `options.token-types`: the JOSE `typ`s that are allowed; `None` for any or none.
    pub token_types: Option<Vec<String>>,
    /// `issuer-signing-keys`.
    pub inline_keys: Vec<Jwk>,
    /// `decryption-keys`.
    pub decryption_keys: Vec<DecryptionKey>,
    /// `openid-config` and `options.jwks`.
    pub providers: Vec<PolicyProvider>,
    /// `issuers`; `None` when the policy does not list any.
    pub issuers: Option<Vec<String>>,
    /// `options.issuer-keys`: the providers that may sign for an issuer, where it is said.
    pub issuer_keys: BTreeMap<String, ProviderSet>,
    /// The rules of `validate-azure-ad-token`.
    pub entra: Option<Entra>,
    /// `audiences`; `None` when the policy does not list any: then `aud` is not looked at.
    pub audiences: Option<Audiences>,
    /// `require-expiration-time`: whether a token without `exp` is refused.
    pub require_expiration: bool,
    /// `clock-skew`: by how much the issuer's clock may differ.
    pub clock_skew: Duration,
    /// `required-claims`: all of them must hold.
    pub required_claims: Vec<RequiredClaim>,
    /// What a refused request is told.
    pub refusal: Refusal,
    /// `options.forward`: what the backend gets.
    pub forward: Forward,
    /// `output-token-variable-name`: the variable that gets the claims.
    pub output_variable: Option<String>,
    /// `options.report-only`: a request that it refuses is let through all the same.
    pub report_only: bool,
}

impl Policy {
    /// Whether it looks at the host that a request names: then a token may be good for one request and not for another.
    pub fn looks_at_host(&self) -> bool {
        let allowed = self.audiences.iter().flat_map(|audiences| &audiences.allowed);
        allowed.into_iter().any(|audience| matches!(audience, Audience::RequestHost { .. }))
    }

    /// How it compares issuers.
    pub fn issuer_comparison(&self) -> Comparison {
        if self.entra.is_some() { Comparison::IgnoreCase } else { Comparison::Exact }
    }
}

/// An `openid-config` of a policy, or one of its `options.jwks`.
#[derive(Clone, Debug)]
pub struct PolicyProvider {
    /// Its place in the key store.
    pub id: ProviderId,
    /// Its URL.
    pub url: Url,
}

/// What `validate-azure-ad-token` asks for beside what `validate-jwt` can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entra {
    /// `tenant-id`.
    pub tenant: Tenant,
    /// `backend-application-ids`; `None` when the policy does not list any.
    pub backend_applications: Option<Vec<ApplicationId>>,
    /// `client-application-ids`; `None` when the policy does not list any.
    pub client_applications: Option<Vec<ApplicationId>>,
}

/// Whose tokens `tenant-id` lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// The tenant with this GUID.
    Id(String),
    /// The tenant whose metadata the domain leads to.
    Domain,
    /// `organizations`: every tenant but that of personal accounts.
    Organizations,
    /// `common`: every tenant.
    Common,
    /// `consumers`: the tenant of personal accounts.
    Consumers,
}

/// The id of an application: a GUID in either case, or a text to the letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationId(String);

impl ApplicationId {
    /// The id of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this id.
    pub fn is(&self, text: &str) -> bool {
        if crate::issuer::is_guid(&self.0) { self.0.eq_ignore_ascii_case(text) } else { self.0 == text }
    }

    /// Whether `audience` is this application as an API: its id, or `api://` and its id.
    pub fn is_audience(&self, audience: &str) -> bool {
        self.is(audience) || audience.strip_prefix("api://").is_some_and(|id| self.is(id))
    }
}

/// `audiences`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audiences {
    /// Any one of these.
    pub allowed: Vec<Audience>,
    /// `options.strict-audience`: a `/` at the end counts.
    pub strict: bool,
}

/// One of `audiences`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// This text.
    Literal(String),
    /// The host that the request names, with this text around it (`{request-host}`).
    RequestHost {
        /// What stands before the host.
        before: String,
        /// What stands after it.
        after: String,
    },
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
    /// `options.insufficient-claims-httpcode`; `None` when it is not told apart.
    pub insufficient_status: Option<u16>,
    /// `options.unavailable-httpcode`.
    pub unavailable_status: u16,
    /// `failed-validation-error-message`; `None` for the defaults.
    pub message: Option<String>,
    /// APIM's own texts.
    pub defaults: DefaultTexts,
    /// `options.challenge`; `None` when it is off.
    pub challenge: Option<Challenge>,
}

/// What a refused request is told when the policy does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultTexts {
    /// To a request without a token.
    pub not_present: &'static str,
    /// To every other one.
    pub invalid: &'static str,
}

impl DefaultTexts {
    /// The texts of `validate-jwt`.
    pub const VALIDATE_JWT: Self = Self { not_present: "JWT not present.", invalid: "Invalid JWT." };
    /// The texts of `validate-azure-ad-token`; they have no full stop in APIM, either.
    pub const VALIDATE_AZURE_AD_TOKEN: Self =
        Self { not_present: "Azure AD JWT not present", invalid: "Invalid Azure AD JWT" };
}

impl Default for Refusal {
    fn default() -> Self {
        Self {
            status: 401,
            insufficient_status: None,
            unavailable_status: 503,
            message: None,
            defaults: DefaultTexts::VALIDATE_JWT,
            challenge: Some(Challenge::default()),
        }
    }
}

/// What the `WWW-Authenticate` of a refusal holds beside the scheme and the error (RFC 6750 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `realm` (RFC 9110 §11.5).
    pub realm: Option<String>,
    /// `resource-metadata`: where the API describes itself (RFC 9728 §5.1).
    pub resource_metadata: Option<String>,
}
