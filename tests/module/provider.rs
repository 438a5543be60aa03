//! An identity provider that answers the filter's callouts, well or badly, and the policy that trusts it.

use crate::host::{Answer, Callout, Host, Reaction, START, Script, Setup};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// Host of the provider's discovery document and key set.
pub(crate) const HOST: &str = "login.example.com";
/// Path of the discovery document; the query is part of it, as with B2C's `?p=` form.
pub(crate) const DISCOVERY: &str = "/contoso/v2.0/.well-known/openid-configuration?p=signin&x=%2F";
/// Path of the key set.
pub(crate) const KEYS: &str = "/contoso/discovery/v2.0/keys?p=signin";
/// The issuer that the discovery document names.
pub(crate) const ISSUER: &str = "https://login.example.com/contoso/v2.0";
/// The audience of the policy.
pub(crate) const AUDIENCE: &str = "api://orders";

/// One second, for arithmetic that reads well.
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// One minute.
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
/// One millisecond.
pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);

/// The RSA key of most tests; made once, because that takes a while.
pub(crate) fn rsa_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Algorithm::Rs256).unwrap().with_kid("rsa-1"))
}

/// The RSA key that comes after it.
pub(crate) fn next_rsa_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Algorithm::Rs256).unwrap().with_kid("rsa-2"))
}

/// A key on P-256.
pub(crate) fn ec_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Algorithm::Es256).unwrap().with_kid("ec-1"))
}

/// Claims that the policy of [`policy`] accepts, valid from the start of the test for that long.
pub(crate) fn claims_for(lifetime: Duration) -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "nbf": (START - 60 * MINUTE).as_secs(),
        "iat": (START - 60 * MINUTE).as_secs(),
        "exp": (START + lifetime).as_secs(),
        "sub": "subject-0123456789-must-never-be-logged",
    })
}

/// Claims that are good for as long as any test takes.
pub(crate) fn claims() -> Value {
    claims_for(Duration::from_secs(1_000_000))
}

/// A token with those claims, signed with that key.
pub(crate) fn token(key: &SigningKey) -> String {
    key.sign(&json!({ "typ": "JWT" }), &claims()).unwrap()
}

/// A token whose claims differ: members of `changes` replace those of [`claims`], and `null` removes.
pub(crate) fn token_but(key: &SigningKey, changes: &Value) -> String {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
    key.sign(&json!({ "typ": "JWT" }), &claims).unwrap()
}

/// The same token with another character in the middle of its signature.
pub(crate) fn tampered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (front, back) = signature.split_at(signature.len() / 2);
    let other = if back.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{front}{other}{}", &back[1..])
}

/// The plugin configuration of most tests; edit it for others.
pub(crate) fn policy() -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "require-scheme": "Bearer",
            "openid-config": [ { "url": format!("https://{HOST}{DISCOVERY}") } ],
            "audiences": [ AUDIENCE ],
        },
        "clusters": { HOST: "idp" },
    })
}

/// See the module. Clones are the same provider.
#[derive(Clone)]
pub(crate) struct Provider(Rc<RefCell<Inner>>);

struct Inner {
    discovery: Value,
    keys: Vec<Value>,
    discovery_fault: Option<Answer>,
    keys_fault: Option<Answer>,
    latency: Duration,
}

