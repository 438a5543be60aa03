use serde_json::{Value, json};

use super::*;
use crate::json::Json;

const TENANT: &str = "11111111-aaaa-3333-4444-555555555555";
const UPPER: &str = "11111111-AAAA-3333-4444-555555555555";
const OTHER: &str = "99999999-aaaa-3333-4444-555555555555";
const PERSONAL: &str = PERSONAL_ACCOUNTS_TENANT;

fn entra(tenant: Tenant) -> Entra {
    Entra { tenant, backend_applications: None, client_applications: None }
}

fn v2(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

fn claims(claims: &Value) -> Claims<'static> {
    Claims::parse(Json::parse(claims.to_string().leak().as_bytes()).unwrap().into_object().unwrap()).unwrap()
}

#[test]
fn a_tenant_lets_in_its_own_tokens() {
    let id = || Tenant::Id(TENANT.to_owned());
    for (tenant, iss, tid, expected) in [
        (id(), v2(TENANT), TENANT, None),
        (id(), v1(TENANT), TENANT, None),
        (id(), v2(UPPER), TENANT, None),
        (id(), v2(TENANT), UPPER, None),
        (id(), v1(UPPER), UPPER, None),
        (Tenant::Id(UPPER.to_owned()), v2(TENANT), TENANT, None),
        (id(), v2(OTHER), OTHER, Some(TenantFault::Other)),
        (id(), v2(PERSONAL), PERSONAL, Some(TenantFault::Other)),
        // The metadata that the domain leads to names the issuer of one tenant alone.
        (Tenant::Domain, v2(TENANT), TENANT, None),
        (Tenant::Domain, v1(TENANT), UPPER, None),
        (Tenant::Organizations, v2(TENANT), TENANT, None),
        (Tenant::Organizations, v1(OTHER), OTHER, None),
        (Tenant::Organizations, v2(PERSONAL), PERSONAL, Some(TenantFault::PersonalAccount)),
        (
            Tenant::Organizations,
            v2(PERSONAL),
            "9188040D-6C67-4C5B-B112-36A304B66DAD",
            Some(TenantFault::PersonalAccount),
        ),
        (Tenant::Common, v2(TENANT), TENANT, None),
        (Tenant::Common, v1(OTHER), OTHER, None),
        (Tenant::Common, v2(PERSONAL), PERSONAL, None),
        (Tenant::Consumers, v2(PERSONAL), PERSONAL, None),
        (Tenant::Consumers, v2(PERSONAL), "9188040D-6C67-4C5B-B112-36A304B66DAD", None),
        (Tenant::Consumers, v2(TENANT), TENANT, Some(TenantFault::Other)),
    ] {
        let expected = expected.map_or(Ok(()), |fault| Err(Rejection::TenantNotAllowed(fault)));
        assert_eq!(entra(tenant.clone()).check_tenant(&iss, Some(tid)), expected, "{tenant:?} {iss} {tid}");
    }
}

#[test]
fn every_tenant_asks_for_a_tid_that_is_the_issuers() {
    for tenant in [
        Tenant::Id(TENANT.to_owned()),
        Tenant::Domain,
        Tenant::Organizations,
        Tenant::Common,
        Tenant::Consumers,
    ] {
        let entra = entra(tenant);
        for (iss, tid, expected) in [
            (v2(TENANT), None, TenantFault::Absent),
            (v2(TENANT), Some(""), TenantFault::Absent),
            (v2("common"), Some("common"), TenantFault::Absent),
            (v2("contoso.com"), Some("contoso.com"), TenantFault::Absent),
            (v2("{tenantid}"), Some("{tenantid}"), TenantFault::Absent),
            (v2(TENANT), Some("11111111aaaa33334444555555555555"), TenantFault::Absent),
            (v2(TENANT), Some("11111111-aaaa-3333-4444-555555555555 "), TenantFault::Absent),
            (v2(OTHER), Some(TENANT), TenantFault::NotOfIssuer),
            (v2(TENANT), Some(OTHER), TenantFault::NotOfIssuer),
            (v1(OTHER), Some(TENANT), TenantFault::NotOfIssuer),
            (format!("https://login.microsoftonline.com/x/{TENANT}"), Some(TENANT), TenantFault::NotOfIssuer),
            (TENANT.to_owned(), Some(TENANT), TenantFault::NotOfIssuer),
        ] {
            assert_eq!(
                entra.check_tenant(&iss, tid),
                Err(Rejection::TenantNotAllowed(expected)),
                "{entra:?} {iss} {tid:?}"
            );
        }
    }
}

