//! Which keys may vouch for a token: its `iss` selects the OpenID configurations, and nobody signs for another's issuer.

use std::time::Duration;

use crate::{
    issuer::{self, PERSONAL_ACCOUNTS_TENANT},
    keys::{Availability, KeyStore, Provider, ProviderSet, Wish},
    policy::{Policy, PolicyProvider},
    rejection::{IssuerFault, Rejection},
    time::Timestamp,
    token::UntrustedToken,
};

/// The providers whose keys may verify a token, beside the inline keys.
#[derive(Debug, Default)]
pub struct Vouchers<'k> {
    /// They vouch for the token's issuer.
    pub providers: Vec<&'k Provider>,
    /// They may yet turn out to, when their discovery documents come.
    pub undecided: Vec<&'k Provider>,
}

/// Why the providers cannot be told.
#[derive(Debug)]
pub enum Undecided {
    /// Discovery documents are awaited.
    Wait(Wish),
    /// The issuer is refused, or the documents are not to be had.
    Refuse(Rejection),
}

/// An OpenID configuration of the policy with what its provider said.
#[derive(Clone, Copy)]
struct Candidate<'k> {
    config: &'k PolicyProvider,
    provider: &'k Provider,
}

impl Candidate<'_> {
    fn host(&self) -> &str {
        self.config.url.host()
    }

    fn has_metadata(&self) -> bool {
        self.provider.issuer().is_some()
    }

    fn names(&self, iss: &str, tenant: Option<&str>) -> bool {
        self.provider.issuer().is_some_and(|issuer| issuer.names(iss, tenant))
    }

    /// Entra's endpoint for every organization's tenant, which publishes the same issuer as the one for all accounts.
    fn is_for_organizations(&self) -> bool {
        issuer::is_same_authority(self.host(), "login.microsoftonline.com")
            && self.config.url.first_segment().eq_ignore_ascii_case("organizations")
    }
}

/// Selects the providers for the token's issuer; fails when nothing allows it.
pub fn select<'k>(
    policy: &'k Policy,
    keys: &'k KeyStore,
    token: &UntrustedToken<'_>,
    now: Timestamp,
) -> Result<Vouchers<'k>, Undecided> {
    let candidates: Vec<_> = policy
        .providers
        .iter()
        .filter_map(|config| Some(Candidate { config, provider: keys.provider(config.id)? }))
        .collect();
    if candidates.is_empty() && policy.issuers.is_none() {
        return Ok(Vouchers::default());
    }
    let refuse = |fault| Err(Undecided::Refuse(Rejection::IssuerNotAllowed(fault)));
    let Some(iss) = token.claimed_issuer() else {
        return refuse(IssuerFault::Absent);
    };
    let tenant = token.claimed_tenant();
    let is_listed = policy.issuers.as_ref().is_some_and(|issuers| issuers.iter().any(|listed| listed == iss));
    let unknown: Vec<_> =
        candidates.iter().filter(|candidate| !candidate.has_metadata()).map(|c| c.provider).collect();

    let mut named: Vec<_> =
        candidates.iter().copied().filter(|candidate| candidate.names(iss, tenant)).collect();
    let is_personal = tenant.is_some_and(|tenant| tenant.eq_ignore_ascii_case(PERSONAL_ACCOUNTS_TENANT));
    if is_personal && !named.is_empty() {
        named.retain(|candidate| !candidate.is_for_organizations());
        if named.is_empty() && !is_listed {
            return refuse(IssuerFault::PersonalAccount);
        }
    }
    if !are_one_authority(&named) {
        // Two hosts that publish one issuer: neither can be told from an impostor.
        named.clear();
        if !is_listed {
            return refuse(IssuerFault::SeveralHosts);
        }
    }
    // A template stands for every tenant; a list of issuers beside it is there to name some.
    let is_allowed = is_listed
        || named.iter().any(|candidate| {
            policy.issuers.is_none()
                || candidate.provider.issuer().is_some_and(|issuer| !issuer.is_template())
        });
    if is_allowed && !named.is_empty() {
        let undecided = unknown_on_hosts_of(&named, &candidates);
        return Ok(Vouchers {
            providers: named.iter().map(|candidate| candidate.provider).collect(),
            undecided,
        });
    }
    if !unknown.is_empty() {
        return Err(await_any(&unknown, now));
    }
    if !is_listed {
        return refuse(IssuerFault::NotListed);
    }
    if candidates.is_empty() {
        return Ok(Vouchers::default());
    }
    let issuer_host = issuer::host_of(iss);
    let own: Vec<_> = candidates
        .iter()
        .copied()
        .filter(|candidate| {
            issuer_host.as_ref().is_some_and(|host| issuer::is_same_authority(host, candidate.host()))
        })
        .collect();
    let chosen = if own.is_empty() { candidates } else { own };
    if !are_one_authority(&chosen) {
        return refuse(IssuerFault::SeveralHosts);
    }
    Ok(Vouchers {
        providers: chosen.iter().map(|candidate| candidate.provider).collect(),
        undecided: Vec::new(),
    })
}

/// Waits for those of `providers` that have a fetch under way or due; when none has, says when to come back.
pub fn await_any(providers: &[&Provider], now: Timestamp) -> Undecided {
    let mut pending = ProviderSet::default();
    let mut retry_after: Option<Duration> = None;
    for provider in providers {
        match provider.availability(now) {
            Availability::Down { retry_after: wait } => {
                retry_after = Some(retry_after.map_or(wait, |shortest| shortest.min(wait)));
            }
            Availability::Ready(_) | Availability::Pending => pending.insert(provider.id()),
        }
    }
    match retry_after {
        Some(retry_after) if pending.is_empty() => {
            Undecided::Refuse(Rejection::KeysUnavailable { retry_after })
        }
        _ => Undecided::Wait(Wish { providers: pending, for_unknown_key: false }),
    }
}

fn are_one_authority(candidates: &[Candidate<'_>]) -> bool {
    candidates
        .iter()
        .all(|one| candidates.iter().all(|other| issuer::is_same_authority(one.host(), other.host())))
}

/// Configurations without metadata on the hosts of those that were chosen: B2C's user flows share one issuer, each with keys
/// of its own.
fn unknown_on_hosts_of<'k>(chosen: &[Candidate<'k>], all: &[Candidate<'k>]) -> Vec<&'k Provider> {
    all.iter()
        .filter(|candidate| !candidate.has_metadata())
        .filter(|candidate| {
            chosen.iter().any(|other| issuer::is_same_authority(candidate.host(), other.host()))
        })
        .map(|candidate| candidate.provider)
        .collect()
}
