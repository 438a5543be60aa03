//! Secrets that come from the environment of the VM (`…-from-env`), as an operator passes them on.

use crate::support::artifacts::project;
use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::envoy::{Envoy, run_to_end};
use crate::support::http_client::Request;
use crate::support::secrets::Secrets;
use crate::support::verdict::{Case, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

fn certificate_file(name: &str) -> String {
    let path = project().join("tests/fixtures/certificates").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn policy() -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "issuer-signing-keys": [{ "value-from-env": "SIGNING_KEY" }],
            "decryption-keys": [{ "value-from-env": "DECRYPTION_KEY" }, { "certificate-id": "decrypting" }],
            "issuers": ["https://issuer.example"],
        },
        "certificates": { "decrypting": { "private-key-from-env": "PRIVATE_KEY" } },
    })
}

/// Names and values of the variables that [`policy`] names.
fn variables(key: &SigningKey) -> [(&'static str, String); 3] {
    [
        ("SIGNING_KEY", STANDARD.encode(key.secret().unwrap())),
        ("DECRYPTION_KEY", STANDARD.encode([0x5a; 64])),
        ("PRIVATE_KEY", certificate_file("rsa.key.pem")),
    ]
}

#[test]
fn secrets_from_the_environment_are_used_and_never_shown() {
    let key = SigningKey::generate(Algorithm::Hs512).unwrap();
    let variables = variables(&key);
    let setup = variables.iter().fold(Setup::new(), |setup, (name, value)| setup.environment(name, value));
    let envoy = Envoy::start(&setup.listener("api", policy()));
    envoy.keep_secret(&variables[0].1);
    envoy.keep_secret(&variables[1].1);
    for line in variables[2].1.lines().filter(|line| line.len() == 64) {
        envoy.keep_secret(line);
    }
    let claims = json!({ "iss": "https://issuer.example", "exp": now() + 600 });
    let token = |key: &SigningKey| key.sign(&json!({}), &claims).unwrap();
    let refused = |name: &str, token: &str, reason| {
        Case::refused(name, Request::get("/").bearer(token), Refusal::of(reason))
    };
    let wrong = envoy.try_all(
        "api",
        vec![
            Case::passes("signed by the secret", Request::get("/").bearer(&token(&key))),
            refused(
                "signed by another",
                &token(&SigningKey::generate(Algorithm::Hs512).unwrap()),
                "TokenSignatureInvalid",
            ),
            refused(
                "signed by the variable's text",
                &token(&SigningKey::from_secret(Algorithm::Hs512, variables[0].1.as_bytes()).unwrap()),
                "TokenSignatureInvalid",
            ),
            refused(
                "signed by the variable's name",
                &token(&SigningKey::from_secret(Algorithm::Hs512, b"SIGNING_KEY").unwrap()),
                "TokenSignatureInvalid",
            ),
        ],
    );
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn a_variable_that_is_unset_empty_or_unusable_is_told_without_its_value() {
    let key = SigningKey::generate(Algorithm::Hs512).unwrap();
    let good = variables(&key);
    let mut secrets = Secrets::default();
    let lines = good[2].1.lines().filter(|line| line.len() == 64);
    for secret in good[..2].iter().map(|(_, value)| value.as_str()).chain(lines) {
        secrets.add(secret.as_bytes());
    }
    let unset = "names an environment variable that is not set, or empty";
    let encrypted = certificate_file("rsa.key.encrypted.pem");
    let short = STANDARD.encode([7; 17]);
    let (cut, _rest) = good[2].1.split_at(good[2].1.len() / 2);
    let cases = [
        ("SIGNING_KEY", None, "validate-jwt.issuer-signing-keys[0].value-from-env: ", unset),
        ("SIGNING_KEY", Some(""), "validate-jwt.issuer-signing-keys[0].value-from-env: ", unset),
        (
            "SIGNING_KEY",
            Some("not Base64!"),
            "validate-jwt.issuer-signing-keys[0].value-from-env: ",
            "Base64",
        ),
        ("SIGNING_KEY", Some(&short), "validate-jwt.issuer-signing-keys[0].value-from-env: ", "bytes"),
        ("DECRYPTION_KEY", None, "validate-jwt.decryption-keys[0].value-from-env: ", unset),
        ("DECRYPTION_KEY", Some(&short), "validate-jwt.decryption-keys[0].value-from-env: ", "17 bytes"),
        ("PRIVATE_KEY", None, "certificates.decrypting.private-key-from-env: ", unset),
        ("PRIVATE_KEY", Some(&encrypted), "certificates.decrypting.private-key-from-env: ", "encrypted"),
        ("PRIVATE_KEY", Some(cut), "certificates.decrypting.private-key-from-env: ", ""),
    ];
    let mut wrong = Vec::new();
    for (variable, value, path, words) in cases {
        let mut setup = Setup::new().listener("api", policy());
        for (name, good) in &good {
            let value = if *name == variable { value } else { Some(good.as_str()) };
            setup = value.into_iter().fold(setup, |setup, value| setup.environment(name, value));
        }
        let exit = run_to_end(&setup, true);
        let message = exit.output.lines().find_map(|line| line.split_once("configuration refused: "));
        let message = message.map_or("", |(_, message)| message);
        if exit.status.success() || !message.starts_with(path) || !message.contains(words) {
            wrong.push(format!("{variable} = {value:.20?}: {}, `{message}`", exit.status));
        }
        if secrets.find_in(exit.output.as_bytes()).is_some() {
            wrong.push(format!("{variable} = {value:.20?}: the output holds a secret"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
