use std::sync::LazyLock;

use serde_json::{Value, json};
use validate_jwt::token::{TokenParts, UntrustedToken};

use super::{PUBLISHED, inline_keys, payload_or_usual, request};
use crate::{
    input::{Choices, fields},
    mint,
    provider::good_answer,
    proxy::{self, HostVerifies},
    vm::Vm,
};

/// Who signs, unless the payload says something else.
const ISSUER: &str = "https://idp.example";

static CONFIGURATIONS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let openid = json!([{ "url": "https://idp.example/.well-known/openid-configuration" }]);
    let required = json!([
        { "name": "roles", "match": "any", "separator": " ", "values": ["Api.Access", "Api.Read"] },
    ]);
    let forward = json!({
        "forward": {
            "claims-to-headers": [
                { "claim": "sub", "header": "x-sub" },
                { "claim": "roles", "header": "x-roles", "format": "json" },
                { "claim": "aud", "header": "x-aud", "format": "base64url" },
            ],
            "payload-header": "x-payload",
            "remove-token": true,
        },
        "token-types": ["JWT", "at+jwt"],
    });
    let entra = json!({
        "tenant-id": "11111111-2222-3333-4444-555555555555",
        "audiences": ["api://orders"],
        "client-application-ids": ["0a8b1c2d-0000-4444-8888-3e4f5a6b7c8d"],
    });
    let with_inline = |more: Value| {
        let mut policy = json!({ "header-name": "Authorization", "issuer-signing-keys": inline_keys() });
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy
    };
    let configurations = [
        json!({ "validate-jwt": with_inline(json!({})) }),
        json!({
            "validate-jwt": { "header-name": "Authorization", "require-scheme": "Bearer", "openid-config": openid,
                "audiences": ["api://orders", "https://{request-host}"], "required-claims": required },
            "options": forward,
            "default-cluster": "any",
        }),
        json!({ "validate-azure-ad-token": entra, "default-cluster": "any" }),
        json!({
            "validate-jwt": with_inline(json!({ "require-expiration-time": false, "clock-skew": 300,
                "issuers": [ISSUER, "https://other.example/"], "output-token-variable-name": "jwt" })),
        }),
        json!({
            "validate-jwt": with_inline(json!({ "require-signed-tokens": false, "openid-config": openid })),
            "default-cluster": "any",
        }),
        json!({
            "policies": {
                "inline": { "validate-jwt": with_inline(json!({ "required-claims": required })) },
                "network": { "validate-jwt": { "header-name": "Authorization", "openid-config": openid } },
                "either": { "any-of": ["inline", "network"] },
                "both": { "all-of": ["inline", "network"] },
            },
            "rules": [{ "match": { "methods": ["POST"] }, "policy": "both" }, { "match": {}, "policy": "either" }],
            "default-cluster": "any",
        }),
    ];
    configurations.map(|configuration| configuration.to_string().into_bytes()).to_vec()
});

/// choices, JOSE header, payload, text instead of a token.
pub fn token(input: &[u8]) {
    let [choices, header, payload, raw] = fields(input);
    let mut choices = Choices::new(choices);
    let configuration = &CONFIGURATIONS[choices.below(CONFIGURATIONS.len())];
    let more = choices.byte();
    let method: &[u8] = if more & 1 == 1 { b"POST" } else { b"GET" };
    let host = if more & 2 == 2 { HostVerifies::WellAndTruly } else { HostVerifies::Nothing };
    let late = u64::from(choices.byte()) * 5_000;
    let token = if raw.is_empty() {
        mint::token(header, &payload_or_usual(payload, ISSUER), &mut choices)
    } else {
        raw.to_vec()
    };
    let _unreadable = TokenParts::decode(&token).and_then(|parts| UntrustedToken::parse(&parts).map(drop));
    Vm::run(|vm| {
        proxy::with(|proxy| proxy.faults.host_verifies = host);
        let root = vm.configure(configuration, configuration).expect("a good configuration");
        let answer = |callout: &_| good_answer(callout, &PUBLISHED);
        vm.pass(1);
        vm.answer_all(&answer);
        vm.pass(late);
        let mut headers = request(&token);
        headers[0].1 = method.to_vec();
        vm.request(root, headers, None);
        vm.settle(&answer);
    });
}
