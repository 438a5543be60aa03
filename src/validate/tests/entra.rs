//! `validate-azure-ad-token`, from its configuration to the verdict.

use super::*;
use crate::{
    issuer::PERSONAL_ACCOUNTS_TENANT as PERSONAL,
    rejection::{ClientFault, TenantFault},
    trial::headers,
};

/// A tenant with letters in its GUID.
const OWN: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const TEMPLATE: &str = "{tenantid}";
const VERSION: Rejection = Rejection::IssuerNotAllowed(IssuerFault::Version);

fn v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// Whose keys the documents of version 2 and of version 1 lead to.
fn signers() -> (Signer, Signer) {
    (Signer::new(2), Signer::new(1))
}

/// What Entra serves when the tenant in its documents' issuers is `tenant`.
fn serve(url: &str, tenant: &str) -> Value {
    let (of_v2, of_v1) = signers();
    let keys = |path: &str| format!("https://login.microsoftonline.com/common/discovery{path}/keys");
    // As Entra does it, the keys of version 2 have an issuer, those of version 1 have none.
    let mut key = of_v2.jwk();
    key["issuer"] = json!(v2(TEMPLATE));
    match url {
        _ if url.ends_with("/discovery/v2.0/keys") => json!({ "keys": [key] }),
        _ if url.ends_with("/discovery/keys") => json!({ "keys": [of_v1.jwk()] }),
        _ if url.contains("/v2.0/") => json!({ "issuer": v2(tenant), "jwks_uri": keys("/v2.0") }),
        _ => json!({ "issuer": v1(tenant), "jwks_uri": keys("") }),
    }
}

fn configuration(tenant_id: &str) -> Value {
    json!({
        "validate-azure-ad-token": { "tenant-id": tenant_id, "audiences": ["api://orders"] },
        "options": { "algorithms": ["EdDSA"] },
        "default-cluster": "any",
    })
}

/// A world in which all has been fetched.
fn world(tenant_id: &str, tenant: &str) -> World {
    let mut world = World::new(&configuration(tenant_id));
    world.serve(|url| Some(serve(url, tenant)));
    world
}

fn claims(iss: &str, tid: &str) -> Value {
    let ver = if iss.to_ascii_lowercase().ends_with("/v2.0") { "2.0" } else { "1.0" };
    json!({ "iss": iss, "tid": tid, "ver": ver, "aud": "api://orders", "exp": NOW + 600 })
}

#[test]
fn version_1_tokens_are_verified_by_keys_of_either_document_and_others_by_their_own() {
    let (of_v2, of_v1) = signers();
    for (tenant_id, tenant) in
        [(OWN, OWN), ("contoso.com", OWN), ("organizations", TEMPLATE), ("common", TEMPLATE)]
    {
        let world = world(tenant_id, tenant);
        for (iss, signer) in [(v1(OWN), &of_v1), (v1(OWN), &of_v2), (v2(OWN), &of_v2)] {
            let token = signer.token(&claims(&iss, OWN));
            assert!(world.passes(&token), "{tenant_id} {iss} {}", signer.key_id);
        }
        let token = of_v1.token(&claims(&v2(OWN), OWN));
        assert_eq!(wish(world.validate(&token)), Wish::refetch(set(&[0])), "{tenant_id}");
        assert_eq!(rejection(world.validate_again(&token, refetched(&[0]))), Rejection::KeyNotFound);
        let forged = Signer { key_id: of_v2.key_id.clone(), ..Signer::new(9) };
        for iss in [v2(OWN), v1(OWN)] {
            assert_eq!(world.rejection(&forged.token(&claims(&iss, OWN))), Rejection::SignatureInvalid);
        }
    }
}

#[test]
fn neither_version_waits_for_the_other() {
    let (of_v2, of_v1) = signers();
    let (v2_token, v1_token) = (of_v2.token(&claims(&v2(OWN), OWN)), of_v1.token(&claims(&v1(OWN), OWN)));
    for (is_v2_there, own, other, missing) in
        [(true, &v2_token, &v1_token, 1), (false, &v1_token, &v2_token, 0)]
    {
        let mut world = World::new(&configuration(OWN));
        assert_eq!(wish(world.validate(own)), Wish::pending(set(&[0, 1])), "nothing is known");
        world.serve(|url| {
            let is_of_v2 = url.contains("/v2.0/");
            (is_of_v2 == is_v2_there).then(|| serve(url, OWN))
        });
        assert!(world.passes(own), "{missing} is down");
        assert_eq!(world.rejection(other).reason(), Reason::DiscoveryUnavailable, "{missing} is down");
        world.pass(Duration::from_secs(2));
        assert!(world.passes(own), "{missing} is awaited");
        assert_eq!(wish(world.validate(other)), Wish::pending(set(&[missing])));
        // Of a known issuer, with a key that the other document may lead to.
        let (own_iss, other_signer) = if is_v2_there { (v2(OWN), &of_v1) } else { (v1(OWN), &of_v2) };
        let mixed = other_signer.token(&claims(&own_iss, OWN));
        let expected = if is_v2_there { Wish::refetch(set(&[0])) } else { Wish::pending(set(&[missing])) };
        assert_eq!(
            wish(world.validate(&mixed)),
            expected,
            "version 1 tokens alone may need the other's keys"
        );
        world.serve(|url| Some(serve(url, OWN)));
        for token in [own, other] {
            assert!(world.passes(token));
        }
        assert_eq!(world.passes(&mixed), !is_v2_there);
    }
}

