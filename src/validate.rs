//! The journey of a token, top to bottom: extract, decrypt, parse, choose keys, verify, check. One function of (policy, keys,
//! request, now); it is run again from the top when keys have come.

use std::{fmt, rc::Rc};

use crate::{
    algorithm::Algorithm,
    checks::{self, Lifetime},
    edit::Edit,
    hint::Hint,
    issuer,
    jwe::{Decrypted, DecryptionError, Decryptor, Unwrapped},
    keys::{KeyStore, Waited, Wish},
    policy::Policy,
    rejection::{Malformed, Rejection},
    request::RequestHead,
    search::{By, Found, Search},
    signature::Verifier,
    time::Timestamp,
    token::{JoseHeader, TokenParts, UntrustedToken, VerifiedToken},
    token_cache::{Question, Remembered, TokenCache},
    trust::{self, Undecided},
};

/// What to do with a request. What is large and seldom is boxed, because a good token's outcome is moved more than once.
#[derive(Debug)]
pub enum Outcome {
    /// Let it through.
    Allow(Admission),
    /// Refuse it.
    Deny(Box<Denial>),
    /// Let it wait for keys, then ask again.
    AwaitKeys(Box<Wish>),
}

/// What a request gets that is let through.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// What changes in its head (`options.forward`), in this order.
    pub edits: Vec<Edit>,
    /// The claims as JSON, by the name of the variable that gets them (APIM `output-token-variable-name`).
    pub variables: Vec<(String, Vec<u8>)>,
}

impl Admission {
    /// How many bytes its texts take.
    pub fn bytes(&self) -> usize {
        let edits = self.edits.iter().map(Edit::bytes);
        let variables = self.variables.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        edits.chain(variables).fold(0, usize::saturating_add)
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission(…)")
    }
}

/// A refusal, and what may be said of the token in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub rejection: Rejection,
    /// Of the token that was refused, when there was one that could be parsed.
    pub quote: Option<Quote>,
    /// What may explain it.
    pub hint: Option<Hint>,
}

impl From<Rejection> for Denial {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, quote: None, hint: None }
    }
}

/// What a log line quotes of a token. It is the caller's text: to be shown by an [`Excerpt`](crate::excerpt::Excerpt).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// `alg`
    pub algorithm: String,
    /// `kid`
    pub key_id: Option<String>,
    /// The host of `iss`.
    pub issuer_host: Option<String>,
}

/// What verifies and decrypts, and what was verified before.
#[derive(Clone, Copy, Debug)]
pub struct Crypto<'c> {
    /// Verifies signatures.
    pub verifier: &'c Verifier,
    /// Decrypts tokens.
    pub decryptor: &'c Decryptor,
    /// Remembers tokens.
    pub cache: &'c TokenCache,
}

/// A request that is to be decided, and what was tried for it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'h> {
    /// Its head.
    pub head: RequestHead<'h>,
    /// What it waited for already.
    pub waited: Waited,
    /// What its token's decryption came to, if it was decided before.
    pub unwrapped: &'h Unwrapped,
    /// When.
    pub now: Timestamp,
}

/// Decides about a request under one policy; `beside` are the policies that are asked about the same request, itself included.
pub fn validate(
    policy: &Policy,
    beside: &[Rc<Policy>],
    keys: &KeyStore,
    crypto: Crypto<'_>,
    attempt: Attempt<'_>,
) -> Outcome {
    match try_validate(policy, beside, keys, crypto, attempt) {
        Ok(admission) => Outcome::Allow(admission),
        Err(Stop::Wait(wish)) => Outcome::AwaitKeys(wish),
        Err(Stop::Deny(denial)) => Outcome::Deny(denial),
    }
}

/// Where the journey ends early.
enum Stop {
    Wait(Box<Wish>),
    Deny(Box<Denial>),
}

impl<R: Into<Rejection>> From<R> for Stop {
    fn from(rejection: R) -> Self {
        Self::Deny(Box::new(rejection.into().into()))
    }
}

