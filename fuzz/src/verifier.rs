//! The other opinion: whether a request may pass, told from the text of the configuration and what was served, by another JSON
//! parser, another signature crate, and another reading of the rules.
//!
//! It is more generous than the filter where rules are many (any key of the configuration may vouch, the largest clock skew
//! counts, and where several VMs or providers are at work, any key set that was ever served for the issuer), and never where a
//! signature or a date is concerned: what it refuses, nobody may let pass.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Map, Value};

use crate::{
    served::{Served, Set},
    signers,
};

/// Base64 as generous as it can be.
const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, ANY_PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, ANY_PADDING);

/// Dates are floating-point numbers here.
const ROUNDING: f64 = 1.0;

/// Judges what a filter with one configuration lets pass.
#[derive(Debug)]
pub struct Judge {
    configuration: Value,
}

/// Keys that providers published.
#[derive(Clone, Copy, Debug)]
pub struct Published<'p> {
    /// All that they did.
    pub served: &'p Served,
    /// The key sets of it that may be used.
    pub sets: &'p [&'p Set],
}

/// A key as a document has it.
struct Key<'k> {
    members: &'k Map<String, Value>,
    is_from_network: bool,
}

impl Judge {
    /// The judge of a configuration; `None` when it is not JSON.
    pub fn new(configuration: &[u8]) -> Option<Self> {
        Some(Self { configuration: serde_json::from_slice(configuration).ok()? })
    }

    /// Fails when a request was let through as `outcome` that may not be: it came with `tokens`, its time was `now`
    /// (milliseconds), and its providers had `published` keys.
    pub fn check(
        &self,
        outcome: &str,
        tokens: &[Vec<u8>],
        published: Published<'_>,
        now: u64,
    ) -> Result<(), String> {
        match outcome {
            "Anonymous" => {
                let allowed = ["allow-anonymous", "allow-missing", "allow-cors-preflight"];
                let is_allowed = allowed.iter().any(|name| self.has_flag(name, true));
                is_allowed.then_some(()).ok_or_else(|| "nothing allows a request without a token".to_owned())
            }
            "ReportOnly" => {
                let is_allowed = self.has_flag("report-only", true);
                is_allowed.then_some(()).ok_or_else(|| "no policy only reports".to_owned())
            }
            "Allowed" => {
                let faults: Vec<String> = tokens
                    .iter()
                    .map(|token| self.verify(token, published, now))
                    .filter_map(Result::err)
                    .map(str::to_owned)
                    .collect();
                if faults.len() < tokens.len() {
                    return Ok(());
                }
                Err(format!("no token may pass: {faults:?}"))
            }
            other => Err(format!("let through as {other}")),
        }
    }

    /// Whether a compact JWS is signed by a key that is trusted, and its dates hold.
    fn verify(&self, token: &[u8], published: Published<'_>, now: u64) -> Result<Value, &'static str> {
        let token = std::str::from_utf8(token).map_err(|_| "not text")?;
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else { return Err("not three parts") };
        let header = object(header).ok_or("the header is no object")?;
        let claims = object(payload).ok_or("the payload is no object")?;
        if header.contains_key("crit") {
            return Err("crit");
        }
        self.check_dates(&claims, now)?;
        self.check_audience(&claims)?;
        self.check_issuer(&claims)?;
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or("no alg")?;
        if algorithm == "none" {
            let is_allowed = signature.is_empty() && self.has_flag("require-signed-tokens", false);
            return is_allowed.then_some(Value::Object(claims)).ok_or("unsigned");
        }
        let message = &token[..token.len() - signature.len() - 1];
        let key_id = header.get("kid").and_then(Value::as_str).filter(|key_id| !key_id.is_empty());
        let is_good = |key: &Key<'_>| {
            key.fits(key_id, algorithm) && key.verifies(algorithm, message.as_bytes(), signature)
        };
        let own = published.sets.iter().filter(|set| self.may_vouch(published.served, set, &claims));
        let mut keys = own.flat_map(|set| &set.keys);
        let public = keys.any(|members| is_good(&Key { members, is_from_network: true }));
        let is_verified = public
            || self.inline_keys().iter().any(|key| is_good(&Key { members: key, is_from_network: false }))
            || self.secrets().iter().any(|secret| verify_by_secret(algorithm, secret, message, signature));
        is_verified.then_some(Value::Object(claims)).ok_or("no key verifies it")
    }

