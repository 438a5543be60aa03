//! The service behind `ext_authz`: it verifies the token and checks audience, issuer, time, roles and scope, as the policy does.

use crate::{
    http,
    tokens::{AUDIENCE, Algorithm, ISSUER, Keys},
};
use anyhow::{Context as _, Result};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use std::net::SocketAddr;

/// The claims that the policy asks about, beside those that the crate checks.
#[derive(Debug, Deserialize)]
struct Claims {
    roles: Vec<String>,
    scp: String,
}

/// Serves it.
pub(crate) fn serve(keys: &Keys) -> Result<SocketAddr> {
    let judges = Algorithm::ALL.map(|algorithm| Judge::new(keys, algorithm));
    let judges: Vec<Judge> = judges.into_iter().collect::<Result<_>>()?;
    let address = http::serve(move |request| {
        let token = request.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
        let allows = token.is_some_and(|token| judges.iter().any(|judge| judge.allows(token)));
        (if allows { 200 } else { 401 }, String::new())
    })?;
    Ok(address)
}

/// Judges tokens of one algorithm.
struct Judge {
    key: DecodingKey,
    validation: Validation,
}

impl Judge {
    fn new(keys: &Keys, algorithm: Algorithm) -> Result<Self> {
        let jwk = keys.jwk(algorithm);
        let part = |name| jwk.get(name).and_then(|value| value.as_str()).context("a JWK without a member");
        let (key, algorithm) = match algorithm {
            Algorithm::Rs256 => {
                (DecodingKey::from_rsa_components(part("n")?, part("e")?)?, jsonwebtoken::Algorithm::RS256)
            }
            Algorithm::Ps256 => {
                (DecodingKey::from_rsa_components(part("n")?, part("e")?)?, jsonwebtoken::Algorithm::PS256)
            }
            Algorithm::Es256 => {
                (DecodingKey::from_ec_components(part("x")?, part("y")?)?, jsonwebtoken::Algorithm::ES256)
            }
        };
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.validate_nbf = true;
        Ok(Self { key, validation })
    }

    fn allows(&self, token: &str) -> bool {
        let is_ours =
            decode_header(token).is_ok_and(|header| self.validation.algorithms.contains(&header.alg));
        is_ours
            && decode::<Claims>(token, &self.key, &self.validation).is_ok_and(|token| {
                token.claims.roles.iter().any(|role| role == "Api.Access")
                    && token.claims.scp.split(' ').any(|scope| scope == "orders.read")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock,
        load::Client,
        tokens::{Shape, forged},
    };

    #[test]
    fn it_decides_as_the_policy_does() {
        let keys = Keys::new(clock::now()).unwrap();
        let mut client = Client::connect(serve(&keys).unwrap()).unwrap();
        for algorithm in Algorithm::ALL {
            let good = keys.token(Shape::usual(algorithm), 1).unwrap();
            let stranger = Shape { issuer: "https://stranger.test", ..Shape::usual(algorithm) };
            let stranger = keys.token(stranger, 1).unwrap();
            for (token, status) in [(good.clone(), 200), (forged(&good).unwrap(), 401), (stranger, 401)] {
                assert_eq!(client.ask("/", &token).unwrap(), status, "{algorithm}");
            }
        }
        assert_eq!(client.ask("/", "").unwrap(), 401);
        let expired = Keys::new(1_000_000_000).unwrap().token(Shape::usual(Algorithm::Rs256), 1).unwrap();
        assert_eq!(client.ask("/", &expired).unwrap(), 401);
    }
}
