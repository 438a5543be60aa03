//! Several policies: their names, what composites and rules name of them, and what they share.

use serde_json::{Value, json};

use super::*;
use crate::decision::{Demand, Quorum, Requirement};

mod limits;
mod providers;

/// A policy of the document at `url`.
fn of(url: &str) -> Value {
    json!({ "validate-jwt": { "header-name": "Authorization", "openid-config": [{ "url": url }], "audiences": ["a"] } })
}

fn one() -> Value {
    of("https://one.example/x")
}

fn two() -> Value {
    of("https://two.example/x")
}

/// These policies, and a rule that asks `policy` of every request.
fn asking(policy: &str, policies: &Value) -> String {
    let rules = json!([{ "match": {}, "policy": policy }]);
    json!({ "policies": policies, "rules": rules, "default-cluster": "c" }).to_string()
}

/// What is asked of every request.
fn requirement(configuration: &Configuration) -> &Requirement {
    match configuration.rulebook.routes.actions().last() {
        Some(Demand::Policy { requirement, .. }) => requirement,
        other => panic!("{other:?}"),
    }
}

fn told(text: &str) -> String {
    parse(text).unwrap_err()
}

#[test]
fn rules_name_policies_and_composites() {
    let text = json!({
        "policies": {
            "one": one(),
            "two": { "validate-azure-ad-token": { "tenant-id": "common", "audiences": ["a"] }, "options": { "clock-skew": 7 } },
            "any": { "any-of": ["two", "one"] },
            "all": { "all-of": ["one", "two"] },
        },
        "rules": [
            { "match": { "path": "/open" }, "allow-anonymous": true },
            { "match": { "path": "/any" }, "policy": "any", "allow-missing": true },
            { "match": { "path": "/two" }, "policy": "two" },
            { "match": {}, "policy": "all" },
        ],
        "allow-cors-preflight": true,
        "default-cluster": "c",
    });
    let configuration = parse(&text.to_string()).unwrap();
    assert!(configuration.rulebook.allow_cors_preflight);
    let demands: Vec<_> = configuration
        .rulebook
        .routes
        .actions()
        .map(|demand| match demand {
            Demand::Nothing => None,
            Demand::Policy { requirement, allow_missing } => {
                let names: Vec<_> = requirement.policies.iter().map(|policy| policy.name.as_str()).collect();
                Some((requirement.name.as_str(), requirement.quorum, names, *allow_missing))
            }
        })
        .collect();
    assert_eq!(
        demands,
        [
            None,
            Some(("any", Quorum::Any, vec!["two", "one"], true)),
            Some(("two", Quorum::All, vec!["two"], false)),
            Some(("all", Quorum::All, vec!["one", "two"], false)),
        ]
    );
    assert_eq!(requirement(&configuration).policies[1].clock_skew, Duration::from_secs(7));
    let single = parse(&beside("")).unwrap();
    assert!(!single.rulebook.allow_cors_preflight);
    assert_eq!(requirement(&single).name, "validate-jwt");
}

#[test]
fn names_that_lead_nowhere_are_told() {
    let place = "rules[0].policy";
    let both = |quorum: &str, members: Value| json!({ "one": one(), "two": two(), "both": { quorum: members }, "other": { "any-of": ["one", "two"] } });
    let no_single = "is not a single policy of `policies`; expected one of `one`, `two`";
    for (text, expected) in [
        (asking("none", &json!({ "one": one() })), format!("{place}: is not a member of `policies`; expected `one`")),
        (
            asking("none", &both("any-of", json!(["one", "two"]))),
            format!("{place}: is not a member of `policies`; expected `both`, `one`, `other`, `two`"),
        ),
        (asking("One", &json!({ "one": one() })), format!("{place}: is not a member of `policies`; expected `one`")),
        (
            asking("both", &both("any-of", json!(["one", "none"]))),
            format!("policies.both.any-of[1]: {no_single}"),
        ),
        (
            asking("both", &both("all-of", json!(["other", "one"]))),
            format!("policies.both.all-of[0]: {no_single}"),
        ),
        (
            asking("both", &both("all-of", json!(["one", "both"]))),
            format!("policies.both.all-of[1]: {no_single}"),
        ),
        (
            asking("both", &both("any-of", json!(["one", "two", "one"]))),
            "policies.both.any-of[2]: is there twice; remove one".to_owned(),
        ),
        (
            asking("both", &both("any-of", json!(["one"]))),
            "policies.both.any-of: names a single policy; name two or more, or use that policy itself".to_owned(),
        ),
        (
            asking("both", &both("any-of", json!([]))),
            "policies.both.any-of: is an empty list; name at least one, or leave the member out".to_owned(),
        ),
        (
            asking("both", &both("any-of", json!("one"))),
            "policies.both.any-of: is a string; expected a list such as `[ \"one\", \"other\" ]`".to_owned(),
        ),
        (
            asking("both", &both("any-of", json!(["one", 2]))),
            "policies.both.any-of[1]: is a number; expected a string".to_owned(),
        ),
        (
            asking("both", &both("none-of", json!(["one", "two"]))),
            "policies.both.none-of: unknown member; expected one of `validate-jwt`, `validate-azure-ad-token`, `options`, \
             `any-of`, `all-of`"
                .to_owned(),
        ),
        // Told although no rule names it.
        (
            asking("one", &both("any-of", json!(["one", "none"]))),
            format!("policies.both.any-of[1]: {no_single}"),
        ),
    ] {
        assert_eq!(told(&text), expected, "{text}");
    }
}