fn try_validate(
    policy: &Policy,
    beside: &[Rc<Policy>],
    keys: &KeyStore,
    crypto: Crypto<'_>,
    attempt: Attempt<'_>,
) -> Result<Admission, Stop> {
    let text = policy.source.locate(attempt.head)?;
    let host = if policy.looks_at_host() { attempt.head.host() } else { None };
    let question =
        Question { policy: policy.position, text: &text, host: host.as_deref(), epoch: keys.epoch() };
    let remembered =
        crypto.cache.find(question, |remembered| is_still_good(policy, remembered, keys, attempt.now));
    if let Some(admission) = remembered {
        return Ok(admission);
    }
    // What is a list is not base64url, either, and that is seen without another look at all of it.
    let if_one = |fault: Malformed| policy.source.check_is_one(&text).err().unwrap_or_else(|| fault.into());
    if text.len() > policy.max_token_bytes {
        return Err(if_one(Malformed::TooLong).into());
    }
    let decrypted = decrypt(policy, beside, crypto.decryptor, &text, attempt)?;
    let parts = match &decrypted {
        None => TokenParts::decode(&text).map_err(if_one)?,
        Some(decrypted) => decode_decrypted(policy, decrypted)?,
    };
    let token = UntrustedToken::parse(&parts)?;
    let found = find_key(policy, keys, crypto.verifier, &token, attempt).and_then(|found| {
        checks::check_all(policy, found.token, attempt.head, attempt.now).map_err(Undecided::Refuse)?;
        Ok(found)
    });
    match found {
        Ok(Found { token: verified, by }) => {
            let admission = admit(policy, verified);
            if let By::Key { usable_until } = by {
                let (lifetime, admission) = (Lifetime::of(verified.claims()), admission.clone());
                crypto.cache.remember(question, Remembered { lifetime, usable_until, admission });
            }
            Ok(admission)
        }
        Err(Undecided::Wait(wish)) => Err(Stop::Wait(wish)),
        Err(Undecided::Refuse(rejection)) => Err(Stop::Deny(Box::new(Denial {
            hint: Hint::of(policy, &token, &rejection),
            quote: Some(Quote::new(token.header(), token.claimed_issuer())),
            rejection,
        }))),
    }
}

/// Whether a token that was verified and checked is so now: beside what it was looked up by, only time can have changed that.
fn is_still_good(policy: &Policy, remembered: &Remembered, keys: &KeyStore, now: Timestamp) -> bool {
    remembered.usable_until.is_none_or(|until| keys.time(now) <= until)
        && checks::check_lifetime(policy, remembered.lifetime, now).is_ok()
}

/// What a token holds that is encrypted, five parts between dots (RFC 7516 §7.1), when the policy has keys for it; `None` for
/// any other text.
pub(crate) fn decrypt(
    policy: &Policy,
    beside: &[Rc<Policy>],
    decryptor: &Decryptor,
    text: &[u8],
    attempt: Attempt<'_>,
) -> Result<Option<Decrypted>, Rejection> {
    let is_encrypted = || memchr::memchr_iter(b'.', text).count() == 4;
    if policy.decryption_keys.is_empty() || !is_encrypted() {
        return Ok(None);
    }
    policy.source.check_is_one(text)?;
    let beside: Vec<_> = beside.iter().flat_map(|policy| &policy.decryption_keys).collect();
    match decryptor.decrypt(text, &policy.decryption_keys, &beside, attempt.unwrapped, attempt.now) {
        Ok(decrypted) => Ok(Some(decrypted)),
        Err(DecryptionError::Failed) => Err(Rejection::DecryptionFailed),
        Err(DecryptionError::Busy) => Err(Rejection::DecryptionUnavailable),
    }
}

