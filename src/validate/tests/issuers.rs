//! Which keys may vouch for which issuer (the rules of `trust`), through the whole journey.

use super::*;

const V2: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";
const V1: &str = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";
const ENTRA: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0/.well-known/openid-configuration";
const COMMON: &str = "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration";
const ORGANIZATIONS: &str =
    "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration";
const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
const A: &str = "https://a.example/x";
const B: &str = "https://b.example/x";
const NOT_LISTED: Rejection = Rejection::IssuerNotAllowed(IssuerFault::NotListed);
const SEVERAL_HOSTS: Rejection = Rejection::IssuerNotAllowed(IssuerFault::SeveralHosts);

/// A world whose providers all answered: per host an issuer, and key `n` for the `n`th, with per-key issuer if given.
fn world(urls: &[&str], issuers: &[&str], answers: &[(&str, &str, Option<&str>)]) -> World {
    let mut world = World::new(&configuration(urls, issuers));
    world.serve(|url| {
        let host = url.split('/').nth(2).unwrap();
        let (index, (_, issuer, key_issuer)) =
            answers.iter().enumerate().find(|(_, (known, ..))| *known == host)?;
        if !url.ends_with("/keys") {
            return Some(metadata(host, issuer));
        }
        let mut key = signer(index).jwk();
        if let Some(key_issuer) = key_issuer {
            key["issuer"] = json!(key_issuer);
        }
        Some(json!({ "keys": [key] }))
    });
    world
}

fn signer(index: usize) -> Signer {
    Signer::new(u8::try_from(index).unwrap() + 1)
}

const HOST: &str = "login.microsoftonline.com";

#[test]
fn explicit_issuers_and_the_metadatas_own_are_a_union() {
    let world = world(&[ENTRA], &[V1], &[(HOST, V2, Some(TEMPLATE))]);
    assert!(world.passes(&signer(0).token(&claims(V2))));
    assert!(world.passes(&signer(0).token(&claims(V1))), "v1 tokens are signed with v2 keys");
    assert_eq!(world.rejection(&signer(0).token(&claims(&format!("{V1}x")))), NOT_LISTED);
    assert_eq!(
        world.rejection(&signer(0).token(&claims(&format!("{V2}/")))),
        NOT_LISTED,
        "B2C's differs by a slash"
    );
}

#[test]
fn without_the_list_a_v1_token_is_not_for_a_v2_configuration() {
    let world = world(&[ENTRA], &[], &[(HOST, V2, None)]);
    assert_eq!(world.rejection(&signer(0).token(&claims(V1))), NOT_LISTED);
}

#[test]
fn a_template_takes_every_tenant_but_only_under_its_own_name() {
    let world = world(&[COMMON], &[], &[(HOST, TEMPLATE, Some(TEMPLATE))]);
    assert!(world.passes(&signer(0).token(&claims(V2))));
    let mut other = claims(&V2.replace(TENANT, OTHER_TENANT));
    assert_eq!(
        world.rejection(&signer(0).token(&other)),
        NOT_LISTED,
        "`tid` is of another tenant than `iss`"
    );
    other["tid"] = json!(OTHER_TENANT);
    assert!(world.passes(&signer(0).token(&other)));
    other.as_object_mut().unwrap().remove("tid");
    assert_eq!(world.rejection(&signer(0).token(&other)), NOT_LISTED);
    let literal = json!({ "iss": TEMPLATE, "tid": "{tenantid}", "exp": NOW + 1 });
    assert_eq!(world.rejection(&signer(0).token(&literal)), NOT_LISTED);
}

#[test]
fn a_list_of_issuers_narrows_a_template() {
    let world = world(&[COMMON], &[V2], &[(HOST, TEMPLATE, None)]);
    assert!(world.passes(&signer(0).token(&claims(V2))));
    let mut other = claims(&V2.replace(TENANT, OTHER_TENANT));
    other["tid"] = json!(OTHER_TENANT);
    assert_eq!(world.rejection(&signer(0).token(&other)), NOT_LISTED);
}

