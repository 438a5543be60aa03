//! The table of `docs/guides/entra.md`: a good token of each service under each policy, which says whose tokens it takes.

use crate::support::artifacts::project;
use crate::support::authority::Authority;
use crate::support::bootstrap::{Configuration, Setup};
use crate::support::claims::in_force;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "99999999-8888-4777-8666-555555555555";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const CLIENT: &str = "0a8b1c2d-0000-4444-8888-3e4f5a6b7c8d";
const B2C_TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const EXTERNAL_TENANT: &str = "00044076-b4b5-4404-b01f-00ee0c08e825";

/// The rows of the table by the name of the token: what comes of it under each policy, by the policy's name.
fn table() -> BTreeMap<String, BTreeMap<String, String>> {
    let guide = fs::read_to_string(project().join("docs/guides/entra.md")).unwrap();
    let (_, section) = guide.split_once("## What goes with what").unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let mut lines = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with('|'));
    let policies = cells(lines.next().unwrap());
    let rows = lines.skip(1).map(|line| {
        let cells = cells(line);
        assert_eq!(cells.len(), policies.len(), "{line}");
        (cells[0].clone(), policies.iter().cloned().zip(cells).skip(1).collect())
    });
    rows.collect()
}

/// A good token of each service, as its policy in `filter-config/` wants it.
fn tokens(provider: &IdentityProvider) -> BTreeMap<&'static str, String> {
    let (own, other) = (Authority::entra(TENANT), Authority::entra(OTHER_TENANT));
    let b2c = Authority::b2c("contoso", B2C_TENANT, "B2C_1_signupsignin1");
    let external = Authority::external_id("contoso", EXTERNAL_TENANT);
    let version_1 = own.version_1();
    for authority in [&own, &version_1, &other, &b2c, &external] {
        authority.publish(provider);
    }
    let workforce = |authority: &Authority, tenant: &str, version: &str, own: Value| {
        let mut claims =
            json!({ "iss": authority.issuer, "tid": tenant, "ver": version, "roles": ["Api.Access"] });
        claims.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        authority.token(&in_force(&claims))
    };
    let in_version_2 = json!({ "aud": API, "azp": CLIENT });
    let of_b2c = json!({ "iss": b2c.issuer, "aud": "00001111-aaaa-2222-bbbb-3333cccc4444", "ver": "1.0" });
    let of_external = json!({
        "iss": external.issuer,
        "aud": "c0ffee00-1234-4abc-9def-0123456789ab",
        "azp": "a3f5c2d1-7b8e-4c9d-a0e1-f2b3c4d5e6f7",
        "tid": EXTERNAL_TENANT,
        "ver": "2.0",
    });
    BTreeMap::from([
        ("workforce, version 2", workforce(&own, TENANT, "2.0", in_version_2.clone())),
        (
            "workforce, version 1",
            workforce(&version_1, TENANT, "1.0", json!({ "aud": "api://orders", "appid": CLIENT })),
        ),
        ("workforce, another tenant", workforce(&other, OTHER_TENANT, "2.0", in_version_2)),
        ("B2C", b2c.token(&in_force(&of_b2c))),
        ("External ID", external.token(&in_force(&of_external))),
    ])
}

#[test]
fn each_token_comes_out_as_the_guide_says() {
    let provider = IdentityProvider::start();
    let (table, tokens) = (table(), tokens(&provider));
    assert!(table.keys().eq(tokens.keys()), "{:?}", table.keys());
    let mut setup = Setup::new();
    for cluster in ["entra", "b2c", "external-id"] {
        setup = setup.cluster(cluster, provider.address());
    }
    let policies: Vec<&String> = table["B2C"].keys().collect();
    for policy in &policies {
        let path = project().join("filter-config").join(format!("{policy}.json"));
        setup = setup.listener(policy, Configuration::Text(fs::read_to_string(path).unwrap()));
    }
    let envoy = Envoy::start(&setup);
    let outcome = |policy: &str, token: &str| {
        let answered = envoy.send(policy, Request::get("/").bearer(token));
        if answered.by_upstream {
            return "passes".to_owned();
        }
        let details = envoy.details(&answered.id);
        details.trim_start_matches("validate_jwt{").trim_end_matches('}').to_owned()
    };
    let seen: BTreeMap<String, BTreeMap<String, String>> = tokens
        .iter()
        .map(|(name, token)| {
            let outcomes = policies.iter().map(|policy| ((*policy).clone(), outcome(policy, token)));
            ((*name).to_owned(), outcomes.collect())
        })
        .collect();
    assert_eq!(seen, table);
}
