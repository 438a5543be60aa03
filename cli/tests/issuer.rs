//! The issuer: which document stands where, and tokens that verify with what is published there.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests, which may fail loudly")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use validate_jwt_cli::issuer::contoso::{
    B2C_HOST, B2C_TENANT, CONSUMERS_TENANT, ENTRA_HOST, ENTRA_TENANT, EXTERNAL_ID_HOST, EXTERNAL_ID_TENANT,
};
use validate_jwt_cli::issuer::{Issuer, Mint, MintError, Shape};

/// Key generation is the expensive part, so all tests share one issuer.
static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::generate().unwrap());

const NOW: u64 = 1_800_000_000;
const OTHER_TENANT: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

#[test]
fn workforce_documents_say_what_the_real_ones_say() {
    let check = |tenant: &str, issuer: &str, named: &str| {
        let document = discovery(ENTRA_HOST, &format!("/{tenant}/v2.0"), None);
        assert_eq!(document["issuer"], format!("https://{ENTRA_HOST}/{issuer}/v2.0"));
        assert_eq!(document["jwks_uri"], format!("https://{ENTRA_HOST}/{named}/discovery/v2.0/keys"));
        assert!(!published(&document).is_empty());
    };
    check(OTHER_TENANT, OTHER_TENANT, OTHER_TENANT);
    check(&OTHER_TENANT.to_uppercase(), OTHER_TENANT, OTHER_TENANT);
    check("contoso.com", ENTRA_TENANT, ENTRA_TENANT);
    check("common", "{tenantid}", "common");
    check("organizations", "{tenantid}", "organizations");
    check("consumers", CONSUMERS_TENANT, "consumers");

    for (tenant, issuer) in [(OTHER_TENANT, OTHER_TENANT), ("common", "{tenantid}")] {
        let document = discovery("LOGIN.microsoftonline.com:443", &format!("/{tenant}"), None);
        assert_eq!(document["issuer"], format!("https://sts.windows.net/{issuer}/"));
        assert_eq!(document["jwks_uri"], format!("https://{ENTRA_HOST}/{tenant}/discovery/keys"));
        assert_eq!(published(&document).len(), 2);
    }
}

#[test]
fn documents_of_customer_tenants_say_what_the_real_ones_say() {
    let issuer = format!("https://{B2C_HOST}/{B2C_TENANT}/v2.0/");
    let document = discovery(B2C_HOST, "/contoso.onmicrosoft.com/B2C_1_signupsignin1/v2.0", None);
    let keys = format!("https://{B2C_HOST}/contoso.onmicrosoft.com/b2c_1_signupsignin1/discovery/v2.0/keys");
    assert_eq!((&document["issuer"], &document["jwks_uri"]), (&json!(issuer), &json!(keys)));
    let in_path = published(&document);

    let document = discovery(B2C_HOST, &format!("/{B2C_TENANT}/v2.0"), Some("p=B2C_1_signupsignin1"));
    let keys = format!("https://{B2C_HOST}/{B2C_TENANT}/discovery/v2.0/keys?p=b2c_1_signupsignin1");
    assert_eq!((&document["issuer"], &document["jwks_uri"]), (&json!(issuer), &json!(keys)));
    assert_eq!(published(&document), in_path);

    // The issuer's host is the tenant, whatever name was asked.
    let tenant = EXTERNAL_ID_TENANT;
    for (version, keys) in [("v2.0", "discovery/v2.0/keys"), ("", "discovery/keys")] {
        let path = format!("/{tenant}/{version}");
        let document = discovery(EXTERNAL_ID_HOST, path.trim_end_matches('/'), None);
        assert_eq!(document["issuer"], format!("https://{tenant}.ciamlogin.com/{tenant}/{version}"));
        assert_eq!(document["jwks_uri"], format!("https://{EXTERNAL_ID_HOST}/{tenant}/{keys}"));
        assert_eq!(published(&document).len(), 2);
    }
}

#[test]
fn any_other_host_is_a_plain_provider() {
    let document = discovery("idp.example:8080", "", None);
    assert_eq!(document["issuer"], "http://idp.example:8080");
    assert_eq!(document["jwks_uri"], "http://idp.example:8080/jwks");
    assert_eq!(published(&document).len(), 2);
}

