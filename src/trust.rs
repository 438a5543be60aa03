//! Which keys may vouch for a token: its `iss` selects the OpenID configurations, and nobody signs for another's issuer.

use std::time::Duration;

use crate::{
    issuer::{self, Comparison, Issuer, PERSONAL_ACCOUNTS_TENANT},
    keys::{Availability, KeyStore, Provider, ProviderSet, Publication, Waited, Wish},
    policy::{Entra, Policy, PolicyProvider},
    rejection::{IssuerFault, Rejection},
    time::Timestamp,
    token::UntrustedToken,
};

/// A provider, and what it published of the issuer in question; nothing yet when its discovery document is awaited.
#[derive(Clone, Copy, Debug)]
pub struct Voucher<'k> {
    /// The provider.
    pub provider: &'k Provider,
    /// The issuer's keys.
    pub publication: Option<&'k Publication>,
}

/// Why the providers cannot be told.
#[derive(Debug)]
pub enum Undecided {
    /// Discovery documents are awaited.
    Wait(Wish),
    /// The issuer is refused, or the documents are not to be had.
    Refuse(Rejection),
}

/// An OpenID configuration of the policy with one thing that its provider published.
#[derive(Clone, Copy)]
struct Candidate<'k> {
    config: &'k PolicyProvider,
    voucher: Voucher<'k>,
    /// Whether it published nothing newer.
    is_newest: bool,
}

impl<'k> Candidate<'k> {
    /// One for each issuer that the configuration's provider named; a single one when it named none yet.
    fn all_of(config: &'k PolicyProvider, keys: &'k KeyStore) -> Vec<Self> {
        let Some(provider) = keys.provider(config.id) else {
            return Vec::new();
        };
        let published = provider.published().iter().enumerate().map(|(index, publication)| Self {
            config,
            voucher: Voucher { provider, publication: Some(publication) },
            is_newest: index == 0,
        });
        let awaited = Self { config, voucher: Voucher { provider, publication: None }, is_newest: true };
        if provider.published().is_empty() { vec![awaited] } else { published.collect() }
    }

    fn host(&self) -> &str {
        self.config.url.host()
    }

    fn issuer(&self) -> Option<&'k Issuer> {
        let published = self.voucher.publication.map(|publication| &publication.issuer);
        published.or_else(|| self.configured_issuer())
    }

    /// The issuer that the configuration itself says these keys are of (`options.jwks`).
    fn configured_issuer(&self) -> Option<&'k Issuer> {
        self.voucher.provider.configured_issuer()
    }

    fn is_same_authority(&self, other: &Self) -> bool {
        issuer::is_same_authority(self.host(), other.host())
    }

    /// Whether the issuer lies on the configuration's own host.
    fn is_on_host_of(&self, iss: &str) -> bool {
        issuer::host_of(iss).is_some_and(|host| issuer::is_same_authority(&host, self.host()))
    }

    fn names(&self, iss: &str, tenant: Option<&str>, comparison: Comparison) -> bool {
        self.issuer().is_some_and(|issuer| issuer.names(iss, tenant, comparison))
    }

    /// Entra's endpoint for every organization's tenant, which publishes the same issuer as the one for all accounts.
    fn is_for_organizations(&self) -> bool {
        issuer::is_same_authority(self.host(), "login.microsoftonline.com")
            && self.config.url.first_segment().eq_ignore_ascii_case("organizations")
    }
}

/// Selects the providers whose keys, beside the inline keys, may verify the token; fails when nothing allows its issuer.
pub fn select<'k>(
    policy: &'k Policy,
    keys: &'k KeyStore,
    token: &UntrustedToken<'_>,
    waited: Waited,
    now: Timestamp,
) -> Result<Vec<Voucher<'k>>, Undecided> {
    let candidates: Vec<_> =
        policy.providers.iter().flat_map(|config| Candidate::all_of(config, keys)).collect();
    if candidates.is_empty() && policy.issuers.is_none() {
        return Ok(Vec::new());
    }
    let Some(iss) = token.claimed_issuer() else {
        return refuse(IssuerFault::Absent);
    };
    let selection = Selection { policy, token, iss, waited, now };
    match &policy.entra {
        Some(entra) => selection.among_documents_of_tenant(entra, &candidates),
        None => selection.among(candidates),
    }
}

