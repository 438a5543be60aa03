//! Who signs tokens, and what each publishes where: read from `authorities.json`.

use super::folder;
use super::format::{AUTHORITIES, read};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// Entra's tenant of personal accounts.
const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// What stands in Entra's metadata for any tenant.
const ANY_TENANT: &str = "{tenantid}";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityFile {
    #[expect(dead_code, reason = "it is there for who reads the file")]
    about: String,
    /// Variables that plugins can read.
    environment: Map<String, Value>,
    authorities: BTreeMap<String, Authority>,
}

/// An authority: names of its keys with their algorithms, the first being the usual one, and what it is like.
#[derive(Debug, Deserialize)]
struct Authority {
    #[serde(default = "one_rsa_key")]
    keys: Vec<(String, Origin)>,
    #[serde(flatten)]
    kind: Kind,
}

fn one_rsa_key() -> Vec<(String, Origin)> {
    vec![("rsa".to_owned(), Origin::Generated("RS256".to_owned()))]
}

/// Where a key comes from.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Origin {
    /// It is made for the run; this is its algorithm.
    Generated(String),
    /// An RSA key that has a certificate.
    File {
        /// Its name in `tests/fixtures/certificates/`.
        file: String,
    },
}

impl Origin {
    fn key(&self) -> SigningKey {
        match self {
            Self::Generated(algorithm) => SigningKey::generate(by_name(algorithm)).unwrap(),
            Self::File { file } => SigningKey::from_rsa_pem(&fixture(file)).unwrap(),
        }
    }
}

/// A file with a certificate or its key.
fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/certificates").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
enum Kind {
    /// A cloud of Microsoft Entra ID, all of whose tenants share the first key; others are for personal accounts.
    #[serde(rename_all = "kebab-case")]
    Entra {
        /// Where it publishes; the first is the host of its issuers and keys.
        hosts: Vec<String>,
        /// The issuer of v1 tokens, with `{tenantid}`; a cloud without one publishes nothing for v1.
        v1_issuer: Option<String>,
        /// GUIDs and the domains by which each tenant can be named as well.
        tenants: BTreeMap<String, Vec<String>>,
    },
    /// A user flow of Azure AD B2C.
    #[serde(rename_all = "kebab-case")]
    B2c {
        name: String,
        tenant: String,
        flow: String,
        /// Host and path of before, when it was not yet `{name}.b2clogin.com`.
        legacy_place: Option<String>,
    },
    /// A tenant of External ID, whose issuers and keys are on another host than its configuration.
    ExternalId { name: String, tenant: String },
    /// Any OpenID provider.
    Openid { host: String },
    /// One that publishes nothing: its keys stand in configurations, or nowhere.
    Unpublished,
}

/// Everybody's keys, and everything that is published.
#[derive(Debug)]
pub(crate) struct World {
    keys: BTreeMap<String, SigningKey>,
    documents: BTreeMap<String, Value>,
    environment: BTreeMap<String, String>,
}

impl World {
    pub(crate) fn load() -> Self {
        let file: AuthorityFile = read(&folder().join(AUTHORITIES).with_extension("json"));
        let mut world =
            Self { keys: BTreeMap::new(), documents: BTreeMap::new(), environment: BTreeMap::new() };
        for (name, authority) in &file.authorities {
            world.add(name, authority);
        }
        let environment = file.environment.into_iter();
        world.environment = environment
            .map(|(name, value)| {
                let text = world.fill_in(&value).as_str().unwrap().to_owned();
                (name, text)
            })
            .collect();
        world
    }

    fn add(&mut self, name: &str, authority: &Authority) {
        let keys: Vec<SigningKey> = authority.keys.iter().map(|(_, origin)| origin.key()).collect();
        self.publish(&authority.kind, &keys);
        for (index, ((key_name, _), key)) in authority.keys.iter().zip(keys).enumerate() {
            if index == 0 {
                self.keys.insert(name.to_owned(), key.clone());
            }
            self.keys.insert(format!("{name}/{key_name}"), key);
        }
    }

    /// A key by the name of its authority (then it is the first) or by `authority/key`.
    pub(crate) fn key(&self, name: &str) -> &SigningKey {
        self.keys.get(name).unwrap_or_else(|| panic!("nobody has the key `{name}`"))
    }

    /// What is published, by URL.
    pub(crate) fn documents(&self) -> &BTreeMap<String, Value> {
        &self.documents
    }

