//! `validate-azure-ad-token`: what its words become, and what they cannot be.

use super::*;
use crate::{
    clusters::Clusters,
    extract::TokenSource,
    policy::{ApplicationId, DefaultTexts, Entra, Tenant},
};

const GUID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

/// A good policy with these members, and `tenant-id` among them.
fn azure(members: &str) -> String {
    format!(r#"{{"validate-azure-ad-token":{{"audiences":["a"],{members}}},"default-cluster":"{{host}}"}}"#)
}

fn tenant(tenant_id: &str, endpoint: Option<&str>) -> String {
    let endpoint =
        endpoint.map(|endpoint| format!(r#","authentication-endpoint":"{endpoint}""#)).unwrap_or_default();
    azure(&format!(r#""tenant-id":"{tenant_id}"{endpoint}"#))
}

fn urls(configuration: &Configuration) -> Vec<String> {
    configuration.providers.iter().map(|provider| provider.url.to_string()).collect()
}

#[test]
fn a_tenant_becomes_the_urls_of_its_two_documents() {
    let public = "https://login.microsoftonline.com";
    let id = || Tenant::Id(GUID.to_owned());
    let upper = GUID.to_uppercase();
    let government = "https://login.microsoftonline.us";
    let china = "https://login.partner.microsoftonline.cn";
    for (tenant_id, endpoint, base, segment, expected) in [
        (GUID, None, public, GUID, id()),
        (&upper, None, public, GUID, id()),
        ("contoso.com", None, public, "contoso.com", Tenant::Domain),
        ("Contoso.OnMicrosoft.com", None, public, "contoso.onmicrosoft.com", Tenant::Domain),
        ("organizations", None, public, "organizations", Tenant::Organizations),
        ("Organizations", None, public, "organizations", Tenant::Organizations),
        ("common", None, public, "common", Tenant::Common),
        ("COMMON", None, public, "common", Tenant::Common),
        (&format!("{public}/{GUID}"), None, public, GUID, id()),
        (&format!("{public}/{GUID}/"), None, public, GUID, id()),
        (&format!("{public}/{upper}/v2.0"), None, public, GUID, id()),
        (&format!("{public}/{GUID}/v2.0/.well-known/openid-configuration"), None, public, GUID, id()),
        (&format!("{public}/contoso.com"), None, public, "contoso.com", Tenant::Domain),
        (&format!("{public}/common"), None, public, "common", Tenant::Common),
        (&format!("https://sts.windows.net/{GUID}/"), None, public, GUID, id()),
        (&format!("https://login.windows.net/{GUID}"), None, public, GUID, id()),
        (&format!("https://login.microsoft.com/{GUID}?x"), None, public, GUID, id()),
        ("https://contoso.com", None, public, "contoso.com", Tenant::Domain),
        ("https://contoso.com/", None, public, "contoso.com", Tenant::Domain),
        ("HTTPS://Contoso.com", None, public, "contoso.com", Tenant::Domain),
        (GUID, Some("login.microsoftonline.com"), public, GUID, id()),
        (GUID, Some("https://login.microsoftonline.com/"), public, GUID, id()),
        (GUID, Some("login.microsoftonline.us"), government, GUID, id()),
        (GUID, Some(government), government, GUID, id()),
        (&format!("{government}/{GUID}"), Some(government), government, GUID, id()),
        (&format!("https://sts.windows.net/{GUID}"), Some(government), government, GUID, id()),
        ("contoso.cn", Some(china), china, "contoso.cn", Tenant::Domain),
        (&format!("https://sts.chinacloudapi.cn/{GUID}/"), Some(china), china, GUID, id()),
        (GUID, Some("login.chinacloudapi.cn"), "https://login.chinacloudapi.cn", GUID, id()),
        (GUID, Some("login.sovcloud-identity.fr"), "https://login.sovcloud-identity.fr", GUID, id()),
        (GUID, Some("idp.example:8443"), "https://idp.example:8443", GUID, id()),
        ("https://idp.example/common", Some("IdP.example"), "https://idp.example", "common", Tenant::Common),
    ] {
        let what = format!("{tenant_id} at {endpoint:?}");
        let configuration =
            parse(&tenant(tenant_id, endpoint)).unwrap_or_else(|error| panic!("{what}: {error}"));
        let expected_urls = ["/v2.0", ""]
            .map(|version| format!("{base}/{segment}{version}/.well-known/openid-configuration"));
        assert_eq!(urls(&configuration), expected_urls, "{what}");
        let policy = configuration.rulebook.only();
        assert_eq!(policy.entra.as_ref().unwrap().tenant, expected, "{what}");
        let own: Vec<_> = policy.providers.iter().map(|provider| provider.url.to_string()).collect();
        assert_eq!(own, expected_urls, "{what}");
        assert!(configuration.providers.iter().all(|provider| provider.limits.foreign_hosts.is_empty()));
    }
    let consumers = parse(&tenant("consumers", None)).unwrap();
    assert_eq!(
        urls(&consumers),
        [format!("{public}/consumers/v2.0/.well-known/openid-configuration")],
        "personal accounts have no tokens of version 1"
    );
    assert_eq!(consumers.rulebook.only().entra.as_ref().unwrap().tenant, Tenant::Consumers);
}

#[test]
fn an_endpoint_without_tls_is_allowed_where_it_is_said() {
    let text = tenant(GUID, Some("http://idp.example:8080"));
    let place = "validate-azure-ad-token.tenant-id";
    assert_eq!(
        parse(&text).unwrap_err(),
        format!(
            "{place}: is not https; use https, or set `fetch.allow-http` to true where keys may be forged"
        )
    );
    let text = text.replace(r#""default-cluster""#, r#""fetch":{"allow-http":true},"default-cluster""#);
    assert_eq!(
        urls(&parse(&text).unwrap())[0],
        format!("http://idp.example:8080/{GUID}/v2.0/.well-known/openid-configuration")
    );
    let nowhere = tenant(GUID, None).replace(r#","default-cluster":"{host}""#, "");
    assert_eq!(
        parse(&nowhere).unwrap_err(),
        format!(
            "{place}: no cluster for host `login.microsoftonline.com`; add `\"clusters\": {{ \"login.microsoftonline.com\": \
             \"<the proxy's cluster for it>\" }}` or `default-cluster`"
        )
    );
}

#[test]
fn tenants_and_endpoints_that_cannot_be_are_told() {
    let tenant_id = "validate-azure-ad-token.tenant-id";
    let endpoint_place = "validate-azure-ad-token.authentication-endpoint";
    let no_tenant = format!(
        "{tenant_id}: is not a tenant; expected its GUID, one of its domains (`contoso.com`), a URL with one of them, \
         `organizations`, `common` or `consumers`"
    );
    let placeholder = "has a placeholder; put in the name or id that it stands for";
    let customers = "is a host of External ID or Azure AD B2C, which `validate-azure-ad-token` does not take; use \
                     `validate-jwt` with its `openid-config`";
    let nowhere = format!(
        "{tenant_id}: is neither a URL of the authentication endpoint nor one with the tenant's domain as its host and no \
         path"
    );
    let nameless =
        format!("{tenant_id}: names no tenant; expected its id or domain as the first part of the path");
    let cloud = |endpoint| {
        format!("{tenant_id}: is of another cloud than `authentication-endpoint`, which is {endpoint}")
    };
    let with_path = format!(
        "{endpoint_place}: has a path; expected the host of an Entra cloud alone, such as \
         `https://login.microsoftonline.us`"
    );
    for (tenant_id_text, endpoint, expected) in [
        ("contoso", None, no_tenant.clone()),
        ("aaaabbbb-0000-cccc-1111-dddd2222eee", None, no_tenant.clone()),
        ("contoso.com/", None, no_tenant.clone()),
        ("contoso.com:443", None, no_tenant.clone()),
        ("..", None, no_tenant.clone()),
        (".", None, no_tenant.clone()),
        (".com", None, no_tenant.clone()),
        ("contoso..com", None, no_tenant.clone()),
        ("contoso.com.", None, no_tenant.clone()),
        ("[::ffff:1.2.3.4]", None, no_tenant.clone()),
        ("https://[::ffff:1.2.3.4]", None, no_tenant.clone()),
        ("me@contoso.com", None, no_tenant.clone()),
        ("conto so.com", None, no_tenant.clone()),
        ("contoso.com?x", None, no_tenant.clone()),
        ("../common", None, no_tenant.clone()),
        ("https://login.microsoftonline.com/contoso", None, no_tenant.clone()),
        ("https://login.microsoftonline.com/..", None, no_tenant),
        ("https://login.microsoftonline.com", None, nameless.clone()),
        ("https://sts.windows.net/", None, nameless),
        ("https://contoso.com/x", None, nowhere),
        ("https://login.microsoftonline.us/contoso.com", None, cloud("login.microsoftonline.com")),
        (
            "https://login.microsoftonline.com/contoso.com",
            Some("login.microsoftonline.us"),
            cloud("login.microsoftonline.us"),
        ),
        ("https://login.microsoftonline.com/common", Some("idp.example"), cloud("idp.example")),
        ("https://contoso.ciamlogin.com/contoso.com", None, format!("{tenant_id}: {customers}")),
        ("https://contoso.ciamlogin.com", None, format!("{tenant_id}: {customers}")),
        ("https://contoso.b2clogin.com/contoso.com", None, format!("{tenant_id}: {customers}")),
        ("{tenant}", None, format!("{tenant_id}: {placeholder}")),
        ("<your tenant>", None, format!("{tenant_id}: {placeholder}")),
        (
            "{{tenant}}",
            None,
            format!("{tenant_id}: has an unresolved `{{{{`; fill the template in before the filter gets it"),
        ),
        (
            "@(context.Variables)",
            None,
            format!(
                "{tenant_id}: is a policy expression, which only API Management evaluates; write its value"
            ),
        ),
        ("", None, format!("{tenant_id}: is an empty string; give a value or leave the member out")),
        ("ftp://contoso.com", None, format!("{tenant_id}: does not start with `https://`")),
        (GUID, Some("https://login.microsoftonline.us/x"), with_path.clone()),
        (GUID, Some("login.microsoftonline.us/x"), with_path),
        (GUID, Some("contoso.ciamlogin.com"), format!("{endpoint_place}: {customers}")),
        (GUID, Some("https://contoso.b2clogin.com"), format!("{endpoint_place}: {customers}")),
        (
            GUID,
            Some("a b"),
            format!(
                "{endpoint_place}: has a blank, a backslash, a control character or one beyond ASCII; percent-encode it"
            ),
        ),
        (GUID, Some("https://"), format!("{endpoint_place}: has no valid host")),
        (GUID, Some("me@idp.example"), format!("{endpoint_place}: has a user name before the host")),
        (GUID, Some("{host}"), format!("{endpoint_place}: {placeholder}")),
    ] {
        assert_eq!(
            parse(&tenant(tenant_id_text, endpoint)).unwrap_err(),
            expected,
            "{tenant_id_text} {endpoint:?}"
        );
    }
    let missing = azure(r#""header-name":"x""#);
    assert_eq!(parse(&missing).unwrap_err(), format!("{tenant_id}: is missing; it is required"));
}

#[test]
fn every_word_of_the_policy_is_read() {
    let text = r#"{
        "validate-azure-ad-token": {
            "tenant-id": "contoso.com",
            "header-name": "X-Token",
            "failed-validation-httpcode": 403,
            "failed-validation-error-message": "No.",
            "output-token-variable-name": "jwt",
            "backend-application-ids": [ "6e74172b-be56-4843-9ff4-e66a39bb12e3" ],
            "client-application-ids": [ "one", "two" ],
            "audiences": [ "api://orders", "https://{request-host}/" ],
            "required-claims": [ { "name": "roles", "match": "any", "values": [ "a" ] } ]
        },
        "options": { "clock-skew": 30, "algorithms": [ "RS256", "PS256" ] },
        "clusters": { "login.microsoftonline.com": "entra" }
    }"#;
    let configuration = parse(text).unwrap();
    let policy = configuration.rulebook.only();
    let ids = |ids: &[&str]| Some(ids.iter().map(|id| ApplicationId::new(*id)).collect());
    let expected = Entra {
        tenant: Tenant::Domain,
        backend_applications: ids(&["6e74172b-be56-4843-9ff4-e66a39bb12e3"]),
        client_applications: ids(&["one", "two"]),
    };
    assert_eq!(policy.entra, Some(expected));
    assert_eq!(policy.name, "validate-azure-ad-token");
    assert_eq!(policy.source, TokenSource::Header { name: "x-token".into() });
    assert_eq!((policy.refusal.status, policy.refusal.message.as_deref()), (403, Some("No.")));
    assert_eq!(policy.refusal.defaults, DefaultTexts::VALIDATE_AZURE_AD_TOKEN);
    assert_eq!(policy.output_variable.as_deref(), Some("jwt"));
    assert_eq!(policy.clock_skew, Duration::from_secs(30));
    let audiences = [
        Audience::Literal("api://orders".into()),
        Audience::RequestHost { before: "https://".into(), after: "/".into() },
    ];
    assert_eq!(policy.audiences, Some(Audiences { allowed: audiences.into(), strict: false }));
    let roles =
        RequiredClaim { name: "roles".into(), rule: ClaimRule::Any(vec!["a".into()]), separator: None };
    assert_eq!(policy.required_claims, [roles]);
    let algorithms: Vec<_> = policy.algorithms.iter().collect();
    assert_eq!(algorithms, [Algorithm::Rs256, Algorithm::Ps256]);
    assert!(configuration.providers.iter().all(|provider| provider.cluster == "entra"));
    assert_eq!(configuration.warnings.len(), 1, "`{{request-host}}`: {:?}", configuration.warnings);
}

#[test]
fn its_defaults_are_apims() {
    let configuration = parse(&tenant(GUID, None)).unwrap();
    let policy = configuration.rulebook.only();
    assert_eq!(policy.source, TokenSource::Authorization { require_scheme: Some("Bearer".into()) });
    assert_eq!(
        policy.refusal,
        Refusal { defaults: DefaultTexts::VALIDATE_AZURE_AD_TOKEN, ..Refusal::default() }
    );
    assert!(policy.require_expiration && policy.unsigned.is_none() && policy.issuers.is_none());
    assert_eq!(policy.clock_skew, Duration::ZERO);
    assert_eq!(policy.algorithms.iter().collect::<Vec<_>>(), [Algorithm::Rs256]);
    assert!(policy.inline_keys.is_empty() && policy.decryption_keys.is_empty());
    assert_eq!(policy.output_variable, None);
    assert_eq!(configuration.warnings, Vec::<String>::new());
    assert_eq!(configuration.providers[0].cluster, "login.microsoftonline.com");
    assert_eq!(
        configuration.providers[0].clusters,
        Clusters::new([].into(), Some("{host}".into())),
        "the same for `jwks_uri`"
    );
}

#[test]
fn something_must_say_which_api_the_token_is_for() {
    let bare = |members: &str, options: &str| {
        let cluster = r#""default-cluster":"c""#;
        format!(r#"{{"validate-azure-ad-token":{{"tenant-id":"{GUID}"{members}}},{options}{cluster}}}"#)
    };
    assert_eq!(
        parse(&bare("", "")).unwrap_err(),
        "validate-azure-ad-token: has neither `audiences` nor `client-application-ids` nor `backend-application-ids`, so \
         that a token for any other API of the tenant would pass; add one, or set `options.allow-any-audience` to true"
    );
    let refused = bare("", r#""options":{"allow-any-audience":false},"#);
    assert!(
        parse(&refused).unwrap_err().starts_with("validate-azure-ad-token: has neither"),
        "false is false"
    );
    for text in [
        bare("", r#""options":{"allow-any-audience":true},"#),
        bare(r#","audiences":["a"]"#, ""),
        bare(r#","client-application-ids":["a"]"#, ""),
        bare(r#","backend-application-ids":["a"]"#, ""),
    ] {
        assert!(parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn words_of_the_other_policy_are_told_apart() {
    let not_here = |rest: &str| format!("is not a word of `validate-azure-ad-token`, where {rest}");
    for (member, expected) in [
        (r#""clock-skew":60"#, not_here("the skew is 0; set `options.clock-skew`")),
        (
            r#""openid-config":[]"#,
            not_here("the tenant's metadata leads to the keys; remove it, or use `validate-jwt`"),
        ),
        (
            r#""issuer-signing-keys":[]"#,
            not_here("the tenant's metadata leads to the keys; remove it, or use `validate-jwt`"),
        ),
        (
            r#""issuers":[]"#,
            not_here("the tenant's metadata names the issuers; remove it, or use `validate-jwt`"),
        ),
        (r#""require-signed-tokens":true"#, not_here("tokens are always signed; remove it, or use `validate-jwt`")),
        (
            r#""require-expiration-time":true"#,
            not_here("`exp` is always required; remove it, or use `validate-jwt`"),
        ),
        (r#""require-scheme":"Bearer""#, not_here("the scheme in `Authorization` is always `Bearer`; remove it")),
        (
            r#""allow-protected-forwarded-tokens":true"#,
            "is about tokens that Microsoft's own services forward, and has no documented meaning; remove it".to_owned(),
        ),
        (
            r#""allow-proof-of-possession-tokens":true"#,
            "has no documented meaning; proofs of possession are not checked, bearer tokens are taken: remove it".to_owned(),
        ),
        (
            r#""id":"x""#,
            "names the policy in API Management's traces; here a policy is named by its place in `policies`".to_owned(),
        ),
        (
            r#""tenantid":"x""#,
            "unknown member; expected one of `tenant-id`, `header-name`, `query-parameter-name`, `token-value`, \
             `authentication-endpoint`, `failed-validation-httpcode`, `failed-validation-error-message`, \
             `output-token-variable-name`, `backend-application-ids`, `client-application-ids`, `audiences`, \
             `required-claims`, `decryption-keys`"
                .to_owned(),
        ),
        (
            r#""client-application-ids":[]"#,
            "is an empty list; name at least one, or leave the member out".to_owned(),
        ),
    ] {
        let name = member.split('"').nth(1).unwrap();
        let text = azure(&format!(r#""tenant-id":"{GUID}",{member}"#));
        assert_eq!(parse(&text).unwrap_err(), format!("validate-azure-ad-token.{name}: {expected}"), "{member}");
    }
    let twice = azure(&format!(r#""tenant-id":"{GUID}","header-name":"a","query-parameter-name":"b""#));
    assert_eq!(
        parse(&twice).unwrap_err(),
        "validate-azure-ad-token: has both `header-name` and `query-parameter-name`; name one place for the token"
    );
}

#[test]
fn its_tokens_are_decrypted_with_certificates_alone() {
    let value =
        "`validate-azure-ad-token` decrypts with certificates alone, as in APIM; use `certificate-id`";
    let place = "validate-azure-ad-token.decryption-keys[0]";
    for (key, expected) in [
        (r#"{"value":"AAAA"}"#, format!("{place}.value: {value}")),
        (r#"{"value-from-env":"SECRET"}"#, format!("{place}.value-from-env: {value}")),
        (r#"{"id":"a"}"#, format!("{place}: names no certificate; add `certificate-id`")),
        (
            r#"{"certificate-id":"c"}"#,
            format!(
                "{place}.certificate-id: is not a member of `certificates`; add it there, at the top level, as `{{ \
                 \"certificate\": \"-----BEGIN CERTIFICATE-----…\" }}`"
            ),
        ),
    ] {
        let text = azure(&format!(r#""tenant-id":"{GUID}","decryption-keys":[{key}]"#));
        assert_eq!(parse(&text).unwrap_err(), expected, "{key}");
    }
}
