use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{inline_keys, payload_or_usual, request};
use crate::{
    input::{Choices, fields},
    mint,
    provider::good_answer,
    proxy, seal,
    signers::{CERTIFICATE, PRIVATE_KEY, SECRET, SIGNERS},
    vm::Vm,
};

/// Signed tokens and unsigned ones, by secrets alone and with a private key: to read that takes longer than all else.
static CONFIGURATIONS: LazyLock<[[Vec<u8>; 2]; 2]> = LazyLock::new(|| {
    let secret = SIGNERS[SECRET].secret_bytes().expect("a secret");
    let secrets = [16, 24, 32, 64].map(|length| json!({ "value": mint::encode(&secret[..length]) }));
    [true, false].map(|signed| {
        [false, true].map(|with_rsa| {
            let mut keys: Vec<Value> = secrets.to_vec();
            let mut configuration = json!({
                "validate-jwt": {
                    "header-name": "Authorization",
                    "require-signed-tokens": signed,
                    "issuer-signing-keys": inline_keys(),
                },
            });
            if with_rsa {
                keys.push(json!({ "certificate-id": "rsa", "id": "rsa" }));
                configuration["certificates"] =
                    json!({ "rsa": { "certificate": CERTIFICATE, "private-key": PRIVATE_KEY } });
            }
            configuration["validate-jwt"]["decryption-keys"] = json!(keys);
            configuration.to_string().into_bytes()
        })
    })
});

/// choices, JOSE header of the envelope, payload, JOSE header of the token in it, text instead of an encrypted token.
pub fn jwe(input: &[u8]) {
    let [choices, outer, payload, inner, raw] = fields(input);
    let mut choices = Choices::new(choices);
    let payload = payload_or_usual(payload, "https://idp.example");
    // Never the byte that ends the field.
    let is_unsigned = choices.byte() >= 250;
    let kind = choices.byte();
    let configuration = &CONFIGURATIONS[usize::from(kind & 1)][usize::from(kind >= 240)];
    let plaintext = if is_unsigned { payload } else { mint::token(inner, &payload, &mut choices) };
    let mut token = if raw.is_empty() { seal::token(outer, &plaintext, &mut choices) } else { raw.to_vec() };
    let intact = token.clone();
    mint::spoil(&mut token, &mut choices);
    Vm::run(|vm| {
        if raw.is_empty() {
            proxy::with(|proxy| proxy.sealed.insert(intact, plaintext));
        }
        let root = vm.configure(configuration, configuration).expect("a good configuration");
        vm.request(root, request(&token), None);
        vm.settle(&|callout| good_answer(callout, &[]));
    });
}
