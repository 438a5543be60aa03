//! From what is written to what is applied: what only the whole configuration can tell is found here.

mod providers;
mod rules;
mod warnings;

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use super::{ConfigError, Configuration, options::IssuerKeys, policy::WrittenPolicy, wire::Written};
use crate::{
    algorithm::{Algorithm, AlgorithmSet},
    forward::{self, Strip},
    keys::ProviderSet,
    policy::{Audiences, Policy, PolicyProvider, Refusal},
    signature::VerifyingKey,
    time::Timestamp,
    token::UnsignedPermission,
};
use providers::Providers;

pub(super) fn compile(mut written: Written) -> Result<Configuration, ConfigError> {
    let warnings = warnings::of(&written);
    let expiries = expiries(&written);
    refuse_headers_of_tokens(&written.policies)?;
    let policies = std::mem::take(&mut written.policies);
    let mut providers = Providers::new(&written);
    let policies = policies
        .into_iter()
        .enumerate()
        .map(|(position, policy)| compile_policy(policy, position, &mut providers))
        .collect::<Result<Vec<_>, _>>()?;
    let providers = providers.finish();
    let strip = Strip::new(policies.iter().flat_map(|policy| policy.forward.header_names()));
    let policies: Vec<_> = policies.into_iter().map(Rc::new).collect();
    let rulebook = rules::compile(&mut written, &policies)?;
    let fetch = written.fetch;
    Ok(Configuration {
        rulebook,
        strip,
        providers,
        timeout: fetch.schedule.timeout,
        max_response_bytes: size(fetch.max_response_bytes),
        max_waiting: size(fetch.max_waiting_requests),
        token_cache_bytes: size(written.token_cache_bytes),
        warnings,
        expiries,
    })
}

/// A header that is written is taken out of every request first: with the token in it, where a policy reads that there.
fn refuse_headers_of_tokens(policies: &[WrittenPolicy]) -> Result<(), ConfigError> {
    for policy in policies {
        let Some(header) = policy.source.header() else {
            continue;
        };
        for WrittenPolicy { options, .. } in policies {
            if let Some(name) =
                options.forward.header_names().find(|name| forward::is_same_header(name, header))
            {
                let problem = format!(
                    "writes `{name}`, which is therefore taken out of every request, and `{}` reads its token there; choose \
                     another header",
                    policy.name
                );
                return Err(ConfigError::new(format!("{}.forward", options.path), problem));
            }
        }
    }
    Ok(())
}

fn expiries(written: &Written) -> Vec<(String, Timestamp)> {
    let certificates = written.certificates.iter();
    certificates
        .filter_map(|(name, written)| Some((name.clone(), written.certificate.as_ref()?.not_after())))
        .collect()
}

fn compile_policy(
    wire: WrittenPolicy,
    position: usize,
    providers: &mut Providers<'_>,
) -> Result<Policy, ConfigError> {
    let options = &wire.options;
    if wire.openid_config.is_empty()
        && wire.inline_keys.is_empty()
        && options.jwks.is_empty()
        && wire.require_signed
    {
        let problem = "has no keys, so that no token could pass; add `openid-config`, `issuer-signing-keys` or `options.jwks`";
        return Err(ConfigError::new(wire.path, problem));
    }
    let algorithms = algorithms(&wire)?;
    let own = providers.add(&wire)?;
    // The key sets, which stand behind, have their issuers already.
    let documents = own.get(..wire.openid_config.len()).unwrap_or_default();
    let issuer_keys = issuer_keys(&options.issuer_keys, documents)?;
    let options = wire.options;
    Ok(Policy {
        position,
        name: wire.name,
        source: wire.source,
        max_token_bytes: size(options.max_token_bytes),
        algorithms,
        unsigned: (!wire.require_signed).then(UnsignedPermission::by_configuration),
        token_types: options.token_types,
        inline_keys: wire.inline_keys,
        decryption_keys: wire.decryption_keys,
        providers: own,
        issuers: wire.issuers,
        issuer_keys,
        entra: wire.entra,
        audiences: wire.audiences.map(|allowed| Audiences { allowed, strict: options.strict_audience }),
        require_expiration: wire.require_expiration,
        clock_skew: Duration::from_secs(wire.clock_skew.into()),
        required_claims: wire.required_claims,
        refusal: Refusal {
            status: wire.status,
            insufficient_status: options.insufficient_status,
            unavailable_status: options.unavailable_status,
            message: wire.message,
            defaults: wire.defaults,
            challenge: options.challenge,
        },
        forward: options.forward,
        output_variable: wire.output_variable.map(|(_, name)| name),
        report_only: options.report_only,
    })
}

/// What the policy says, or its defaults: RS256 for Entra's tokens, else all with public keys, and HMAC with a secret for it.
fn algorithms(wire: &WrittenPolicy) -> Result<AlgorithmSet, ConfigError> {
    const HMAC: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
    let serves = |algorithm| wire.inline_keys.iter().any(|key| key.serves(algorithm));
    if let Some(named) = wire.options.algorithms {
        return match HMAC.into_iter().find(|algorithm| named.contains(*algorithm) && !serves(*algorithm)) {
            Some(without) => Err(ConfigError::new(
                format!("{}.algorithms", wire.options.path),
                format!(
                    "has {without}, and `issuer-signing-keys` has no secret for it; add one of at least {} bytes, or take \
                     {without} out",
                    without.hash().bytes()
                ),
            )),
            None => Ok(named),
        };
    }
    if wire.entra.is_some() {
        return Ok([Algorithm::Rs256].into_iter().collect());
    }
    let has_secret = wire.inline_keys.iter().any(|key| matches!(key.key, VerifyingKey::Symmetric(_)));
    let mut algorithms = AlgorithmSet::asymmetric();
    for algorithm in HMAC.into_iter().filter(|_| has_secret) {
        algorithms.insert(algorithm);
    }
    Ok(algorithms)
}

fn issuer_keys(
    written: &[IssuerKeys],
    documents: &[PolicyProvider],
) -> Result<BTreeMap<String, ProviderSet>, ConfigError> {
    let mut issuer_keys = BTreeMap::new();
    for IssuerKeys { issuer, urls } in written {
        let providers = urls
            .iter()
            .map(|(path, url)| {
                let named = documents.iter().find(|document| document.url.is_same_place(url));
                named.map(|document| document.id).ok_or_else(|| {
                    ConfigError::new(path.clone(), "is not one of the policy's `openid-config`")
                })
            })
            .collect::<Result<_, _>>()?;
        issuer_keys.insert(issuer.clone(), providers);
    }
    Ok(issuer_keys)
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
