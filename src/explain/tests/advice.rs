use super::*;

#[test]
fn advice_about_issuers_and_keys() {
    let signer = Signer::new(1);
    let ciam = format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0");
    let cases = [
        ("v1 under v2", policy(&json!({})), V2_ISSUER, json!({}), with(V1_ISSUER, &json!({})), vec![1]),
        (
            "v2 under v1",
            configuration(&[&V2_URL.replace("/v2.0", "")], &[]),
            V1_ISSUER,
            json!({}),
            with(V2_ISSUER, &json!({})),
            vec![1],
        ),
        (
            "Graph",
            policy(&json!({ "audiences": ["a"] })),
            V2_ISSUER,
            json!({}),
            with(V2_ISSUER, &json!({ "aud": "https://graph.microsoft.com" })),
            vec![2],
        ),
        (
            "another tenant",
            policy(&json!({})),
            V2_ISSUER,
            json!({}),
            with(&V2_ISSUER.replace(TENANT, OTHER_TENANT), &json!({ "tid": OTHER_TENANT })),
            vec![7],
        ),
        (
            "External ID under a document of the workforce",
            policy(&json!({})),
            V2_ISSUER,
            json!({}),
            with(&ciam.replace(TENANT, OTHER_TENANT), &json!({ "tid": OTHER_TENANT })),
            vec![8],
        ),
        (
            "External ID of another tenant",
            entra(&json!({})),
            V2_ISSUER,
            json!({}),
            with(&ciam.replace(TENANT, OTHER_TENANT), &json!({ "tid": OTHER_TENANT })),
            vec![8],
        ),
        (
            "workforce under a document of External ID",
            configuration(
                &[&format!(
                    "https://contoso.ciamlogin.com/{OTHER_TENANT}/v2.0/.well-known/openid-configuration"
                )],
                &[],
            ),
            &ciam,
            json!({}),
            with(V2_ISSUER, &json!({ "tid": TENANT })),
            vec![],
        ),
        (
            "B2C under a document of the workforce",
            policy(&json!({})),
            V2_ISSUER,
            json!({}),
            with("https://contoso.b2clogin.com/t/v2.0/", &json!({})),
            vec![9],
        ),
        ("External ID", entra(&json!({})), V2_ISSUER, json!({}), with(&ciam, &json!({})), vec![8]),
        (
            "External ID by name",
            configuration(&["https://contoso.ciamlogin.com/t/v2.0/.well-known/openid-configuration"], &[]),
            "https://x.ciamlogin.com/t/v2.0",
            json!({}),
            with(&ciam, &json!({})),
            vec![8],
        ),
        (
            "B2C",
            entra(&json!({})),
            V2_ISSUER,
            json!({}),
            with("https://contoso.b2clogin.com/t/v2.0/", &json!({})),
            vec![9],
        ),
        (
            "slash",
            policy(&json!({})),
            V2_ISSUER,
            json!({}),
            with(&format!("{V2_ISSUER}/"), &json!({})),
            vec![9],
        ),
        (
            "unknown key of a user flow",
            configuration(&["https://contoso.b2clogin.com/t/p/v2.0/.well-known/openid-configuration"], &[]),
            "https://contoso.b2clogin.com/t/v2.0/",
            json!({ "kid": "other" }),
            with("https://contoso.b2clogin.com/t/v2.0/", &json!({})),
            vec![9],
        ),
        (
            "unknown key",
            policy(&json!({})),
            V2_ISSUER,
            json!({ "kid": "other" }),
            with(V2_ISSUER, &json!({})),
            vec![10],
        ),
        (
            "another cloud",
            policy(&json!({})),
            V2_ISSUER,
            json!({}),
            with("https://login.microsoftonline.us/t/v2.0", &json!({ "tid": TENANT })),
            vec![32],
        ),
    ];
    for (what, configuration, issuer, header, claims, expected) in cases {
        let mut world = world(&configuration, issuer, &signer);
        // An unknown `kid` is refused at once, right after a fetch for another one.
        let mut full = json!({ "alg": "EdDSA", "kid": signer.key_id });
        for (name, value) in header.as_object().unwrap() {
            full[name] = value.clone();
        }
        let token = signer.token_with(&full, &claims);
        let wish = world.keys.providers().iter().map(crate::keys::Provider::id).collect();
        world.keys.want(crate::keys::Wish::refetch(wish), world.now);
        world.serve(|url| {
            let host = url.split('/').nth(2)?;
            Some(if url.ends_with("/keys") {
                json!({ "keys": [signer.jwk()] })
            } else {
                metadata(host, issuer)
            })
        });
        assert_eq!(numbers(&explained_token(&world, &token)), expected, "{what}");
    }
    let undecided = explained_token(&World::new(&policy(&json!({}))), &signer.token(&claims(V2_ISSUER)));
    assert_eq!(numbers(&undecided), [22]);
}

