//! The stable names of refusals.

use std::fmt;

/// The stable name of a refusal, for access logs, metrics and log lines; never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The path, the host or the method can be read in more than one way, and a rule matches by it.
    PathAmbiguous,
    /// No token where the policy looks for one (IDX10000 family; APIM `TokenNotPresent`).
    TokenNotPresent,
    /// The token is not a well-formed JWT (RFC 7519 §7.2; APIM `JwtInvalid`, IDX12741).
    JwtInvalid,
    /// The encrypted token cannot be decrypted (RFC 7516 §5.2, IDX10603, IDX10609).
    TokenDecryptionFailed,
    /// More encrypted tokens came than the budget of private-key operations allows; not the caller's fault.
    DecryptionUnavailable,
    /// The JOSE header's `alg` is not one that the policy allows (IDX10696).
    TokenAlgorithmNotAllowed,
    /// The JOSE header's `typ` is not one that the policy allows (`options.token-types`).
    TokenTypeNotAllowed,
    /// Nothing allows the token's `iss` (IDX10205, IDX10211, IDX40001).
    TokenIssuerNotAllowed,
    /// The token's `tid` is not the tenant that `tenant-id` names.
    TokenTenantNotAllowed,
    /// The keys that could decide are not to be had (IDX20803); not the caller's fault.
    DiscoveryUnavailable,
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
    /// No `aud` of the token is in `audiences` (IDX10214).
    TokenAudienceNotAllowed,
    /// No `aud` of the token is one of `backend-application-ids`.
    TokenBackendApplicationNotAllowed,
    /// The calling application (`azp`, `appid`) is not one of `client-application-ids`.
    TokenClientApplicationNotAllowed,
    /// A required claim is absent.
    TokenClaimNotFound,
    /// A required claim has not the required values.
    TokenClaimValueNotAllowed,
}

impl Reason {
    /// Every reason, in the order in which a request can meet them.
    pub const ALL: [Self; 20] = [
        Self::PathAmbiguous,
        Self::TokenNotPresent,
        Self::JwtInvalid,
        Self::TokenDecryptionFailed,
        Self::DecryptionUnavailable,
        Self::TokenAlgorithmNotAllowed,
        Self::TokenTypeNotAllowed,
        Self::TokenIssuerNotAllowed,
        Self::TokenTenantNotAllowed,
        Self::DiscoveryUnavailable,
        Self::TokenSignatureKeyNotFound,
        Self::TokenSignatureInvalid,
        Self::TokenExpirationMissing,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::TokenAudienceNotAllowed,
        Self::TokenBackendApplicationNotAllowed,
        Self::TokenClientApplicationNotAllowed,
        Self::TokenClaimNotFound,
        Self::TokenClaimValueNotAllowed,
    ];

    /// The name, as access logs show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PathAmbiguous => "PathAmbiguous",
            Self::TokenNotPresent => "TokenNotPresent",
            Self::JwtInvalid => "JwtInvalid",
            Self::TokenDecryptionFailed => "TokenDecryptionFailed",
            Self::DecryptionUnavailable => "DecryptionUnavailable",
            Self::TokenAlgorithmNotAllowed => "TokenAlgorithmNotAllowed",
            Self::TokenTypeNotAllowed => "TokenTypeNotAllowed",
            Self::TokenIssuerNotAllowed => "TokenIssuerNotAllowed",
            Self::TokenTenantNotAllowed => "TokenTenantNotAllowed",
            Self::DiscoveryUnavailable => "DiscoveryUnavailable",
            Self::TokenSignatureKeyNotFound => "TokenSignatureKeyNotFound",
            Self::TokenSignatureInvalid => "TokenSignatureInvalid",
            Self::TokenExpirationMissing => "TokenExpirationMissing",
            Self::TokenExpired => "TokenExpired",
            Self::TokenNotYetValid => "TokenNotYetValid",
            Self::TokenAudienceNotAllowed => "TokenAudienceNotAllowed",
            Self::TokenBackendApplicationNotAllowed => "TokenBackendApplicationNotAllowed",
            Self::TokenClientApplicationNotAllowed => "TokenClientApplicationNotAllowed",
            Self::TokenClaimNotFound => "TokenClaimNotFound",
            Self::TokenClaimValueNotAllowed => "TokenClaimValueNotAllowed",
        }
    }

    /// Whether the token was not judged: what could decide was not to be had.
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::DiscoveryUnavailable | Self::DecryptionUnavailable)
    }

    /// How far a token came that is refused for this reason: of the policies of an `any-of` that all refuse, the one where it
    /// came furthest answers.
    pub fn progress(self) -> u8 {
        match self {
            Self::PathAmbiguous | Self::TokenNotPresent => 0,
            Self::JwtInvalid => 1,
            Self::TokenAlgorithmNotAllowed | Self::TokenTypeNotAllowed => 2,
            Self::TokenIssuerNotAllowed => 3,
            Self::TokenTenantNotAllowed => 4,
            Self::TokenSignatureKeyNotFound => 5,
            Self::TokenDecryptionFailed => 6,
            Self::TokenSignatureInvalid => 7,
            Self::TokenExpirationMissing | Self::TokenExpired | Self::TokenNotYetValid => 8,
            Self::TokenAudienceNotAllowed => 9,
            Self::TokenBackendApplicationNotAllowed | Self::TokenClientApplicationNotAllowed => 10,
            Self::TokenClaimNotFound | Self::TokenClaimValueNotAllowed => 11,
            // Not a verdict on the token: it could not be decided.
            Self::DiscoveryUnavailable | Self::DecryptionUnavailable => 12,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
