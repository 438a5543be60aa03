//! The search for the key that verifies a token: among those that may vouch for its issuer, the inline keys first.

use std::time::Duration;

use crate::{
    algorithm::Algorithm,
    jwk::{Jwk, KeySet},
    keys::{Availability, ProviderSet, Publication, Waited, Wish},
    policy::Policy,
    rejection::{IssuerFault, Rejection},
    signature::Verifier,
    time::Timestamp,
    token::{UntrustedToken, VerifiedToken},
    trust::{Undecided, Voucher},
};

/// The most signatures that are verified with keys from the network for one token: what a stranger can make the proxy spend.
pub const MAX_NETWORK_VERIFICATIONS: usize = 4;

/// The search for one token's key.
#[derive(Debug)]
pub struct Search<'s, 'u> {
    /// The policy, whose inline keys are among the candidates.
    pub policy: &'s Policy,
    /// What verifies.
    pub verifier: &'s Verifier,
    /// The token.
    pub token: &'u UntrustedToken<'u>,
    /// Its algorithm, which is allowed.
    pub algorithm: Algorithm,
    /// The providers whose keys are the other candidates.
    pub vouchers: &'s [Voucher<'s>],
    /// What the request waited for.
    pub waited: Waited,
    /// The key store's time.
    pub now: Timestamp,
}

/// A token that may be believed, and why.
#[derive(Clone, Copy, Debug)]
pub struct Found<'u> {
    /// The token.
    pub token: VerifiedToken<'u>,
    /// What let it be believed.
    pub by: By,
}

/// What lets a token be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A key that verified its signature.
    Key {
        /// Until when the key may be used, in the key store's time; `None` for a key of the configuration.
        usable_until: Option<Timestamp>,
    },
    /// The configuration, which permits tokens that nobody signed.
    Permission,
}

/// A key, and with what it was published; nothing for an inline key.
type Candidate<'s> = (Option<&'s Publication>, &'s Jwk);