#[test]
fn an_issuer_that_nothing_names_is_another_tenants_or_nobodys() {
    let own = [Issuer::new(v2(TENANT)), Issuer::new(v1(TENANT))];
    let templates = [Issuer::new(v2("{tenantid}")), Issuer::new(v1("{tenantid}"))];
    let tenant = |fault| Rejection::TenantNotAllowed(fault);
    let issuer = |fault| Rejection::IssuerNotAllowed(fault);
    let listed = IssuerFault::NotListed;
    for published in [&own, &templates] {
        for (iss, tid, fault, expected) in [
            (v2(OTHER), Some(OTHER), listed, tenant(TenantFault::Other)),
            (v1(OTHER), Some(OTHER), listed, tenant(TenantFault::Other)),
            (v2(&OTHER.to_uppercase()), Some(OTHER), listed, tenant(TenantFault::Other)),
            (v2(OTHER), Some(TENANT), listed, tenant(TenantFault::NotOfIssuer)),
            (v1(OTHER), Some(TENANT), listed, tenant(TenantFault::NotOfIssuer)),
            (v2(OTHER), None, listed, tenant(TenantFault::Absent)),
            (v2(OTHER), Some("contoso.com"), listed, tenant(TenantFault::Absent)),
            // Whatever `tid` says, what is no tenant's issuer is no tenant's.
            (v2("common"), Some("common"), listed, issuer(listed)),
            (v2("{tenantid}"), Some("{tenantid}"), listed, issuer(listed)),
            (format!("{}/", v2(OTHER)), Some(OTHER), listed, issuer(listed)),
            (format!("https://login.microsoftonline.us/{OTHER}/v2.0"), Some(OTHER), listed, issuer(listed)),
            (format!("https://evil.example/{OTHER}/v2.0"), Some(OTHER), listed, issuer(listed)),
            (format!("https://{OTHER}.ciamlogin.com/{OTHER}/v2.0"), Some(OTHER), listed, issuer(listed)),
            ("contoso".to_owned(), Some(OTHER), listed, issuer(listed)),
            (
                "https://evil.example/".to_owned(),
                None,
                IssuerFault::SeveralHosts,
                issuer(IssuerFault::SeveralHosts),
            ),
        ] {
            assert_eq!(
                Entra::refuse_issuer(published.iter(), &iss, tid, fault),
                expected,
                "{published:?} {iss} {tid:?}"
            );
        }
    }
    let nothing = Entra::refuse_issuer([].into_iter(), &v2(OTHER), Some(OTHER), listed);
    assert_eq!(nothing, issuer(listed), "nothing was published");
}

#[test]
fn a_version_is_that_of_the_issuer() {
    for (ver, iss, is_good) in [
        (json!("2.0"), v2(TENANT), true),
        (json!("2.0"), v2(TENANT).to_uppercase(), true),
        (json!("1.0"), v1(TENANT), true),
        (json!("1.0"), v2(TENANT), false),
        (json!("2.0"), v1(TENANT), false),
        (json!("2.0"), format!("{}/", v2(TENANT)), false),
        (json!("3.0"), v2(TENANT), false),
        (json!("3.0"), v1(TENANT), false),
        (json!(""), v1(TENANT), false),
        (json!("2"), v2(TENANT), false),
        (json!(2.0), v2(TENANT), false),
        (json!(1), v1(TENANT), false),
        (Value::Null, v1(TENANT), false),
        (json!(["2.0"]), v2(TENANT), false),
    ] {
        let expected = if is_good { Ok(()) } else { Err(Rejection::IssuerNotAllowed(IssuerFault::Version)) };
        let token = claims(&json!({ "iss": iss, "ver": ver }));
        assert_eq!(Entra::check_version(&token), expected, "{ver} {iss}");
    }
    let refused = Err(Rejection::IssuerNotAllowed(IssuerFault::Version));
    assert_eq!(Entra::check_version(&claims(&json!({ "iss": v1(TENANT) }))), refused, "no `ver`");
    assert_eq!(Entra::check_version(&claims(&json!({ "ver": "2.0" }))), refused, "no `iss`");
}

