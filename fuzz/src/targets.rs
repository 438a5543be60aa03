//! The targets: what each makes of its input, and what must hold.

mod config;
mod discovery;
mod filter;
mod jwe;
mod jwks;
mod routes;
mod rsa;
mod token;

pub use self::rsa::{ALGORITHMS as RSA_ALGORITHMS, rsa};
pub use config::config;
pub use discovery::discovery;
pub use filter::filter;
pub use jwe::jwe;
pub use jwks::jwks;
pub use routes::routes;
pub use token::token;

use serde_json::{Value, json};

use crate::{
    allocation,
    input::Choices,
    mint,
    proxy::Pairs,
    reached,
    signers::{ED25519, P256, P384, RSA, SECRET, SHORT_SECRET, SIGNERS},
    tokens::SPOOFED,
    verifier::Judge,
};

/// The keys of providers that mean well.
pub const PUBLISHED: [usize; 4] = [RSA, P256, ED25519, P384];

/// Runs a target, and counts the run; what it holds is bounded.
pub fn run(input: &[u8], target: fn(&[u8])) {
    allocation::bounded(input.len(), || target(input));
    reached::ran();
}

/// The text with `{key:n}`, `{secret:n}` and `{half:n}` replaced by what configurations and documents write of the signer `n`.
pub fn fill_in(text: &[u8]) -> Vec<u8> {
    if !text.windows(2).any(|pair| pair == b"y:" || pair == b"t:" || pair == b"f:") {
        return text.to_vec();
    }
    let mut text = text.to_vec();
    for (number, signer) in SIGNERS.iter().enumerate() {
        if let Some(jwk) = signer.jwk() {
            text = mint::replace(&text, format!("{{key:{number}}}").as_bytes(), &jwk.to_string());
        }
        if let Some(secret) = signer.secret() {
            text = mint::replace(&text, format!("{{secret:{number}}}").as_bytes(), &secret);
            text = mint::replace(&text, format!("{{half:{number}}}").as_bytes(), &secret[..43]);
        }
    }
    text
}

/// The claims of a token that says nothing of itself.
fn payload_or_usual(payload: &[u8], issuer: &str) -> Vec<u8> {
    if !payload.is_empty() {
        return payload.to_vec();
    }
    json!({ "iss": issuer, "aud": "api://orders", "exp": 1_700_000_600, "roles": ["Api.Access"] })
        .to_string()
        .into_bytes()
}

/// A request with a token in `Authorization`.
fn request(token: &[u8]) -> Pairs {
    let mut headers = head(b"GET", b"/", b"api.example");
    headers.push((b"authorization".to_vec(), [b"Bearer ", token].concat()));
    headers
}

/// The pseudo-headers of a request.
fn head(method: &[u8], path: &[u8], authority: &[u8]) -> Pairs {
    [(":method", method), (":path", path), (":authority", authority), (":scheme", b"http")]
        .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
        .to_vec()
}

/// Where a request has its token.
#[derive(Clone, Copy, Debug, Default)]
struct Place(u8);

impl Place {
    fn read(choices: &mut Choices<'_>) -> Self {
        Self(choices.byte())
    }

    /// The headers of a request with `token` in this place; those that `configuration` could write are there already, made up.
    fn bring(self, token: &[u8], path: &[u8], configuration: &[u8]) -> Pairs {
        let Self(place) = self;
        let bearer = [b"Bearer ", token].concat();
        let query = [path, b"?access_token=", token, b"&a=b"].concat();
        let cookie = [b"a=b; access_token=", token, b"; c=d"].concat();
        let (method, host): (&[u8], &[u8]) = match place % 8 {
            7 => (b"POST", b"API.example:443"),
            6 => (b"OPTIONS", b"api.contoso.com"),
            _ => (b"GET", b"api.example"),
        };
        let mut headers = head(method, if place % 8 == 1 { &query } else { path }, host);
        let mut add = |name: &[u8], value: Vec<u8>| headers.push((name.to_vec(), value));
        match place % 8 {
            1 => {}
            2 => add(b"cookie", cookie),
            3 => add(b"x-token", token.to_vec()),
            4 => [(); 2].iter().for_each(|()| add(b"authorization", bearer.clone())),
            5 => add(b"authorization", [b"bearer  ", token].concat()),
            6 => ["origin", "access-control-request-method"]
                .iter()
                .for_each(|name| add(name.as_bytes(), b"x".to_vec())),
            _ => add(b"authorization", bearer),
        }
        if place >= 128 {
            add(b"content-type", b"application/grpc".to_vec());
        }
        for name in Judge::new(configuration).iter().flat_map(|judge| judge.texts("header")) {
            add(name.replace('-', "_").as_bytes(), [SPOOFED, b"1"].concat());
            add(name.to_ascii_lowercase().as_bytes(), [SPOOFED, b"2"].concat());
        }
        headers
    }
}

/// Keys of every kind, for `issuer-signing-keys`.
fn inline_keys() -> Value {
    let secret = |signer: usize| json!({ "id": SIGNERS[signer].key_id, "value": SIGNERS[signer].secret() });
    let jwk = |signer: usize| json!({ "jwk": SIGNERS[signer].jwk() });
    json!([secret(SECRET), secret(SHORT_SECRET), jwk(P256), jwk(ED25519), jwk(RSA)])
}
