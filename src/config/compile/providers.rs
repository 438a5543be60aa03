//! The providers of a configuration: each URL once, whatever the number of policies that name it.

use crate::{
    clusters::Clusters,
    config::{ConfigError, fetch::Fetch, policy::WrittenPolicy, wire::Written},
    issuer::{self, Issuer},
    keys::{Limits, MAX_PROVIDERS, Origin, ProviderId, ProviderSettings},
    policy::PolicyProvider,
    url::{Scheme, Url},
};

/// Collects the providers of policies.
pub(super) struct Providers<'w> {
    clusters: Clusters,
    fetch: &'w Fetch,
    settings: Vec<ProviderSettings>,
}

impl<'w> Providers<'w> {
    pub(super) fn new(written: &'w Written) -> Self {
        let clusters = Clusters::new(written.clusters.clone(), written.default_cluster.clone());
        Self { clusters, fetch: &written.fetch, settings: Vec::new() }
    }

    /// The providers that a policy names, known from now on: first its `openid-config`, then its `options.jwks`.
    pub(super) fn add(&mut self, policy: &WrittenPolicy) -> Result<Vec<PolicyProvider>, ConfigError> {
        let documents =
            policy.openid_config.iter().map(|config| (&config.path, &config.url, Origin::Discovery));
        let key_sets = policy
            .options
            .jwks
            .iter()
            .map(|set| (&set.path, &set.url, Origin::KeySet(Issuer::new(set.issuer.as_str()))));
        let mut own: Vec<PolicyProvider> = Vec::new();
        for (path, url, origin) in documents.chain(key_sets) {
            let id = self.place(path, url, origin)?;
            if own.iter().any(|earlier| earlier.id == id) {
                return Err(ConfigError::new(path.clone(), "is there twice; remove one"));
            }
            own.push(PolicyProvider { id, url: url.clone() });
        }
        self.forbid_each_other(
            &policy.openid_config.iter().map(|config| config.url.host()).collect::<Vec<_>>(),
            &own,
        );
        Ok(own)
    }

    pub(super) fn finish(self) -> Vec<ProviderSettings> {
        self.settings
    }

    fn place(&mut self, path: &str, url: &Url, origin: Origin) -> Result<ProviderId, ConfigError> {
        let error = |problem| ConfigError::new(path, problem);
        let known =
            self.settings.iter().position(|known| known.url.is_same_place(url) && known.origin == origin);
        if let Some(id) = known.and_then(ProviderId::new) {
            return Ok(id);
        }
        let id = ProviderId::new(self.settings.len())
            .ok_or_else(|| error(format!("is one too many; at most {MAX_PROVIDERS} are allowed")))?;
        if url.scheme() == Scheme::Http && !self.fetch.allow_http {
            return Err(error(
                "is not https; use https, or set `fetch.allow-http` to true where keys may be forged"
                    .to_owned(),
            ));
        }
        let cluster = self.clusters.for_configured(url).ok_or_else(|| {
            error(format!(
                "no cluster for host `{host}`; add `\"clusters\": {{ \"{host}\": \"<the proxy's cluster for it>\" }}` or \
                 `default-cluster`",
                host = url.host()
            ))
        })?;
        self.settings.push(ProviderSettings {
            url: url.clone(),
            origin,
            cluster,
            clusters: self.clusters.clone(),
            schedule: self.fetch.schedule,
            limits: Limits {
                max_response_bytes: super::size(self.fetch.max_response_bytes),
                allow_http: self.fetch.allow_http,
                foreign_hosts: Vec::new(),
            },
        });
        Ok(id)
    }

    /// No document of a policy may name an issuer on the host of another.
    fn forbid_each_other(&mut self, hosts: &[&str], own: &[PolicyProvider]) {
        for provider in own {
            let Some(settings) = self.settings.get_mut(provider.id.index()) else {
                continue;
            };
            let foreign = hosts.iter().filter(|host| !issuer::is_same_authority(host, provider.url.host()));
            for host in foreign {
                let known = &mut settings.limits.foreign_hosts;
                if !known.iter().any(|known| known == host) {
                    known.push((*host).to_owned());
                }
            }
        }
    }
}
