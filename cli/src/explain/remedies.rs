//! What to do about a refusal that no hint fits: the remedies of `docs/reasons.md`, in a sentence.

use validate_jwt::explain::Explanation;
use validate_jwt::rejection::Reason;

/// What to do, where the policy refuses and there is no hint.
pub(super) fn of(explanation: &Explanation) -> Option<&'static str> {
    let rejection = explanation.rejection()?;
    explanation.advice.is_empty().then(|| general(rejection.reason()))
}

fn general(reason: Reason) -> &'static str {
    match reason {
        Reason::PathAmbiguous => "send the path as the backend names it, encoded once",
        Reason::TokenNotPresent => {
            "have the caller send the token where the policy looks, with the scheme that it asks for"
        }
        Reason::JwtInvalid => {
            "have the caller send an access token as the token endpoint returned it; see above what is wrong with this one"
        }
        Reason::TokenDecryptionFailed => {
            "encrypt with the public key of a certificate in `decryption-keys`, by an accepted algorithm"
        }
        Reason::DecryptionUnavailable | Reason::DiscoveryUnavailable => {
            "not the caller's fault: ask again later; docs/reliability.md has every cause"
        }
        Reason::TokenAlgorithmNotAllowed => "have the issuer sign with an algorithm that the policy allows",
        Reason::TokenTypeNotAllowed => {
            "have the caller send an access token; list the `typ` that the issuer writes in `options.token-types`"
        }
        Reason::TokenIssuerNotAllowed => {
            "have the caller get the token from an issuer that the policy expects; or, if this one is to be trusted, add its \
             `openid-config`"
        }
        Reason::TokenTenantNotAllowed => {
            "have the caller sign in to the policy's tenant; is `tenant-id` the right one?"
        }
        Reason::TokenSignatureKeyNotFound => {
            "is the `openid-config` that of the issuer, and are the keys those of now?"
        }
        Reason::TokenSignatureInvalid => {
            "have the caller send the token unchanged: it was damaged or forged on the way, or another key has the same `kid`"
        }
        Reason::TokenExpirationMissing => {
            "have the issuer set `exp`, or set `require-expiration-time` to false"
        }
        Reason::TokenExpired => "have the caller get a new token, some minutes before `exp`",
        Reason::TokenNotYetValid => {
            "is the clock of the issuer right? `clock-skew` bridges small differences"
        }
        Reason::TokenAudienceNotAllowed => {
            "have the caller ask for a token for this API; or, if this `aud` is the API, add it to `audiences`"
        }
        Reason::TokenBackendApplicationNotAllowed => {
            "have the caller ask for a token for this API; or add its client id to `backend-application-ids`"
        }
        Reason::TokenClientApplicationNotAllowed => {
            "if this application is to call the API, add its client id to `client-application-ids`"
        }
        Reason::TokenClaimNotFound => {
            "have the issuer put the claim into the tokens for this API, and get a new one"
        }
        Reason::TokenClaimValueNotAllowed => {
            "give the caller what the claim is to have, and get a new token; or correct the `values` of the policy"
        }
    }
}