#[test]
fn organizations_takes_no_personal_account() {
    let personal = format!("https://login.microsoftonline.com/{}/v2.0", issuer::PERSONAL_ACCOUNTS_TENANT);
    let mut token = claims(&personal);
    token["tid"] = json!(issuer::PERSONAL_ACCOUNTS_TENANT);
    let answers = [(HOST, TEMPLATE, None)];
    assert!(world(&[COMMON], &[], &answers).passes(&signer(0).token(&token)));
    let world = world(&[ORGANIZATIONS], &[], &answers);
    assert!(world.passes(&signer(0).token(&claims(V2))));
    let refused = Rejection::IssuerNotAllowed(IssuerFault::PersonalAccount);
    assert_eq!(world.rejection(&signer(0).token(&token)), refused);
}

#[test]
fn a_keys_own_issuer_must_be_the_tokens_or_the_configurations() {
    let other = format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0");
    let foreign_key = world(&[ENTRA], &[], &[(HOST, V2, Some(&other))]);
    let refused = Rejection::IssuerNotAllowed(IssuerFault::OtherKeyIssuer);
    assert_eq!(foreign_key.rejection(&signer(0).token(&claims(V2))), refused);
    let own_key = world(&[ENTRA], &[], &[(HOST, V2, Some(V2))]);
    assert!(own_key.passes(&signer(0).token(&claims(V2))));
    let template = world(&[ENTRA], &[], &[(HOST, V2, Some(TEMPLATE))]);
    let mut no_tenant = claims(V2);
    no_tenant.as_object_mut().unwrap().remove("tid");
    assert_eq!(
        template.rejection(&signer(0).token(&no_tenant)),
        refused,
        "nothing to fill the template in with"
    );
}

#[test]
fn no_provider_signs_for_another() {
    let answers = [("a.example", "https://a.example", None), ("b.example", "https://b.example", None)];
    let world = world(&[A, B], &[], &answers);
    assert!(world.passes(&signer(0).token(&claims("https://a.example"))));
    assert!(world.passes(&signer(1).token(&claims("https://b.example"))));
    let stolen = Signer { key_id: "key-1".into(), ..signer(1) }.token(&claims("https://a.example"));
    assert_eq!(world.rejection(&stolen), Rejection::SignatureInvalid);
    let asked = wish(world.validate(&signer(1).token(&claims("https://a.example"))));
    assert_eq!(asked, Wish::refetch(set(&[0])), "only its own provider is asked");
}

#[test]
fn b2c_migration_one_configuration_vouches_for_a_listed_issuer_of_another_host() {
    let b2c = "https://contoso.b2clogin.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/";
    let legacy = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/";
    let url = "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_signupsignin1/v2.0/.well-known/openid-configuration";
    let world = world(&[url], &[legacy, b2c], &[("contoso.b2clogin.com", b2c, None)]);
    assert!(world.passes(&signer(0).token(&claims(b2c))));
    assert!(world.passes(&signer(0).token(&claims(legacy))));
    assert_eq!(world.rejection(&signer(0).token(&claims(&legacy.replace("/v2.0/", "/v2.0")))), NOT_LISTED);
}

#[test]
fn among_several_hosts_the_issuers_own_vouches_or_nobody() {
    let answers = [("a.example", "https://a.example", None), ("b.example", "https://b.example", None)];
    let listed = world(&[A, B], &["https://b.example/old", "https://c.example"], &answers);
    assert!(listed.passes(&signer(1).token(&claims("https://b.example/old"))));
    let of_a = Signer { key_id: "key-2".into(), ..signer(0) }.token(&claims("https://b.example/old"));
    assert_eq!(listed.rejection(&of_a), Rejection::SignatureInvalid);
    for index in [0, 1] {
        assert_eq!(listed.rejection(&signer(index).token(&claims("https://c.example"))), SEVERAL_HOSTS);
    }
}