#[test]
fn a_key_that_nobody_knows_is_looked_for_where_it_may_be() {
    let world = world(OWN, OWN);
    for (iss, documents) in [(v2(OWN), &[0][..]), (v1(OWN), &[0, 1])] {
        let token = Signer::new(9).token(&claims(&iss, OWN));
        assert_eq!(wish(world.validate(&token)), Wish::refetch(set(documents)), "{iss}");
        assert_eq!(rejection(world.validate_again(&token, refetched(&[0, 1]))), Rejection::KeyNotFound);
    }
}

#[test]
fn no_tenants_token_passes_for_anothers_though_all_share_their_keys() {
    let (of_v2, of_v1) = signers();
    let (upper, upper_other) = (OWN.to_uppercase(), OTHER_TENANT.replace('9', "A"));
    let tenant = |fault| Rejection::TenantNotAllowed(fault);
    let not_listed = Rejection::IssuerNotAllowed(IssuerFault::NotListed);
    for tenant_id in [OWN, upper.as_str(), "contoso.onmicrosoft.com"] {
        let world = world(tenant_id, OWN);
        for (iss, tid, expected) in [
            (v2(OTHER_TENANT), OTHER_TENANT, tenant(TenantFault::Other)),
            (v1(OTHER_TENANT), OTHER_TENANT, tenant(TenantFault::Other)),
            (v2(&upper_other), &upper_other, tenant(TenantFault::Other)),
            (v2(OTHER_TENANT).to_uppercase(), OTHER_TENANT, tenant(TenantFault::Other)),
            (v2(PERSONAL), PERSONAL, tenant(TenantFault::Other)),
            // One of the two is forged.
            (v2(OTHER_TENANT), OWN, tenant(TenantFault::NotOfIssuer)),
            (v1(OTHER_TENANT), OWN, tenant(TenantFault::NotOfIssuer)),
            (v2(OWN), OTHER_TENANT, tenant(TenantFault::NotOfIssuer)),
            (v1(OWN), OTHER_TENANT, tenant(TenantFault::NotOfIssuer)),
            (v2(OWN), "", tenant(TenantFault::Absent)),
            (v2(OWN), "contoso.onmicrosoft.com", tenant(TenantFault::Absent)),
            // Not issuers of this cloud's tenants at all.
            (v2(TEMPLATE), TEMPLATE, not_listed.clone()),
            (v2("contoso.onmicrosoft.com"), OWN, not_listed.clone()),
            (format!("{}/", v2(OWN)), OWN, not_listed.clone()),
            (format!("https://sts.windows.net/{OWN}"), OWN, not_listed.clone()),
            (format!("http://sts.windows.net/{OWN}/"), OWN, not_listed.clone()),
            (format!("https://login.microsoftonline.us/{OWN}/v2.0"), OWN, not_listed.clone()),
            (format!("https://sts.chinacloudapi.cn/{OWN}/"), OWN, not_listed.clone()),
            (format!("https://evil.example/{OWN}/v2.0"), OWN, not_listed.clone()),
            (format!("https://{OWN}.ciamlogin.com/{OWN}/v2.0"), OWN, not_listed.clone()),
        ] {
            for signer in [&of_v2, &of_v1] {
                let token = signer.token(&claims(&iss, tid));
                assert_eq!(world.rejection(&token), expected, "{tenant_id} {iss} {tid}");
            }
        }
        let mut without = claims(&v2(OWN), OWN);
        without.as_object_mut().unwrap().remove("tid");
        assert_eq!(world.rejection(&of_v2.token(&without)), tenant(TenantFault::Absent));
        without.as_object_mut().unwrap().remove("iss");
        let absent = Rejection::IssuerNotAllowed(IssuerFault::Absent);
        assert_eq!(world.rejection(&of_v2.token(&without)), absent);
    }
}