impl<'s, 'u> Search<'s, 'u> {
    /// The token as a verified one; fails when no key verifies it, or one may come that does.
    pub fn run(&self) -> Result<Found<'u>, Undecided> {
        self.among_named().unwrap_or_else(|| self.among_unnamed())
    }

    /// Tries the keys that have the token's `kid`; `None` when the token has none, or no key has it.
    fn among_named(&self) -> Option<Result<Found<'u>, Undecided>> {
        let key_id = self.token.header().key_id.as_deref()?;
        let inline = self.policy.inline_keys.iter().filter(|key| key.key_id.as_deref() == Some(key_id));
        let published = self
            .published()
            .flat_map(|(publication, set)| set.named(key_id).map(move |key| (Some(publication), key)));
        let named: Vec<_> = inline.map(|key| (None, key)).chain(published).collect();
        if named.is_empty() {
            return None;
        }
        let refused = match self.try_all(named) {
            Tried::Verified(Ok(verified)) => return Some(Ok(verified)),
            Tried::Verified(Err(refused)) => refused,
            Tried::Failed => Undecided::Refuse(Rejection::SignatureInvalid),
            Tried::Nothing => Undecided::Refuse(Rejection::KeyNotFound),
        };
        // Another provider's key may have the same `kid`: while one has no keys to show, nobody can say that it has not.
        let (pending, retry_after) = self.missing();
        Some(Err(match retry_after {
            _ if self.algorithm.is_symmetric() => refused,
            _ if !pending.is_empty() => Undecided::Wait(Box::new(Wish::pending(pending))),
            Some(retry_after) => Undecided::Refuse(Rejection::KeysUnavailable { retry_after }),
            None => refused,
        }))
    }

    /// The providers without usable keys: those that are worth waiting for, and how long until others may have some.
    fn missing(&self) -> (ProviderSet, Option<Duration>) {
        let (mut pending, mut retry_after) = (ProviderSet::default(), None);
        for Voucher { provider, publication } in self.vouchers {
            let wait = match provider.availability(*publication, self.now) {
                Availability::Pending if !self.waited.fetched.contains(provider.id()) => {
                    pending.insert(provider.id());
                    None
                }
                Availability::Pending => Some(Duration::ZERO),
                Availability::Down { retry_after } => Some(retry_after),
                Availability::Ready(_) => None,
            };
            retry_after = [retry_after, wait].into_iter().flatten().min();
        }
        (pending, retry_after)
    }

    /// Tries the keys that a token may be signed with although nothing names them: every inline key (APIM: "will attempt each
    /// specified key"), and of the network those without `kid`, or all when the token has none. When none fits, newer keys
    /// may.
    fn among_unnamed(&self) -> Result<Found<'u>, Undecided> {
        let header = self.token.header();
        let by_thumbprint = header.thumbprint.as_deref().filter(|thumbprint| {
            header.key_id.is_none()
                && self.candidates().any(|(_, key)| key.thumbprint.as_deref() == Some(thumbprint))
        });
        let unnamed = self.candidates().filter(|(publication, key)| match (publication, &header.key_id) {
            (None, _) => true,
            (Some(_), Some(_)) => key.key_id.is_none(),
            (Some(_), None) => {
                by_thumbprint.is_none_or(|thumbprint| key.thumbprint.as_deref() == Some(thumbprint))
            }
        });
        let rejection = match self.try_all(unnamed.collect()) {
            Tried::Verified(verdict) => return verdict,
            // A key that has the token's `kid` was not there: that is what the caller may want to know.
            Tried::Failed if header.key_id.is_none() || self.vouchers.is_empty() => {
                Rejection::SignatureInvalid
            }
            Tried::Failed | Tried::Nothing => Rejection::KeyNotFound,
        };
        // A shared secret never comes from the network.
        if self.algorithm.is_symmetric() || self.vouchers.is_empty() {
            return Err(Undecided::Refuse(rejection));
        }
        Err(self.await_newer_keys(rejection))
    }

    /// Waits for keys that are under way, then for one refetch; after that, the token is refused, unless a provider could not
    /// be reached: then its keys might have decided otherwise.
    fn await_newer_keys(&self, rejection: Rejection) -> Undecided {
        let (pending, mut retry_after) = self.missing();
        let mut refetch = ProviderSet::default();
        for Voucher { provider, publication } in self.vouchers {
            if matches!(provider.availability(*publication, self.now), Availability::Ready(_)) {
                if !self.waited.refetched.contains(provider.id()) && provider.can_refetch(self.now) {
                    refetch.insert(provider.id());
                }
                let wait = provider.retry_after_failure(self.now);
                retry_after = [retry_after, wait].into_iter().flatten().min();
            }
        }
        match retry_after {
            _ if !pending.is_empty() => Undecided::Wait(Box::new(Wish::pending(pending))),
            _ if !refetch.is_empty() => Undecided::Wait(Box::new(Wish::refetch(refetch))),
            Some(retry_after) => Undecided::Refuse(Rejection::KeysUnavailable { retry_after }),
            None => Undecided::Refuse(rejection),
        }
    }

    /// Every key that may vouch for the token, inline keys first.
    fn candidates(&self) -> impl Iterator<Item = Candidate<'s>> {
        let published = self
            .published()
            .flat_map(|(publication, set)| set.keys().iter().map(move |key| (Some(publication), key)));
        self.policy.inline_keys.iter().map(|key| (None, key)).chain(published)
    }

    /// The key sets that may be used now.
    fn published(&self) -> impl Iterator<Item = (&'s Publication, &'s KeySet)> {
        self.vouchers.iter().filter_map(|Voucher { provider, publication }| {
            match provider.availability(*publication, self.now) {
                Availability::Ready(set) => publication.map(|publication| (publication, set)),
                Availability::Pending | Availability::Down { .. } => None,
            }
        })
    }

    fn try_all(&self, mut candidates: Vec<Candidate<'s>>) -> Tried<'u> {
        candidates.retain(|(_, key)| key.serves(self.algorithm));
        // Tenants share keys: those that may sign for this one go first, or the limit would be spent on the others'. Told once
        // for each key, whose number a stranger's token does not limit.
        let (own, others): (Vec<_>, Vec<_>) = candidates
            .into_iter()
            .partition(|(publication, key)| self.check_key_issuer(*publication, key).is_ok());
        let mut outcome = Tried::Nothing;
        let mut of_another_issuer = None;
        let mut from_network = 0_usize;
        for (publication, key) in own.into_iter().chain(others) {
            if publication.is_some() {
                if from_network == MAX_NETWORK_VERIFICATIONS {
                    continue;
                }
                from_network = from_network.saturating_add(1);
            }
            outcome = Tried::Failed;
            let Some(verified) = self.token.verify(self.verifier, self.algorithm, &key.key) else {
                continue;
            };
            match self.check_key_issuer(publication, key) {
                Ok(()) => {
                    let by = By::Key { usable_until: publication.map(Publication::usable_until) };
                    return Tried::Verified(Ok(Found { token: verified, by }));
                }
                // The same key may be published again for the token's issuer.
                Err(refused) => of_another_issuer = Some(refused),
            }
        }
        of_another_issuer.map_or(outcome, |refused| Tried::Verified(Err(refused)))
    }

    /// Entra says of each key whose tokens it signs: the token's issuer, or, since v1 tokens are signed with the same keys,
    /// the issuer of the configuration that the key came with (IDX40005).
    fn check_key_issuer(&self, publication: Option<&Publication>, key: &Jwk) -> Result<(), Undecided> {
        let (tenant, comparison) = (self.token.claimed_tenant(), self.policy.issuer_comparison());
        let is_its_own = key.issuer.as_ref().is_none_or(|signer| {
            self.token.claimed_issuer().is_some_and(|iss| signer.names(iss, tenant, comparison))
                || publication
                    .is_some_and(|publication| signer.equals(&publication.issuer, tenant, comparison))
        });
        if is_its_own {
            return Ok(());
        }
        Err(Undecided::Refuse(Rejection::IssuerNotAllowed(IssuerFault::OtherKeyIssuer)))
    }
}

/// What came of trying keys.
enum Tried<'u> {
    /// A key verified the signature; whether it may is the verdict.
    Verified(Result<Found<'u>, Undecided>),
    /// No key did.
    Failed,
    /// There was no key of the right kind.
    Nothing,
}
