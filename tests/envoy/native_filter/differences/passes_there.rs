//! What `jwt_authn` lets through and this filter refuses.

use super::super::draft::Part;
use super::super::json;
use super::Difference;
use crate::native_filter::world::AUDIENCES;
use serde_json::Value;

/// Every part of a token.
const PARTS: [Part; 3] = [Part::Header, Part::Payload, Part::Signature];
const LAST_DATE: f64 = 253_402_300_799.0;

pub(in crate::native_filter) const PASSES_THERE: [Difference; 23] = [
    Difference {
        name: "exp-zero",
        what: "`exp` of 0, or a fraction of 1, where no `exp` is required",
        why: "it was over in 1970: on or after `exp` a token must not be accepted (RFC 7519 §4.1.4)",
        refusals: &["TokenExpired", "JwtInvalid"],
        holds: |sent| sent.number("exp").is_some_and(|exp| (0.0..1.0).contains(&exp)),
    },
    Difference {
        name: "date-after-9999",
        what: "`exp`, `nbf` or `iat` after the year 9999, as a date in milliseconds is",
        why: "dates are seconds (RFC 7519 §2): a token of an hour would be one of a millennium",
        refusals: &["JwtInvalid"],
        holds: |sent| {
            ["exp", "nbf", "iat"].iter().any(|date| sent.number(date).is_some_and(|date| date > LAST_DATE))
        },
    },
    Difference {
        name: "nbf-after-exp",
        what: "`nbf` after `exp`, both within the skew",
        why: "no time is left in which it may be accepted (RFC 7519 §4.1.4, §4.1.5)",
        refusals: &["JwtInvalid"],
        holds: |sent| {
            sent.number("nbf").zip(sent.number("exp")).is_some_and(|(nbf, exp)| nbf > exp && exp >= 1.0)
        },
    },
    Difference {
        name: "crit",
        what: "a header with `crit`",
        why: "who does not understand what it names must refuse the token, and no extension is understood here (RFC 7515 §4.1.11)",
        refusals: &["JwtInvalid"],
        holds: |sent| sent.raw(Part::Header, "crit").is_some(),
    },
    Difference {
        name: "b64",
        what: "a header with `b64` other than true",
        why: "the payload is another than it seems; only `crit` could permit it (RFC 7797 §3, §6)",
        refusals: &["JwtInvalid"],
        holds: |sent| sent.raw(Part::Header, "b64").is_some_and(|value| value != "true"),
    },
    Difference {
        name: "header-types",
        what: "`typ` or `x5t` that is no string",
        why: "they are strings (RFC 7515 §4.1.7, §4.1.9)",
        refusals: &["JwtInvalid"],
        holds: |sent| {
            ["typ", "x5t"]
                .iter()
                .any(|name| sent.raw(Part::Header, name).is_some_and(|value| !value.starts_with('"')))
        },
    },
    Difference {
        name: "stray-dots",
        what: "dots before the token, behind it, or more than one between two parts",
        why: "a token has three parts and two dots (RFC 7515 §3.1, §7.1)",
        refusals: &["JwtInvalid"],
        holds: |sent| sent.token.split(|byte| *byte == b'.').any(<[u8]>::is_empty),
    },
    Difference {
        name: "base64-padding",
        what: "`=` or blanks in the token",
        why: "base64url in a JWS has no padding, line breaks or white space (RFC 7515 §2)",
        refusals: &["JwtInvalid"],
        holds: |sent| sent.token.iter().any(|byte| matches!(byte, b'=' | b' ' | b'\t')),
    },
    Difference {
        name: "base64-stray-bits",
        what: "a part whose last character holds bits that belong to no byte",
        why: "one token would have many spellings, of which a block list knows one (RFC 4648 §3.5)",
        refusals: &["JwtInvalid"],
        holds: |sent| PARTS.iter().any(|part| has_stray_bits(sent.encoded(*part))),
    },
    Difference {
        name: "prefix-anywhere",
        what: "`Bearer ` somewhere behind other text, as in `Basic Bearer <token>`",
        why: "a value is one scheme and its credentials (RFC 9110 §11.4); what another party reads there is another thing",
        refusals: &["TokenNotPresent", "JwtInvalid"],
        holds: |sent| !sent.value.starts_with(b"Bearer ") && contains(&sent.before, b"Bearer "),
    },
    Difference {
        name: "text-before-token",
        what: "other characters between `Bearer ` and the token, as in `Bearer \"<token>`",
        why: "only blanks may stand there (RFC 6750 §2.1)",
        refusals: &["JwtInvalid"],
        holds: |sent| {
            let between = sent.before.strip_prefix(b"Bearer ").unwrap_or_default();
            between.iter().any(|byte| !matches!(byte, b' ' | b'\t'))
        },
    },
    Difference {
        name: "not-json",
        what: "header or payload with single quotes, bare names, control characters, a comma before the end",
        why: "that is no JSON (RFC 8259 §2, §4, §7)",
        refusals: &["JwtInvalid"],
        holds: |sent| !sent.is_json(),
    },
    Difference {
        name: "deep-json",
        what: "header or payload that nests deeper than 32",
        why: "a limit of this filter, as RFC 8259 §9 allows; real tokens stay under 8",
        refusals: &["JwtInvalid"],
        holds: |sent| {
            [Part::Header, Part::Payload]
                .iter()
                .any(|part| sent.decoded(*part).is_some_and(|text| json::depth(&text) > 32))
        },
    },
    Difference {
        name: "audience-scheme",
        what: "an `aud` that differs from the configured one by `http://` or `https://`",
        why: "audiences are compared as they are (RFC 7519 §2, §4.1.3); a `/` at the end is ignored here, too, unless `strict-audience` is set",
        refusals: &["TokenAudienceNotAllowed"],
        holds: |sent| {
            let (audiences, bare) = (sent.audiences(), AUDIENCES.map(without_scheme));
            let is_listed = |audience: &String| AUDIENCES.contains(&audience.as_str());
            !audiences.iter().any(is_listed)
                && audiences.iter().any(|audience| bare.contains(&without_scheme(audience)))
        },
    },
    Difference {
        name: "alg-of-other-key",
        what: "`alg` of another kind of key than the one that signed, where the key set names no `alg`",
        why: "`alg` says what was done, and key and algorithm must fit (RFC 7515 §4.1.1, RFC 8725 §3.1)",
        refusals: &["TokenSignatureKeyNotFound", "TokenSignatureInvalid", "TokenAlgorithmNotAllowed"],
        holds: |sent| {
            let algorithm = sent.algorithm();
            sent.keys().iter().any(|jwk| jwk["alg"].is_null() && !fits(jwk, &algorithm))
        },
    },
    Difference {
        name: "ecdsa-length",
        what: "an ECDSA signature of another length: zeros more or less before `r` and `s`, or a byte behind them",
        why: "it has exactly 64, 96 or 132 bytes (RFC 7518 §3.4)",
        refusals: &["TokenSignatureInvalid"],
        holds: |sent| {
            let right = match sent.algorithm().as_str() {
                "ES256" => 64,
                "ES384" => 96,
                "ES512" => 132,
                _ => return false,
            };
            sent.decoded(Part::Signature).is_some_and(|signature| signature.len() != right)
        },
    },
    Difference {
        name: "key-use",
        what: "a key whose `use` is not `sig`, or whose `key_ops` lack `verify`",
        why: "its owner says that it is for something else (RFC 7517 §4.2, §4.3)",
        refusals: &["TokenSignatureKeyNotFound", "TokenSignatureInvalid"],
        holds: |sent| sent.fitting_keys().iter().any(|jwk| !verifies(jwk)),
    },
    Difference {
        name: "rsa-under-2048",
        what: "an RSA key of less than 2048 bits",
        why: "2048 bits are the least (RFC 7518 §3.3)",
        refusals: &["TokenSignatureKeyNotFound", "TokenSignatureInvalid"],
        holds: |sent| sent.fitting_keys().iter().any(|jwk| jwk["n"].as_str().is_some_and(|n| n.len() < 342)),
    },
    Difference {
        name: "published-secret",
        what: "HMAC with a shared secret (`oct`) from the key set",
        why: "what is published is no secret (RFC 7517 §9.2); here secrets stand in `issuer-signing-keys`",
        refusals: &["TokenAlgorithmNotAllowed"],
        holds: |sent| {
            let mut secrets = sent.fitting_keys().into_iter().filter(|jwk| jwk["kty"] == "oct");
            secrets.any(|secret| sent.world.published.contains(&secret))
        },
    },
    Difference {
        name: "malformed-key",
        what: "a key with padded base64url, coordinates longer than the curve's, no `crv`, or a `kid` or `alg` that is no string",
        why: "the key is left out, and the log says why (RFC 7518 §6.2.1, §6.3.1, RFC 7517 §4.4, §4.5)",
        refusals: &["TokenSignatureKeyNotFound", "TokenSignatureInvalid"],
        holds: |sent| sent.fitting_keys().iter().any(is_malformed),
    },
    Difference {
        name: "unnamed-key",
        what: "a token whose `kid` names one key, signed by another that has no `kid`",
        why: "`kid` says which key it is (RFC 7515 §4.1.4); a key without a name is tried when no key has that one",
        refusals: &["TokenSignatureInvalid", "TokenSignatureKeyNotFound"],
        holds: |sent| {
            let is_named = |jwk: &Value| jwk["kid"].is_string();
            sent.key_id().is_some()
                && sent.keys().iter().any(is_named)
                && sent.fitting_keys().iter().any(|jwk| jwk["kid"].is_null())
        },
    },
    Difference {
        name: "many-keys",
        what: "a token without `kid`, signed by none of the first four keys that fit its `alg`",
        why: "at most four keys of the network are tried for a token: a stranger's token must not cost more",
        refusals: &["TokenSignatureInvalid"],
        holds: |sent| {
            let algorithm = sent.algorithm();
            let fitting = sent.fitting_keys().into_iter().filter(|jwk| fits(jwk, &algorithm));
            sent.key_id().is_none() && fitting.count() > 4
        },
    },
    Difference {
        name: "short-secret",
        what: "HS384 or HS512 with a secret that is shorter than the hash",
        why: "a secret must be as long as the hash (RFC 7518 §3.2)",
        refusals: &["TokenSignatureKeyNotFound"],
        holds: |sent| {
            let needed = match sent.algorithm().as_str() {
                "HS384" => 64,
                "HS512" => 86,
                _ => 0,
            };
            sent.keys().iter().any(|jwk| jwk["k"].as_str().is_some_and(|k| k.len() < needed))
        },
    },
];

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// The last character has six bits; two or four of them belong to no byte unless three bytes end there.
fn has_stray_bits(encoded: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits: Vec<usize> =
        encoded.iter().filter_map(|byte| ALPHABET.iter().position(|known| known == byte)).collect();
    let stray = match digits.len() % 4 {
        2 => 16,
        3 => 4,
        _ => 1,
    };
    digits.last().is_some_and(|last| last % stray != 0)
}

