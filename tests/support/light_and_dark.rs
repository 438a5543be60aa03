//! Two listeners under the same policy: `api`, whose identity provider answers, and `dark`, whose provider has no such place.

use super::authority::Authority;
use super::bootstrap::Setup;
use super::claims::in_force;
use super::envoy::Envoy;
use super::identity_provider::IdentityProvider;
use serde_json::{Value, json};

/// A running Envoy with both.
#[derive(Debug)]
pub(crate) struct LightAndDark {
    pub(crate) envoy: Envoy,
    pub(crate) light: Authority,
    pub(crate) dark: Authority,
    _provider: IdentityProvider,
}

impl LightAndDark {
    pub(crate) fn start() -> Self {
        let provider = IdentityProvider::start();
        let (light, dark) = (Authority::plain("light.example"), Authority::plain("dark.example"));
        light.publish(&provider);
        let setup = Setup::new()
            .cluster("provider", provider.address())
            .listener("api", policy(&light))
            .listener("dark", policy(&dark));
        Self { envoy: Envoy::start(&setup), light, dark, _provider: provider }
    }
}

/// The policy, for tokens of this issuer.
pub(crate) fn policy(authority: &Authority) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": ["api"],
            "required-claims": [{ "name": "roles", "values": ["Api.Access"] }],
        },
        "default-cluster": "provider",
    })
}

/// What that policy lets through.
pub(crate) fn claims(authority: &Authority) -> Value {
    in_force(&json!({ "iss": authority.issuer, "aud": "api", "roles": ["Api.Access"] }))
}
