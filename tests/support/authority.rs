//! One issuer of tokens: where it publishes, under which name, and with which keys it signs.

use super::identity_provider::{Answer, IdentityProvider};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// An issuer that a scripted provider can play.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(crate) host: String,
    pub(crate) issuer: String,
    pub(crate) configuration_path: String,
    pub(crate) keys_host: String,
    pub(crate) keys_path: String,
    keys: Vec<SigningKey>,
    /// Entra's keys name their issuer and no algorithm.
    like_entra: bool,
}

impl Authority {
    /// A tenant of Microsoft Entra ID, v2.
    pub(crate) fn entra(tenant: &str) -> Self {
        Self::entra_at("login.microsoftonline.com", tenant)
    }

    /// A tenant of the cloud of Microsoft Entra ID whose sign-in is at this host, v2.
    pub(crate) fn entra_at(host: &str, tenant: &str) -> Self {
        Self {
            host: host.to_owned(),
            issuer: format!("https://{host}/{tenant}/v2.0"),
            configuration_path: format!("/{tenant}/v2.0/.well-known/openid-configuration"),
            keys_host: host.to_owned(),
            keys_path: format!("/{tenant}/discovery/v2.0/keys"),
            keys: vec![SigningKey::generate(Algorithm::Rs256).unwrap()],
            like_entra: true,
        }
    }

    /// The same tenant of Entra ID in v1: with the same keys, which name no issuer there, and another issuer of its own.
    pub(crate) fn version_1(&self) -> Self {
        let tenant = self.configuration_path.split('/').nth(1).unwrap();
        let tokens_host = match self.host.as_str() {
            "login.partner.microsoftonline.cn" => "sts.chinacloudapi.cn",
            _ => "sts.windows.net",
        };
        Self {
            issuer: format!("https://{tokens_host}/{tenant}/"),
            configuration_path: format!("/{tenant}/.well-known/openid-configuration"),
            keys_path: format!("/{tenant}/discovery/keys"),
            like_entra: false,
            ..self.clone()
        }
    }

    /// A user flow of Azure AD B2C.
    pub(crate) fn b2c(name: &str, tenant: &str, flow: &str) -> Self {
        Self {
            host: format!("{name}.b2clogin.com"),
            issuer: format!("https://{name}.b2clogin.com/{tenant}/v2.0/"),
            configuration_path: format!(
                "/{name}.onmicrosoft.com/{flow}/v2.0/.well-known/openid-configuration"
            ),
            keys_host: format!("{name}.b2clogin.com"),
            keys_path: format!("/{name}.onmicrosoft.com/{flow}/discovery/v2.0/keys"),
            keys: vec![SigningKey::generate(Algorithm::Rs256).unwrap()],
            like_entra: false,
        }
    }

    /// A tenant of External ID, whose issuer and keys are on another host than its configuration.
    pub(crate) fn external_id(name: &str, tenant: &str) -> Self {
        Self {
            host: format!("{name}.ciamlogin.com"),
            issuer: format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0"),
            configuration_path: format!("/{tenant}/v2.0/.well-known/openid-configuration"),
            keys_host: format!("{tenant}.ciamlogin.com"),
            keys_path: format!("/{tenant}/discovery/v2.0/keys"),
            keys: vec![SigningKey::generate(Algorithm::Rs256).unwrap()],
            like_entra: true,
        }
    }

    /// Any OpenID provider, with keys that are quick to make.
    pub(crate) fn plain(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            issuer: format!("https://{host}"),
            configuration_path: "/.well-known/openid-configuration".to_owned(),
            keys_host: host.to_owned(),
            keys_path: "/keys".to_owned(),
            keys: vec![SigningKey::generate(Algorithm::Es256).unwrap()],
            like_entra: false,
        }
    }

    pub(crate) fn configuration_url(&self) -> String {
        format!("https://{}{}", self.host, self.configuration_path)
    }

    /// The discovery document.
    pub(crate) fn configuration(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": format!("https://{}{}", self.keys_host, self.keys_path),
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [self.key().algorithm().name()],
        })
    }

    /// The key set.
    pub(crate) fn key_set(&self) -> Value {
        let keys: Vec<Value> = self.keys.iter().map(|key| self.published(key)).collect();
        json!({ "keys": keys })
    }

    fn published(&self, key: &SigningKey) -> Value {
        let mut jwk = key.jwk();
        if self.like_entra {
            let members = jwk.as_object_mut().unwrap();
            members.remove("alg");
            members.insert("issuer".to_owned(), json!(self.issuer));
            members.insert("x5t".to_owned(), json!(key.kid()));
        }
        jwk
    }

    /// Lets the provider answer for this issuer.
    pub(crate) fn publish(&self, provider: &IdentityProvider) {
        provider.set(&self.host, &self.configuration_path, Answer::json(&self.configuration()));
        provider.set(&self.keys_host, &self.keys_path, Answer::json(&self.key_set()));
    }

    /// The newest key.
    pub(crate) fn key(&self) -> &SigningKey {
        self.keys.last().unwrap()
    }

    /// Signs with a new key from now on; the old ones stay published unless `drop`.
    pub(crate) fn rotate(&mut self, drop: bool) {
        let fresh = SigningKey::generate(self.key().algorithm()).unwrap();
        if drop {
            self.keys.clear();
        }
        self.keys.push(fresh);
    }

    /// A token with the newest key.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.key().sign(&json!({ "typ": "JWT" }), claims).unwrap()
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
