//! Envoy's configuration: listeners side by side, each with one way to check a token, or none.

use crate::tokens::{AUDIENCE, ISSUER};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

/// The cluster of the identity provider.
const PROVIDER: &str = "provider";

/// The cluster of the service that `ext_authz` asks.
const AUTHORIZER: &str = "authorizer";

/// The name under which policies know the identity provider.
pub(crate) const PROVIDER_HOST: &str = "provider.test";

/// Where things are that Envoy needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    pub(crate) provider: SocketAddr,
    pub(crate) authorizer: SocketAddr,
}

/// A listener that answers 200 itself, to what its filter lets through.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    name: String,
    filter: Option<Value>,
}

impl Listener {
    /// A listener without a filter.
    pub(crate) fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), filter: None }
    }

    /// Envoy's own `jwt_authn` with these keys, and with its cache of tokens, if it is to have one.
    pub(crate) fn jwt_authn(name: &str, key_set: &Value, has_cache: bool) -> Self {
        let mut provider = json!({
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": key_set.to_string() },
        });
        if let (true, Some(members)) = (has_cache, provider.as_object_mut()) {
            members.insert("jwt_cache_config".to_owned(), json!({}));
        }
        let config = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "entra": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "entra" } }],
        });
        Self::with(name, "envoy.filters.http.jwt_authn", &config)
    }

    /// A module with its plugin's configuration, in a VM of its own.
    pub(crate) fn wasm(name: &str, module: &Path, configuration: &str) -> Self {
        Self::wasm_in(name, name, module, configuration)
    }

    /// A module with its plugin's configuration, in a VM with all that name the same module and VM.
    pub(crate) fn wasm_in(vm: &str, name: &str, module: &Path, configuration: &str) -> Self {
        let config = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "failure_policy": "FAIL_RELOAD",
                "vm_config": {
                    "vm_id": vm,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": configuration,
                },
            },
        });
        Self::with(name, "envoy.filters.http.wasm", &config)
    }

    /// The service that is asked about every request.
    pub(crate) fn ext_authz(name: &str) -> Self {
        let config = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "http_service": {
                "server_uri": { "uri": "http://authorizer.test", "cluster": AUTHORIZER, "timeout": "30s" },
            },
        });
        Self::with(name, "envoy.filters.http.ext_authz", &config)
    }

    fn with(name: &str, filter: &str, config: &Value) -> Self {
        let filter = json!({ "name": filter, "typed_config": config });
        Self { name: name.to_owned(), filter: Some(filter) }
    }

    fn document(&self) -> Value {
        let router = json!({
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        });
        let filters: Vec<&Value> = self.filter.iter().chain([&router]).collect();
        json!({
            "name": self.name,
            "address": address((Ipv4Addr::LOCALHOST, 0).into()),
            // With two workers, each has its share of the connections.
            "connection_balance_config": { "exact_balance": {} },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": self.name,
                    "route_config": { "virtual_hosts": [{
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }],
                    }] },
                    "http_filters": filters,
                },
            }] }],
        })
    }
}

/// The whole of the configuration.
pub(crate) fn document(listeners: &[Listener], around: &Surroundings) -> Value {
    let listeners: Vec<Value> = listeners.iter().map(Listener::document).collect();
    json!({
        "node": { "id": "bench", "cluster": "bench" },
        "admin": { "address": address((Ipv4Addr::LOCALHOST, 0).into()) },
        // Statistics are gathered on the worker, too: as seldom as Envoy allows.
        "stats_flush_interval": "299s",
        "static_resources": {
            "listeners": listeners,
            "clusters": [cluster(PROVIDER, around.provider), cluster(AUTHORIZER, around.authorizer)],
        },
    })
}

/// An OpenID configuration of a policy: that of an issuer by its number, where 0 is [`ISSUER`], with so many keys.
pub(crate) fn openid_config(number: usize, keys: usize) -> Value {
    json!({ "url": format!("http://{PROVIDER_HOST}/{keys}/{number}/.well-known/openid-configuration") })
}

/// A policy with audience, roles and scope, and keys by discovery.
pub(crate) fn policy(audience: &str, openid_configs: &[Value]) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "require-scheme": "Bearer",
            "openid-config": openid_configs,
            "audiences": [audience],
            "required-claims": [
                { "name": "roles", "match": "any", "values": ["Api.Access"] },
                { "name": "scp", "match": "any", "separator": " ", "values": ["orders.read"] },
            ],
        },
    })
}

/// What a plugin's configuration has beside policies and rules.
pub(crate) fn with_provider(mut configuration: Value) -> Value {
    if let Some(members) = configuration.as_object_mut() {
        members.insert("clusters".to_owned(), json!({ PROVIDER_HOST: PROVIDER }));
        let fetch = json!({ "allow-http": true, "timeout": "30s", "max-response-bytes": 1_048_576 });
        members.insert("fetch".to_owned(), fetch);
    }
    configuration
}

fn cluster(name: &str, at: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(at) } }] }],
        },
    })
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