fn refuse<T>(fault: IssuerFault) -> Result<T, Undecided> {
    Err(Undecided::Refuse(Rejection::IssuerNotAllowed(fault)))
}

/// The choice of providers for one token.
struct Selection<'k, 't> {
    policy: &'k Policy,
    token: &'t UntrustedToken<'t>,
    iss: &'t str,
    waited: Waited,
    now: Timestamp,
}

impl<'k> Selection<'k, '_> {
    /// The choice for `validate-azure-ad-token`, whose candidates are the documents of one tenant.
    fn among_documents_of_tenant(
        &self,
        entra: &Entra,
        candidates: &[Candidate<'k>],
    ) -> Result<Vec<Voucher<'k>>, Undecided> {
        let (iss, tenant) = (self.iss, self.token.claimed_tenant());
        match self.among(candidates.to_vec()) {
            Ok(_) => {
                entra.check_tenant(iss, tenant).map_err(Undecided::Refuse)?;
                // Version 1 tokens may be signed with keys of either document, those of version 2 are with the keys of their own.
                let is_version_1 = !Entra::is_version_2(iss);
                let is_of_use = |candidate: &&Candidate<'_>| {
                    is_version_1 || candidate.names(iss, tenant, self.policy.issuer_comparison())
                };
                Ok(candidates.iter().filter(is_of_use).map(|candidate| candidate.voucher).collect())
            }
            Err(Undecided::Refuse(Rejection::IssuerNotAllowed(fault))) => {
                let published = candidates.iter().filter_map(Candidate::issuer);
                Err(Undecided::Refuse(Entra::refuse_issuer(published, iss, tenant, fault)))
            }
            // No document can make another tenant's token good: it need not wait for one.
            Err(undecided) => Err(match entra.check_tenant(iss, tenant) {
                Ok(()) => undecided,
                Err(refused) if candidates.iter().any(|candidate| candidate.is_on_host_of(iss)) => {
                    Undecided::Refuse(refused)
                }
                Err(_) => Undecided::Refuse(Rejection::IssuerNotAllowed(IssuerFault::NotListed)),
            }),
        }
    }

    fn among(&self, mut candidates: Vec<Candidate<'k>>) -> Result<Vec<Voucher<'k>>, Undecided> {
        let (policy, iss, tenant) = (self.policy, self.iss, self.token.claimed_tenant());
        let is_listed = is_listed(policy, self.token);
        // Where the configuration says who may sign for an issuer, nobody else may, and several hosts are no doubt.
        let said = policy.issuer_keys.get(iss);
        if let Some(said) = said {
            candidates.retain(|candidate| said.contains(candidate.config.id));
        }
        let unknown: Vec<_> =
            candidates.iter().copied().filter(|candidate| candidate.issuer().is_none()).collect();

        let comparison = policy.issuer_comparison();
        let mut named: Vec<_> =
            candidates.iter().copied().filter(|candidate| candidate.names(iss, tenant, comparison)).collect();
        // Where `tenant-id` says whose tokens are taken, its own check does.
        let is_personal = policy.entra.is_none()
            && tenant.is_some_and(|tenant| tenant.eq_ignore_ascii_case(PERSONAL_ACCOUNTS_TENANT));
        let is_refused_as_personal =
            is_personal && named.iter().all(Candidate::is_for_organizations) && !named.is_empty();
        if is_personal {
            named.retain(|candidate| !candidate.is_for_organizations());
        }
        // What a provider says now goes before what another said earlier.
        if let Some(newest) = named.iter().copied().find(|candidate| candidate.is_newest) {
            named.retain(|candidate| candidate.is_newest || candidate.is_same_authority(&newest));
        }
        // What the configuration says of an issuer goes before what others publish of it.
        let configured = named.iter().copied().find(|candidate| candidate.configured_issuer().is_some());
        if let Some(configured) = configured {
            named.retain(|candidate| {
                candidate.configured_issuer().is_some() || candidate.is_same_authority(&configured)
            });
        }
        let is_told = said.is_some() || configured.is_some();
        if !is_told && !are_one_authority(&named) {
            // Two hosts that publish one issuer: neither can be told from an impostor.
            named.clear();
            if !is_listed {
                return refuse(IssuerFault::SeveralHosts);
            }
        }
        // A template stands for every tenant; a list of issuers beside it is there to name some.
        let is_allowed = is_listed
            || named.iter().any(|candidate| {
                policy.issuers.is_none() || candidate.issuer().is_some_and(|issuer| !issuer.is_template())
            });
        if is_allowed && !named.is_empty() {
            let (awaited, others): (Vec<Candidate<'_>>, Vec<_>) = unknown.into_iter().partition(|unknown| {
                said.is_some() || named.iter().any(|candidate| unknown.is_same_authority(candidate))
            });
            // For an issuer on a host that is not the provider's own, another provider may have the better claim.
            let is_at_home = named.iter().all(|candidate| candidate.is_on_host_of(iss));
            if !is_at_home && !is_told && !others.is_empty() {
                return Err(await_any(&others, self.waited, self.now));
            }
            // B2C's user flows share one issuer, each with keys of its own: those that are awaited may turn out to vouch, too,
            // as may any that the configuration says may sign for it.
            return Ok(named.iter().chain(&awaited).map(|candidate| candidate.voucher).collect());
        }
        if !unknown.is_empty() {
            return Err(await_any(&unknown, self.waited, self.now));
        }
        if !is_listed {
            return refuse(if is_refused_as_personal {
                IssuerFault::PersonalAccount
            } else {
                IssuerFault::NotListed
            });
        }
        // No document names the issuer: what the providers publish now vouches, where it is clear whose it is.
        candidates.retain(|candidate| candidate.is_newest && candidate.configured_issuer().is_none());
        let own: Vec<_> =
            candidates.iter().copied().filter(|candidate| candidate.is_on_host_of(iss)).collect();
        let chosen = if own.is_empty() || said.is_some() { candidates } else { own };
        if said.is_none() && !are_one_authority(&chosen) {
            return refuse(IssuerFault::SeveralHosts);
        }
        Ok(chosen.iter().map(|candidate| candidate.voucher).collect())
    }
}