#[test]
fn a_client_is_named_by_azp_or_appid() {
    let policy = |ids: &[&str]| Entra {
        client_applications: Some(ids.iter().map(|id| ApplicationId::new(*id)).collect()),
        ..entra(Tenant::Common)
    };
    let listed = policy(&["aaaabbbb-0000-cccc-1111-dddd2222eeee", "My-Client"]);
    let client = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
    for (token, expected) in [
        (json!({ "azp": client }), None),
        (json!({ "appid": client }), None),
        (json!({ "azp": client.to_uppercase() }), None),
        (json!({ "appid": client.to_uppercase() }), None),
        (json!({ "azp": client, "appid": client }), None),
        (json!({ "azp": client, "appid": client.to_uppercase() }), None),
        (json!({ "azp": "My-Client" }), None),
        (json!({ "azp": "my-client" }), Some(ClientFault::NotListed)),
        (json!({ "azp": format!("api://{client}") }), Some(ClientFault::NotListed)),
        (json!({ "azp": format!("{client} ") }), Some(ClientFault::NotListed)),
        (json!({ "azp": OTHER }), Some(ClientFault::NotListed)),
        (json!({ "appid": OTHER }), Some(ClientFault::NotListed)),
        (json!({ "azp": "" }), Some(ClientFault::NotListed)),
        (json!({ "azp": client, "appid": OTHER }), Some(ClientFault::Contradictory)),
        (json!({ "azp": OTHER, "appid": client }), Some(ClientFault::Contradictory)),
        (json!({}), Some(ClientFault::Absent)),
        (json!({ "azp": null, "client_id": client }), Some(ClientFault::Absent)),
        (json!({ "azp": [client] }), Some(ClientFault::Absent)),
        (json!({ "AZP": client }), Some(ClientFault::Absent)),
    ] {
        let expected = expected.map_or(Ok(()), |fault| Err(Rejection::ClientApplicationNotAllowed(fault)));
        assert_eq!(listed.check_applications(&claims(&token)), expected, "{token}");
    }
    let upper = policy(&[&client.to_uppercase()]);
    assert_eq!(upper.check_applications(&claims(&json!({ "azp": client }))), Ok(()));
    assert_eq!(entra(Tenant::Common).check_applications(&claims(&json!({}))), Ok(()), "nothing is asked");
}

#[test]
fn a_backend_is_named_by_an_audience() {
    let backend = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
    let policy = Entra {
        backend_applications: Some(vec![ApplicationId::new(backend), ApplicationId::new("https://My.Api")]),
        ..entra(Tenant::Common)
    };
    for (aud, is_good) in [
        (json!(backend), true),
        (json!(backend.to_uppercase()), true),
        (json!(format!("api://{backend}")), true),
        (json!(format!("api://{}", backend.to_uppercase())), true),
        (json!([OTHER, backend]), true),
        (json!("https://My.Api"), true),
        (json!("api://https://My.Api"), true),
        (json!("https://my.api"), false),
        (json!(format!("API://{backend}")), false),
        (json!(format!("api://{backend}/")), false),
        (json!(format!("api://tenant/{backend}")), false),
        (json!(format!("https://{backend}")), false),
        (json!(OTHER), false),
        (json!([]), false),
        (json!(""), false),
    ] {
        let expected = if is_good { Ok(()) } else { Err(Rejection::BackendApplicationNotAllowed) };
        assert_eq!(policy.check_applications(&claims(&json!({ "aud": aud }))), expected, "{aud}");
    }
    let absent = policy.check_applications(&claims(&json!({ "azp": backend })));
    assert_eq!(absent, Err(Rejection::BackendApplicationNotAllowed), "no `aud`");
}

#[test]
fn the_backend_is_checked_before_the_client_and_both_must_hold() {
    let policy = Entra {
        backend_applications: Some(vec![ApplicationId::new("backend")]),
        client_applications: Some(vec![ApplicationId::new("client")]),
        ..entra(Tenant::Common)
    };
    let client = Rejection::ClientApplicationNotAllowed(ClientFault::NotListed);
    for (aud, azp, expected) in [
        ("backend", "client", Ok(())),
        ("backend", "x", Err(client)),
        ("x", "client", Err(Rejection::BackendApplicationNotAllowed)),
        ("x", "x", Err(Rejection::BackendApplicationNotAllowed)),
    ] {
        let token = claims(&json!({ "aud": aud, "azp": azp }));
        assert_eq!(policy.check_applications(&token), expected, "{aud} {azp}");
    }
}