/// The token that was encrypted: signed, or bare claims where the policy takes unsigned tokens.
pub(crate) fn decode_decrypted<'d>(
    policy: &Policy,
    decrypted: &'d Decrypted,
) -> Result<TokenParts<'d>, Malformed> {
    let text = decrypted.plaintext();
    match (text.trim_ascii_start().starts_with(b"{"), &policy.unsigned) {
        (false, _) => TokenParts::decode(text),
        (true, Some(_)) => Ok(TokenParts::of_claims(text, decrypted.typ().map(str::to_owned))),
        (true, None) => Err(Malformed::Unsigned),
    }
}

impl Quote {
    fn new(header: &JoseHeader<'_>, issuer: Option<&str>) -> Self {
        Self {
            algorithm: header.algorithm_name.clone().into_owned(),
            key_id: header.key_id.as_deref().map(str::to_owned),
            issuer_host: issuer.and_then(issuer::host_of),
        }
    }
}

/// Finds the key that verifies the token: allow-listed algorithm, then the keys that may vouch for its issuer. A token that
/// nobody signed needs none, where the policy takes it; its issuer must be allowed all the same.
pub(crate) fn find_key<'u>(
    policy: &Policy,
    keys: &KeyStore,
    verifier: &Verifier,
    token: &'u UntrustedToken<'u>,
    attempt: Attempt<'_>,
) -> Result<Found<'u>, Undecided> {
    let (now, waited) = (keys.time(attempt.now), attempt.waited);
    if let Some(permission) = policy.unsigned.as_ref().filter(|_| token.is_unsigned()) {
        check_type(policy, token)?;
        if !trust::is_listed(policy, token) {
            trust::select(policy, keys, token, waited, now)?;
        }
        let admitted = token.admit_unsigned(permission).map(|token| Found { token, by: By::Permission });
        return admitted.ok_or(Undecided::Refuse(Rejection::SignatureInvalid));
    }
    let algorithm = Algorithm::from_name(&token.header().algorithm_name)
        .filter(|algorithm| policy.algorithms.contains(*algorithm))
        .ok_or(Undecided::Refuse(Rejection::AlgorithmNotAllowed))?;
    check_type(policy, token)?;
    let search = |vouchers: &[_]| Search { policy, verifier, token, algorithm, vouchers, waited, now }.run();
    match trust::select(policy, keys, token, waited, now) {
        Ok(vouchers) => {
            let found = search(&vouchers.list)?;
            vouchers.remember(policy, keys, token);
            Ok(found)
        }
        // Inline keys vouch for a listed issuer whatever the network says; a secret is never found there.
        Err(undecided) if trust::is_listed(policy, token) && !policy.inline_keys.is_empty() => {
            search(&[]).map_err(|refused| if algorithm.is_symmetric() { refused } else { undecided })
        }
        Err(undecided) => Err(undecided),
    }
}

/// `options.token-types`: the JOSE `typ` is a media type (RFC 7515 §4.1.9), without `application/` where there is no other `/`,
/// in small letters or not.
pub(crate) fn check_type(policy: &Policy, token: &UntrustedToken<'_>) -> Result<(), Undecided> {
    let Some(allowed) = &policy.token_types else {
        return Ok(());
    };
    let short = |media_type: &str| {
        let lower = media_type.to_ascii_lowercase();
        lower
            .strip_prefix("application/")
            .filter(|rest| !rest.contains('/'))
            .map_or_else(|| lower.clone(), str::to_owned)
    };
    let is_allowed = token.header().token_type.as_deref().is_some_and(|token_type| {
        let token_type = short(token_type);
        allowed.iter().any(|allowed| short(allowed) == token_type)
    });
    if is_allowed { Ok(()) } else { Err(Undecided::Refuse(Rejection::TypeNotAllowed)) }
}

/// What the request gets of a token that passed. That the token itself is to go is for who knows all policies that let it pass.
fn admit(policy: &Policy, token: VerifiedToken<'_>) -> Admission {
    let headers = policy.forward.headers(token).into_iter();
    let variable = policy.output_variable.as_ref().map(|name| (name.clone(), token.payload().to_vec()));
    Admission {
        edits: headers.map(|(name, value)| Edit::Set(name.to_owned(), value)).collect(),
        variables: variable.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests;
