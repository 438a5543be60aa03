//! What several policies share of their providers.

use super::*;

#[test]
fn one_document_of_several_policies_is_one_provider() {
    let azure =
        |tenant: &str| json!({ "validate-azure-ad-token": { "tenant-id": tenant, "audiences": ["a"] } });
    let text = asking(
        "a",
        &json!({
            "a": of("https://one.example/x"),
            "b": of("https://One.example:443/x"),
            "c": of("https://one.example/X"),
            "d": azure("contoso.com"),
            "e": azure("https://login.microsoftonline.com/contoso.com"),
            "f": of("https://login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration"),
            "g": of("https://one.example:8443/x"),
        }),
    );
    let configuration = parse(&text).unwrap();
    let urls: Vec<_> = configuration.providers.iter().map(|provider| provider.url.to_string()).collect();
    assert_eq!(
        urls,
        [
            "https://one.example/x",
            "https://one.example/X",
            "https://login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration",
            "https://login.microsoftonline.com/contoso.com/.well-known/openid-configuration",
            "https://one.example:8443/x",
        ]
    );
}

#[test]
fn a_key_set_is_no_document_though_its_url_is_the_same() {
    let mut set = json!({ "validate-jwt": { "header-name": "x", "audiences": ["a"] } });
    set["options"] = json!({ "jwks": [{ "issuer": "i", "url": "https://one.example/x" }] });
    let configuration = parse(&asking("one", &json!({ "one": one(), "set": set, "two": set }))).unwrap();
    assert_eq!(configuration.providers.len(), 2);
}

#[test]
fn a_document_may_not_name_an_issuer_on_the_hosts_of_others_in_its_policy() {
    let several = |urls: &[&str]| {
        let mut policy = of(urls[0]);
        let configs: Vec<_> = urls.iter().map(|url| json!({ "url": url })).collect();
        policy["validate-jwt"]["openid-config"] = json!(configs);
        policy
    };
    let configuration = parse(&asking(
        "a",
        &json!({
            "a": several(&["https://one.example/x", "https://two.example/x", "https://two.example/y"]),
            "b": several(&["https://one.example/x", "https://three.example/x"]),
            "c": of("https://four.example/x"),
            "d": several(&["https://login.microsoftonline.com/common/x", "https://sts.windows.net/x", "https://five.example/x"]),
        }),
    ))
    .unwrap();
    let foreign: Vec<_> = configuration
        .providers
        .iter()
        .map(|provider| (provider.url.host(), provider.limits.foreign_hosts.join(" ")))
        .collect();
    let expected = [
        ("one.example", "two.example three.example"),
        ("two.example", "one.example"),
        ("two.example", "one.example"),
        ("three.example", "one.example"),
        ("four.example", ""),
        ("login.microsoftonline.com", "five.example"),
        ("sts.windows.net", "five.example"),
        ("five.example", "login.microsoftonline.com sts.windows.net"),
    ];
    assert_eq!(foreign, expected.map(|(host, foreign)| (host, foreign.to_owned())));
}

#[test]
fn a_key_sets_host_is_nobodys_business() {
    let mut policy = one();
    policy["options"] = json!({ "jwks": [{ "issuer": "i", "url": "https://keys.example/x" }] });
    let configuration = parse(&asking("one", &json!({ "one": policy }))).unwrap();
    let foreign: Vec<_> =
        configuration.providers.iter().map(|provider| provider.limits.foreign_hosts.join(" ")).collect();
    assert_eq!(foreign, ["", "one.example"], "a key set has its issuer from the configuration");
}