#[test]
fn what_a_member_of_policies_cannot_be() {
    let with = |entry: Value| asking("one", &json!({ "one": one(), "x": entry }));
    let other = "cannot stand beside `any-of` or `all-of`, which name other policies";
    let policy = one()["validate-jwt"].clone();
    let azure = json!({ "tenant-id": "common", "audiences": ["a"] });
    for (text, expected) in [
        (
            with(json!({ "any-of": ["one"], "all-of": ["one"] })),
            "policies.x: has both `any-of` and `all-of`; name each by itself".to_owned(),
        ),
        (with(json!({ "any-of": ["one"], "validate-jwt": policy })), format!("policies.x.validate-jwt: {other}")),
        (
            with(json!({ "all-of": ["one"], "validate-azure-ad-token": azure })),
            format!("policies.x.validate-azure-ad-token: {other}"),
        ),
        (with(json!({ "all-of": ["one"], "options": {} })), format!("policies.x.options: {other}")),
        (
            with(json!({ "validate-jwt": policy, "validate-azure-ad-token": azure })),
            "policies.x: has both `validate-jwt` and `validate-azure-ad-token`; name each in `policies`, and let `rules` \
             choose"
                .to_owned(),
        ),
        (
            with(json!({})),
            "policies.x: is empty; add `validate-jwt`, `validate-azure-ad-token`, `any-of` or `all-of`".to_owned(),
        ),
        (
            with(json!({ "validate-jwt": policy, "clusters": {} })),
            "policies.x.clusters: unknown member; expected one of `validate-jwt`, `validate-azure-ad-token`, `options`, \
             `any-of`, `all-of`"
                .to_owned(),
        ),
        (
            with(json!({ "validate-jwt": { "header-name": "x" } })),
            "policies.x.validate-jwt: has no keys, so that no token could pass; add `openid-config`, \
             `issuer-signing-keys` or `options.jwks`"
                .to_owned(),
        ),
        (
            with(json!({ "validate-jwt": policy, "options": { "algorithms": ["HS256"] } })),
            "policies.x.options.algorithms: has HS256, and `issuer-signing-keys` has no secret for it; add one of at least \
             32 bytes, or take HS256 out"
                .to_owned(),
        ),
        (asking("one", &json!({})), "policies: is empty; name at least one policy".to_owned()),
        (asking("one", &json!([])), "policies: is an array; expected an object with names of your own".to_owned()),
    ] {
        assert_eq!(told(&text), expected, "{text}");
    }
}

#[test]
fn policies_and_rules_stand_together_and_nothing_single_beside_them() {
    let whole = || json!({ "policies": { "one": one() }, "rules": [{ "match": {}, "policy": "one" }], "default-cluster": "c" });
    let with = |name: &str, value: Value| {
        let mut whole = whole();
        whole[name] = value;
        whole.to_string()
    };
    let without = |name: &str| {
        let mut whole = whole();
        whole.as_object_mut().unwrap().remove(name);
        whole.to_string()
    };
    assert!(parse(&whole().to_string()).is_ok());
    for (text, expected) in [
        (without("rules"), "rules: is missing; it is required"),
        (without("policies"), "policies: is missing; it is required"),
        (
            with("options", json!({})),
            "options: belongs to a single policy; write it beside the policy, as a member of `policies.<name>`",
        ),
        (
            with("validate-jwt", json!({})),
            "validate-jwt: stands beside `policies`; give it a name there, as `policies.<name>.validate-jwt`",
        ),
        (
            with("validate-azure-ad-token", json!({})),
            "validate-azure-ad-token: stands beside `policies`; give it a name there, as \
             `policies.<name>.validate-azure-ad-token`",
        ),
        (
            with("x", json!({})),
            "x: unknown member; expected one of `policies`, `rules`, `clusters`, `default-cluster`, `fetch`, \
             `token-cache`, `certificates`, `allow-cors-preflight`",
        ),
        (
            with("allow-cors-preflight", json!("yes")),
            "allow-cors-preflight: is a string; expected true or false",
        ),
        (with("rules", json!([])), "rules: is an empty list; name at least one, or leave the member out"),
        (
            with("rules", json!([{ "match": { "path": "/a" }, "policy": "one" }])),
            "rules: leaves requests undecided that no rule matches; end it with a rule that has `\"match\": {}`",
        ),
    ] {
        assert_eq!(told(&text), expected, "{text}");
    }
    let two = json!({ "validate-jwt": one()["validate-jwt"], "validate-azure-ad-token": {}, "default-cluster": "c" });
    assert_eq!(
        told(&two.to_string()),
        "configuration: has both `validate-jwt` and `validate-azure-ad-token`; name each in `policies`, and let `rules` \
         choose"
    );
}

