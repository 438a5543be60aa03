use validate_jwt::jwk::KeySet;

use super::{PUBLISHED, fill_in, payload_or_usual, request};
use crate::{
    input::{Choices, fields},
    mint,
    provider::{good_answer, head_of_answer},
    proxy::{Callout, Response},
    vm::Vm,
};

const CONFIGURATION: &[u8] = br#"{
    "validate-jwt": {
        "header-name": "Authorization",
        "openid-config": [{ "url": "https://idp.example/.well-known/openid-configuration" }]
    },
    "default-cluster": "any"
}"#;

/// choices, key set, payload, JOSE header.
pub fn jwks(input: &[u8]) {
    let [choices, document, payload, header] = fields(input);
    let mut choices = Choices::new(choices);
    let document = fill_in(document);
    let _unusable = KeySet::parse(&document);
    let token = mint::token(header, &payload_or_usual(payload, "https://idp.example"), &mut choices);
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
