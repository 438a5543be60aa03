//! Issuers, the keys they publish, and one Envoy in which each is trusted twice: by this filter and by the native one.

use super::draft::Bytes;
use crate::support::bootstrap::Setup;
use crate::support::identity_provider::{Answer, IdentityProvider};
use crate::support::openid_provider::{OpenIdProvider, READ};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::{Value, json};
use std::net::SocketAddr;
use validate_jwt_cli::signing::{Algorithm, SigningKey, base64url};

/// What both filters accept, one with a scheme and one without.
pub(super) const AUDIENCES: [&str; 2] = ["https://api.example/orders", "orders"];
/// Of both filters, in seconds.
pub(super) const SKEW: i64 = 60;

/// A token that both filters accept, before anything is changed.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) name: String,
    issuer: String,
    pub(super) origin: Origin,
}

/// Who made it.
#[derive(Debug)]
pub(super) enum Origin {
    /// The test, with a key that it has.
    Signed(Box<SigningKey>),
    /// The real provider.
    Given(String),
}

impl Base {
    pub(super) fn header(&self) -> Value {
        let Origin::Signed(key) = &self.origin else { return json!({}) };
        let mut header = json!({ "alg": key.algorithm().name(), "typ": "JWT" });
        if let Some(kid) = key.kid() {
            header["kid"] = json!(kid);
        }
        header
    }

    pub(super) fn claims(&self, now: i64) -> Value {
        json!({
            "iss": self.issuer, "aud": AUDIENCES[0], "sub": "somebody", "jti": "1",
            "iat": now - 600, "nbf": now - 600, "exp": now + 3600,
        })
    }
}

/// An issuer, and what the two filters that trust it know of it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) name: &'static str,
    issuer: String,
    pub(super) bases: Vec<Base>,
    /// The key set that the issuer publishes.
    pub(super) published: Vec<Value>,
    /// A shared secret that both configurations hold.
    secret: Option<SigningKey>,
    /// Whether both filters ask for `exp`.
    requires_expiration: bool,
    /// Where this filter finds the key set; a path of the issuer's host but for the real provider.
    configuration_url: String,
    cluster: (String, SocketAddr),
}

impl World {
    /// The listener with this filter.
    pub(super) fn own_listener(&self) -> String {
        format!("{}-validate-jwt", self.name)
    }

    /// The listener with the native one.
    pub(super) fn native_listener(&self) -> String {
        format!("{}-jwt-authn", self.name)
    }

    /// Adds both listeners.
    pub(super) fn set_up(&self, setup: Setup) -> Setup {
        let (host, address) = &self.cluster;
        setup.cluster(host, *address).listener(&self.own_listener(), self.own_configuration()).other_listener(
            &self.native_listener(),
            "envoy.filters.http.jwt_authn",
            &self.native_configuration(),
        )
    }

    fn own_configuration(&self) -> Value {
        let mut configuration = json!({
            "validate-jwt": {
                "header-name": "Authorization",
                "require-scheme": "Bearer",
                "clock-skew": SKEW,
                "require-expiration-time": self.requires_expiration,
                "openid-config": [{ "url": self.configuration_url }],
                "issuers": [self.issuer],
                "audiences": AUDIENCES,
            },
            "clusters": { self.cluster.0.clone(): self.cluster.0 },
            "fetch": { "allow-http": true, "unknown-kid-interval": "30s" },
        });
        if let Some(secret) = &self.secret {
            let value = STANDARD.encode(secret.secret().unwrap());
            configuration["validate-jwt"]["issuer-signing-keys"] =
                json!([{ "id": secret.kid(), "value": value }]);
        }
        configuration
    }

    fn native_configuration(&self) -> Value {
        json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "issuer": {
                "issuer": self.issuer,
                "audiences": AUDIENCES,
                "local_jwks": { "inline_string": json!({ "keys": self.known() }).to_string() },
                "from_headers": [{ "name": "Authorization", "value_prefix": "Bearer " }],
                "forward": true,
                "clock_skew_seconds": SKEW,
                "require_expiration": self.requires_expiration,
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "issuer" } }],
        })
    }

    /// Every key that a filter may know, shared secrets among them.
    pub(super) fn known(&self) -> Vec<Value> {
        let secret = self.secret.as_ref().map(|key| oct(key.secret().unwrap(), key.kid().unwrap()));
        self.published.iter().cloned().chain(secret).collect()
    }
}