#[test]
fn one_issuer_from_two_hosts_is_void_for_both() {
    let shared = "https://c.example";
    for issuers in [&[][..], &[shared][..]] {
        let world = world(&[A, B], issuers, &[("a.example", shared, None), ("b.example", shared, None)]);
        for index in [0, 1] {
            assert_eq!(world.rejection(&signer(index).token(&claims(shared))), SEVERAL_HOSTS);
        }
    }
}

#[test]
fn a_document_cannot_name_an_issuer_on_anothers_host() {
    let world = world(
        &[A, B],
        &[],
        &[("a.example", "https://b.example", None), ("b.example", "https://b.example", None)],
    );
    assert!(world.passes(&signer(1).token(&claims("https://b.example"))));
    assert!(!world.passes(&signer(0).token(&claims("https://b.example"))));
    let provider = world.keys.provider(ProviderId::new(0).unwrap()).unwrap();
    assert!(provider.published().is_empty(), "its answer was refused");
}

#[test]
fn entras_sign_in_and_sts_hosts_are_one() {
    let v1_url = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/.well-known/openid-configuration";
    let alone = world(&[v1_url], &[], &[(HOST, V1, None)]);
    assert!(alone.passes(&signer(0).token(&claims(V1))));
    let bot = "https://login.botframework.com/v1/.well-known/openidconfiguration";
    let answers = [(HOST, V2, None), ("login.botframework.com", "https://api.botframework.com", None)];
    let both = world(&[ENTRA, bot], &[V1], &answers);
    assert!(
        both.passes(&signer(0).token(&claims(V1))),
        "listed, and on the host of the Entra configuration's cloud"
    );
    assert!(both.passes(&signer(1).token(&claims("https://api.botframework.com"))));
}

#[test]
fn while_a_provider_is_unknown_a_strange_issuer_waits_and_a_known_one_does_not() {
    let answers = [("a.example", "https://a.example", None)];
    // `b.example` does not answer.
    let mut world = world(&[A, B], &["https://c.example"], &answers);
    assert!(world.passes(&signer(0).token(&claims("https://a.example"))));
    for iss in ["https://b.example", "https://c.example", "https://d.example"] {
        assert_eq!(
            world.rejection(&signer(1).token(&claims(iss))).reason(),
            Reason::DiscoveryUnavailable,
            "{iss}"
        );
    }
    world.now = world.now.after(Duration::from_secs(2));
    assert_eq!(wish(world.validate(&signer(1).token(&claims("https://b.example")))).pending, set(&[1]));
}

#[test]
fn user_flows_of_one_host_share_an_issuer_and_wait_for_each_others_keys() {
    let (one, two) = ("https://a.example/one", "https://a.example/two");
    let mut world = World::new(&configuration(&[one, two], &[]));
    let (first, second) = (Signer::new(1), Signer::new(2));
    let serve = |url: &str| match url {
        "https://a.example/one" => {
            Some(json!({ "issuer": "https://a.example", "jwks_uri": "https://a.example/1" }))
        }
        "https://a.example/1" => Some(json!({ "keys": [first.jwk()] })),
        _ => None,
    };
    world.serve(serve);
    assert!(world.passes(&first.token(&claims("https://a.example"))));
    let token = second.token(&claims("https://a.example"));
    world.now = world.now.after(Duration::from_secs(2));
    assert_eq!(wish(world.validate(&token)), Wish::pending(set(&[1])));
    world.serve(|url| match url {
        "https://a.example/two" => {
            Some(json!({ "issuer": "https://a.example", "jwks_uri": "https://a.example/2" }))
        }
        "https://a.example/2" => Some(json!({ "keys": [second.jwk()] })),
        other => serve(other),
    });
    assert!(world.passes(&token));
    assert!(world.passes(&first.token(&claims("https://a.example"))));
}