#[test]
fn policies_and_variables_have_plain_names() {
    let problem = "is not a name; expected 1 to 63 letters, digits, `-` and `_`";
    let longest = "x".repeat(63);
    for (name, is_good) in [
        ("a", true),
        ("A-b_9", true),
        ("-", true),
        (longest.as_str(), true),
        ("", false),
        ("a b", false),
        ("a.b", false),
        ("a/b", false),
        ("é", false),
        (&"x".repeat(64), false),
    ] {
        let policies = asking("one", &json!({ "one": one(), name: two() }));
        let error = parse(&policies).err();
        assert_eq!(error.is_none(), is_good, "{name:?}: {error:?}");
        assert!(
            error.is_none_or(|error| error.starts_with("policies") && error.ends_with(problem)),
            "{name:?}"
        );
        if !name.is_empty() {
            for text in [
                with(&format!(r#","output-token-variable-name":"{name}""#)),
                asking(name, &json!({ "one": one(), name: two() })),
            ] {
                assert_eq!(parse(&text).is_ok(), is_good, "{text}");
            }
        }
    }
    let place = "validate-jwt.output-token-variable-name";
    for (name, expected) in [
        ("a b", problem),
        ("", "is an empty string; give a value or leave the member out"),
        ("validate_jwt", "is the name under which `report-only` tells its reason; choose another"),
    ] {
        let text = with(&format!(r#","output-token-variable-name":"{name}""#));
        assert_eq!(told(&text), format!("{place}: {expected}"), "{name}");
    }
    let policy = parse(&with(r#","output-token-variable-name":"jwt""#)).unwrap().rulebook.only();
    assert_eq!(policy.output_variable.as_deref(), Some("jwt"));
}

#[test]
fn members_of_a_composite_can_decide_together() {
    let member = |options: Value, variable: Option<&str>| {
        let mut policy = one();
        policy["options"] = options;
        if let Some(variable) = variable {
            policy["validate-jwt"]["output-token-variable-name"] = json!(variable);
        }
        policy
    };
    let header = |name: &str| member(json!({ "forward": { "payload-header": name } }), None);
    let reports = || member(json!({ "report-only": true }), None);
    let plain = || member(json!({}), None);
    let report_only =
        "is `report-only`, and a composite needs verdicts; give that option up or take the policy out";
    let writes =
        |what: &str| format!("writes {what}, as a policy before it does; in an `all-of` each writes its own");
    for (first, second, if_any, if_all) in [
        (plain(), plain(), None, None),
        (header("x-a"), header("x-b"), None, None),
        (header("x-a"), header("X-A"), None, Some((1, writes("the header `x-a`")))),
        (header("x_a"), header("x-a"), None, Some((1, writes("the header `x_a`")))),
        (
            member(json!({}), Some("a")),
            member(json!({}), Some("a")),
            None,
            Some((1, writes("the variable `a`"))),
        ),
        (member(json!({}), Some("a")), member(json!({}), Some("b")), None, None),
        (plain(), reports(), Some((1, report_only.to_owned())), Some((1, report_only.to_owned()))),
        (reports(), plain(), Some((0, report_only.to_owned())), Some((0, report_only.to_owned()))),
    ] {
        for (quorum, expected) in [("any-of", if_any), ("all-of", if_all)] {
            let text =
                asking("both", &json!({ "one": first, "two": second, "both": { quorum: ["one", "two"] } }));
            let expected =
                expected.map(|(index, problem)| format!("policies.both.{quorum}[{index}]: {problem}"));
            assert_eq!(parse(&text).err(), expected, "{text}");
        }
    }
}
