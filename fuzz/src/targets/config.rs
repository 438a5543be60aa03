use serde_json::Value;

use super::{PUBLISHED, Place, fill_in, payload_or_usual};
use crate::{
    input::{Choices, fields},
    mint,
    provider::good_answer,
    vm::Vm,
};

/// choices, configuration, JOSE header, payload, path.
pub fn config(input: &[u8]) {
    let [choices, configuration, header, payload, path] = fields(input);
    let mut choices = Choices::new(choices);
    let readable = fill_in(configuration);
    let json: Option<Value> = serde_json::from_slice(&readable).ok();
    let is_struct = choices.byte() == 1;
    let configuration = match &json {
        Some(Value::Object(members)) if is_struct => structure(members),
        _ => readable.clone(),
    };
    let token = mint::token(header, &payload_or_usual(payload, "https://idp.example"), &mut choices);
    let place = Place::read(&mut choices);
    let path = if path.is_empty() { b"/" } else { path };
    let headers = place.bring(&token, path, &readable);
    Vm::run(|vm| {
        let Some(root) = vm.configure(&configuration, &readable) else { return };
        let answer = |callout: &_| good_answer(callout, &PUBLISHED);
        let id = vm.request(root, headers.clone(), Some(token.clone()));
        vm.body(id, false, false);
        vm.pass(1);
        vm.answer_all(&answer);
        vm.settle(&answer);
        vm.body(id, true, true);
        vm.request(root, headers, None);
        vm.settle(&answer);
    });
}

/// The bytes of a `google.protobuf.Struct` with these members.
fn structure(members: &serde_json::Map<String, Value>) -> Vec<u8> {
    let entry = |(name, value): (&String, &Value)| {
        field(1, &[field(1, name.as_bytes()), field(2, &value_of(value))].concat())
    };
    members.iter().flat_map(entry).collect()
}

fn value_of(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![1 << 3, 0],
        Value::Bool(flag) => vec![4 << 3, u8::from(*flag)],
        Value::Number(number) => {
            let bits = number.as_f64().unwrap_or(f64::INFINITY).to_le_bytes();
            [&[2 << 3 | 1], &bits[..]].concat()
        }
        Value::String(text) => field(3, text.as_bytes()),
        Value::Object(members) => field(5, &structure(members)),
        Value::Array(elements) => {
            let elements: Vec<u8> =
                elements.iter().flat_map(|element| field(1, &value_of(element))).collect();
            field(6, &elements)
        }
    }
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length).expect("seven bits"));
    field.extend_from_slice(bytes);
    field
}