#[test]
fn a_provider_that_names_another_issuer_for_a_while_harms_no_caller() {
    let mut world = world(&[A], &[], &[("a.example", "https://a.example", None)]);
    let mut claims = claims("https://a.example");
    claims["exp"] = json!(NOW + 1_000_000);
    let (token, other) = (signer(0).token(&claims), Signer::new(9));
    for issuer in ["https://wrong.example", "https://a.example"] {
        world.now = world.now.after(Duration::from_hours(1));
        world.serve(|url| {
            Some(if url.ends_with("/keys") {
                json!({ "keys": [if issuer == "https://a.example" { signer(0).jwk() } else { other.jwk() }] })
            } else {
                metadata("a.example", issuer)
            })
        });
        assert!(world.passes(&token), "while it names {issuer}");
        let of_other = Signer { key_id: "key-1".into(), ..Signer::new(9) }.token(&claims);
        assert!(!world.passes(&of_other), "its keys are for the issuer that it named with them");
    }
}

#[test]
fn a_provider_that_names_another_issuer_at_start_recovers() {
    let mut world = world(&[A], &[], &[("a.example", "https://wrong.example", None)]);
    let mut claims = claims("https://a.example");
    claims["exp"] = json!(NOW + 1_000_000);
    assert_eq!(world.rejection(&signer(0).token(&claims)), NOT_LISTED);
    world.now = world.now.after(Duration::from_hours(1));
    world.serve(|url| {
        let keys = json!({ "keys": [signer(0).jwk()] });
        Some(if url.ends_with("/keys") { keys } else { metadata("a.example", "https://a.example") })
    });
    assert!(world.passes(&signer(0).token(&claims)));
}

#[test]
fn listed_issuers_with_inline_keys_only() {
    let world = World::new(&json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "issuer-signing-keys": [{ "jwk": Signer::new(1).jwk() }],
            "issuers": ["contoso.com"],
        },
    }));
    assert!(world.passes(&signer(0).token(&claims("contoso.com"))));
    assert_eq!(world.rejection(&signer(0).token(&claims("fabrikam.com"))), NOT_LISTED);
}

/// A world of `a.example` and `b.example` of which only the first answers, with this issuer.
fn only_the_first_answers(issuer: &str) -> World {
    let mut world = World::new(&configuration(&[A, B], &[]));
    world.serve(|url| match url {
        A => Some(metadata("a.example", issuer)),
        "https://a.example/keys" => Some(json!({ "keys": [signer(0).jwk()] })),
        _ => None,
    });
    world
}

#[test]
fn no_spelling_of_an_issuer_hides_whose_host_it_is_on() {
    for issuer in [
        "https://b.example/#/realm",
        "https://b.example/\u{e9}",
        "https://B.example:443/x",
        "https://a.example@b.example/",
        "https://{tenantid}.example/{tenantid}/v2.0",
    ] {
        let world = only_the_first_answers(issuer);
        let provider = world.keys.provider(ProviderId::new(0).unwrap()).unwrap();
        assert!(provider.published().is_empty(), "{issuer} was taken");
        assert!(!world.passes(&signer(0).token(&claims(issuer))), "{issuer}");
    }
}

#[test]
fn an_issuer_away_from_home_waits_until_every_other_host_has_spoken() {
    for issuer in ["https://c.example", "accounts.example"] {
        let mut world = only_the_first_answers(issuer);
        let token = signer(0).token(&claims(issuer));
        assert_eq!(world.rejection(&token).reason(), Reason::DiscoveryUnavailable, "{issuer}");
        world.now = world.now.after(Duration::from_secs(2));
        assert_eq!(wish(world.validate(&token)).pending, set(&[1]));
        world.serve(|url| match url {
            B => Some(metadata("b.example", "https://b.example")),
            _ => Some(json!({ "keys": [signer(1).jwk()] })),
        });
        assert!(world.passes(&token), "{issuer}: the other host does not claim it");
    }
}

#[test]
fn clouds_that_share_a_host_of_issuers_do_not_shut_each_other_out() {
    let public = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/.well-known/openid-configuration";
    let government = "https://login.microsoftonline.us/99999999-2222-3333-4444-555555555555/.well-known/openid-configuration";
    let other = format!("https://sts.windows.net/{OTHER_TENANT}/");
    let answers = [(HOST, V1, None), ("login.microsoftonline.us", other.as_str(), None)];
    let world = world(&[public, government], &[], &answers);
    assert!(world.passes(&signer(0).token(&claims(V1))));
    assert!(world.passes(&signer(1).token(&claims(&other))));
    assert!(!world.passes(&signer(1).token(&claims(V1))));
}

