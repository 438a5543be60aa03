//! Which rule decides, and what passes without a token.

use super::*;
use crate::{reply, request::RequestHead, route::Routes};

#[test]
fn the_first_rule_that_matches_decides() {
    let policies =
        json!({ "a": policy("a.example", "authorization"), "b": policy("b.example", "authorization") });
    let rules = json!([
        { "match": { "path": "/healthz" }, "allow-anonymous": true },
        { "match": { "path-prefix": "/b", "methods": ["GET"] }, "policy": "b" },
        { "match": { "path-prefix": "/b" }, "allow-anonymous": true },
        { "match": {}, "policy": "a" },
    ]);
    let world = world(&rulebook(&policies, &rules));
    let (a, b) = (format!("Bearer {}", token("a.example")), format!("Bearer {}", token("b.example")));
    for (method, path, authorization, expected) in [
        ("GET", "/healthz", &a, "nobody: anonymous"),
        ("GET", "/healthz/x", &a, "a: allowed"),
        ("GET", "/b", &b, "b: allowed"),
        ("GET", "/b/x?y", &b, "b: allowed"),
        ("GET", "/b", &a, "b: refused TokenIssuerNotAllowed by b"),
        ("POST", "/b", &a, "nobody: anonymous"),
        ("GET", "/", &b, "a: refused TokenIssuerNotAllowed by a"),
    ] {
        let pairs = [(":method", method), (":path", path), ("authorization", authorization.as_str())];
        assert_eq!(decided(&world, &pairs), expected, "{method} {path}");
    }
    assert_eq!(decided(&world, &[(":path", "/healthz")]), "nobody: anonymous", "no token is looked at");
}

#[test]
fn a_single_policy_is_asked_of_every_request() {
    let world = world(&json!({
        "validate-jwt": policy("a.example", "authorization")["validate-jwt"],
        "default-cluster": "any",
    }));
    let authorization = format!("Bearer {}", token("a.example"));
    assert_eq!(decided(&world, &[("authorization", &authorization)]), "validate-jwt: allowed");
    for path in ["/", "/a%2fb", "/..", "*"] {
        let refused = "validate-jwt: refused TokenNotPresent by validate-jwt";
        assert_eq!(decided(&world, &[(":method", "OPTIONS"), (":path", path)]), refused, "{path}");
    }
}

#[test]
fn an_ambiguous_path_is_nobodys_where_a_rule_looks_at_paths() {
    let policies = json!({ "a": policy("a.example", "authorization") });
    let (anything, by_path) = (json!({ "match": {}, "policy": "a" }), json!({ "path": "/healthz" }));
    let by_path = json!({ "match": by_path, "allow-anonymous": true });
    let by_method = json!({ "match": { "methods": ["GET"] }, "allow-anonymous": true });
    let authorization = format!("Bearer {}", token("a.example"));
    let mut by_path = rulebook(&policies, &json!([by_path, anything]));
    by_path["allow-cors-preflight"] = json!(true);
    let by_path = world(&by_path);
    for path in ["/healthz/../a", "/a%2fb", "/a//b", "/a;b", "/a\\b", "/%"] {
        let pairs = [
            (":method", "OPTIONS"),
            (":path", path),
            ("authorization", &*authorization),
            ("origin", "https://a.example"),
            ("access-control-request-method", "GET"),
        ];
        assert_eq!(decided(&by_path, &pairs), "nobody: refused PathAmbiguous", "{path}");
        let by_method = world(&rulebook(&policies, &json!([by_method, anything])));
        assert_eq!(decided(&by_method, &pairs), "a: allowed", "{path}");
    }
}

#[test]
fn a_preflight_passes_where_it_is_allowed_to() {
    let policies = json!({ "a": policy("a.example", "authorization") });
    let rules = json!([{ "match": { "hosts": ["open.example"] }, "allow-anonymous": true }, { "match": {}, "policy": "a" }]);
    let mut configuration = rulebook(&policies, &rules);
    let off = world(&configuration);
    configuration["allow-cors-preflight"] = json!(true);
    let on = world(&configuration);
    let (refused, passes) = ("a: refused TokenNotPresent by a", "nobody: anonymous");
    let (origin, method) = (("origin", "https://a.example"), ("access-control-request-method", "POST"));
    for (pairs, expected) in [
        (&[(":method", "OPTIONS"), origin, method][..], passes),
        (&[(":method", "OPTIONS"), origin], refused),
        (&[(":method", "OPTIONS"), method], refused),
        (&[(":method", "OPTIONS"), origin, origin, method], refused),
        (&[(":method", "OPTIONS"), ("origin", ""), method], refused),
        (&[(":method", "GET"), origin, method], refused),
        (&[(":method", "options"), origin, method], refused),
        (&[origin, method], refused),
    ] {
        let pairs = [pairs, &[(":authority", "api.example")]].concat();
        assert_eq!(decided(&on, &pairs), expected, "{pairs:?}");
        assert_eq!(decided(&off, &pairs), refused, "{pairs:?}");
    }
}

