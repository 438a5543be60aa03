//! `options.report-only`.

use super::*;
use crate::{
    rejection::{Reason, Rejection},
    trial::set,
};

/// A policy of `a.example` that only reports.
fn configuration() -> Value {
    let mut a = policy("a.example", "authorization");
    a["options"] = json!({
        "report-only": true,
        "forward": { "payload-header": "x-claims", "remove-token": true },
    });
    rulebook(&json!({ "a": a }), &json!([{ "match": {}, "policy": "a" }]))
}

/// The reason that is reported, and the keys that are wished for.
fn reported(world: &World, token: &str) -> (Reason, Wish) {
    let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
    let decision = world.decide(&headers, Waited::default());
    let Decision::Allow { policy: Some("a"), passage: Passage::ReportOnly { refused, wish } } = decision
    else {
        panic!("{}", told(&decision))
    };
    assert_eq!(refused.policy.map(|(name, _)| name), Some("a"));
    (refused.denial.rejection.reason(), *wish)
}

#[test]
fn what_would_be_refused_passes_and_the_reason_is_kept() {
    let world = world(&configuration());
    assert_eq!(decided(&world, &[]), "a: reported TokenNotPresent by a");
    assert_eq!(decided(&world, &[("authorization", "Basic x")]), "a: reported TokenNotPresent by a");
    for (token, expected) in [
        ("x".to_owned(), Reason::JwtInvalid),
        (expired("a.example"), Reason::TokenExpired),
        (token("b.example"), Reason::TokenIssuerNotAllowed),
    ] {
        assert_eq!(reported(&world, &token), (expected, Wish::default()));
    }
    let headers = headers(&[("authorization", &format!("Bearer {}", expired("a.example")))]);
    let Decision::Allow { passage: Passage::ReportOnly { refused, .. }, .. } =
        world.decide(&headers, Waited::default())
    else {
        panic!("not reported")
    };
    assert!(matches!(refused.denial.rejection, Rejection::Expired { .. }));
    assert_eq!(refused.denial.quote.unwrap().issuer_host.as_deref(), Some("a.example"));
}

#[test]
fn a_good_token_is_validated_and_forwarded() {
    let world = world(&configuration());
    let token = token("a.example");
    let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
    let Decision::Allow { passage: Passage::Validated(admission), .. } =
        world.decide(&headers, Waited::default())
    else {
        panic!("not validated")
    };
    assert_eq!(admission.edits.len(), 2);
}

#[test]
fn a_policy_that_reports_never_waits_and_wishes_for_keys_all_the_same() {
    let mut world = World::new(&configuration());
    assert_eq!(
        reported(&world, &token("a.example")),
        (Reason::DiscoveryUnavailable, Wish::pending(set(&[0]))),
        "no key is there yet"
    );
    world.serve(|_| None);
    assert_eq!(
        reported(&world, &token("a.example")),
        (Reason::DiscoveryUnavailable, Wish::default()),
        "down"
    );
    world.pass(Duration::from_secs(2));
    world.serve(|url| serve(url, &Signer::new(1)));
    let (reason, wish) = reported(&world, &of_unknown_key("a.example"));
    assert_eq!((reason, wish), (Reason::DiscoveryUnavailable, Wish::refetch(set(&[0]))));
    world.keys.want(wish, world.now);
    world.serve(|url| serve(url, &Signer::new(2)));
    let authorization = format!("Bearer {}", of_unknown_key("a.example"));
    assert_eq!(decided(&world, &[("authorization", &authorization)]), "a: allowed", "the wish came true");
    assert_eq!(reported(&world, &token("a.example")), (Reason::TokenSignatureKeyNotFound, Wish::default()));
}

#[test]
fn what_is_not_the_policys_to_say_is_not_reported() {
    let mut configuration = configuration();
    configuration["rules"] = json!([
        { "match": { "path": "/open" }, "allow-anonymous": true },
        { "match": { "path": "/maybe" }, "policy": "a", "allow-missing": true },
        { "match": {}, "policy": "a" },
    ]);
    let world = world(&configuration);
    for (path, expected) in [
        ("/a/../b", "nobody: refused PathAmbiguous"),
        ("/open", "nobody: anonymous"),
        ("/maybe", "a: anonymous"),
        ("/", "a: reported TokenNotPresent by a"),
    ] {
        assert_eq!(decided(&world, &[(":path", path)]), expected, "{path}");
    }
}