    /// The variables that plugins can read.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The text of a plugin configuration: a shipped one to the byte, or one of the table's with its keys filled in.
    pub(crate) fn configuration(&self, plugin: &Value) -> String {
        let Value::String(shipped) = plugin else { return self.fill_in(plugin).to_string() };
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("filter-config").join(shipped).with_extension("json");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Puts the key's value in the place of `{ "$jwk": "authority/key" }` and the like, wherever it stands.
    pub(crate) fn fill_in(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => match members.iter().next() {
                Some((member, Value::String(file))) if member == "$file" => json!(fixture(file)),
                Some((member, Value::String(key))) if member.starts_with('$') => {
                    Self::of_key(member, self.key(key))
                }
                _ => members.iter().map(|(name, value)| (name.clone(), self.fill_in(value))).collect(),
            },
            Value::Array(elements) => elements.iter().map(|element| self.fill_in(element)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    fn of_key(what: &str, key: &SigningKey) -> Value {
        match what {
            "$jwk" => key.jwk(),
            "$kid" => json!(key.kid().unwrap()),
            "$n" => json!(key.rsa_n_e().unwrap().0),
            "$e" => json!(key.rsa_n_e().unwrap().1),
            "$secret" => json!(STANDARD.encode(key.secret().unwrap())),
            "$half-secret" => json!(STANDARD.encode(&key.secret().unwrap()[..32])),
            _ => panic!("nothing of a key is called `{what}`"),
        }
    }

    fn publish(&mut self, kind: &Kind, keys: &[SigningKey]) {
        match kind {
            Kind::Entra { hosts, v1_issuer, tenants } => {
                let named = tenants.iter().flat_map(|(tenant, domains)| {
                    domains.iter().chain([tenant]).map(move |name| (name.as_str(), tenant.as_str()))
                });
                let known =
                    [("common", ANY_TENANT), ("organizations", ANY_TENANT), ("consumers", PERSONAL_TENANT)];
                for (name, tenant) in named.chain(known) {
                    let v1_issuer = v1_issuer.as_ref().map(|issuer| issuer.replace(ANY_TENANT, tenant));
                    self.publish_entra(hosts, name, tenant, v1_issuer.as_deref(), keys);
                }
            }
            Kind::B2c { name, tenant, flow, legacy_place } => {
                let root = legacy_place.clone().unwrap_or_else(|| format!("{name}.b2clogin.com"));
                let host = root.split('/').next().unwrap();
                let place = format!("https://{root}/{name}.onmicrosoft.com/{flow}");
                let issuer = format!("https://{host}/{tenant}/v2.0/");
                let keys_url = format!("{place}/discovery/v2.0/keys");
                self.publish_documents(&format!("{place}/v2.0"), &issuer, &keys_url, set(keys, None));
            }
            Kind::ExternalId { name, tenant } => {
                let own = format!("https://{tenant}.ciamlogin.com/{tenant}");
                let place = format!("https://{name}.ciamlogin.com/{tenant}");
                let issuer = format!("{own}/v2.0");
                let keys_url = format!("{own}/discovery/v2.0/keys");
                self.publish_documents(
                    &format!("{place}/v2.0"),
                    &issuer,
                    &keys_url,
                    set(keys, Some(&issuer)),
                );
            }
            Kind::Openid { host } => {
                let issuer = format!("https://{host}");
                self.publish_documents(&issuer, &issuer, &format!("{issuer}/keys"), set(keys, None));
            }
            Kind::Unpublished => {}
        }
    }

    /// v2 and v1 metadata of what one name stands for. Of the keys, those of v2 alone name their issuer. The tenant of
    /// personal accounts has no v1; where its tokens are issued, a key of its own stands beside the one of all tenants.
    fn publish_entra(
        &mut self,
        hosts: &[String],
        name: &str,
        tenant: &str,
        v1_issuer: Option<&str>,
        keys: &[SigningKey],
    ) {
        let own = format!("https://{}", hosts[0]);
        let issuer_of = |tenant: &str| format!("{own}/{tenant}/v2.0");
        let (shared, personal) = keys.split_at(1);
        let mut v2_keys = set(shared, Some(&issuer_of(tenant)));
        if ["common", "consumers"].contains(&name) {
            let personal = set(personal, Some(&issuer_of(PERSONAL_TENANT)));
            let personal = personal["keys"].as_array().unwrap().clone();
            v2_keys["keys"].as_array_mut().unwrap().extend(personal);
        }
        for host in hosts {
            let place = format!("https://{host}/{name}");
            let keys_url = format!("{own}/{name}/discovery/v2.0/keys");
            self.publish_documents(&format!("{place}/v2.0"), &issuer_of(tenant), &keys_url, v2_keys.clone());
            if let Some(v1_issuer) = v1_issuer.filter(|_| tenant != PERSONAL_TENANT) {
                let keys_url = format!("{own}/{name}/discovery/keys");
                self.publish_documents(&place, v1_issuer, &keys_url, set(shared, None));
            }
        }
    }

    fn publish_documents(&mut self, place: &str, issuer: &str, keys_url: &str, keys: Value) {
        let configuration = json!({
            "issuer": issuer,
            "jwks_uri": keys_url,
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        self.documents.insert(format!("{place}/.well-known/openid-configuration"), configuration);
        self.documents.insert(keys_url.to_owned(), keys);
    }
}

/// A key set as Entra writes it: no key names an algorithm, so that one RSA key can serve several.
fn set(keys: &[SigningKey], issuer: Option<&str>) -> Value {
    let published = keys.iter().map(|key| {
        let mut jwk = key.jwk();
        let members = jwk.as_object_mut().unwrap();
        members.remove("alg");
        if let Some(issuer) = issuer {
            members.insert("issuer".to_owned(), json!(issuer));
        }
        jwk
    });
    json!({ "keys": published.collect::<Vec<Value>>() })
}

/// The algorithm of this name.
pub(crate) fn by_name(name: &str) -> Algorithm {
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
    algorithm.unwrap_or_else(|| panic!("there is no algorithm `{name}`"))
}