fn oct(secret: &[u8], kid: &str) -> Value {
    json!({ "kty": "oct", "kid": kid, "k": base64url(secret) })
}

/// All of them, and the keys that mutations need.
#[derive(Debug)]
pub(super) struct Worlds {
    pub(super) all: Vec<World>,
    /// The RSA key that signs in most of them.
    pub(super) rsa: RsaPrivateKey,
    /// A key for each algorithm that nobody trusts.
    pub(super) strangers: Vec<SigningKey>,
    _provider: IdentityProvider,
    _openid_provider: OpenIdProvider,
}

const ASYMMETRIC: [Algorithm; 10] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
];

impl Worlds {
    pub(super) fn new() -> Self {
        let rsa = rsa_key(2048, 65_537);
        let provider = IdentityProvider::start();
        let keys: Vec<SigningKey> = ASYMMETRIC.into_iter().map(|of| new_key(of, &rsa)).collect();
        let stranger = rsa_key(2048, 65_537);
        let strangers = ASYMMETRIC.into_iter().map(|of| new_key(of, &stranger));
        let strangers = strangers.chain([SigningKey::generate(Algorithm::Hs256).unwrap()]).collect();
        let openid_provider = OpenIdProvider::start();
        let drafts = [named(&keys), bare(&rsa), odd(&rsa), crowd()].into_iter();
        let scripted = drafts.map(|draft| draft.publish(&provider));
        let all = scripted.chain([real(&openid_provider)]).collect();
        Self { all, rsa, strangers, _provider: provider, _openid_provider: openid_provider }
    }
}

/// An issuer before it publishes: keys, each with its name and its JWK.
struct Draft {
    name: &'static str,
    keys: Vec<(String, SigningKey, Value)>,
    secret: Option<SigningKey>,
    requires_expiration: bool,
}

impl Draft {
    fn publish(self, provider: &IdentityProvider) -> World {
        let host = format!("{}.example", self.name);
        let issuer = format!("https://{host}");
        let published: Vec<Value> = self.keys.iter().map(|(_, _, jwk)| jwk.clone()).collect();
        let configuration = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
        provider.set(&host, "/.well-known/openid-configuration", Answer::json(&configuration));
        provider.set(&host, "/keys", Answer::json(&json!({ "keys": published })));
        let base =
            |name: String, key| Base { name, issuer: issuer.clone(), origin: Origin::Signed(Box::new(key)) };
        let secret = self.secret.iter().map(|key| base("HS256".to_owned(), key.clone()));
        let bases = self.keys.iter().map(|(name, key, _)| base(name.clone(), key.clone()));
        World {
            name: self.name,
            bases: bases.chain(secret).collect(),
            published,
            secret: self.secret,
            requires_expiration: self.requires_expiration,
            configuration_url: format!("{issuer}/.well-known/openid-configuration"),
            cluster: (host, provider.address()),
            issuer,
        }
    }
}

/// Keys as most providers publish them: each names its algorithm. A secret of 32 bytes beside them.
fn named(keys: &[SigningKey]) -> Draft {
    let keys = keys.iter().map(|key| (key.algorithm().to_string(), key.clone(), key.jwk())).collect();
    let secret: Bytes = (0..32).collect();
    let secret = SigningKey::from_secret(Algorithm::Hs256, &secret).unwrap().with_kid("secret");
    Draft { name: "named", keys, secret: Some(secret), requires_expiration: true }
}

/// Keys as Entra publishes them: without an algorithm. Here no filter asks for `exp`.
fn bare(rsa: &RsaPrivateKey) -> Draft {
    let of = |algorithm| {
        let key = new_key(algorithm, rsa);
        (algorithm.to_string(), key.clone(), without(key.jwk(), "alg"))
    };
    let algorithms =
        [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa];
    Draft {
        name: "bare",
        keys: algorithms.into_iter().map(of).collect(),
        secret: None,
        requires_expiration: false,
    }
}

