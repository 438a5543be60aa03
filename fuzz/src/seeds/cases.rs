//! What the cases of `tests/cases/` become in the harness's world.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use super::text;
use crate::{
    input::START,
    signers::{self, SIGNERS},
};

/// The signer that stands for one of the cases' world.
pub(super) fn signer(name: &str) -> usize {
    let kinds = [
        ("stranger/secret", signers::STRANGERS_SECRET),
        ("stranger", signers::STRANGER),
        ("secret", signers::SECRET),
        ("p256", signers::P256),
        ("p384", signers::P384),
        ("ed25519", signers::ED25519),
    ];
    let kind = kinds.iter().find(|(part, _)| name.contains(part));
    kind.map_or(signers::RSA, |(_, signer)| *signer)
}

/// A case's configuration with keys of the harness.
pub(super) fn fill_in(project: &Path, value: &Value) -> Value {
    match value {
        Value::Object(members) => match members.iter().next() {
            Some((what, Value::String(name))) if what.starts_with('$') => {
                let signer = &SIGNERS[signer(name)];
                let jwk = signer.jwk().unwrap_or_default();
                match what.as_str() {
                    "$file" => json!(
                        fs::read_to_string(project.join("tests/fixtures/certificates").join(name))
                            .expect("a certificate")
                    ),
                    "$jwk" => jwk,
                    "$kid" => json!(signer.key_id),
                    "$n" => jwk["n"].clone(),
                    "$e" => jwk["e"].clone(),
                    "$secret" => json!(signer.secret()),
                    "$half-secret" => json!(signer.secret().map(|secret| secret[..43].to_owned())),
                    _ => Value::Null,
                }
            }
            _ => members.iter().map(|(name, value)| (name.clone(), fill_in(project, value))).collect(),
        },
        Value::Array(elements) => elements.iter().map(|element| fill_in(project, element)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The claims of a case's token, at the time at which runs begin.
pub(super) fn claims(template: &Value, change: &Value) -> Value {
    let now = i64::try_from(START / 1000).expect("a time");
    let at =
        |value: &Value| value["$in"].as_i64().map_or_else(|| value.clone(), |seconds| json!(now + seconds));
    let mut claims = Map::new();
    claims.insert("exp".to_owned(), json!(now + 3600));
    for source in [&template["claims"], &change["with"]] {
        claims
            .extend(source.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), at(value))));
    }
    for name in change["without"].as_array().into_iter().flatten() {
        claims.remove(text(name));
    }
    Value::Object(claims)
}

/// The JOSE header of a case's token; empty when it is the usual one.
pub(super) fn header(change: &Value) -> String {
    let Some(change) = change.as_object() else { return String::new() };
    let mut header = Map::new();
    for (name, mark) in [("alg", "{alg}"), ("kid", "{kid}"), ("typ", "JWT")] {
        header.insert(name.to_owned(), json!(mark));
    }
    header.extend(change.clone());
    header.retain(|_, value| !value.is_null());
    Value::Object(header).to_string()
}
