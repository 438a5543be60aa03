//! The policies of `filter-config/` on a real Envoy: a good token passes, and for each condition of the policy a token
//! that fails this one alone is refused for exactly this reason.

mod azure_ad;
mod b2c;
mod entra;
mod external_id;
mod several;

use crate::support::artifacts::project;
use crate::support::authority::{Authority, now};
use crate::support::bootstrap::{Configuration, Setup};
use crate::support::claims::{replace_part, with, with_wrong_signature, without};
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};
use std::fs;
use validate_jwt_cli::signing::{Algorithm, SigningKey, base64url};

/// The text that the B2C and External ID policies set, word for word.
const CONFIGURED_MESSAGE: &str = "Unauthorized. Access token is missing or invalid.";

#[test]
fn every_condition_of_every_scenario_policy_holds() {
    let provider = IdentityProvider::start();
    let entra = entra::scenario();
    let user_flow = b2c::user_flow();
    let external_id = external_id::scenario();
    for authority in [&entra.authority, &user_flow.authority, &external_id.authority] {
        authority.publish(&provider);
    }
    let setup = Setup::new()
        .cluster("entra", provider.address())
        .cluster("b2c", provider.address())
        .cluster("external-id", provider.address())
        .listener("entra", policy("entra-client-credentials"))
        .listener("b2c", policy("b2c"))
        .listener("b2c-several", policy("b2c-several-audiences-and-issuers"))
        .listener("b2c-migration", policy("b2c-migration"))
        .listener("external-id", policy("external-id"));
    let envoy = Envoy::start(&setup);

    let wrong: Vec<String> = [
        envoy.try_all("entra", entra::cases(&entra)),
        envoy.try_all("b2c", b2c::cases(&user_flow)),
        envoy.try_all("b2c-several", b2c::cases_of_several(&user_flow)),
        envoy.try_all("b2c-migration", b2c::cases_of_several(&user_flow)),
        envoy.try_all("external-id", external_id::cases(&external_id)),
    ]
    .concat();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn entras_own_policy_takes_its_tenants_and_nobody_elses() {
    let provider = IdentityProvider::start();
    let (own, organizations) = (azure_ad::Tenant::own(), azure_ad::Tenant::organizations());
    own.publish(&provider);
    organizations.publish(&provider);
    let setup = Setup::new()
        .cluster("entra", provider.address())
        .listener("workforce", policy("entra-workforce"))
        .listener("organizations", policy("entra-organizations"));
    let envoy = Envoy::start(&setup);
    let wrong: Vec<String> = [
        envoy.try_all("workforce", azure_ad::cases_of_workforce(&own)),
        envoy.try_all("organizations", azure_ad::cases_of_organizations(&organizations)),
    ]
    .concat();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

#[test]
fn the_request_chooses_among_several_policies() {
    let provider = IdentityProvider::start();
    let parties = several::Parties::new();
    parties.publish(&provider);
    let setup = Setup::new()
        .cluster("entra", provider.address())
        .cluster("fabrikam", provider.address())
        .listener("several", policy("several-policies"));
    let envoy = Envoy::start(&setup);
    parties.check(&envoy);
}

#[test]
fn a_policy_may_be_a_struct() {
    let provider = IdentityProvider::start();
    let entra = entra::scenario();
    entra.authority.publish(&provider);
    let policy = as_struct(&policy("entra-client-credentials"));
    let envoy = Envoy::start(&Setup::new().cluster("entra", provider.address()).listener("entra", policy));
    let wrong = envoy.try_all("entra", entra.common_cases());
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}

/// The text of a policy as it ships.
fn policy(name: &str) -> Configuration {
    let path = project().join("filter-config").join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Configuration::Text(text)
}

/// The same policy in the form that makes doubles of its numbers.
fn as_struct(policy: &Configuration) -> Configuration {
    let Configuration::Text(text) = policy else { return policy.clone() };
    Configuration::Struct(serde_json::from_str(text).unwrap())
}

/// An issuer, one that is like it but not trusted, and claims that satisfy the policy.
struct Scenario {
    authority: Authority,
    stranger: Authority,
    claims: Value,
    message: Option<&'static str>,
}

impl Scenario {
    fn token(&self, claims: &Value) -> String {
        self.authority.token(claims)
    }

    fn passes(&self, name: &str, claims: &Value) -> Case<'static> {
        Case::passes(name, Request::get("/").bearer(&self.token(claims)))
    }

    fn refused(&self, name: &str, claims: &Value, reason: &'static str) -> Case<'static> {
        self.refused_token(name, &self.token(claims), reason)
    }

    fn refused_token(&self, name: &str, token: &str, reason: &'static str) -> Case<'static> {
        self.refused_request(name, Request::get("/").bearer(token), reason)
    }

    fn refused_request(&self, name: &str, request: Request, reason: &'static str) -> Case<'static> {
        let refusal =
            self.message.map_or_else(|| Refusal::of(reason), |message| Refusal::saying(reason, message));
        Case::refused(name, request, refusal)
    }

    /// What every one of the policies asks for.
    fn common_cases(&self) -> Vec<Case<'static>> {
        let claims = &self.claims;
        let foreign_issuer = with(claims, "iss", json!(self.stranger.issuer));
        let authorization = |value: &str| Request::get("/").header("authorization", value);
        vec![
            self.passes("good token", claims),
            self.passes("audience in a list", &with(claims, "aud", json!(["other", claims["aud"]]))),
            Case::passes(
                "scheme in small letters, two blanks",
                authorization(&format!("bearer  {}", self.token(claims))),
            ),
            self.refused_request("no token", Request::get("/"), "TokenNotPresent"),
            self.refused_request("empty header", authorization(""), "TokenNotPresent"),
            self.refused_request("scheme alone", authorization("Bearer"), "TokenNotPresent"),
            self.refused_request("another scheme", authorization("Basic dXNlcjpwYXNz"), "TokenNotPresent"),
            self.refused_request(
                "token in the query",
                Request::get("/?access_token=a.b.c"),
                "TokenNotPresent",
            ),
            self.refused_token("not a token", "not-a-json-web-token", "JwtInvalid"),
            self.refused("expired", &with(claims, "exp", json!(now() - 30)), "TokenExpired"),
            self.refused("not yet valid", &with(claims, "nbf", json!(now() + 300)), "TokenNotYetValid"),
            self.refused("no expiry", &without(claims, "exp"), "TokenExpirationMissing"),
            self.refused("another audience", &with(claims, "aud", json!("other")), "TokenAudienceNotAllowed"),
            self.refused("no audience", &without(claims, "aud"), "TokenAudienceNotAllowed"),
            self.refused("another issuer", &foreign_issuer, "TokenIssuerNotAllowed"),
            self.refused("no issuer", &without(claims, "iss"), "TokenIssuerNotAllowed"),
            self.refused_token(
                "a stranger's own token",
                &self.stranger.token(&foreign_issuer),
                "TokenIssuerNotAllowed",
            ),
            self.refused_token("a stranger's key", &self.stranger.token(claims), "TokenSignatureKeyNotFound"),
            self.refused_token("a stranger's key under our name", &self.forged(), "TokenSignatureInvalid"),
            self.refused_token(
                "signature changed",
                &with_wrong_signature(&self.token(claims)),
                "TokenSignatureInvalid",
            ),
            self.refused_token("claims changed", &self.with_other_claims(), "TokenSignatureInvalid"),
            self.refused_token("not signed", &self.unsigned(), "TokenAlgorithmNotAllowed"),
            self.refused_token("public key as a secret", &self.confused(), "TokenAlgorithmNotAllowed"),
        ]
    }

    /// Signed by the stranger, under the key id of the authority.
    fn forged(&self) -> String {
        let kid = self.authority.key().kid().unwrap();
        self.stranger.key().clone().with_kid(kid).sign(&json!({ "typ": "JWT" }), &self.claims).unwrap()
    }

    /// A signed token whose claims were exchanged afterwards.
    fn with_other_claims(&self) -> String {
        let claims = with(&self.claims, "exp", json!(now() + 86_400));
        replace_part(&self.token(&self.claims), 1, &base64url(claims.to_string().as_bytes()))
    }

    /// `alg: none` and an empty signature.
    fn unsigned(&self) -> String {
        let header = base64url(json!({ "alg": "none", "typ": "JWT" }).to_string().as_bytes());
        format!("{header}.{}.", base64url(self.claims.to_string().as_bytes()))
    }

    /// An HMAC whose secret is what everybody can read: the published modulus.
    fn confused(&self) -> String {
        let (modulus, _exponent) = self.authority.key().rsa_n_e().unwrap();
        let key = SigningKey::from_secret(Algorithm::Hs256, modulus.as_bytes()).unwrap();
        let key = key.with_kid(self.authority.key().kid().unwrap());
        key.sign(&json!({ "typ": "JWT" }), &self.claims).unwrap()
    }
}