#[test]
fn the_words_for_many_tenants_let_in_those_that_they_say() {
    let (of_v2, of_v1) = signers();
    let other = Rejection::TenantNotAllowed(TenantFault::Other);
    let personal = Rejection::TenantNotAllowed(TenantFault::PersonalAccount);
    let forged = Rejection::TenantNotAllowed(TenantFault::NotOfIssuer);
    for (tenant_id, tenant, workforce, personals) in [
        ("organizations", TEMPLATE, None, Some(personal)),
        ("Common", TEMPLATE, None, None),
        ("consumers", PERSONAL, Some(other), None),
    ] {
        let world = world(tenant_id, tenant);
        for (iss, tid, expected) in [
            (v2(OWN), OWN, workforce.clone()),
            (v2(OTHER_TENANT), OTHER_TENANT, workforce.clone()),
            (v2(PERSONAL), PERSONAL, personals.clone()),
            (v2(PERSONAL), OWN, Some(forged.clone())),
            (v2(OWN), PERSONAL, Some(forged.clone())),
            (v2(OWN), OTHER_TENANT, Some(forged.clone())),
        ] {
            let token = of_v2.token(&claims(&iss, tid));
            match expected {
                None => assert!(world.passes(&token), "{tenant_id} {iss} {tid}"),
                Some(expected) => assert_eq!(world.rejection(&token), expected, "{tenant_id} {iss} {tid}"),
            }
        }
    }
    let world = world("organizations", TEMPLATE);
    assert!(world.passes(&of_v1.token(&claims(&v1(OWN), OWN))));
    let personal = Rejection::TenantNotAllowed(TenantFault::PersonalAccount);
    assert_eq!(world.rejection(&of_v1.token(&claims(&v1(PERSONAL), PERSONAL))), personal);
}

#[test]
fn the_case_of_an_issuer_means_nothing() {
    let (of_v2, _) = signers();
    let upper = OWN.to_uppercase();
    for (tenant_id, tenant) in [(OWN, OWN), (&upper, OWN), (OWN, &upper), ("common", TEMPLATE)] {
        let world = world(tenant_id, tenant);
        for iss in [
            v2(OWN),
            v2(&upper),
            v1(OWN),
            v1(&upper),
            v2(OWN).replace("login.microsoftonline", "Login.MicrosoftOnline"),
        ] {
            for tid in [OWN, &upper] {
                let token = of_v2.token(&claims(&iss, tid));
                assert!(world.passes(&token), "{tenant_id} {tenant} {iss} {tid}");
            }
        }
    }
}

#[test]
fn a_key_of_another_issuer_signs_for_nobody_else() {
    let mut world = World::new(&configuration(OWN));
    let (of_v2, _) = signers();
    world.serve(|url| {
        let mut answer = serve(url, OWN);
        if let Some(keys) = answer["keys"].as_array_mut() {
            keys[0]["issuer"] = json!(v2(OTHER_TENANT));
        }
        Some(answer)
    });
    let refused = Rejection::IssuerNotAllowed(IssuerFault::OtherKeyIssuer);
    for iss in [v2(OWN), v1(OWN)] {
        assert_eq!(world.rejection(&of_v2.token(&claims(&iss, OWN))), refused, "{iss}");
    }
}

#[test]
fn a_document_for_another_tenant_lets_nobody_in() {
    let (of_v2, _) = signers();
    let world = world(OWN, OTHER_TENANT);
    let refused = |token: Value| world.rejection(&of_v2.token(&token));
    let other = Rejection::TenantNotAllowed(TenantFault::Other);
    assert_eq!(
        refused(claims(&v2(OTHER_TENANT), OTHER_TENANT)),
        other,
        "`tenant-id` is a GUID, and not this one"
    );
    assert_eq!(refused(claims(&v2(OWN), OWN)), other, "the metadata names another");
}

