//! From what is written to what is applied: what only the whole configuration can tell is found here.

use std::time::Duration;

use super::{
    ConfigError, Configuration,
    wire::{OpenIdConfig, ValidateJwt, Written},
};
use crate::{
    algorithm::{Algorithm, AlgorithmSet},
    clusters::Clusters,
    issuer,
    keys::{Limits, MAX_PROVIDERS, Origin, ProviderId, ProviderSettings},
    policy::{Policy, PolicyProvider},
    signature::VerifyingKey,
    url::Scheme,
};

pub(super) fn compile(written: Written) -> Result<Configuration, ConfigError> {
    let warnings = warnings(&written.validate_jwt);
    let providers = compile_providers(&written)?;
    let policy = compile_policy(written.validate_jwt)?;
    let fetch = written.fetch;
    Ok(Configuration {
        policy,
        providers,
        timeout: fetch.schedule.timeout,
        max_response_bytes: size(fetch.max_response_bytes),
        max_waiting: size(fetch.max_waiting_requests),
        warnings,
    })
}

fn compile_policy(wire: ValidateJwt) -> Result<Policy, ConfigError> {
    if wire.openid_config.is_empty() && wire.inline_keys.is_empty() {
        let problem =
            "has no keys, so that no token could pass; add `openid-config` or `issuer-signing-keys`";
        return Err(ConfigError::new(wire.path, problem));
    }
    let has_secret = wire.inline_keys.iter().any(|key| matches!(key.key, VerifyingKey::Symmetric(_)));
    let mut algorithms = AlgorithmSet::asymmetric();
    if has_secret {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            algorithms.insert(algorithm);
        }
    }
    let providers = wire.openid_config.into_iter().enumerate();
    Ok(Policy {
        source: wire.source,
        algorithms,
        inline_keys: wire.inline_keys,
        providers: providers
            .filter_map(|(index, config)| {
                Some(PolicyProvider { id: ProviderId::new(index)?, url: config.url })
            })
            .collect(),
        issuers: wire.issuers,
        audiences: wire.audiences,
        require_expiration: wire.require_expiration,
        clock_skew: Duration::from_secs(wire.clock_skew.into()),
        required_claims: wire.required_claims,
        refusal: wire.refusal,
    })
}

fn compile_providers(written: &Written) -> Result<Vec<ProviderSettings>, ConfigError> {
    let configs = &written.validate_jwt.openid_config;
    if let Some(beyond) = configs.get(MAX_PROVIDERS) {
        return Err(ConfigError::new(
            beyond.path.clone(),
            format!("is one too many; at most {MAX_PROVIDERS} are allowed"),
        ));
    }
    let clusters = Clusters::new(written.clusters.clone(), written.default_cluster.clone());
    configs
        .iter()
        .enumerate()
        .map(|(index, config)| {
            if configs.iter().take(index).any(|earlier| earlier.url == config.url) {
                return Err(ConfigError::new(config.path.clone(), "is there twice; remove one"));
            }
            compile_provider(config, configs, &clusters, written)
        })
        .collect()
}

fn compile_provider(
    config: &OpenIdConfig,
    all: &[OpenIdConfig],
    clusters: &Clusters,
    written: &Written,
) -> Result<ProviderSettings, ConfigError> {
    let (url, fetch) = (&config.url, &written.fetch);
    let error = |problem| ConfigError::new(config.path.clone(), problem);
    if url.scheme() == Scheme::Http && !fetch.allow_http {
        return Err(error(
            "is not https; use https, or set `fetch.allow-http` to true where keys may be forged".to_owned(),
        ));
    }
    let cluster = clusters.for_configured(url).ok_or_else(|| {
        error(format!(
            "no cluster for host `{host}`; add `\"clusters\": {{ \"{host}\": \"<the proxy's cluster for it>\" }}` or \
             `default-cluster`",
            host = url.host()
        ))
    })?;
    let foreign_hosts = all
        .iter()
        .map(|other| other.url.host())
        .filter(|host| !issuer::is_same_authority(host, url.host()))
        .map(str::to_owned)
        .collect();
    Ok(ProviderSettings {
        url: url.clone(),
        origin: Origin::Discovery,
        cluster,
        clusters: clusters.clone(),
        schedule: fetch.schedule,
        limits: Limits {
            max_response_bytes: size(fetch.max_response_bytes),
            allow_http: fetch.allow_http,
            foreign_hosts,
        },
    })
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn warnings(wire: &ValidateJwt) -> Vec<String> {
    let mut warnings = Vec::new();
    if wire.has_idle_scheme {
        warnings.push(format!(
            "{}.require-scheme has no effect: the token is not in `Authorization`, where alone a scheme stands",
            wire.path
        ));
    }
    if wire.audiences.is_none() && wire.required_claims.is_empty() {
        warnings.push(format!(
            "{} has neither `audiences` nor `required-claims`: a token for any other API of the issuer passes",
            wire.path
        ));
    }
    if wire.openid_config.is_empty() && wire.issuers.is_none() {
        warnings.push(format!(
            "{} has neither `openid-config` nor `issuers`: the issuer is not checked",
            wire.path
        ));
    }
    warnings
}
