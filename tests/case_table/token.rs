//! Tokens as a case describes them.

use super::authorities::{World, by_name};
use super::format::{CaseFile, Tamper, Template, TokenChange};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey, base64url};

/// How long ago tokens were issued, and how long they live, where nothing else is said.
const AGE: i64 = 300;
const LIFE: i64 = 3600;

/// The token as it is, without any change.
pub(crate) fn plain(world: &World, template: &Template, now: i64) -> String {
    changed(world, template, &TokenChange::default(), now)
}

/// The token of a case; `usual` is the name of the one that its configuration starts from.
pub(crate) fn of_case(
    world: &World,
    file: &CaseFile,
    usual: Option<&str>,
    change: &TokenChange,
    now: i64,
) -> Option<String> {
    if let Some(raw) = &change.raw {
        return Some(raw.clone());
    }
    let template = change.of.as_deref().or(usual)?;
    let token = changed(world, file.template(template), change, now);
    Some(match &change.encrypted {
        Some(encryption) => encryption.encrypt(world, &token),
        None => token,
    })
}

fn changed(world: &World, template: &Template, change: &TokenChange, now: i64) -> String {
    let mut key = world.key(change.signed_by.as_ref().unwrap_or(&template.signed_by)).clone();
    if let Some(algorithm) = &change.algorithm {
        key = key.with_algorithm(by_name(algorithm)).unwrap();
    }
    let claims = claims(template, change, now);
    let header = header(world, &key, change);
    let payload = change.payload.clone().unwrap_or_else(|| claims.to_string());
    let sign = |key: &SigningKey, header: &Map<String, Value>, payload: &str| {
        key.sign_raw(json!(header).to_string().as_bytes(), payload.as_bytes()).unwrap()
    };
    let token = sign(&key, &header, &payload);
    let parts: Vec<&str> = token.split('.').collect();
    match change.tamper {
        None => token,
        Some(Tamper::Signature) => {
            let mut signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
            signature[10] ^= 1;
            [parts[0], parts[1], &base64url(&signature)].join(".")
        }
        Some(Tamper::Claims) => {
            let mut claims = claims;
            claims["added"] = json!(true);
            [parts[0], &base64url(claims.to_string().as_bytes()), parts[2]].join(".")
        }
        Some(Tamper::Unsigned) => {
            let header = json!({ "alg": "none", "typ": "JWT" }).to_string();
            format!("{}.{}.", base64url(header.as_bytes()), parts[1])
        }
        Some(Tamper::SignatureRemoved) => format!("{}.{}.", parts[0], parts[1]),
        Some(Tamper::PublicKeyAsSecret) => {
            let (modulus, _exponent) = key.rsa_n_e().unwrap();
            let secret = SigningKey::from_secret(Algorithm::Hs256, modulus.as_bytes()).unwrap();
            let mut header = header;
            header.insert("alg".to_owned(), json!("HS256"));
            sign(&secret, &header, &payload)
        }
    }
}

fn claims(template: &Template, change: &TokenChange, now: i64) -> Value {
    let mut claims = Map::new();
    claims.insert("iat".to_owned(), json!(now - AGE));
    claims.insert("nbf".to_owned(), json!(now - AGE));
    claims.insert("exp".to_owned(), json!(now + LIFE));
    for (name, value) in template.claims.iter().chain(&change.with) {
        claims.insert(name.clone(), at(value, now));
    }
    for name in &change.without {
        assert!(claims.remove(name).is_some(), "there is no claim `{name}` to leave out");
    }
    Value::Object(claims)
}

/// A time in place of `{ "$in": seconds }`.
fn at(value: &Value, now: i64) -> Value {
    value.get("$in").map_or_else(|| value.clone(), |seconds| json!(now + seconds.as_i64().unwrap()))
}

fn header(world: &World, key: &SigningKey, change: &TokenChange) -> Map<String, Value> {
    let mut header = Map::new();
    header.insert("typ".to_owned(), json!("JWT"));
    header.insert("alg".to_owned(), json!(key.algorithm().name()));
    header.insert("kid".to_owned(), json!(key.kid()));
    for (name, value) in &change.header {
        header.insert(name.clone(), world.fill_in(value));
    }
    header.retain(|_, value| !value.is_null());
    header
}
