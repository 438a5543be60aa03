use serde_json::Value;
use validate_jwt::discovery::Discovery;

use super::{fill_in, payload_or_usual, request};
use crate::{
    input::{Choices, fields},
    mint,
    provider::{good_answer, head_of_answer},
    proxy::{Callout, Phase, Response},
    signers::{ED25519, P256, SIGNERS, key_set},
    vm::Vm,
};

const HONEST: &str = "https://a.example";
const LISTED: &str = "https://listed.example";

const OPEN: &[u8] = br#"{
    "validate-jwt": {
        "header-name": "Authorization",
        "openid-config": [
            { "url": "https://a.example/.well-known/openid-configuration" },
            { "url": "https://b.example/.well-known/openid-configuration" }
        ]
    },
    "clusters": { "a.example": "a", "b.example": "b", "keys.example": "keys" }
}"#;

const WITH_ISSUERS: &[u8] = br#"{
    "validate-jwt": {
        "header-name": "Authorization",
        "openid-config": [
            { "url": "https://a.example/.well-known/openid-configuration" },
            { "url": "https://b.example/.well-known/openid-configuration" }
        ],
        "issuers": [ "https://a.example", "https://listed.example", "https://b.example/x" ]
    },
    "clusters": { "a.example": "a", "b.example": "b", "keys.example": "keys" }
}"#;

const WITH_DEFAULT: &[u8] = br#"{
    "validate-jwt": {
        "header-name": "Authorization",
        "openid-config": [
            { "url": "https://a.example/.well-known/openid-configuration" },
            { "url": "https://b.example/.well-known/openid-configuration" }
        ]
    },
    "default-cluster": "{host}"
}"#;

/// choices, the hostile provider's discovery document, its key set, payload, JOSE header.
///
/// Two providers; one means well. Whatever the other publishes, it vouches for no token of the first, and nothing is fetched
/// from where the configuration does not allow it.
pub fn discovery(input: &[u8]) {
    let [choices, document, keys, payload, header] = fields(input);
    let mut choices = Choices::new(choices);
    let configuration = [OPEN, WITH_ISSUERS, WITH_DEFAULT][choices.below(3)];
    let order = choices.byte();
    let _unusable = Discovery::parse(document);
    let signer = [P256, ED25519][choices.below(2)];
    let issuer = if signer == P256 { HONEST } else { "https://b.example" };
    let payload = payload_or_usual(payload, issuer);
    let named = if choices.byte() < 200 { signer } else { [P256, ED25519][choices.below(2)] };
    let algorithm = SIGNERS[named].algorithms()[0];
    let mut token = mint::forge(&SIGNERS[signer], &SIGNERS[named], algorithm, header, &payload);
    mint::spoil(&mut token, &mut choices);
    let keys = if keys.is_empty() { key_set(&[ED25519]).to_string().into_bytes() } else { fill_in(keys) };
    let hostile = |callout: &Callout| {
        let host = callout.authority.split(':').next().unwrap_or_default();
        let cluster = match (host, configuration == WITH_DEFAULT) {
            ("a.example" | "b.example", true) => host,
            ("a.example", false) => "a",
            ("b.example", false) => "b",
            ("keys.example", false) => "keys",
            (other, _) => panic!("a callout to {other}"),
        };
        assert_eq!((callout.cluster.as_str(), callout.scheme.as_str()), (cluster, "https"));
        if callout.authority == "a.example"
            && (callout.path.starts_with("/.well-known/") || callout.path == "/keys")
        {
            return good_answer(callout, &[P256]);
        }
        let is_metadata = callout.path == "/.well-known/openid-configuration";
        let body = if is_metadata { document.to_vec() } else { keys.clone() };
        Response { headers: head_of_answer(b"200"), body }
    };
    Vm::run(|vm| {
        let root = vm.configure(configuration, configuration).expect("a good configuration");
        vm.pass(1);
        if order & 1 == 1 {
            // The hostile one is known first.
            for _ in 0..2 {
                for (number, callout) in vm.callouts() {
                    if callout.authority != "a.example" {
                        vm.answer(number, hostile(&callout));
                    }
                }
            }
        }
        if order & 2 == 0 {
            vm.answer_all(&hostile);
        }
        let id = vm.request(root, request(&token), None);
        vm.settle(&hostile);
        if vm.phase(id) == Some(Phase::Continued) {
            check_issuer(signer, &payload, document);
        }
    });
}

/// The hostile provider's own key may sign for the issuer that its document names, or for one that is listed and nobody's.
fn check_issuer(signer: usize, payload: &[u8], document: &[u8]) {
    if signer == P256 {
        return;
    }
    let claims: Value = serde_json::from_slice(payload).expect("the claims of a token that passed");
    let iss = claims["iss"].as_str().expect("the issuer of a token that passed");
    assert_ne!(iss, HONEST, "one provider vouches for another's token");
    let published: Value = serde_json::from_slice(document).expect("the document that a token passed by");
    let published = published["issuer"].as_str().expect("the issuer of that document");
    let tenant = claims["tid"].as_str().unwrap_or("{tenantid}");
    let is_named = published.replace("{tenantid}", tenant).eq_ignore_ascii_case(iss);
    let is_listed = [LISTED, "https://b.example/x"].contains(&iss);
    assert!(is_named || is_listed, "{iss} passes by a document of {published}");
}