    /// Whether a key set may be that of the token's issuer: its provider names him. Issuers that the configuration lists or gives
    /// keys to are anybody's here, and so are those of Entra's policy.
    fn may_vouch(&self, served: &Served, set: &Set, claims: &Map<String, Value>) -> bool {
        let says_otherwise = ["issuers", "jwks", "validate-azure-ad-token"];
        let Some(iss) = claims.get("iss").and_then(Value::as_str) else { return true };
        let tenant = claims.get("tid").and_then(Value::as_str).unwrap_or_default();
        says_otherwise.iter().any(|name| self.has_member(name)) || served.is_of(set, iss, tenant)
    }

    /// Whether any object has this member.
    fn has_member(&self, name: &str) -> bool {
        let mut found = false;
        each_object(&self.configuration, &mut |members| found |= members.contains_key(name));
        found
    }

    /// `audiences` of a single policy: one of the token's is one of them, but for a slash at the end.
    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        let policies = ["validate-jwt", "validate-azure-ad-token"];
        let policy = policies.iter().find_map(|name| self.configuration.get(name));
        let Some(allowed) = policy.and_then(|policy| policy.get("audiences")?.as_array()) else {
            return Ok(());
        };
        let plain = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
        let listed: Vec<String> = allowed.iter().filter_map(Value::as_str).map(plain).collect();
        if listed.iter().any(|audience| audience.contains("{request-host}")) {
            return Ok(());
        }
        let claimed = claims.get("aud");
        let mut claimed =
            claimed.and_then(Value::as_array).into_iter().flatten().chain(claimed).filter_map(Value::as_str);
        let is_listed = claimed.any(|audience| listed.contains(&plain(audience)));
        is_listed.then_some(()).ok_or("for another audience")
    }

    /// `issuers` of a single policy without providers: the token's is one of them.
    fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        let Some(policy) = self.configuration.get("validate-jwt") else { return Ok(()) };
        let has_providers =
            policy.get("openid-config").is_some() || self.configuration.get("options").is_some();
        let Some(listed) = policy.get("issuers").and_then(Value::as_array).filter(|_| !has_providers) else {
            return Ok(());
        };
        let is_listed = claims.get("iss").is_some_and(|iss| listed.contains(iss));
        is_listed.then_some(()).ok_or("of another issuer")
    }

    fn check_dates(&self, claims: &Map<String, Value>, now: u64) -> Result<(), &'static str> {
        let milliseconds = |name| claims.get(name).map(|date| date.as_f64().map(|seconds| seconds * 1000.0));
        #[expect(clippy::cast_precision_loss, reason = "a time, not an identity")]
        let (now, skew) = (now as f64, self.largest("clock-skew") * 1000.0 + ROUNDING);
        match milliseconds("exp") {
            Some(None) => return Err("exp is no number"),
            Some(Some(exp)) if now >= exp + skew => return Err("expired"),
            Some(Some(_)) => {}
            None if self.has_flag("require-expiration-time", false) => {}
            None => return Err("no exp"),
        }
        match milliseconds("nbf") {
            Some(None) => Err("nbf is no number"),
            Some(Some(nbf)) if nbf > now + skew => Err("not yet valid"),
            Some(Some(_)) | None => Ok(()),
        }
    }

    /// Whether any object has this member with this value.
    pub fn has_flag(&self, name: &str, value: bool) -> bool {
        let mut found = false;
        each_object(&self.configuration, &mut |members| {
            found |= members.get(name).and_then(Value::as_bool) == Some(value);
        });
        found
    }

    /// Every text that stands under this member of some object, alone or in a list.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let mut texts = Vec::new();
        each_object(&self.configuration, &mut |members| {
            let listed = members.get(name).and_then(Value::as_array).into_iter().flatten();
            let texts_of = listed.chain(members.get(name)).filter_map(Value::as_str);
            texts.extend(texts_of.map(str::to_owned));
        });
        texts
    }

    fn largest(&self, name: &str) -> f64 {
        let mut largest = 0.0_f64;
        each_object(&self.configuration, &mut |members| {
            largest = largest.max(members.get(name).and_then(Value::as_f64).unwrap_or(0.0));
        });
        largest
    }

    fn elements(&self) -> Vec<Map<String, Value>> {
        let mut elements = Vec::new();
        each_object(&self.configuration, &mut |members| {
            let listed = members.get("issuer-signing-keys").and_then(Value::as_array).into_iter().flatten();
            elements.extend(listed.filter_map(Value::as_object).cloned());
        });
        elements
    }

    /// The public keys of `issuer-signing-keys`, as JWKs.
    fn inline_keys(&self) -> Vec<Map<String, Value>> {
        let jwk_of = |element: Map<String, Value>| {
            if let Some(jwk) = element.get("jwk").and_then(Value::as_object) {
                return Some(jwk.clone());
            }
            if element.contains_key("n") {
                let mut jwk = element;
                jwk.insert("kty".to_owned(), Value::from("RSA"));
                return Some(jwk);
            }
            let id = element.get("certificate-id")?.as_str()?;
            let certificate = self.configuration["certificates"][id]["certificate"].as_str()?;
            // Nobody here can sign by the key of a certificate with another modulus.
            let rsa = &signers::SIGNERS[signers::RSA];
            let modulus = rsa.rsa_public()?.n().to_bytes_be();
            let is_known =
                pem_blocks(certificate).any(|der| der.windows(modulus.len()).any(|part| part == modulus));
            is_known.then(|| rsa.jwk()?.as_object().cloned()).flatten()
        };
        self.elements().into_iter().filter_map(jwk_of).collect()
    }

    fn secrets(&self) -> Vec<Vec<u8>> {
        let mut secrets = Vec::new();
        for element in self.elements() {
            let text = |name| element.get(name).and_then(Value::as_str);
            let variable = text("value-from-env").and_then(|name| std::env::var(name).ok());
            let oct = element.get("jwk").and_then(|jwk| jwk.get("k")?.as_str().map(str::to_owned));
            for text in text("value").map(str::to_owned).into_iter().chain(variable).chain(oct) {
                secrets.extend([STANDARD, URL_SAFE].iter().filter_map(|engine| engine.decode(&text).ok()));
            }
        }
        secrets
    }
}

