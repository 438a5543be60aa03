//! Which document stands at which address: discovery documents and key sets, by host and path.

use super::{Issuer, KeySet, contoso};
use crate::signing::SigningKey;
use serde_json::{Value, json};
use std::fmt;

/// No document stands at an address; says where some do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    host: String,
    path: String,
    served: &'static [&'static str],
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no document at {} on host {}; this host has", self.path, self.host)?;
        self.served.iter().try_for_each(|path| writeln!(f, "  {path}"))
    }
}

impl std::error::Error for NotFound {}

const WORKFORCE: &[&str] = &[
    "/{tenant}/v2.0/.well-known/openid-configuration",
    "/{tenant}/.well-known/openid-configuration (v1)",
    "/{tenant}/discovery/v2.0/keys",
    "/{tenant}/discovery/keys (v1)",
    "with a GUID, contoso.com, common, organizations or consumers (v2 only) as {tenant}",
];

const B2C: &[&str] = &[
    "/{tenant}/{policy}/v2.0/.well-known/openid-configuration",
    "/{tenant}/v2.0/.well-known/openid-configuration?p={policy}",
    "/{tenant}/{policy}/discovery/v2.0/keys",
    "/{tenant}/discovery/v2.0/keys?p={policy}",
    "with a GUID or <name>.onmicrosoft.com as {tenant}, and B2C_1_… or B2C_1A_… as {policy}",
];

const EXTERNAL_ID: &[&str] = &[
    "/{tenant}/v2.0/.well-known/openid-configuration",
    "/{tenant}/.well-known/openid-configuration (v1)",
    "/{tenant}/discovery/v2.0/keys",
    "/{tenant}/discovery/keys (v1)",
    "with a GUID or <name>.onmicrosoft.com as {tenant}",
];

const PLAIN: &[&str] = &["/.well-known/openid-configuration", "/jwks"];

/// Stands in v2 and v1 issuers where the tenant of the token belongs.
const ANY_TENANT: &str = "{tenantid}";

impl Issuer {
    /// The JSON document at an address. `host` may carry a port.
    pub fn document(&self, host: &str, path: &str, query: Option<&str>) -> Result<Value, NotFound> {
        let name = host.rsplit_once(':').map_or(host, |(name, _port)| name).to_ascii_lowercase();
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let (document, served) = if name == contoso::ENTRA_HOST {
            (self.workforce_document(&segments), WORKFORCE)
        } else if name.ends_with(".b2clogin.com") {
            (self.b2c_document(&name, &segments, query), B2C)
        } else if name.ends_with(".ciamlogin.com") {
            (self.external_id_document(&name, &segments), EXTERNAL_ID)
        } else {
            (self.plain_document(host, &segments), PLAIN)
        };
        document.ok_or_else(|| NotFound { host: host.to_owned(), path: path.to_owned(), served })
    }

    fn workforce_document(&self, segments: &[&str]) -> Option<Value> {
        let (tenant, rest) = segments.split_first()?;
        let tenant = tenant.to_ascii_lowercase();
        let WorkforceTenant { path, id } = WorkforceTenant::parse(&tenant)?;
        let base = format!("https://{}/{path}", contoso::ENTRA_HOST);
        let v2_issuer = entra_v2_issuer(id);
        let personal = path == "consumers";
        match rest {
            ["v2.0", ".well-known", "openid-configuration"] => {
                let mut document = metadata(
                    &v2_issuer,
                    &format!("{base}/oauth2/v2.0"),
                    &format!("{base}/discovery/v2.0/keys"),
                );
                extend(&mut document, "cloud_instance_name", json!("microsoftonline.com"));
                Some(document)
            }
            [".well-known", "openid-configuration"] if !personal => {
                let issuer = entra_v1_issuer(id);
                let mut document =
                    metadata(&issuer, &format!("{base}/oauth2"), &format!("{base}/discovery/keys"));
                extend(&mut document, "cloud_instance_name", json!("microsoftonline.com"));
                Some(document)
            }
            ["discovery", "v2.0", "keys"] => {
                let consumers = entra_v2_issuer(contoso::CONSUMERS_TENANT);
                let consumers = entra_jwk(&self.consumers, Some(&consumers));
                let mut keys = Vec::new();
                if !personal {
                    keys.extend(self.workforce.keys().map(|key| entra_jwk(key, Some(&v2_issuer))));
                }
                // Keys of personal accounts stand in the sets that serve them, and name their own issuer there.
                if personal || path == "common" {
                    keys.push(consumers);
                }
                Some(json!({ "keys": keys }))
            }
            ["discovery", "keys"] if !personal => Some(entra_jwks(&self.workforce, None)),
            _ => None,
        }
    }

