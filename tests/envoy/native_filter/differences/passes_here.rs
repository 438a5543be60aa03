//! What this filter lets through and `jwt_authn` refuses. Each of these is looked at with suspicion: it must be right.

use super::super::draft::Part;
use super::super::json;
use super::Difference;

const MISSING: &str = "Jwt is missing";
const NO_KEY: &str = "Jwks doesn't have key to match kid or alg from Jwt";
const NOT_VERIFIED: &str = "Jwt verification fails";

pub(in crate::native_filter) const PASSES_HERE: [Difference; 8] = [
    Difference {
        name: "scheme-case",
        what: "`bearer` or `BEARER` for `Bearer`",
        why: "the name of a scheme is case-insensitive (RFC 9110 §11.1)",
        refusals: &[MISSING],
        holds: |sent| {
            let scheme = sent.value.get(..6).unwrap_or_default();
            scheme.eq_ignore_ascii_case(b"Bearer") && scheme != b"Bearer"
        },
    },
    Difference {
        name: "scheme-tab",
        what: "a tab for the blank behind `Bearer`",
        why: "RFC 9110 §11.4 has blanks there; a tab is white space as well (§5.6.3), and nothing else can be meant by it",
        refusals: &[MISSING],
        holds: |sent| sent.value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Bearer\t")),
    },
    Difference {
        name: "sub-and-jti",
        what: "`sub` or `jti` that is no string",
        why: "they should be (RFC 7519 §4.1.2, §4.1.7), but decide nothing here; `required-claims` asks for what must be there",
        refusals: &["Jwt payload [sub] field is not a string", "Jwt payload [jti] field is not a string"],
        holds: |sent| {
            let is_other =
                |claim: &&str| sent.raw(Part::Payload, claim).is_some_and(|value| !value.starts_with('"'));
            ["sub", "jti"].iter().any(is_other)
        },
    },
    Difference {
        name: "negative-date",
        what: "`nbf` or `iat` before 1970",
        why: "a date is a number of seconds, which may be negative (RFC 7519 §2, RFC 8259 §6); it lies in the past",
        refusals: &[
            "Jwt payload [nbf] field is not a positive 64 bit integer",
            "Jwt payload [iat] field is not a positive 64 bit integer",
        ],
        holds: |sent| ["nbf", "iat"].iter().any(|date| sent.number(date).is_some_and(|date| date < 0.0)),
    },
    Difference {
        name: "big-number",
        what: "a number that no double can hold, in a member that nobody reads",
        why: "JSON sets no limit (RFC 8259 §6), and numbers are kept here as they are written",
        refusals: &["Jwt header is an invalid JSON", "Jwt payload is an invalid JSON"],
        holds: |sent| {
            let texts = [Part::Header, Part::Payload].into_iter().filter_map(|part| sent.text(part));
            let mut numbers = texts.flat_map(|text| json::numbers(&text));
            numbers.any(|number| number.parse::<f64>().is_ok_and(f64::is_infinite))
        },
    },
    Difference {
        name: "ed25519-name",
        what: "`Ed25519` for `EdDSA`, as `alg` of the token or of the key",
        why: "the newer name of the same algorithm (RFC 9864 §2.2)",
        refusals: &["Jwt header [alg] is not supported", NO_KEY, NOT_VERIFIED],
        holds: |sent| {
            let is_newer = |name: &str| name == "Ed25519";
            is_newer(&sent.algorithm())
                || sent.fitting_keys().iter().any(|jwk| jwk["alg"].as_str().is_some_and(is_newer))
        },
    },
    Difference {
        name: "secret-of-any-name",
        what: "HMAC with a configured secret under another `kid` than its `id`",
        why: "every key of the configuration is tried, as API Management does; `kid` is a hint (RFC 7515 §4.1.4)",
        refusals: &[NO_KEY],
        holds: |sent| {
            let is_secret =
                |kid: &str| sent.world.known().iter().any(|jwk| jwk["kty"] == "oct" && jwk["kid"] == kid);
            sent.algorithm().starts_with("HS") && sent.key_id().is_some_and(|kid| !is_secret(&kid))
        },
    },
    Difference {
        name: "rsa-exponent",
        what: "an RSA key whose exponent is neither 3 nor 65537",
        why: "any odd exponent from 3 makes an RSA key (RFC 8017 §3.1)",
        refusals: &[NO_KEY, NOT_VERIFIED],
        holds: |sent| {
            sent.fitting_keys()
                .iter()
                .any(|jwk| jwk["e"].as_str().is_some_and(|e| !["AQAB", "Aw"].contains(&e)))
        },
    },
];
