//! The identity provider: a small server with discovery documents and key sets, so that the filter's discovery is real.

use crate::{
    bootstrap::PROVIDER_HOST,
    http,
    tokens::{Algorithm, ISSUER, Keys},
};
use anyhow::Result;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The issuer of a document's number; the first is the one that all have who ask for no other.
pub(crate) fn issuer(number: usize) -> String {
    if number == 0 { ISSUER.to_owned() } else { format!("{ISSUER}/{number}") }
}

/// Serves an OpenID configuration under the path `/<keys>/<number of the issuer>`, and so many keys. Others stand before those
/// that sign, where there is room for them.
pub(crate) fn serve(keys: &Keys) -> Result<SocketAddr> {
    let own = [Algorithm::Ps256, Algorithm::Es256, Algorithm::Rs256].map(|algorithm| keys.jwk(algorithm));
    let address =
        http::serve(move |request| match request.path().split('/').collect::<Vec<_>>().as_slice() {
            ["", keys, number, ".well-known", "openid-configuration"] => answer(
                (keys.parse().ok()).zip(number.parse().ok()).map(|(keys, number)| discovery(keys, number)),
            ),
            ["", keys, _, "keys"] => answer(keys.parse().ok().map(|count| key_set(&own, count))),
            _ => answer(None),
        })?;
    Ok(address)
}

fn answer(document: Option<Value>) -> (u16, String) {
    document.map_or_else(|| (404, String::new()), |document| (200, document.to_string()))
}

fn discovery(keys: usize, number: usize) -> Value {
    json!({ "issuer": issuer(number), "jwks_uri": format!("http://{PROVIDER_HOST}/{keys}/{number}/keys") })
}

fn key_set(own: &[Value], count: usize) -> Value {
    let others = (own.len()..count).filter_map(|number| {
        let mut key = own.get(1)?.clone();
        key.as_object_mut()?.insert("kid".to_owned(), json!(format!("other-{number:04}")));
        Some(key)
    });
    let all: Vec<Value> = others.chain(own.iter().cloned()).collect();
    json!({ "keys": all.get(all.len().saturating_sub(count)..) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Client;

    #[test]
    fn documents_are_served_by_path() {
        let keys = Keys::new(1_800_000_000).unwrap();
        let mut client = Client::connect(serve(&keys).unwrap()).unwrap();
        for (path, status) in [
            ("/4/0/.well-known/openid-configuration", 200),
            ("/250/7/keys", 200),
            ("/x/0/.well-known/openid-configuration", 404),
            ("/", 404),
        ] {
            assert_eq!(client.ask(path, "").unwrap(), status, "{path}");
        }
        assert_eq!((issuer(0), issuer(3)), (ISSUER.to_owned(), format!("{ISSUER}/3")));
    }

    #[test]
    fn the_keys_that_sign_stand_last() {
        let own = ["a", "b", "c"].map(|kid| json!({ "kid": kid }));
        for count in [1, 2, 3, 10] {
            let set = key_set(&own, count);
            let set = set["keys"].as_array().unwrap();
            assert_eq!(set.len(), count);
            assert_eq!(set[count - 1], own[2]);
        }
    }
}
