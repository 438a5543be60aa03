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

/// Serves the OpenID configurations `/0`, `/1` … and of each so many keys. One that signs nothing stands first, where there is
/// room for it; those that sign come last.
pub(crate) fn serve(keys: &Keys, key_count: usize) -> Result<SocketAddr> {
    let key_set = key_set(keys, key_count).to_string();
    let address =
        http::serve(move |request| match request.path().split('/').collect::<Vec<_>>().as_slice() {
            ["", number, ".well-known", "openid-configuration"] => match number.parse() {
                Ok(number) => (200, discovery(number).to_string()),
                Err(_) => (404, String::new()),
            },
            ["", _, "keys"] => (200, key_set.clone()),
            _ => (404, String::new()),
        })?;
    Ok(address)
}

fn discovery(number: usize) -> Value {
    json!({ "issuer": issuer(number), "jwks_uri": format!("http://{PROVIDER_HOST}/{number}/keys") })
}

fn key_set(keys: &Keys, count: usize) -> Value {
    let own = [Algorithm::Ps256, Algorithm::Es256, Algorithm::Rs256].map(|algorithm| keys.jwk(algorithm));
    let others = (own.len()..count).map(|number| {
        let mut key = keys.jwk(Algorithm::Es256);
        if let Some(members) = key.as_object_mut() {
            members.insert("kid".to_owned(), json!(format!("other-{number:04}")));
        }
        key
    });
    let all: Vec<Value> = others.chain(own).collect();
    json!({ "keys": all.get(all.len().saturating_sub(count)..) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Client;

    #[test]
    fn documents_are_served_and_the_keys_that_sign_stand_last() {
        let keys = Keys::new(1_800_000_000).unwrap();
        let address = serve(&keys, 4).unwrap();
        let mut client = Client::connect(address).unwrap();
        for (path, status) in
            [("/0/.well-known/openid-configuration", 200), ("/7/keys", 200), ("/x/.well-known", 404)]
        {
            assert_eq!(client.ask(path, "").unwrap(), status, "{path}");
        }
        for count in [1, 2, 3, 10] {
            let set = key_set(&keys, count);
            let set = set["keys"].as_array().unwrap();
            assert_eq!(set.len(), count);
            assert_eq!(set[count - 1], keys.jwk(Algorithm::Rs256));
        }
        assert_eq!((issuer(0), issuer(3)), (ISSUER.to_owned(), format!("{ISSUER}/3")));
    }
}