#[test]
fn missing_is_absent_or_blank_and_nothing_else() {
    let policies = json!({ "a": policy("a.example", "authorization") });
    let rule = |allow_missing: bool| json!([{ "match": {}, "policy": "a", "allow-missing": allow_missing }]);
    let (lenient, strict) =
        (world(&rulebook(&policies, &rule(true))), world(&rulebook(&policies, &rule(false))));
    let missing = ("a: anonymous", "a: refused TokenNotPresent by a");
    let absent = ("a: refused TokenNotPresent by a", "a: refused TokenNotPresent by a");
    let malformed = ("a: refused JwtInvalid by a", "a: refused JwtInvalid by a");
    let (good, old) = (format!("Bearer {}", token("a.example")), format!("Bearer {}", expired("a.example")));
    let expired = ("a: refused TokenExpired by a", "a: refused TokenExpired by a");
    for (authorization, (if_allowed, if_not)) in [
        (&[][..], missing),
        (&[""], missing),
        (&[" \t "], missing),
        (&["Basic dXNlcjpwYXNz"], absent),
        (&["Bearer"], absent),
        (&["Bearer "], absent),
        (&["bearer \t"], absent),
        (&["Bearer x"], malformed),
        (&["Bearer a.b.c"], malformed),
        (&["x"], malformed),
        (&["", ""], malformed),
        (&[","], malformed),
        (&[&*good, ""], malformed),
        (&[&*good], ("a: allowed", "a: allowed")),
        (&[&*old], expired),
    ] {
        let pairs: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
        assert_eq!(decided(&lenient, &pairs), if_allowed, "{pairs:?}");
        assert_eq!(decided(&strict, &pairs), if_not, "{pairs:?}");
    }
    assert_eq!(decided(&lenient, &[("x-token", "x")]), "a: anonymous", "its policy does not read that");
}

#[test]
fn a_composites_token_is_missing_where_each_of_its_policies_misses_it() {
    for quorum in ["any-of", "all-of"] {
        let policies = json!({
            "a": policy("a.example", "authorization"),
            "b": policy("b.example", "x-token"),
            "both": { quorum: ["a", "b"] },
        });
        let rules = json!([{ "match": {}, "policy": "both", "allow-missing": true }]);
        let world = world(&rulebook(&policies, &rules));
        for pairs in
            [&[][..], &[("x-token", "")], &[("authorization", " "), ("x-token", " ")], &[("cookie", "x")]]
        {
            assert_eq!(decided(&world, pairs), "both: anonymous", "{pairs:?}");
        }
        for pairs in [
            &[("x-token", "x")][..],
            &[("authorization", "Basic x")],
            &[("authorization", "Bearer"), ("x-token", "")],
            &[("authorization", ""), ("x-token", "x")],
            &[("x-token", ""), ("x-token", "")],
        ] {
            let decided = decided(&world, pairs);
            assert!(decided.starts_with("both: refused "), "{quorum} {pairs:?}: {decided}");
        }
    }
}

#[test]
fn a_requirement_without_policies_lets_nothing_through() {
    let mut world = world(&json!({
        "validate-jwt": policy("a.example", "authorization")["validate-jwt"],
        "default-cluster": "any",
    }));
    let good = format!("Bearer {}", token("a.example"));
    assert_eq!(decided(&world, &[("authorization", &good)]), "validate-jwt: allowed", "the token is good");
    for quorum in [Quorum::Any, Quorum::All] {
        for allow_missing in [false, true] {
            let requirement = Requirement { name: "empty".into(), quorum, policies: Vec::new() };
            let demand = Demand::Policy { requirement: Rc::new(requirement), allow_missing };
            world.rulebook.routes = Routes::new(Vec::new(), demand);
            for pairs in [&[][..], &[("authorization", &*good)]] {
                let decided = decided(&world, pairs);
                assert_eq!(
                    decided, "nobody: refused TokenNotPresent",
                    "{quorum:?} {allow_missing} {pairs:?}"
                );
            }
        }
    }
}

#[test]
fn a_refusal_has_the_words_of_the_policy_that_refuses() {
    let mut a = policy("a.example", "authorization");
    a["validate-jwt"]["failed-validation-httpcode"] = json!(403);
    a["validate-jwt"]["failed-validation-error-message"] = json!("Not a.");
    let policies = json!({ "a": a, "b": policy("b.example", "x-token"), "both": { "all-of": ["a", "b"] } });
    let world = world(&rulebook(&policies, &json!([{ "match": {}, "policy": "both" }])));
    let good = format!("Bearer {}", token("a.example"));
    for (pairs, expected) in [
        (&[][..], (403, r#"{"statusCode":403,"message":"Not a."}"#)),
        (&[("authorization", &*good)], (401, r#"{"statusCode":401,"message":"JWT not present."}"#)),
    ] {
        let headers = headers(pairs);
        let Decision::Refuse { refused, .. } = world.decide(&headers, Waited::default()) else {
            panic!("not refused")
        };
        let (_, refusal) = refused.policy.unwrap();
        let reply = reply::reply(&refused.denial.rejection, refusal, RequestHead::new(&headers).is_grpc());
        assert_eq!((reply.status, reply.body.as_str()), expected, "{pairs:?}");
    }
}