impl Key<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// Whether the key says of itself that it may verify such a token.
    fn fits(&self, key_id: Option<&str>, algorithm: &str) -> bool {
        let own = self.text("kid").filter(|own| !own.is_empty());
        let is_named = !self.is_from_network || own.is_none() || key_id.is_none() || own == key_id;
        let operations = self.members.get("key_ops").map(|operations| {
            operations.as_array().is_some_and(|listed| listed.iter().any(|operation| operation == "verify"))
        });
        let known = match self.text("alg") {
            Some("Ed25519") => Some("EdDSA"),
            known => known,
        };
        is_named
            && self.text("use").is_none_or(|usage| usage == "sig")
            && operations.unwrap_or(true)
            && known.is_none_or(|known| known == standard(algorithm))
    }

    fn verifies(&self, algorithm: &str, message: &[u8], signature: &str) -> bool {
        let Ok(algorithm) = standard(algorithm).parse::<Algorithm>() else { return false };
        let member = |name| self.text(name).unwrap_or_default();
        let key = match (member("kty"), member("crv"), algorithm) {
            (
                "RSA",
                _,
                Algorithm::RS256
                | Algorithm::RS384
                | Algorithm::RS512
                | Algorithm::PS256
                | Algorithm::PS384
                | Algorithm::PS512,
            ) => DecodingKey::from_rsa_components(member("n"), member("e")),
            ("EC", "P-256", Algorithm::ES256) | ("EC", "P-384", Algorithm::ES384) => {
                DecodingKey::from_ec_components(member("x"), member("y"))
            }
            ("OKP", "Ed25519", Algorithm::EdDSA) => DecodingKey::from_ed_components(member("x")),
            _ => return false,
        };
        key.is_ok_and(|key| crypto::verify(signature, message, &key, algorithm).unwrap_or(false))
    }
}

/// What stands between the lines of a PEM file.
fn pem_blocks(pem: &str) -> impl Iterator<Item = Vec<u8>> {
    pem.split("-----").filter_map(|part| {
        let base64: String = part.chars().filter(|letter| !letter.is_whitespace()).collect();
        STANDARD.decode(base64).ok()
    })
}

/// The name that RFC 9864 gives to one algorithm, and the older one.
fn standard(algorithm: &str) -> &str {
    if algorithm == "Ed25519" { "EdDSA" } else { algorithm }
}

fn verify_by_secret(algorithm: &str, secret: &[u8], message: &str, signature: &str) -> bool {
    let (algorithm, bytes) = match algorithm {
        "HS256" => (Algorithm::HS256, 32),
        "HS384" => (Algorithm::HS384, 48),
        "HS512" => (Algorithm::HS512, 64),
        _ => return false,
    };
    let key = DecodingKey::from_secret(secret);
    secret.len() >= bytes && crypto::verify(signature, message.as_bytes(), &key, algorithm).unwrap_or(false)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE.decode(part).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

fn each_object(value: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(members);
            members.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(elements) => elements.iter().for_each(|value| each_object(value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