    fn b2c_document(&self, host: &str, segments: &[&str], query: Option<&str>) -> Option<Value> {
        let (tenant, rest) = segments.split_first()?;
        let id = guid(tenant).or_else(|| is_onmicrosoft(tenant).then(|| contoso::B2C_TENANT.to_owned()))?;
        let tenant = tenant.to_ascii_lowercase();
        let policy_in_path = match rest {
            [policy, "v2.0", ".well-known", _] | [policy, "discovery", "v2.0", _] => Some(*policy),
            _ => None,
        };
        let policy = policy_in_path.or_else(|| query_value(query?, "p"))?.to_ascii_lowercase();
        let keys = if policy.starts_with("b2c_1a_") {
            &self.custom_policies
        } else if policy.starts_with("b2c_1_") {
            &self.user_flows
        } else {
            return None;
        };
        let base = format!("https://{host}/{tenant}");
        match rest {
            [_, "v2.0", ".well-known", "openid-configuration"] => Some(metadata(
                &b2c_issuer(host, &id),
                &format!("{base}/{policy}/oauth2/v2.0"),
                &format!("{base}/{policy}/discovery/v2.0/keys"),
            )),
            ["v2.0", ".well-known", "openid-configuration"] => Some(metadata(
                &b2c_issuer(host, &id),
                &format!("{base}/oauth2/v2.0"),
                &format!("{base}/discovery/v2.0/keys?p={policy}"),
            )),
            [_, "discovery", "v2.0", "keys"] | ["discovery", "v2.0", "keys"] => {
                Some(json!({ "keys": keys.keys().map(b2c_jwk) }))
            }
            _ => None,
        }
    }

    fn external_id_document(&self, host: &str, segments: &[&str]) -> Option<Value> {
        let (tenant, rest) = segments.split_first()?;
        let id = guid(tenant)
            .or_else(|| is_onmicrosoft(tenant).then(|| contoso::EXTERNAL_ID_TENANT.to_owned()))?;
        let base = format!("https://{host}/{id}");
        let v2_issuer = external_id_issuer(&id);
        match rest {
            ["v2.0", ".well-known", "openid-configuration"] => Some(metadata(
                &v2_issuer,
                &format!("{base}/oauth2/v2.0"),
                &format!("{base}/discovery/v2.0/keys"),
            )),
            [".well-known", "openid-configuration"] => Some(metadata(
                &format!("https://{id}.ciamlogin.com/{id}/"),
                &format!("{base}/oauth2"),
                &format!("{base}/discovery/keys"),
            )),
            ["discovery", "v2.0", "keys"] => Some(entra_jwks(&self.external_id, Some(&v2_issuer))),
            ["discovery", "keys"] => Some(entra_jwks(&self.external_id, None)),
            _ => None,
        }
    }

    fn plain_document(&self, host: &str, segments: &[&str]) -> Option<Value> {
        match segments {
            [".well-known", "openid-configuration"] => {
                let issuer = plain_issuer(host);
                Some(metadata(&issuer, &issuer, &format!("{issuer}/jwks")))
            }
            ["jwks"] => Some(json!({ "keys": self.plain.keys().map(SigningKey::jwk) })),
            _ => None,
        }
    }
}

/// A tenant as a path names it, and what stands for it in issuers.
struct WorkforceTenant<'a> {
    path: &'a str,
    id: &'a str,
}

impl<'a> WorkforceTenant<'a> {
    fn parse(segment: &'a str) -> Option<Self> {
        match segment {
            "common" | "organizations" => Some(Self { path: segment, id: ANY_TENANT }),
            "consumers" => Some(Self { path: segment, id: contoso::CONSUMERS_TENANT }),
            // A domain is an alias: the document speaks of the tenant by its GUID.
            "contoso.com" | "contoso.onmicrosoft.com" => {
                Some(Self { path: contoso::ENTRA_TENANT, id: contoso::ENTRA_TENANT })
            }
            _ => is_guid(segment).then_some(Self { path: segment, id: segment }),
        }
    }
}

pub(super) fn entra_v2_issuer(tenant: &str) -> String {
    format!("https://{}/{tenant}/v2.0", contoso::ENTRA_HOST)
}

pub(super) fn entra_v1_issuer(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

pub(super) fn b2c_issuer(host: &str, tenant: &str) -> String {
    format!("https://{host}/{tenant}/v2.0/")
}

/// The host is the tenant's GUID, whatever host was asked.
pub(super) fn external_id_issuer(tenant: &str) -> String {
    format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0")
}

pub(super) fn plain_issuer(host: &str) -> String {
    format!("http://{host}")
}

fn metadata(issuer: &str, endpoints: &str, jwks_uri: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{endpoints}/authorize"),
        "token_endpoint": format!("{endpoints}/token"),
        "jwks_uri": jwks_uri,
        "response_types_supported": ["code", "id_token", "code id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn entra_jwks(keys: &KeySet, issuer: Option<&str>) -> Value {
    json!({ "keys": keys.keys().map(|key| entra_jwk(key, issuer)) })
}

/// Entra names no algorithm; only its v2 sets say for which issuer a key may sign.
fn entra_jwk(key: &SigningKey, issuer: Option<&str>) -> Value {
    let mut jwk = b2c_jwk(key);
    extend(&mut jwk, "x5t", json!(key.kid()));
    if let Some(issuer) = issuer {
        extend(&mut jwk, "issuer", json!(issuer));
    }
    jwk
}

fn b2c_jwk(key: &SigningKey) -> Value {
    let mut jwk = key.jwk();
    if let Some(members) = jwk.as_object_mut() {
        members.remove("alg");
    }
    jwk
}

fn extend(document: &mut Value, name: &str, value: Value) {
    if let Some(members) = document.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn query_value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn is_onmicrosoft(tenant: &str) -> bool {
    tenant.to_ascii_lowercase().ends_with(".onmicrosoft.com")
}

fn guid(text: &str) -> Option<String> {
    is_guid(text).then(|| text.to_ascii_lowercase())
}

pub(super) fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
