use serde_json::{Value, json};
use validate_jwt::jwk::KeySet;

use super::{PUBLISHED, fill_in, payload_or_usual, request};
use crate::{
    input::{Choices, fields},
    mint,
    provider::{good_answer, head_of_answer},
    proxy::{Callout, Response},
    signers::SIGNERS,
    vm::Vm,
};

const CONFIGURATION: &[u8] = br#"{
    "validate-jwt": {
        "header-name": "Authorization",
        "openid-config": [{ "url": "https://idp.example/.well-known/openid-configuration" }]
    },
    "default-cluster": "any"
}"#;

/// The key set that `text` is; or one with the signer's key and `text` as another, or with the signer's key and the members of
/// `text` in it.
fn set_with(form: u8, signer: usize, text: Vec<u8>) -> Vec<u8> {
    let jwk = SIGNERS[signer].jwk().unwrap_or_else(|| json!({ "kty": "oct", "k": "AAAA" }));
    match form % 3 {
        0 => text,
        1 => [br#"{"keys":["#, jwk.to_string().as_bytes(), b",", &text, b"]}"].concat(),
        _ => {
            let mut jwk = jwk;
            if let (Ok(Value::Object(more)), Some(members)) =
                (serde_json::from_slice(&text), jwk.as_object_mut())
            {
                members.extend(more);
            }
            json!({ "keys": [jwk] }).to_string().into_bytes()
        }
    }
}

/// choices, key set, payload, JOSE header.
pub fn jwks(input: &[u8]) {
    let [choices, document, payload, header] = fields(input);
    let mut choices = Choices::new(choices);
    let form = choices.byte();
    let signer = usize::from(choices.clone().byte()) % SIGNERS.len();
    let token = mint::token(header, &payload_or_usual(payload, "https://idp.example"), &mut choices);
    let document = set_with(form, signer, fill_in(document));
    let _unusable = KeySet::parse(&document);
    let is_rotated = choices.flag();
    Vm::run(|vm| {
        let root = vm.configure(CONFIGURATION, CONFIGURATION).expect("a good configuration");
        let hostile = |callout: &Callout| match good_answer(callout, &PUBLISHED) {
            answer if callout.path.contains("/.well-known/") => answer,
            _ => Response { headers: head_of_answer(b"200"), body: document.clone() },
        };
        vm.pass(1);
        if is_rotated {
            vm.answer_all(&|callout| good_answer(callout, &[]));
            vm.answer_all(&|callout| good_answer(callout, &PUBLISHED[1..2]));
            vm.pass(60_000);
        }
        vm.answer_all(&hostile);
        vm.request(root, request(&token), None);
        vm.settle(&hostile);
    });
}
