//! How many policies there are, and what is hardly meant.

use super::*;

#[test]
fn what_is_hardly_meant_is_told() {
    let warnings = |text: &str| parse(text).unwrap().warnings;
    let any_api = |path: &str| {
        format!(
            "{path} has neither `audiences` nor `required-claims`: a token for any other API of the issuer passes"
        )
    };
    let no_issuer =
        |path: &str| format!("{path} has neither `openid-config` nor `issuers`: the issuer is not checked");
    let key = r#""issuer-signing-keys":[{"value-from-env":"SECRET"}]"#;
    let audience = r#""audiences":["a"]"#;
    for (text, expected) in [
        (with(&format!(",{audience}")), vec![]),
        (with(r#","required-claims":[{"name":"a"}]"#), vec![]),
        (with(""), vec![any_api("validate-jwt")]),
        (with(r#","required-claims":[{"name":"a"}],"require-scheme":"Bearer""#), vec![]),
        (
            format!(r#"{{"validate-jwt":{{"header-name":"x","require-scheme":"Bearer",{audience},{key},"issuers":["i"]}}}}"#),
            vec![
                "validate-jwt.require-scheme has no effect: the token is not in `Authorization`, where alone a scheme stands"
                    .to_owned(),
            ],
        ),
        (
            format!(r#"{{"validate-jwt":{{"header-name":"x",{key}}}}}"#),
            vec![any_api("validate-jwt"), no_issuer("validate-jwt")],
        ),
        (
            with(&format!(r#",{audience},"require-signed-tokens":false"#)),
            vec!["validate-jwt.require-signed-tokens is false: anybody can make a token that passes".to_owned()],
        ),
        (
            with(r#","audiences":["a","{request-host}"]"#),
            vec![
                "validate-jwt.audiences has `{request-host}`: let the proxy answer for your own hosts alone, or a caller \
                 chooses the audience"
                    .to_owned(),
            ],
        ),
        (
            with(&format!(",{audience}")).replacen('{', r#"{"options":{"report-only":true},"#, 1),
            vec!["options.report-only is true: nothing is refused".to_owned()],
        ),
        (
            asking(
                "one",
                &json!({
                    "one": { "validate-jwt": { "header-name": "x", "openid-config": [{ "url": "https://one.example/" }] } },
                    "two": { "validate-azure-ad-token": { "tenant-id": "common" }, "options": {
                        "allow-any-audience": true, "report-only": true,
                    } },
                }),
            ),
            vec![
                any_api("policies.one.validate-jwt"),
                "policies.two.validate-azure-ad-token has neither `audiences` nor `backend-application-ids`: a token of the \
                 tenant for any other API passes"
                    .to_owned(),
                "policies.two.options.report-only is true: nothing is refused".to_owned(),
                "policies.two has no effect: no rule names it".to_owned(),
            ],
        ),
        (
            asking(
                "three",
                &json!({
                    "one": one(), "two": one(), "four": one(),
                    "three": { "any-of": ["one", "two"] }, "five": { "all-of": ["one", "four"] },
                }),
            ),
            vec![
                "policies.four has no effect: no rule names it".to_owned(),
                "policies.five has no effect: no rule names it".to_owned(),
            ],
        ),
        (
            json!({
                "validate-azure-ad-token": { "tenant-id": "contoso.com", "client-application-ids": ["c"] },
                "default-cluster": "any",
            })
            .to_string(),
            vec![
                "validate-azure-ad-token has neither `audiences` nor `backend-application-ids`: a token that a listed client \
                 got for any other API passes"
                    .to_owned(),
            ],
        ),
        (
            json!({
                "policies": { "one": one() },
                "rules": [
                    { "match": { "path": "/admin" }, "policy": "one" }, { "match": {}, "allow-anonymous": true },
                ],
                "default-cluster": "any",
            })
            .to_string(),
            vec![
                "rules[1] has `allow-anonymous`: what no rule before it matches passes without a token, such as a path in \
                 another case or with a `/` at its end"
                    .to_owned(),
            ],
        ),
    ] {
        assert_eq!(warnings(&text), expected, "{text}");
    }
}

#[test]
fn there_are_only_so_many_policies() {
    let policies = |count: usize| {
        let mut policies = json!({});
        for index in 0..count {
            policies[format!("p{index:03}")] = one();
        }
        policies
    };
    assert!(parse(&asking("p000", &policies(256))).is_ok());
    assert_eq!(
        told(&asking("p000", &policies(257))),
        "policies.p256: is one too many; at most 256 policies are allowed"
    );
}

#[test]
fn a_header_that_is_written_holds_nobodys_token() {
    let reading = |source: &Value| {
        let mut policy = one();
        let jwt = policy["validate-jwt"].as_object_mut().unwrap();
        jwt.remove("header-name");
        jwt.extend(source.as_object().unwrap().clone());
        policy
    };
    let mut writing = two();
    for (source, header) in [
        (json!({ "header-name": "Authorization" }), "authorization"),
        (json!({ "header-name": "X-Token" }), "x_token"),
        (json!({ "token-value": { "cookie": "t" } }), "cookie"),
    ] {
        writing["options"] = json!({ "forward": { "payload-header": header } });
        let policies = json!({ "reads": reading(&source), "writes": writing });
        assert_eq!(
            told(&asking("reads", &policies)),
            format!(
                "policies.writes.options.forward: writes `{header}`, which is therefore taken out of every request, and \
                 `reads` reads its token there; choose another header"
            )
        );
    }
    writing["validate-jwt"]["header-name"] = json!("x-other");
    writing["options"] = json!({ "forward": { "payload-header": "x-payload" } });
    let policies =
        json!({ "reads": reading(&json!({ "query-parameter-name": "x-payload" })), "writes": writing });
    assert!(parse(&asking("reads", &policies)).is_ok(), "a parameter is no header");
}

#[test]
fn a_composite_has_only_so_many_members() {
    let names: Vec<_> = (0..17).map(|index| format!("p{index:02}")).collect();
    let of = |count: usize| {
        let mut policies = json!({ "any": { "any-of": names[..count] } });
        for name in &names {
            policies[name] = one();
        }
        asking("any", &policies)
    };
    assert!(parse(&of(16)).is_ok());
    assert_eq!(
        told(&of(17)),
        "policies.any.any-of[16]: is one too many; at most 16 are asked about one request"
    );
}
