//! Why a request is refused: every reason that there is, with what an operator needs to understand it.

use std::{fmt, time::Duration};

use crate::{json::JsonError, time::Timestamp};

/// The stable name of a refusal, for access logs, metrics and log lines; never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No token where the policy looks for one (IDX10000 family; APIM `TokenNotPresent`).
    TokenNotPresent,
    /// The token is not a well-formed JWT (RFC 7519 §7.2; APIM `JwtInvalid`, IDX12741).
    JwtInvalid,
    /// The JOSE header's `alg` is not one that the policy allows (IDX10696).
    TokenAlgorithmNotAllowed,
    /// No key that may vouch for the token fits its `kid` and `alg` (IDX10501, IDX10503).
    TokenSignatureKeyNotFound,
    /// The signature does not verify (IDX10511).
    TokenSignatureInvalid,
    /// `exp` is required and absent (IDX10225).
    TokenExpirationMissing,
    /// `exp` is past (IDX10223).
    TokenExpired,
    /// `nbf` is to come (IDX10222).
    TokenNotYetValid,
    /// Nothing allows the token's `iss` (IDX10205, IDX10211).
    TokenIssuerNotAllowed,
    /// No `aud` of the token is in `audiences` (IDX10214).
    TokenAudienceNotAllowed,
    /// A required claim is absent.
    TokenClaimNotFound,
    /// A required claim has not the required values.
    TokenClaimValueNotAllowed,
    /// The keys that could decide are not to be had (IDX20803); not the caller's fault.
    DiscoveryUnavailable,
}

impl Reason {
    /// Every reason, in the order in which a request can meet them.
    pub const ALL: [Self; 13] = [
        Self::TokenNotPresent,
        Self::JwtInvalid,
        Self::TokenAlgorithmNotAllowed,
        Self::TokenIssuerNotAllowed,
        Self::DiscoveryUnavailable,
        Self::TokenSignatureKeyNotFound,
        Self::TokenSignatureInvalid,
        Self::TokenExpirationMissing,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::TokenAudienceNotAllowed,
        Self::TokenClaimNotFound,
        Self::TokenClaimValueNotAllowed,
    ];

    /// The name, as access logs show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TokenNotPresent => "TokenNotPresent",
            Self::JwtInvalid => "JwtInvalid",
            Self::TokenAlgorithmNotAllowed => "TokenAlgorithmNotAllowed",
            Self::TokenSignatureKeyNotFound => "TokenSignatureKeyNotFound",
            Self::TokenSignatureInvalid => "TokenSignatureInvalid",
            Self::TokenExpirationMissing => "TokenExpirationMissing",
            Self::TokenExpired => "TokenExpired",
            Self::TokenNotYetValid => "TokenNotYetValid",
            Self::TokenIssuerNotAllowed => "TokenIssuerNotAllowed",
            Self::TokenAudienceNotAllowed => "TokenAudienceNotAllowed",
            Self::TokenClaimNotFound => "TokenClaimNotFound",
            Self::TokenClaimValueNotAllowed => "TokenClaimValueNotAllowed",
            Self::DiscoveryUnavailable => "DiscoveryUnavailable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refusal with its facts. `Display` is for operators: it quotes the configuration, never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// [`Reason::TokenNotPresent`]
    NotPresent(Absence),
    /// [`Reason::JwtInvalid`]
    Malformed(Malformed),
    /// [`Reason::TokenAlgorithmNotAllowed`]
    AlgorithmNotAllowed,
    /// [`Reason::TokenSignatureKeyNotFound`]
    KeyNotFound,
    /// [`Reason::TokenSignatureInvalid`]
    SignatureInvalid,
    /// [`Reason::TokenExpirationMissing`]
    ExpirationMissing,
    /// [`Reason::TokenExpired`]
    Expired {
        /// The token's `exp`.
        exp: Timestamp,
        /// When it was looked at.
        now: Timestamp,
    },
    /// [`Reason::TokenNotYetValid`]
    NotYetValid {
        /// The token's `nbf`.
        nbf: Timestamp,
        /// When it was looked at.
        now: Timestamp,
    },
    /// [`Reason::TokenIssuerNotAllowed`]
    IssuerNotAllowed(IssuerFault),
    /// [`Reason::TokenAudienceNotAllowed`]
    AudienceNotAllowed,
    /// [`Reason::TokenClaimNotFound`]
    ClaimNotFound {
        /// The name in `required-claims`.
        name: String,
    },
    /// [`Reason::TokenClaimValueNotAllowed`]
    ClaimValueNotAllowed {
        /// The name in `required-claims`.
        name: String,
    },
    /// [`Reason::DiscoveryUnavailable`]
    KeysUnavailable {
        /// How long until keys may be there.
        retry_after: Duration,
    },
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The place that the policy reads is not in the request, or blank.
    Nothing,
    /// `Authorization` has the scheme that the policy wants, and nothing behind it.
    Empty,
    /// `Authorization` has another scheme than the policy wants, or none.
    Scheme,
}

