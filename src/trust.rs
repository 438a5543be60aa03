//! Which keys may vouch for a token: its `iss` selects the OpenID configurations, and nobody signs for another's issuer.

use std::time::Duration;

use crate::{
    issuer::{self, Comparison, Issuer, PERSONAL_ACCOUNTS_TENANT},
    keys::{Availability, KeyStore, Place, Provider, ProviderSet, Publication, TokensOf, Waited, Wish},
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
    Wait(Box<Wish>),
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

/// The providers whose keys may verify a token.
#[derive(Debug)]
pub struct Vouchers<'k> {
    /// In the order in which they are asked.
    pub list: Vec<Voucher<'k>>,
    /// Whether they were found just now, and are not known from a token that was verified before.
    is_news: bool,
}

impl Vouchers<'_> {
    /// Remembers them for further tokens of the same issuer, now that one of them verified this one: tokens of strangers leave
    /// nothing behind.
    pub fn remember(&self, policy: &Policy, keys: &KeyStore, token: &UntrustedToken<'_>) {
        if let Some(tokens) = tokens_of(policy, token).filter(|_| self.is_news) {
            keys.remember_vouchers(tokens, self.list.iter().map(Voucher::place).collect());
        }
    }
}

impl<'k> Voucher<'k> {
    fn place(&self) -> Place {
        let is_same = |published: &Publication| {
            self.publication.is_some_and(|publication| std::ptr::eq(published, publication))
        };
        let publication = self.provider.published().iter().position(is_same);
        Place { provider: self.provider.id(), publication }
    }

    fn at(place: Place, keys: &'k KeyStore) -> Option<Self> {
        let provider = keys.provider(place.provider)?;
        let publication = match place.publication {
            None => None,
            Some(position) => Some(provider.published().get(position)?),
        };
        Some(Self { provider, publication })
    }
}

fn tokens_of<'t>(policy: &Policy, token: &'t UntrustedToken<'_>) -> Option<TokensOf<'t>> {
    let (issuer, tenant) = (token.claimed_issuer()?, token.claimed_tenant());
    Some(TokensOf { policy: policy.position, issuer, tenant })
}

/// Selects the providers whose keys, beside the inline keys, may verify the token; fails when nothing allows its issuer.
pub fn select<'k>(
    policy: &'k Policy,
    keys: &'k KeyStore,
    token: &UntrustedToken<'_>,
    waited: Waited,
    now: Timestamp,
) -> Result<Vouchers<'k>, Undecided> {
    let known = tokens_of(policy, token).and_then(|tokens| keys.vouchers_of(tokens));
    let known = known.and_then(|places| places.into_iter().map(|place| Voucher::at(place, keys)).collect());
    match known {
        Some(list) => Ok(Vouchers { list, is_news: false }),
        None => Ok(Vouchers { list: find(policy, keys, token, waited, now)?, is_news: true }),
    }
}

