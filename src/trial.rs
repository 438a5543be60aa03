//! What the unit tests decide with: keys made of numbers, and a plugin without a proxy.

use std::{rc::Rc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_compact::{KeyPair, Seed};
use rand_core::OsRng;
use serde_json::{Value, json};

use crate::{
    config::Configuration,
    decision::{self, Decision, Rulebook},
    jwe::{Decryptor, Unwrapped},
    keys::{Action, Fetch, FetchFault, KeyStore, ProviderId, ProviderSet, Response, Waited, Wish},
    pairs::Pairs,
    policy::Policy,
    rejection::{Reason, Rejection},
    request::RequestHead,
    signature::Verifier,
    time::Timestamp,
    token_cache::TokenCache,
    validate::{self, Attempt, Crypto, Outcome},
};

pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const OTHER_TENANT: &str = "99999999-2222-3333-4444-555555555555";

/// A signing key made of a number.
pub(crate) struct Signer {
    pub(crate) pair: KeyPair,
    pub(crate) key_id: String,
}

impl Signer {
    pub(crate) fn new(number: u8) -> Self {
        Self { pair: KeyPair::from_seed(Seed::new([number; 32])), key_id: format!("key-{number}") }
    }

    pub(crate) fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.key_id, "x": URL_SAFE_NO_PAD.encode(*self.pair.pk) })
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": "EdDSA", "kid": self.key_id }), claims)
    }

    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.pair.sk.sign(&input, None);
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(*signature))
    }
}

/// A token that nobody signed, with this signature.
pub(crate) fn unsigned(algorithm: &str, claims: &Value, signature: &str) -> String {
    let [header, claims] =
        [json!({ "alg": algorithm }), claims.clone()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.{signature}")
}

/// Headers as a proxy has them.
pub(crate) fn headers(headers: &[(&str, &str)]) -> Pairs<'static> {
    let owned = |text: &str| text.as_bytes().to_vec().into();
    headers.iter().map(|(name, value)| (owned(name), owned(value))).collect()
}

/// A plugin without a proxy: what the root context does, done by hand.
pub(crate) struct World {
    pub(crate) rulebook: Rulebook,
    pub(crate) keys: KeyStore,
    pub(crate) now: Timestamp,
    verifier: Verifier,
    decryptor: Decryptor,
    pub(crate) cache: TokenCache,
}

impl World {
    pub(crate) fn new(configuration: &Value) -> Self {
        let configuration = Configuration::parse(configuration.to_string().as_bytes(), &|_| None).unwrap();
        Self {
            rulebook: configuration.rulebook,
            keys: KeyStore::new(configuration.providers, 1, configuration.max_waiting),
            now: Timestamp::from_secs(NOW),
            verifier: Verifier::rust_only(),
            decryptor: Decryptor::new(Box::new(OsRng)),
            cache: TokenCache::new(configuration.token_cache_bytes),
        }
    }

    /// Its policy, when there is one.
    pub(crate) fn policy(&self) -> Rc<Policy> {
        self.rulebook.only()
    }

    /// Answers every fetch that is due by `answer`: from the URL to a body, or none when the provider is down.
    pub(crate) fn serve(&mut self, answer: impl Fn(&str) -> Option<Value>) {
        let mut actions = self.keys.tick(self.now);
        while let Some(action) = actions.pop() {
            if let Action::Fetch(fetch) = action {
                actions.extend(self.answer(&fetch, answer(&fetch.url.to_string())));
            }
        }
    }

    fn answer(&mut self, fetch: &Fetch, body: Option<Value>) -> Vec<Action> {
        let response = body
            .map(|body| Response { status: 200, body: body.to_string().into_bytes() })
            .ok_or(FetchFault::Broken);
        self.keys.answer(fetch, response, self.now)
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    pub(crate) fn validate(&self, token: &str) -> Outcome {
        self.validate_again(token, Waited::default())
    }

    pub(crate) fn validate_again(&self, token: &str, waited: Waited) -> Outcome {
        let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
        self.validate_head(RequestHead::new(&headers), waited)
    }

    pub(crate) fn validate_head(&self, head: RequestHead<'_>, waited: Waited) -> Outcome {
        self.validate_with(head, waited, &Unwrapped::default())
    }

    pub(crate) fn validate_with(
        &self,
        head: RequestHead<'_>,
        waited: Waited,
        unwrapped: &Unwrapped,
    ) -> Outcome {
        let attempt = Attempt { head, waited, unwrapped, now: self.now };
        validate::validate(&self.policy(), &[], &self.keys, self.crypto(), attempt)
    }

    /// What the rules come to for a request with these headers.
    pub(crate) fn decide(&self, headers: &Pairs<'_>, waited: Waited) -> Decision<'_> {
        let unwrapped = Unwrapped::default();
        let attempt =
            Attempt { head: RequestHead::new(headers), waited, unwrapped: &unwrapped, now: self.now };
        decision::decide(&self.rulebook, &self.keys, self.crypto(), attempt)
    }

    pub(crate) fn crypto(&self) -> Crypto<'_> {
        Crypto { verifier: &self.verifier, decryptor: &self.decryptor, cache: &self.cache }
    }

    pub(crate) fn rejection(&self, token: &str) -> Rejection {
        rejection(self.validate(token))
    }

    pub(crate) fn passes(&self, token: &str) -> bool {
        matches!(self.validate(token), Outcome::Allow(_))
    }
}

pub(crate) fn rejection(outcome: Outcome) -> Rejection {
    match outcome {
        Outcome::Deny(denial) => denial.rejection,
        Outcome::Allow(_) => panic!("allowed"),
        Outcome::AwaitKeys(wish) => panic!("waits for {wish:?}"),
    }
}

pub(crate) fn reason(outcome: Outcome) -> Reason {
    rejection(outcome).reason()
}

pub(crate) fn wish(outcome: Outcome) -> Wish {
    match outcome {
        Outcome::AwaitKeys(wish) => *wish,
        Outcome::Allow(_) => panic!("allowed"),
        Outcome::Deny(denial) => panic!("{denial:?}"),
    }
}

pub(crate) fn set(ids: &[usize]) -> ProviderSet {
    ids.iter().map(|index| ProviderId::new(*index).unwrap()).collect()
}

/// Waited for the ends of fetches from these providers, which were for the token's `kid`.
pub(crate) fn refetched(ids: &[usize]) -> Waited {
    Waited { fetched: set(ids), refetched: set(ids) }
}

/// A configuration of `openid-config` URLs and `issuers`; every host has a cluster.
pub(crate) fn configuration(urls: &[&str], issuers: &[&str]) -> Value {
    let configs: Vec<_> = urls.iter().map(|url| json!({ "url": url })).collect();
    let mut policy = json!({ "header-name": "Authorization", "openid-config": configs });
    if !issuers.is_empty() {
        policy["issuers"] = json!(issuers);
    }
    json!({ "validate-jwt": policy, "default-cluster": "any" })
}

pub(crate) fn claims(iss: &str) -> Value {
    json!({ "iss": iss, "exp": NOW + 600, "tid": TENANT })
}

/// Metadata that `host` serves for itself, its keys at `https://{host}/keys`.
pub(crate) fn metadata(host: &str, issuer: &str) -> Value {
    json!({ "issuer": issuer, "jwks_uri": format!("https://{host}/keys") })
}