/// Why text is not a JWT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The source is in the request more than once, or the header holds a list.
    SeveralTokens,
    /// Longer than the limit.
    TooLong,
    /// Not three parts between dots.
    PartCount,
    /// Five parts: an encrypted token (RFC 7516), which this policy cannot read.
    Encrypted,
    /// A part is not canonical base64url without padding (RFC 7515 §2).
    Base64Url(Part),
    /// A part is not strict JSON.
    Json(Part, JsonError),
    /// A part is JSON, but not an object.
    NotAnObject(Part),
    /// The JOSE header has `crit` (RFC 7515 §4.1.11) or switches `b64` (RFC 7797): the filter implements no extension.
    Critical,
    /// A member is there with a type that it cannot have.
    MemberType {
        /// The member's name.
        member: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// The JOSE header lacks `alg` (RFC 7515 §4.1.1).
    NoAlgorithm,
    /// `nbf` is after `exp` (IDX10224).
    Lifetime,
}

/// A part of a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The JOSE header.
    Header,
    /// The payload: the claims.
    Payload,
    /// The signature.
    Signature,
}

/// Why an issuer is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerFault {
    /// The token has no `iss`.
    Absent,
    /// Neither `issuers` nor an OpenID configuration names it.
    NotListed,
    /// OpenID configurations on several hosts could vouch for it, and nothing says which may.
    SeveralHosts,
    /// A personal account where the `organizations` endpoint is configured.
    PersonalAccount,
    /// The key that signed belongs to another issuer (IDX40005).
    OtherKeyIssuer,
}

impl Rejection {
    /// The stable name of this refusal.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotPresent(_) => Reason::TokenNotPresent,
            Self::Malformed(_) => Reason::JwtInvalid,
            Self::AlgorithmNotAllowed => Reason::TokenAlgorithmNotAllowed,
            Self::KeyNotFound => Reason::TokenSignatureKeyNotFound,
            Self::SignatureInvalid => Reason::TokenSignatureInvalid,
            Self::ExpirationMissing => Reason::TokenExpirationMissing,
            Self::Expired { .. } => Reason::TokenExpired,
            Self::NotYetValid { .. } => Reason::TokenNotYetValid,
            Self::IssuerNotAllowed(_) => Reason::TokenIssuerNotAllowed,
            Self::AudienceNotAllowed => Reason::TokenAudienceNotAllowed,
            Self::ClaimNotFound { .. } => Reason::TokenClaimNotFound,
            Self::ClaimValueNotAllowed { .. } => Reason::TokenClaimValueNotAllowed,
            Self::KeysUnavailable { .. } => Reason::DiscoveryUnavailable,
        }
    }
}

impl From<Malformed> for Rejection {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPresent(Absence::Nothing) => write!(f, "no token"),
            Self::NotPresent(Absence::Empty) => write!(f, "no token behind the scheme"),
            Self::NotPresent(Absence::Scheme) => write!(f, "no token under the scheme that the policy wants"),
            Self::Malformed(malformed) => write!(f, "{malformed}"),
            Self::AlgorithmNotAllowed => write!(f, "algorithm not allowed"),
            Self::KeyNotFound => write!(f, "no key of the issuer has this `kid` and algorithm"),
            Self::SignatureInvalid => write!(f, "signature does not verify"),
            Self::ExpirationMissing => write!(f, "no `exp`"),
            Self::Expired { exp, now } => write!(f, "expired {} s ago", now.since(*exp).as_secs()),
            Self::NotYetValid { nbf, now } => write!(f, "valid in {} s", nbf.since(*now).as_secs()),
            Self::IssuerNotAllowed(fault) => write!(f, "{fault}"),
            Self::AudienceNotAllowed => write!(f, "no `aud` is in `audiences`"),
            Self::ClaimNotFound { name } => write!(f, "required claim `{}` is absent", name.escape_debug()),
            Self::ClaimValueNotAllowed { name } => {
                write!(f, "claim `{}` has not the required values", name.escape_debug())
            }
            Self::KeysUnavailable { retry_after } => {
                write!(f, "no usable keys, next attempt in {} ms", retry_after.as_millis())
            }
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeveralTokens => write!(f, "several tokens"),
            Self::TooLong => write!(f, "longer than the limit"),
            Self::PartCount => write!(f, "not three parts"),
            Self::Encrypted => write!(f, "encrypted, which this policy does not read"),
            Self::Base64Url(part) => write!(f, "{part} is not base64url"),
            // The member that stands twice is the token's own text: the fact is enough.
            Self::Json(part, JsonError::DuplicateMember { .. }) => write!(f, "{part} has a member twice"),
            Self::Json(part, error) => write!(f, "{part} is {error}"),
            Self::NotAnObject(part) => write!(f, "{part} is not a JSON object"),
            Self::Critical => write!(f, "header wants an extension that is not implemented"),
            Self::MemberType { member, expected } => write!(f, "`{member}` is not {expected}"),
            Self::NoAlgorithm => write!(f, "header has no `alg`"),
            Self::Lifetime => write!(f, "`nbf` is after `exp`"),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

impl fmt::Display for IssuerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "no `iss`",
            Self::NotListed => "neither `issuers` nor an `openid-config` names the issuer",
            Self::SeveralHosts => {
                "`openid-config`s on several hosts could vouch for the issuer and none is on its own host"
            }
            Self::PersonalAccount => "a personal account, which `organizations` does not take",
            Self::OtherKeyIssuer => "the key that signed belongs to another issuer",
        })
    }
}