fn find<'k>(
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

    /// The choice among OpenID configurations and key sets of any providers.
    fn among(&self, mut candidates: Vec<Candidate<'k>>) -> Result<Vec<Voucher<'k>>, Undecided> {
        // Where the configuration says who may sign for an issuer, nobody else may, and several hosts are no doubt.
        let said = self.policy.issuer_keys.get(self.iss);
        if let Some(said) = said {
            candidates.retain(|candidate| said.contains(candidate.config.id));
        }
        let is_said = said.is_some();
        let unknown: Vec<_> =
            candidates.iter().copied().filter(|candidate| candidate.issuer().is_none()).collect();
        let naming = self.naming(&candidates, is_said)?;
        if self.is_allowed(&naming) {
            return self.with_awaited(&naming, unknown, is_said);
        }
        if !unknown.is_empty() {
            return Err(await_any(&unknown, self.waited, self.now));
        }
        if !is_listed(self.policy, self.token) {
            return refuse(naming.fault);
        }
        self.by_list(candidates, is_said)
    }

    /// Who says that the issuer is his, and may be believed; fails when that is in doubt.
    fn naming(&self, candidates: &[Candidate<'k>], is_said: bool) -> Result<Naming<'k>, Undecided> {
        let (iss, tenant) = (self.iss, self.token.claimed_tenant());
        let comparison = self.policy.issuer_comparison();
        let mut named: Vec<_> =
            candidates.iter().copied().filter(|candidate| candidate.names(iss, tenant, comparison)).collect();
        let fault = self.leave_out_personal_accounts(&mut named);
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
        let is_told = is_said || configured.is_some();
        if !is_told && !are_one_authority(&named) {
            // Two hosts that publish one issuer: neither can be told from an impostor.
            named.clear();
            if !is_listed(self.policy, self.token) {
                return refuse(IssuerFault::SeveralHosts);
            }
        }
        Ok(Naming { named, is_told, fault })
    }

    /// Entra's endpoint for organizations publishes the issuer of personal accounts, too, and does not speak for them. Tells
    /// what is to be said of an issuer that nobody is left to name.
    fn leave_out_personal_accounts(&self, named: &mut Vec<Candidate<'k>>) -> IssuerFault {
        let is_personal = |tenant: &str| tenant.eq_ignore_ascii_case(PERSONAL_ACCOUNTS_TENANT);
        // Where `tenant-id` says whose tokens are taken, its own check does.
        if self.policy.entra.is_some() || !self.token.claimed_tenant().is_some_and(is_personal) {
            return IssuerFault::NotListed;
        }
        let was_named = !named.is_empty();
        named.retain(|candidate| !candidate.is_for_organizations());
        if was_named && named.is_empty() { IssuerFault::PersonalAccount } else { IssuerFault::NotListed }
    }

    /// Whether somebody names the issuer, and the policy takes it: a template stands for every tenant, and a list of issuers
    /// beside it is there to name some.
    fn is_allowed(&self, naming: &Naming<'k>) -> bool {
        let is_concrete =
            |candidate: &Candidate<'_>| candidate.issuer().is_some_and(|issuer| !issuer.is_template());
        !naming.named.is_empty()
            && (is_listed(self.policy, self.token)
                || self.policy.issuers.is_none()
                || naming.named.iter().any(is_concrete))
    }

    /// Those who name the issuer, and those who may yet: of B2C's user flows, which share one issuer, each has keys of its own,
    /// and the configuration may say of several that they sign for it.
    fn with_awaited(
        &self,
        naming: &Naming<'k>,
        unknown: Vec<Candidate<'k>>,
        is_said: bool,
    ) -> Result<Vec<Voucher<'k>>, Undecided> {
        let Naming { named, is_told, .. } = naming;
        let (awaited, others): (Vec<_>, Vec<_>) = unknown.into_iter().partition(|unknown| {
            is_said || named.iter().any(|candidate| unknown.is_same_authority(candidate))
        });
        // For an issuer on a host that is not the provider's own, another provider may have the better claim.
        let is_at_home = named.iter().all(|candidate| candidate.is_on_host_of(self.iss));
        if !is_at_home && !is_told && !others.is_empty() {
            return Err(await_any(&others, self.waited, self.now));
        }
        Ok(named.iter().chain(&awaited).map(|candidate| candidate.voucher).collect())
    }

    /// Of an issuer that is listed and that no document names: what the providers publish now vouches, where it is clear whose
    /// it is.
    fn by_list(
        &self,
        mut candidates: Vec<Candidate<'k>>,
        is_said: bool,
    ) -> Result<Vec<Voucher<'k>>, Undecided> {
        candidates.retain(|candidate| candidate.is_newest && candidate.configured_issuer().is_none());
        let own: Vec<_> =
            candidates.iter().copied().filter(|candidate| candidate.is_on_host_of(self.iss)).collect();
        let chosen = if own.is_empty() || is_said { candidates } else { own };
        if !is_said && !are_one_authority(&chosen) {
            return refuse(IssuerFault::SeveralHosts);
        }
        Ok(chosen.iter().map(|candidate| candidate.voucher).collect())
    }
}

/// What is said of an issuer.
struct Naming<'k> {
    /// Those who name it.
    named: Vec<Candidate<'k>>,
    /// Whether the configuration itself says whose it is.
    is_told: bool,
    /// Why it is refused when they do not suffice.
    fault: IssuerFault,
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
        _ => Undecided::Wait(Box::new(Wish::pending(pending))),
    }
}

fn are_one_authority(candidates: &[Candidate<'_>]) -> bool {
    candidates.iter().all(|one| candidates.iter().all(|other| one.is_same_authority(other)))
}