#[test]
fn key_sets_have_the_members_of_their_provider() {
    let tenant = OTHER_TENANT;
    let v2_issuer = format!("https://{ENTRA_HOST}/{tenant}/v2.0");
    for key in keys_at(ENTRA_HOST, &format!("/{tenant}/discovery/v2.0/keys")) {
        assert_eq!(names(&key), "e issuer kid kty n use x5t");
        assert_eq!((&key["issuer"], &key["x5t"]), (&json!(v2_issuer), &key["kid"]));
    }
    for key in keys_at(ENTRA_HOST, &format!("/{tenant}/discovery/keys")) {
        assert_eq!(names(&key), "e kid kty n use x5t");
    }
    let issuers: BTreeSet<String> = keys_at(ENTRA_HOST, "/common/discovery/v2.0/keys")
        .iter()
        .map(|key| key["issuer"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        issuers,
        BTreeSet::from([
            format!("https://{ENTRA_HOST}/{CONSUMERS_TENANT}/v2.0"),
            format!("https://{ENTRA_HOST}/{{tenantid}}/v2.0"),
        ])
    );
    for key in keys_at(B2C_HOST, "/contoso.onmicrosoft.com/b2c_1_x/discovery/v2.0/keys") {
        assert_eq!(names(&key), "e kid kty n use");
    }
    for key in keys_at("idp.example", "/jwks") {
        assert_eq!(names(&key), "alg e kid kty n use");
    }
}

#[test]
fn providers_share_no_keys() {
    let sets = [
        keys_at(ENTRA_HOST, &format!("/{ENTRA_TENANT}/discovery/v2.0/keys")),
        keys_at(ENTRA_HOST, "/consumers/discovery/v2.0/keys"),
        keys_at(B2C_HOST, "/contoso.onmicrosoft.com/B2C_1_signupsignin1/discovery/v2.0/keys"),
        keys_at(B2C_HOST, "/contoso.onmicrosoft.com/B2C_1A_signin/discovery/v2.0/keys"),
        keys_at(EXTERNAL_ID_HOST, &format!("/{EXTERNAL_ID_TENANT}/discovery/v2.0/keys")),
        keys_at("idp.example", "/jwks"),
    ];
    let all: Vec<&Value> = sets.iter().flatten().collect();
    let moduli: BTreeSet<&str> = all.iter().map(|key| key["n"].as_str().unwrap()).collect();
    assert_eq!(moduli.len(), all.len());
}

#[test]
fn addresses_without_a_document_say_where_there_are_some() {
    for (host, path, hint) in [
        (ENTRA_HOST, "/.well-known/openid-configuration", "/{tenant}/v2.0/"),
        (ENTRA_HOST, "/not-a-guid/v2.0/.well-known/openid-configuration", "GUID"),
        (ENTRA_HOST, "/consumers/.well-known/openid-configuration", "v2 only"),
        (ENTRA_HOST, "/consumers/discovery/keys", "v2 only"),
        (B2C_HOST, "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration", "p={policy}"),
        (B2C_HOST, "/contoso.onmicrosoft.com/signin/v2.0/.well-known/openid-configuration", "B2C_1_"),
        (EXTERNAL_ID_HOST, "/contoso/v2.0/.well-known/openid-configuration", "GUID"),
        ("idp.example", "/keys", "/jwks"),
    ] {
        let error = ISSUER.document(host, path, None).unwrap_err().to_string();
        assert!(error.contains(path) && error.contains(hint), "{error}");
    }
}

#[test]
fn minted_tokens_verify_with_what_is_published() {
    let oid = ".well-known/openid-configuration";
    for (wish, host, path) in [
        (Mint::new(Shape::EntraV2), ENTRA_HOST, format!("/{ENTRA_TENANT}/v2.0/{oid}")),
        (Mint::new(Shape::EntraV2).tenant(OTHER_TENANT), ENTRA_HOST, format!("/{OTHER_TENANT}/v2.0/{oid}")),
        (Mint::new(Shape::EntraV1), ENTRA_HOST, format!("/{ENTRA_TENANT}/{oid}")),
        (Mint::new(Shape::B2c), B2C_HOST, format!("/contoso.onmicrosoft.com/B2C_1_signupsignin1/v2.0/{oid}")),
        (Mint::new(Shape::ExternalId), EXTERNAL_ID_HOST, format!("/{EXTERNAL_ID_TENANT}/v2.0/{oid}")),
        (Mint::new(Shape::Plain).host("idp.example:1"), "idp.example:1", format!("/{oid}")),
    ] {
        let token = ISSUER.mint_at(&wish, NOW).unwrap();
        let metadata = ISSUER.document(host, &path, None).unwrap();
        let (header, claims) = read(&token);
        assert_eq!(claims["iss"], metadata["issuer"], "{wish:?}");
        assert_eq!(header["alg"], "RS256");

        let keys = published(&metadata);
        let position = keys.iter().position(|key| key["kid"] == header["kid"]).unwrap();
        assert!(verifies(&keys[position], &token), "{wish:?}");
        assert!(position > 0, "the first key of a set must not be the right one");
        assert!(!verifies(&keys[0], &token), "{wish:?}: the key that is not in use");
    }
}

#[test]
fn tokens_have_the_claims_of_their_shape() {
    let claims = |shape| read(&ISSUER.mint_at(&Mint::new(shape), NOW).unwrap());
    let (header, v2) = claims(Shape::EntraV2);
    assert_eq!(names(&header), "alg kid typ");
    assert_eq!(names(&v2), "aio aud azp azpacr exp iat iss nbf oid rh roles sub tid uti ver");
    assert_eq!((&v2["ver"], &v2["roles"]), (&json!("2.0"), &json!(["Api.Access"])));

    let (header, v1) = claims(Shape::EntraV1);
    assert_eq!(names(&header), "alg kid typ x5t");
    assert_eq!(names(&v1), "aio appid appidacr aud exp iat idp iss nbf oid rh roles sub tid uti ver");
    assert_eq!((&v1["ver"], &v1["aud"]), (&json!("1.0"), &json!("api://orders")));

    let (_, b2c) = claims(Shape::B2c);
    assert_eq!(names(&b2c), "aud azp exp iat iss name nbf oid scp sub tfp ver");
    assert_eq!(b2c["ver"], "1.0");

    let (_, ciam) = claims(Shape::ExternalId);
    assert_eq!((&ciam["ver"], &ciam["tid"]), (&json!("2.0"), &json!(EXTERNAL_ID_TENANT)));
    assert_eq!(ciam["azp"], "a3f5c2d1-7b8e-4c9d-a0e1-f2b3c4d5e6f7");
}

#[test]
fn wishes_replace_and_remove() {
    let wish = Mint::new(Shape::EntraV2)
        .claim("aud", json!(["a", "b"]))
        .claim("roles", Value::Null)
        .header("typ", "at+jwt")
        .header("alg", Value::Null)
        .header("kid", Value::Null);
    let (header, claims) = read(&ISSUER.mint_at(&wish, NOW).unwrap());
    assert_eq!(header, json!({ "typ": "at+jwt" }));
    assert_eq!((&claims["aud"], claims.get("roles")), (&json!(["a", "b"]), None));

    // The two-issuer migration of B2C: same keys, the issuer of the old host.
    let legacy = format!("https://login.microsoftonline.com/{B2C_TENANT}/v2.0/");
    let (_, claims) =
        read(&ISSUER.mint_at(&Mint::new(Shape::B2c).claim("iss", legacy.as_str()), NOW).unwrap());
    assert_eq!(claims["iss"], legacy);
}

#[test]
fn a_token_never_starts_after_it_ends() {
    for (expires_in, exp, iat) in
        [(3600, NOW + 3600, NOW - 300), (86400, NOW + 86400, NOW - 300), (-60, NOW - 60, NOW - 3960)]
    {
        let wish = Mint::new(Shape::EntraV2).expires_in(expires_in);
        let (_, claims) = read(&ISSUER.mint_at(&wish, NOW).unwrap());
        assert_eq!((&claims["exp"], &claims["iat"], &claims["nbf"]), (&json!(exp), &json!(iat), &json!(iat)));
    }
}

#[test]
fn senseless_wishes_are_refused() {
    let error = |wish: Mint| ISSUER.mint_at(&wish, NOW).unwrap_err();
    assert!(matches!(error(Mint::new(Shape::EntraV2).tenant("contoso")), MintError::Tenant(_)));
    assert!(matches!(error(Mint::new(Shape::Plain)), MintError::Host(Shape::Plain)));
    assert!(matches!(error(Mint::new(Shape::B2c).host("x")), MintError::Host(Shape::B2c)));
    assert!(matches!(error(Mint::new(Shape::Plain).host("x").tenant(OTHER_TENANT)), MintError::NoTenant));
    assert!(matches!(error(Mint::new(Shape::B2c).expires_in(i64::MIN)), MintError::ExpiresIn(i64::MIN)));
}

fn discovery(host: &str, base: &str, query: Option<&str>) -> Value {
    ISSUER.document(host, &format!("{base}/.well-known/openid-configuration"), query).unwrap()
}

/// The keys at the address that a discovery document names.
fn published(metadata: &Value) -> Vec<Value> {
    let uri = metadata["jwks_uri"].as_str().unwrap();
    let (_, rest) = uri.split_once("://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    ISSUER.document(host, path, query).unwrap()["keys"].as_array().unwrap().clone()
}

fn keys_at(host: &str, path: &str) -> Vec<Value> {
    ISSUER.document(host, path, None).unwrap()["keys"].as_array().unwrap().clone()
}

fn verifies(jwk: &Value, token: &str) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let member = |name: &str| decode(jwk[name].as_str().unwrap());
    RsaPublicKeyComponents { n: member("n"), e: member("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(signature))
        .is_ok()
}

fn read(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| serde_json::from_slice(&decode(part)));
    (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap())
}

fn names(object: &Value) -> String {
    let names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.join(" ")
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