#[test]
fn inline_keys_vouch_for_a_listed_issuer_whatever_the_network_says() {
    let inline = Signer::new(9);
    let secret = URL_SAFE_NO_PAD.encode([7; 32]);
    let mut document = configuration(&[A, B], &["https://internal"]);
    document["validate-jwt"]["issuer-signing-keys"] =
        json!([{ "jwk": inline.jwk() }, { "id": "s", "value": secret }]);
    let token = inline.token(&claims("https://internal"));
    let mut world = World::new(&document);
    assert!(world.passes(&token), "no configuration has answered");
    let stranger = signer(0).token(&claims("https://internal"));
    assert_eq!(wish(world.validate(&stranger)).pending, set(&[0, 1]), "the network may know its key");
    let by_secret = inline.token_with(&json!({ "alg": "HS256", "kid": "s" }), &claims("https://internal"));
    assert_eq!(world.rejection(&by_secret), Rejection::SignatureInvalid, "a secret is never found there");
    world.serve(|url| {
        let host = url.split('/').nth(2)?;
        let keys = json!({ "keys": [signer(0).jwk()] });
        Some(if url.ends_with("/keys") { keys } else { metadata(host, &format!("https://{host}")) })
    });
    assert!(world.passes(&token), "configurations on two hosts");
    assert_eq!(world.rejection(&stranger), SEVERAL_HOSTS);
}

#[test]
fn what_a_provider_said_earlier_gives_way_to_what_another_says_now() {
    let shared = "https://c.example";
    let mut world = world(&[A, B], &[], &[("a.example", shared, None), ("b.example", shared, None)]);
    let mut claims = claims(shared);
    claims["exp"] = json!(NOW + 1_000_000);
    let token = signer(1).token(&claims);
    assert_eq!(world.rejection(&token), SEVERAL_HOSTS);
    world.now = world.now.after(Duration::from_hours(1));
    world.serve(|url| match url {
        A => Some(metadata("a.example", "https://a.example")),
        B => Some(metadata("b.example", shared)),
        "https://a.example/keys" => Some(json!({ "keys": [signer(0).jwk()] })),
        _ => Some(json!({ "keys": [signer(1).jwk()] })),
    });
    assert!(world.passes(&token));
    assert!(!world.passes(&signer(0).token(&claims)));
}

#[test]
fn a_personal_account_waits_for_the_configuration_that_may_take_it() {
    let consumers = "https://login.microsoftonline.com/consumers/v2.0/.well-known/openid-configuration";
    let mut world = World::new(&configuration(&[ORGANIZATIONS, consumers], &[]));
    let personal = format!("https://login.microsoftonline.com/{}/v2.0", issuer::PERSONAL_ACCOUNTS_TENANT);
    let mut token = claims(&personal);
    token["tid"] = json!(issuer::PERSONAL_ACCOUNTS_TENANT);
    let token = signer(0).token(&token);
    let serve = |with_consumers: bool| {
        let personal = personal.clone();
        move |url: &str| match url {
            ORGANIZATIONS => Some(metadata(HOST, TEMPLATE)),
            _ if url == consumers => with_consumers.then(|| metadata(HOST, &personal)),
            _ => Some(json!({ "keys": [signer(0).jwk()] })),
        }
    };
    world.serve(serve(false));
    assert_eq!(world.rejection(&token).reason(), Reason::DiscoveryUnavailable);
    world.now = world.now.after(Duration::from_secs(2));
    world.serve(serve(true));
    assert!(world.passes(&token));
}