impl Provider {
    /// A provider that publishes those keys.
    pub(crate) fn new(keys: &[&SigningKey]) -> Self {
        let discovery = json!({
            "issuer": ISSUER,
            "jwks_uri": format!("https://{HOST}{KEYS}"),
            "authorization_endpoint": format!("https://{HOST}/contoso/oauth2/v2.0/authorize"),
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        Self(Rc::new(RefCell::new(Inner {
            discovery,
            keys: keys.iter().map(|key| key.jwk()).collect(),
            discovery_fault: None,
            keys_fault: None,
            latency: 20 * MILLISECOND,
        })))
    }

    /// Publishes other keys.
    pub(crate) fn set_keys(&self, keys: &[&SigningKey]) {
        self.0.borrow_mut().keys = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Publishes these JWKs.
    pub(crate) fn set_jwks(&self, keys: Vec<Value>) {
        self.0.borrow_mut().keys = keys;
    }

    /// Changes a member of the discovery document; `null` removes it.
    pub(crate) fn set_metadata(&self, member: &str, value: Value) {
        let mut inner = self.0.borrow_mut();
        let document = inner.discovery.as_object_mut().unwrap();
        if value.is_null() {
            document.remove(member);
        } else {
            document.insert(member.to_owned(), value);
        }
    }

    /// The discovery document as it is served.
    pub(crate) fn metadata(&self) -> Value {
        self.0.borrow().discovery.clone()
    }

    /// The key set as it is served.
    pub(crate) fn key_set(&self) -> Value {
        json!({ "keys": self.0.borrow().keys })
    }

    /// Answers requests for the discovery document with this instead.
    pub(crate) fn break_discovery(&self, answer: Answer) {
        self.0.borrow_mut().discovery_fault = Some(answer);
    }

    /// Answers requests for the key set with this instead.
    pub(crate) fn break_keys(&self, answer: Answer) {
        self.0.borrow_mut().keys_fault = Some(answer);
    }

    /// Answers everything as it should again.
    pub(crate) fn heal(&self) {
        let mut inner = self.0.borrow_mut();
        inner.discovery_fault = None;
        inner.keys_fault = None;
    }

    /// How long each answer takes.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.0.borrow_mut().latency = latency;
    }

    fn serve(&self, callout: &Callout) -> Reaction {
        let inner = self.0.borrow();
        let answer = match callout.header(":path").as_str() {
            DISCOVERY => {
                inner.discovery_fault.clone().unwrap_or_else(|| Answer::json(inner.discovery.to_string()))
            }
            KEYS => {
                let good = || Answer::json(json!({ "keys": inner.keys }).to_string());
                inner.keys_fault.clone().unwrap_or_else(good)
            }
            _ => Answer::http(404, "text/plain", "not found"),
        };
        answer.after(inner.latency)
    }

    /// A script that answers callouts with what this provider serves.
    pub(crate) fn script(&self) -> Script {
        let provider = self.clone();
        Box::new(move |callout| Some(provider.serve(callout)))
    }

    /// What a host needs to run a policy against this provider.
    pub(crate) fn setup(&self, policy: &Value) -> Setup {
        let mut setup = Setup::new(policy.to_string());
        setup.script = self.script();
        for key in [rsa_key(), next_rsa_key(), ec_key()] {
            let jwk = key.jwk();
            let secrets = ["n", "x", "y"].iter().filter_map(|member| jwk[member].as_str());
            setup.secrets.extend(secrets.map(|text| text.as_bytes().to_vec()));
        }
        setup
    }

    /// A host with that policy, which has just been configured.
    pub(crate) fn host_with(&self, policy: &Value) -> Host {
        Host::start(self.setup(policy))
    }

    /// A host with the usual policy, which has just been configured.
    pub(crate) fn host(&self) -> Host {
        self.host_with(&policy())
    }

    /// A host with the usual policy, which has its keys.
    pub(crate) fn warm_host(&self) -> Host {
        self.warm_host_with(&policy())
    }

    /// A host with that policy, which has its keys.
    pub(crate) fn warm_host_with(&self, policy: &Value) -> Host {
        let mut host = self.host_with(policy);
        host.warm_up();
        host
    }
}

impl Host {
    /// Waits for the first fetch, which must succeed.
    pub(crate) fn warm_up(&mut self) {
        self.advance_until("two callouts", 5 * SECOND, |host| host.callouts().len() == 2);
        self.advance(SECOND);
    }

    /// How often the discovery document was asked for.
    pub(crate) fn discovery_fetches(&self) -> usize {
        self.callouts().iter().filter(|callout| callout.header(":path") == DISCOVERY).count()
    }

    /// How often the key set was asked for.
    pub(crate) fn key_fetches(&self) -> usize {
        self.callouts().iter().filter(|callout| callout.header(":path") == KEYS).count()
    }
}
