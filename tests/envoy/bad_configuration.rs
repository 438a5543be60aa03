//! A configuration with a mistake stops Envoy, and its log says where the mistake is and what would be right. What a running
//! Envoy does is in `configuration_updates.rs`.

use crate::support::bootstrap::{Configuration, Setup};
use crate::support::envoy::run_to_end;
use crate::support::secrets::Secrets;
use serde_json::{Value, json};

/// A secret that stands in every one of the configurations, and may not stand in any message.
const SECRET: &str = "c2VjcmV0LW9mLXRoZS10ZXN0cy10aGF0LW5vLW1lc3NhZ2UtbWF5LXNob3c=";
const URL: &str = "https://login.example/.well-known/openid-configuration";

/// A policy that is right, as a start.
fn policy() -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": URL }],
            "issuer-signing-keys": [{ "id": "hmac", "value": SECRET }],
            "audiences": ["api"],
        },
        "clusters": { "login.example": "provider" },
    })
}

/// The policy with one member changed.
fn changed(pointer: &str, value: Value) -> String {
    let mut policy = policy();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    policy.pointer_mut(parent).unwrap()[name] = value;
    policy.to_string()
}

/// The mistake, the configuration, and what the message must say: the path first, then words of the remedy.
fn mistakes() -> Vec<(&'static str, String, Vec<&'static str>)> {
    let unnamed_host = json!([{ "url": "https://other.example/.well-known/openid-configuration" }]);
    vec![
        (
            "typo",
            changed("/validate-jwt/audience", json!(["api"])),
            vec!["validate-jwt.audience: ", "`audiences`"],
        ),
        (
            "empty list",
            changed("/validate-jwt/audiences", json!([])),
            vec!["validate-jwt.audiences: ", "empty"],
        ),
        (
            "two token sources",
            changed("/validate-jwt/query-parameter-name", json!("token")),
            vec!["validate-jwt: ", "`header-name`", "`query-parameter-name`"],
        ),
        (
            "bad URL",
            changed("/validate-jwt/openid-config", json!([{ "url": "login.example/configuration" }])),
            vec!["validate-jwt.openid-config[0].url: ", "https://"],
        ),
        (
            "host without cluster",
            changed("/validate-jwt/openid-config", unnamed_host),
            vec!["validate-jwt.openid-config[0].url: ", "other.example", "`default-cluster`"],
        ),
        (
            "status of 200",
            changed("/validate-jwt/failed-validation-httpcode", json!(200)),
            vec!["validate-jwt.failed-validation-httpcode: ", "400", "599"],
        ),
        (
            "secret that is not Base64",
            changed("/validate-jwt/issuer-signing-keys", json!([{ "value": format!("{SECRET}!") }])),
            vec!["validate-jwt.issuer-signing-keys[0].value: ", "Base64"],
        ),
        ("not JSON", policy().to_string().replacen(':', "=", 1), vec!["configuration: ", "line 1"]),
        (
            "word of the other policy",
            changed("/validate-jwt/tenant-id", json!("contoso.com")),
            vec!["validate-jwt.tenant-id: ", "`validate-azure-ad-token`"],
        ),
    ]
}

#[test]
fn envoy_does_not_start_with_a_mistake() {
    let mut secrets = Secrets::default();
    secrets.add(SECRET.as_bytes());
    let mut wrong = Vec::new();
    for (name, configuration, words) in mistakes() {
        for only_validate in [true, false] {
            let listener = Configuration::Text(configuration.clone());
            let setup = Setup::new().listener("mistaken", listener).empty_cluster("provider");
            let exit = run_to_end(&setup, only_validate);
            let refusal = exit.output.lines().find(|line| line.contains("configuration refused: "));
            let message = refusal.and_then(|line| line.split_once("configuration refused: "));
            let Some((_, message)) = message else {
                wrong.push(format!("{name}: no message; {}:\n{}", exit.status, exit.output));
                continue;
            };
            if exit.status.success() {
                wrong.push(format!("{name}: Envoy ended well in spite of it"));
            }
            if !message.starts_with(words[0]) || !words.iter().all(|word| message.contains(word)) {
                wrong.push(format!("{name}: `{message}` lacks one of {words:?}"));
            }
            if secrets.find_in(exit.output.as_bytes()).is_some() {
                wrong.push(format!("{name}: the output holds the secret"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