/// Whether the policy's `issuers` name the token's.
pub fn is_listed(policy: &Policy, token: &UntrustedToken<'_>) -> bool {
    let iss = token.claimed_issuer();
    policy.issuers.as_ref().is_some_and(|issuers| issuers.iter().any(|listed| Some(listed.as_str()) == iss))
}

/// Waits for those that have a fetch under way or due, unless it did so before; when none has, says when to come back.
fn await_any(candidates: &[Candidate<'_>], waited: Waited, now: Timestamp) -> Undecided {
    let mut pending = ProviderSet::default();
    let mut retry_after: Option<Duration> = None;
    for Candidate { voucher: Voucher { provider, publication }, .. } in candidates {
        match provider.availability(*publication, now) {
            Availability::Down { retry_after: wait } => {
                retry_after = Some(retry_after.map_or(wait, |shortest| shortest.min(wait)));
            }
            Availability::Ready(_) | Availability::Pending if !waited.fetched.contains(provider.id()) => {
                pending.insert(provider.id());
            }
            Availability::Ready(_) | Availability::Pending => retry_after = Some(Duration::ZERO),
        }
    }
    match retry_after {
        Some(retry_after) if pending.is_empty() => {
            Undecided::Refuse(Rejection::KeysUnavailable { retry_after })
        }
        _ => Undecided::Wait(Wish::pending(pending)),
    }
}

fn are_one_authority(candidates: &[Candidate<'_>]) -> bool {
    candidates.iter().all(|one| candidates.iter().all(|other| one.is_same_authority(other)))
}