#[test]
fn a_request_waits_for_each_provider_once() {
    let mut world = World::new(&configuration(&[A, B], &[]));
    let token = signer(0).token(&claims("https://d.example"));
    assert_eq!(wish(world.validate(&token)).pending, set(&[0, 1]));
    world.serve(|_| None);
    world.now = world.now.after(Duration::from_secs(2));
    let after = |ids: &[usize]| Waited { fetched: set(ids), refetched: set(&[]) };
    assert_eq!(
        wish(world.validate_again(&token, after(&[0]))).pending,
        set(&[1]),
        "the next attempts are due"
    );
    assert_eq!(reason(world.validate_again(&token, after(&[0, 1]))), Reason::DiscoveryUnavailable);
}

#[test]
fn a_key_that_is_published_for_two_issuers_serves_both() {
    let mut world = World::new(&configuration(&[COMMON], &[]));
    let personal = format!("https://login.microsoftonline.com/{}/v2.0", issuer::PERSONAL_ACCOUNTS_TENANT);
    world.serve(|url| {
        let of = |issuer: &str| {
            let mut key = signer(0).jwk();
            key["issuer"] = json!(issuer);
            key
        };
        let keys = json!({ "keys": [of(&personal), of(TEMPLATE)] });
        Some(if url.ends_with("/keys") { keys } else { metadata(HOST, TEMPLATE) })
    });
    assert!(world.passes(&signer(0).token(&claims(V2))));
}

#[test]
fn tenants_that_share_a_key_do_not_use_up_each_others_tries() {
    let tenants: Vec<_> = (1..=6).map(|number| TENANT.replace('1', &number.to_string())).collect();
    let url = |tenant: &String| format!("https://{HOST}/{tenant}/v2.0/.well-known/openid-configuration");
    let v1 = |tenant: &String| format!("https://sts.windows.net/{tenant}/");
    let (urls, listed): (Vec<_>, Vec<_>) = tenants.iter().map(|tenant| (url(tenant), v1(tenant))).unzip();
    let (urls, listed): (Vec<_>, Vec<_>) =
        (urls.iter().map(String::as_str).collect(), listed.iter().map(String::as_str).collect());
    let mut world = World::new(&configuration(&urls, &listed));
    world.serve(|url| {
        let tenant = url.split('/').nth(3)?;
        let mut key = signer(0).jwk();
        key["issuer"] = json!(TEMPLATE);
        let keys = json!({ "keys": [key] });
        let document = json!({
            "issuer": TEMPLATE.replace("{tenantid}", tenant),
            "jwks_uri": format!("https://{HOST}/{tenant}/keys"),
        });
        Some(if url.ends_with("/keys") { keys } else { document })
    });
    for tenant in &tenants {
        let token = json!({ "iss": v1(tenant), "tid": tenant, "exp": NOW + 600 });
        assert!(world.passes(&signer(0).token(&token)), "{tenant}");
        let stranger = json!({ "iss": v1(tenant), "tid": OTHER_TENANT, "exp": NOW + 600 });
        assert!(!world.passes(&signer(0).token(&stranger)), "{tenant}");
    }
}

#[test]
fn a_key_id_that_two_have_decides_nothing_while_one_has_no_keys() {
    let mut document = configuration(&[A], &[]);
    let inline = Signer { key_id: "key-1".into(), ..Signer::new(9) };
    document["validate-jwt"]["issuer-signing-keys"] = json!([{ "jwk": inline.jwk() }]);
    let mut world = World::new(&document);
    world.serve(|url| {
        let keys = json!({ "keys": [signer(0).jwk()] });
        Some(if url.ends_with("/keys") { keys } else { metadata("a.example", "https://a.example") })
    });
    let mut claims = claims("https://a.example");
    claims["exp"] = json!(NOW + 10_000_000);
    let token = signer(0).token(&claims);
    assert!(world.passes(&token));
    world.now = world.now.after(Duration::from_hours(24 * 30));
    assert_eq!(wish(world.validate(&token)).pending, set(&[0]), "its keys are past use, and a fetch is due");
    assert!(world.passes(&inline.token(&claims)));
    world.serve(|_| None);
    assert_eq!(world.rejection(&token).reason(), Reason::DiscoveryUnavailable);
}