#[test]
fn each_rule_refuses_and_the_first_one_answers() {
    let mut document = configuration(OWN);
    let policy = &mut document["validate-azure-ad-token"];
    policy["backend-application-ids"] = json!(["6e74172b-be56-4843-9ff4-e66a39bb12e3", "api://orders"]);
    policy["client-application-ids"] = json!(["72f988bf-86f1-41af-91ab-2d7cd011db47"]);
    policy["required-claims"] = json!([{ "name": "roles", "values": ["Orders.Read"] }]);
    document["options"]["clock-skew"] = json!(10);
    let mut world = World::new(&document);
    world.serve(|url| Some(serve(url, OWN)));
    let (of_v2, _) = signers();
    let mut token = claims(&v2(OWN), OWN);
    let refused = |token: &Value| world.rejection(&of_v2.token(token));
    // From the last rule to the first: each change is told before what was wrong already.
    assert_eq!(refused(&token), Rejection::ClientApplicationNotAllowed(ClientFault::Absent));
    token["azp"] = json!("72F988BF-86F1-41AF-91AB-2D7CD011DB47");
    assert_eq!(refused(&token), Rejection::ClaimNotFound { name: "roles".into() });
    token["roles"] = json!(["Orders.Write"]);
    assert_eq!(refused(&token), Rejection::ClaimValueNotAllowed { name: "roles".into() });
    token["azp"] = json!(OWN);
    assert_eq!(refused(&token), Rejection::ClientApplicationNotAllowed(ClientFault::NotListed));
    token["aud"] = json!("6e74172b-be56-4843-9ff4-e66a39bb12e3");
    assert_eq!(refused(&token), Rejection::AudienceNotAllowed);
    token["ver"] = json!("1.0");
    assert_eq!(refused(&token), VERSION);
    token["exp"] = json!(NOW - 10);
    assert_eq!(refused(&token).reason(), Reason::TokenExpired);
    token.as_object_mut().unwrap().remove("exp");
    assert_eq!(refused(&token), Rejection::ExpirationMissing);

    let mut good = claims(&v2(OWN), OWN);
    good["azp"] = json!("72f988bf-86f1-41af-91ab-2d7cd011db47");
    good["roles"] = json!(["Orders.Write", "Orders.Read"]);
    good["exp"] = json!(NOW - 9);
    assert!(world.passes(&of_v2.token(&good)), "within `options.clock-skew`");
}

#[test]
fn a_version_is_asked_for_whatever_the_issuer() {
    let (of_v2, _) = signers();
    let world = world(OWN, OWN);
    for iss in [v2(OWN), v1(OWN)] {
        for ver in [json!("3.0"), json!(2), Value::Null] {
            let mut token = claims(&iss, OWN);
            token["ver"] = ver;
            assert_eq!(world.rejection(&of_v2.token(&token)), VERSION, "{iss} {}", token["ver"]);
        }
        let mut token = claims(&iss, OWN);
        token.as_object_mut().unwrap().remove("ver");
        assert_eq!(world.rejection(&of_v2.token(&token)), VERSION, "{iss}");
    }
}

#[test]
fn its_defaults_are_apims() {
    let mut document = configuration(OWN);
    document.as_object_mut().unwrap().remove("options");
    let mut world = World::new(&document);
    world.serve(|url| Some(serve(url, OWN)));
    let (of_v2, _) = signers();
    let token = of_v2.token(&claims(&v2(OWN), OWN));
    assert_eq!(world.rejection(&token), Rejection::AlgorithmNotAllowed, "RS256 alone");
    let bare = headers(&[("authorization", token.as_str())]);
    let outcome = world.validate_head(RequestHead::new(&bare), Waited::default());
    assert_eq!(rejection(outcome), Rejection::NotPresent(Absence::Scheme), "`Bearer` is asked for");
}

#[test]
fn other_clouds_have_issuers_of_their_own() {
    let (of_v2, _) = signers();
    for (endpoint, v2_host, v1_host) in [
        ("login.microsoftonline.us", "login.microsoftonline.us", "sts.windows.net"),
        (
            "https://login.partner.microsoftonline.cn",
            "login.partner.microsoftonline.cn",
            "sts.chinacloudapi.cn",
        ),
        ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn", "sts.chinacloudapi.cn"),
    ] {
        let mut document = configuration(OWN);
        document["validate-azure-ad-token"]["authentication-endpoint"] = json!(endpoint);
        let mut world = World::new(&document);
        let host = endpoint.trim_start_matches("https://");
        let (v2, v1) = (format!("https://{v2_host}/{OWN}/v2.0"), format!("https://{v1_host}/{OWN}/"));
        world.serve(|url| {
            let issuer = if url.contains("/v2.0/") { &v2 } else { &v1 };
            let key = json!({ "keys": [of_v2.jwk()] });
            Some(if url.ends_with("/keys") { key } else { metadata(host, issuer) })
        });
        for iss in [&v2, &v1] {
            assert!(world.passes(&of_v2.token(&claims(iss, OWN))), "{endpoint} {iss}");
            let other = of_v2.token(&claims(&iss.replace(OWN, OTHER_TENANT), OTHER_TENANT));
            assert_eq!(
                world.rejection(&other),
                Rejection::TenantNotAllowed(TenantFault::Other),
                "{endpoint}"
            );
        }
        let public = of_v2.token(&claims(&self::v2(OWN), OWN));
        assert_eq!(world.rejection(&public), Rejection::IssuerNotAllowed(IssuerFault::NotListed));
    }
}