fn without_scheme(audience: &str) -> &str {
    let rest =
        audience.strip_prefix("https://").or_else(|| audience.strip_prefix("http://")).unwrap_or(audience);
    rest.strip_suffix('/').unwrap_or(rest)
}

/// Whether the key is of the kind that the algorithm needs, and for no other.
fn fits(jwk: &Value, algorithm: &str) -> bool {
    if jwk["alg"].as_str().is_some_and(|own| own != algorithm) {
        return false;
    }
    match (jwk["kty"].as_str(), jwk["crv"].as_str()) {
        (Some("RSA"), _) => algorithm.starts_with("RS") || algorithm.starts_with("PS"),
        (Some("EC"), Some("P-256")) => algorithm == "ES256",
        (Some("EC"), Some("P-384")) => algorithm == "ES384",
        (Some("EC"), Some("P-521")) => algorithm == "ES512",
        (Some("OKP"), _) => matches!(algorithm, "EdDSA" | "Ed25519"),
        (Some("oct"), _) => algorithm.starts_with("HS"),
        _ => false,
    }
}

fn verifies(jwk: &Value) -> bool {
    let operations = &jwk["key_ops"];
    let can_verify = operations.as_array().is_some_and(|operations| operations.contains(&"verify".into()));
    jwk["use"].as_str().is_none_or(|usage| usage == "sig") && (operations.is_null() || can_verify)
}

/// The bytes of a coordinate of the curve.
fn coordinate(curve: &str) -> Option<usize> {
    match curve {
        "P-256" => Some(32),
        "P-384" => Some(48),
        "P-521" => Some(66),
        _ => None,
    }
}

fn is_malformed(jwk: &Value) -> bool {
    let is_padded =
        ["n", "e", "x", "y"].iter().any(|name| jwk[name].as_str().is_some_and(|text| text.contains('=')));
    let is_long = |text: &str| {
        jwk["crv"].as_str().and_then(coordinate).is_some_and(|bytes| text.len() > (bytes * 4).div_ceil(3))
    };
    let is_typed = |name: &str| jwk.get(name).is_none_or(Value::is_string);
    is_padded
        || ["x", "y"].iter().any(|name| jwk[name].as_str().is_some_and(is_long))
        || jwk["kty"] == "EC" && jwk["crv"].is_null()
        || !is_typed("kid")
        || !is_typed("alg")
}
