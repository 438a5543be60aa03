//! Why a request is refused: every reason that there is, with what an operator needs to understand it.

mod reason;

pub use reason::Reason;

use std::{fmt, time::Duration};

use crate::{json::JsonError, time::Timestamp};

/// A refusal with its facts. `Display` is for operators: it quotes the configuration, never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// [`Reason::PathAmbiguous`]
    PathAmbiguous,
    /// [`Reason::TokenNotPresent`]
    NotPresent(Absence),
    /// [`Reason::JwtInvalid`]
    Malformed(Malformed),
    /// [`Reason::TokenAlgorithmNotAllowed`]
    AlgorithmNotAllowed,
    /// [`Reason::TokenTypeNotAllowed`]
    TypeNotAllowed,
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
    /// [`Reason::TokenTenantNotAllowed`]
    TenantNotAllowed(TenantFault),
    /// [`Reason::TokenBackendApplicationNotAllowed`]
    BackendApplicationNotAllowed,
    /// [`Reason::TokenClientApplicationNotAllowed`]
    ClientApplicationNotAllowed(ClientFault),
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
    /// [`Reason::TokenDecryptionFailed`]
    DecryptionFailed,
    /// [`Reason::DecryptionUnavailable`]
    DecryptionUnavailable,
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
    /// The encrypted token holds bare claims, which nobody signed, and the policy does not take those.
    Unsigned,
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
    /// `ver` is absent, unknown, or not that of the issuer (`validate-azure-ad-token`).
    Version,
}

/// Why a tenant is not allowed (APIM `tenant-id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantFault {
    /// The token has no `tid`, or one that is no GUID.
    Absent,
    /// It is another tenant's.
    Other,
    /// It is not the tenant that `iss` names.
    NotOfIssuer,
    /// A personal account, and `tenant-id` is `organizations`.
    PersonalAccount,
}

/// Why a calling application is not allowed (APIM `client-application-ids`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFault {
    /// The token has neither `azp` nor `appid`.
    Absent,
    /// It is not listed.
    NotListed,
    /// `azp` and `appid` differ.
    Contradictory,
}

impl Rejection {
    /// The stable name of this refusal.
    pub fn reason(&self) -> Reason {
        match self {
            Self::PathAmbiguous => Reason::PathAmbiguous,
            Self::NotPresent(_) => Reason::TokenNotPresent,
            Self::Malformed(_) => Reason::JwtInvalid,
            Self::DecryptionFailed => Reason::TokenDecryptionFailed,
            Self::DecryptionUnavailable => Reason::DecryptionUnavailable,
            Self::AlgorithmNotAllowed => Reason::TokenAlgorithmNotAllowed,
            Self::TypeNotAllowed => Reason::TokenTypeNotAllowed,
            Self::TenantNotAllowed(_) => Reason::TokenTenantNotAllowed,
            Self::BackendApplicationNotAllowed => Reason::TokenBackendApplicationNotAllowed,
            Self::ClientApplicationNotAllowed(_) => Reason::TokenClientApplicationNotAllowed,
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

impl Rejection {
    /// Whether keys had a part in it; every refusal that ranks above one that keys had a part in counts, too, because in a
    /// composite it may hide one.
    pub fn depends_on_keys(&self) -> bool {
        !matches!(
            self,
            Self::PathAmbiguous
                | Self::NotPresent(_)
                | Self::Malformed(_)
                | Self::AlgorithmNotAllowed
                | Self::TypeNotAllowed
                | Self::DecryptionUnavailable
        )
    }

    /// How long until the same request may be decided; of use where it could not be.
    pub fn retry_after(&self) -> Duration {
        if let Self::KeysUnavailable { retry_after } = self { *retry_after } else { Duration::from_secs(1) }
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
            Self::PathAmbiguous => {
                write!(f, "the path, the host or the method can be read in more than one way")
            }
            Self::DecryptionFailed => write!(f, "cannot be decrypted"),
            Self::DecryptionUnavailable => {
                write!(f, "too many encrypted tokens at once: the budget of RSA decryptions is spent")
            }
            Self::AlgorithmNotAllowed => write!(f, "algorithm not allowed"),
            Self::TypeNotAllowed => write!(f, "`typ` is not in `token-types`"),
            Self::TenantNotAllowed(fault) => write!(f, "{fault}"),
            Self::BackendApplicationNotAllowed => {
                write!(f, "no `aud` is one of `backend-application-ids`")
            }
            Self::ClientApplicationNotAllowed(fault) => write!(f, "{fault}"),
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
            Self::Unsigned => write!(f, "encrypted, and not signed inside"),
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
            Self::Version => "`ver` is neither `1.0` nor `2.0`, or the issuer is not of that version",
        })
    }
}

impl fmt::Display for TenantFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "no `tid` that is a GUID",
            Self::Other => "another tenant's token",
            Self::NotOfIssuer => "`tid` is not the tenant that `iss` names",
            Self::PersonalAccount => "a personal account, which `organizations` does not take",
        })
    }
}

impl fmt::Display for ClientFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "neither `azp` nor `appid` names the calling application",
            Self::NotListed => "the calling application is not in `client-application-ids`",
            Self::Contradictory => "`azp` and `appid` name different applications",
        })
    }
}