/// A key, its name, and what is done to its JWK.
type OddKey = (&'static str, SigningKey, fn(&mut Value));

/// Keys of which each has something odd about it.
fn odd(rsa: &RsaPrivateKey) -> Draft {
    let es256 = || SigningKey::generate(Algorithm::Es256).unwrap();
    let ed25519 = || SigningKey::generate(Algorithm::EdDsa).unwrap();
    let secret = SigningKey::generate(Algorithm::Hs256).unwrap();
    let keys: Vec<OddKey> = vec![
        ("use-enc", es256(), |jwk| jwk["use"] = json!("enc")),
        ("use-other", es256(), |jwk| jwk["use"] = json!("anything")),
        ("ops-sign", es256(), |jwk| jwk["key_ops"] = json!(["sign"])),
        ("ops-verify", es256(), |jwk| jwk["key_ops"] = json!(["verify"])),
        ("ops-text", es256(), |jwk| jwk["key_ops"] = json!("verify")),
        ("alg-of-encryption", es256(), |jwk| jwk["alg"] = json!("ECDH-ES")),
        ("alg-of-other-curve", es256(), |jwk| jwk["alg"] = json!("ES384")),
        ("alg-null", es256(), |jwk| jwk["alg"] = Value::Null),
        ("alg-Ed25519", ed25519(), |jwk| jwk["alg"] = json!("Ed25519")),
        ("crv-absent", es256(), |jwk| *jwk = without(jwk.take(), "crv")),
        ("x5c", es256(), |jwk| jwk["x5c"] = json!(["not a certificate"])),
        ("rsa-1024", signing_key(&rsa_key(1024, 65_537)), |_jwk| {}),
        ("e-3", signing_key(&rsa_key(2048, 3)), |_jwk| {}),
        ("e-257", signing_key(&rsa_key(2048, 257)), |_jwk| {}),
        ("n-padded", signing_key(rsa), |jwk| jwk["n"] = json!(format!("{}==", jwk["n"].as_str().unwrap()))),
        ("x-longer", es256(), |jwk| jwk["x"] = json!(format!("AAAA{}", jwk["x"].as_str().unwrap()))),
        ("kid-number", ed25519(), |jwk| jwk["kid"] = json!(7)),
        ("published-secret", secret, |_jwk| {}),
    ];
    let of = |(name, key, change): OddKey| {
        let key = key.with_kid(name);
        let mut jwk = key.secret().map_or_else(|| key.jwk(), |secret| oct(secret, name));
        change(&mut jwk);
        (name.to_owned(), key, jwk)
    };
    let keys = keys.into_iter().map(of).collect();
    Draft { name: "odd", keys, secret: None, requires_expiration: true }
}

/// More keys than tell themselves apart: some without `kid`, and six of one kind.
fn crowd() -> Draft {
    let es256 = || SigningKey::generate(Algorithm::Es256).unwrap();
    let mut keys =
        vec![("unnamed".to_owned(), es256().without_kid()), ("named".to_owned(), es256().with_kid("named"))];
    for number in 1..=6 {
        let kid = format!("ed-{number}");
        keys.push((kid.clone(), SigningKey::generate(Algorithm::EdDsa).unwrap().with_kid(kid)));
    }
    let keys = keys
        .into_iter()
        .map(|(name, key)| {
            let jwk = key.jwk();
            (name, key, jwk)
        })
        .collect();
    Draft { name: "crowd", keys, secret: None, requires_expiration: true }
}

/// The real provider, with a token for each algorithm that it signs with.
fn real(provider: &OpenIdProvider) -> World {
    let issuer = format!("http://{}", provider.address());
    let algorithms = ASYMMETRIC.map(Algorithm::name).into_iter().chain(["Ed25519"]);
    let base = |algorithm: &str| {
        let token = provider.token(algorithm, READ, AUDIENCES[0]);
        Base { name: algorithm.to_owned(), issuer: issuer.clone(), origin: Origin::Given(token) }
    };
    World {
        name: "oidc-provider",
        bases: algorithms.map(base).collect(),
        published: provider.key_set()["keys"].as_array().unwrap().clone(),
        secret: None,
        requires_expiration: true,
        configuration_url: provider.configuration_url(),
        cluster: (provider.address().to_string(), provider.address()),
        issuer,
    }
}

fn rsa_key(bits: usize, exponent: u32) -> RsaPrivateKey {
    RsaPrivateKey::new_with_exp(&mut rand_core::OsRng, bits, &exponent.into()).unwrap()
}

fn signing_key(key: &RsaPrivateKey) -> SigningKey {
    SigningKey::from_rsa_pem(&key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

/// A key that is named after its algorithm; all of RSA are one.
fn new_key(algorithm: Algorithm, rsa: &RsaPrivateKey) -> SigningKey {
    let key = match algorithm.name().get(..1) {
        Some("R" | "P") => signing_key(rsa).with_algorithm(algorithm),
        _ => SigningKey::generate(algorithm),
    };
    key.unwrap().with_kid(format!("key-{algorithm}"))
}

fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}