#[test]
fn advice_about_form_and_time() {
    let signer = Signer::new(1);
    let good = with(V2_ISSUER, &json!({}));
    let secret = json!({ "validate-jwt": { "header-name": "Authorization", "audiences": ["a"],
        "issuer-signing-keys": [{ "value": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB" }] } });
    let plain = world(&policy(&json!({})), V2_ISSUER, &signer);
    let token = signer.token(&good);
    for (what, text, expected) in [
        ("a line break", token.replacen('.', ".\n", 1), 15),
        ("quoted", format!("\"{token}\""), 15),
        ("opaque", "0.AXoAabcdef".to_owned(), 15),
        ("cut", token.get(3..).unwrap().to_owned(), 15),
        ("expired just now", signer.token(&with(V2_ISSUER, &json!({ "exp": NOW - 299 }))), 13),
        ("valid soon", signer.token(&with(V2_ISSUER, &json!({ "nbf": NOW + 299 }))), 13),
        ("a shared secret", crate::trial::unsigned("HS256", &good, "AAAA"), 12),
    ] {
        assert_eq!(numbers(&explained_token(&plain, &text)), [expected], "{what}");
    }
    let mut for_ever = good.clone();
    for_ever.as_object_mut().unwrap().remove("exp");
    assert_eq!(numbers(&explained_token(&plain, &signer.token(&for_ever))), [14]);
    let long_ago = signer.token(&with(V2_ISSUER, &json!({ "exp": NOW - 300 })));
    assert!(numbers(&explained_token(&plain, &long_ago)).is_empty());
    let secret = World::new(&secret);
    for (algorithm, expected) in [("HS256", 12), ("RS256", 11)] {
        let token = crate::trial::unsigned(algorithm, &good, "AAAA");
        assert!(numbers(&explained_token(&secret, &token)).contains(&expected), "{algorithm}");
    }
    let elsewhere = World::new(
        &json!({ "validate-jwt": { "header-name": "x-token", "openid-config": [{ "url": V2_URL }] },
        "default-cluster": "any" }),
    );
    let custom = headers(&[("x-token", &format!("Bearer {token}"))]);
    assert_eq!(numbers(&explained(&elsewhere, &custom)), [6]);
    for (request, expected) in [
        (headers(&[(":method", "OPTIONS"), (":path", "/")]), vec![27]),
        (headers(&[(":method", "POST"), (":path", "/mcp")]), vec![28]),
        (headers(&[(":method", "GET"), (":path", "/"), ("accept", "text/event-stream")]), vec![28]),
        (headers(&[(":method", "GET"), (":path", "/")]), vec![]),
    ] {
        assert_eq!(numbers(&explained(&plain, &request)), expected);
    }
}

#[test]
fn advice_about_claims() {
    let signer = Signer::new(1);
    let guid = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
    let required = |claim: Value| json!({ "audiences": ["a"], "required-claims": [claim] });
    let common = "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration";
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let mut of_common = configuration(&[common], &[]);
    of_common["validate-jwt"]["audiences"] = json!(["api://orders"]);
    for (what, configuration, issuer, claims, expected) in [
        (
            "audience",
            policy(&json!({ "audiences": [format!("api://{guid}")] })),
            V2_ISSUER,
            json!({ "aud": guid }),
            vec![3],
        ),
        (
            "scope",
            policy(&required(json!({ "name": "scp", "values": ["read"] }))),
            V2_ISSUER,
            json!({ "scp": "read write" }),
            vec![4],
        ),
        (
            "list",
            policy(&required(json!({ "name": "x", "values": ["a,b"] }))),
            V2_ISSUER,
            json!({ "x": "c" }),
            vec![5],
        ),
        ("ID token", policy(&json!({ "audiences": ["b"] })), V2_ISSUER, json!({ "nonce": "n" }), vec![16]),
        ("no role", policy(&required(json!({ "name": "roles" }))), V2_ISSUER, json!({}), vec![17]),
        (
            "user",
            policy(&required(json!({ "name": "roles" }))),
            V2_ISSUER,
            json!({ "scp": "x" }),
            vec![19, 17],
        ),
        (
            "managed identity",
            policy(&required(json!({ "name": "roles" }))),
            V2_ISSUER,
            json!({ "xms_mirid": "x" }),
            vec![17, 31],
        ),
        (
            "role",
            policy(&required(json!({ "name": "roles", "values": ["Api.Access"] }))),
            V2_ISSUER,
            json!({ "roles": ["access"] }),
            vec![18],
        ),
        (
            "groups",
            policy(&required(json!({ "name": "groups" }))),
            V2_ISSUER,
            json!({ "hasgroups": true }),
            vec![24],
        ),
        ("common", of_common, template, json!({ "aud": guid }), vec![23]),
        (
            "object id",
            entra(&json!({ "client-application-ids": [guid] })),
            V2_ISSUER,
            json!({ "ver": "2.0", "azp": "b", "oid": guid, "idtyp": "app" }),
            vec![20, 21],
        ),
        ("open", policy(&json!({})), V2_ISSUER, json!({}), vec![26, 30]),
    ] {
        let world = world(&configuration, issuer, &signer);
        let mut full = with(V2_ISSUER, &json!({ "aud": "a" }));
        for (name, value) in claims.as_object().unwrap() {
            full[name] = value.clone();
        }
        assert_eq!(numbers(&explained_token(&world, &signer.token(&full))), expected, "{what}");
    }
    let b2c = "https://contoso.b2clogin.com/t/v2.0/";
    let mut flow =
        configuration(&["https://contoso.b2clogin.com/t/p/v2.0/.well-known/openid-configuration"], &[]);
    flow["validate-jwt"]["required-claims"] = json!([{ "name": "appid" }]);
    let token = signer.token(&with(b2c, &json!({})));
    assert_eq!(numbers(&explained_token(&world(&flow, b2c, &signer), &token)), [25]);
}
