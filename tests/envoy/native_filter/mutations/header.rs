//! Headers: algorithms, key ids and extensions.

use super::super::draft::{Mutation, Part, quoted};
use super::{member_raw, member_twice, member_without, unknown_members};

const ALGORITHMS: [&str; 33] = [
    "none",
    "None",
    "NONE",
    "nOnE",
    "",
    "rs256",
    "Rs256",
    "RS256 ",
    " RS256",
    "RS256\0",
    "RS1",
    "RS257",
    "HS1",
    "ES256K",
    "Ed448",
    "Ed25519",
    "EdDSA",
    "RSA-OAEP",
    "dir",
    "A128GCM",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "HS256",
    "HS384",
    "HS512",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
];

const TYPES: [&str; 9] =
    ["jwt", "at+jwt", "application/at+jwt", "JWE", "", "application/jwt", "text/html", "JWT ", "a\0b"];

const KEY_IDS: [&str; 16] = [
    "",
    "unknown",
    "key-RS256",
    "key-ES256",
    "key-EdDSA",
    "secret",
    "KEY-RS256",
    "key-RS256 ",
    " ",
    "../../dev/null",
    "' OR 1=1 --",
    "\0",
    "7",
    "named",
    "ed-1",
    "https://other.example/keys",
];

/// Values of no type that these members have.
const WRONG_TYPES: [&str; 6] = ["null", "1", "true", "[]", "[\"x\"]", "{}"];

pub(super) fn all() -> Vec<Mutation> {
    let header = |name: &str, value: &str| member_raw(Part::Header, name, value);
    let texts = |name: &'static str, texts: &[&str]| -> Vec<Mutation> {
        texts.iter().map(|text| member_raw(Part::Header, name, &quoted(text))).collect()
    };
    let mut all = texts("alg", &ALGORITHMS);
    all.extend(texts("typ", &TYPES));
    all.extend(texts("kid", &KEY_IDS));
    all.extend(texts("cty", &["JWT", "json", "application/jwt", ""]));
    all.extend(texts("x5t", &["", "abc", "key-RS256"]));
    all.extend(texts("x5u", &["https://other.example/x.pem"]));
    all.extend(texts("jku", &["https://other.example/keys"]));
    all.extend(texts("zip", &["DEF"]));
    all.extend(texts("enc", &["A128GCM"]));
    all.extend(texts("nonce", &["", "abc"]));
    for name in ["alg", "typ", "kid", "cty", "x5t", "x5c", "jku", "jwk", "crit", "b64", "nonce", "enc"] {
        all.push(member_without(Part::Header, name));
        all.extend(WRONG_TYPES.map(|value| header(name, value)));
    }
    for value in
        ["[\"exp\"]", "[\"b64\"]", "[\"alg\"]", "\"exp\"", "[\"http://example.com/UNDEFINED\"]", "[\"\"]"]
    {
        all.push(header("crit", value));
    }
    all.push(Mutation::members("crit of b64, b64 = false", Part::Header, |members, _now| {
        members.set("b64", "false");
        members.set("crit", "[\"b64\"]");
    }));
    all.push(Mutation::members("crit in escapes", Part::Header, |members, _now| {
        members.0.push(("\"\\u0063rit\"".to_owned(), "[\"x\"]".to_owned()));
    }));
    all.extend(["false", "\"false\"", "0"].map(|value| header("b64", value)));
    all.push(header("jwk", "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"mine\"}"));
    all.push(header("kid", &quoted(&"k".repeat(5000))));
    all.push(header("kid", "\"\\u006bey-RS256\""));
    for (name, value) in
        [("alg", "\"none\""), ("alg", "\"HS256\""), ("kid", "\"unknown\""), ("typ", "\"JWT\"")]
    {
        all.push(member_twice(Part::Header, name, value, true));
        all.push(member_twice(Part::Header, name, value, false));
    }
    all.extend(unknown_members(Part::Header));
    all
}
