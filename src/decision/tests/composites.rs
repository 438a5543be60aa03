//! `any-of` and `all-of`.

use super::*;
use crate::{
    edit::Edit,
    rejection::{
        ClientFault, IssuerFault, Malformed,
        Reason::{self, *},
        TenantFault,
    },
    time::Timestamp,
    trial::{refetched, set},
};

/// How one member of a composite stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Allows,
    Refuses,
    Waits,
    /// It has no keys, and the next attempt is not due.
    IsDown,
}

const STANDS: [Stand; 4] = [Stand::Allows, Stand::Refuses, Stand::Waits, Stand::IsDown];
const MEMBERS: [&str; 3] = ["a", "b", "c"];

/// A composite of three policies that read a header each.
fn three(quorum: &str) -> Value {
    let mut policies = json!({ "three": { quorum: MEMBERS } });
    for name in MEMBERS {
        policies[name] = policy(&host(name), &format!("x-{name}"));
    }
    rulebook(&policies, &json!([{ "match": {}, "policy": "three" }]))
}

fn host(name: &str) -> String {
    format!("{name}.example")
}

/// What a composite comes to whose members stand like this.
fn stand(quorum: &str, stands: [Stand; 3]) -> String {
    let mut world = World::new(&three(quorum));
    world.serve(|url| {
        let is_down = MEMBERS
            .iter()
            .zip(stands)
            .any(|(name, stand)| stand == Stand::IsDown && url.contains(&format!("//{name}.")));
        if is_down { None } else { serve(url, &Signer::new(1)) }
    });
    let pairs: Vec<_> = MEMBERS
        .iter()
        .zip(stands)
        .map(|(name, stand)| {
            let token = match stand {
                Stand::Allows | Stand::IsDown => token(&host(name)),
                Stand::Refuses => expired(&host(name)),
                Stand::Waits => of_unknown_key(&host(name)),
            };
            (format!("x-{name}"), token)
        })
        .collect();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    decided(&world, &pairs)
}

fn all_stands() -> impl Iterator<Item = [Stand; 3]> {
    STANDS
        .into_iter()
        .flat_map(|a| STANDS.into_iter().flat_map(move |b| STANDS.into_iter().map(move |c| [a, b, c])))
}

/// The first member that stands like one of these.
fn first(stands: [Stand; 3], like: &[Stand]) -> Option<(&'static str, Stand)> {
    MEMBERS.into_iter().zip(stands).find(|(_, stand)| like.contains(stand))
}

fn refusal((name, stand): (&str, Stand)) -> String {
    match stand {
        Stand::Refuses => format!("three: refused TokenExpired by {name}"),
        Stand::Allows | Stand::Waits | Stand::IsDown => panic!("{stand:?}"),
    }
}

/// What it comes to where some member could not decide: it waits if one of them may soon.
fn undecided(stands: [Stand; 3]) -> Option<String> {
    let (name, _) = first(stands, &[Stand::Waits, Stand::IsDown])?;
    let what = if stands.contains(&Stand::Waits) { "waits, else" } else { "refused" };
    Some(format!("three: {what} DiscoveryUnavailable by {name}"))
}

#[test]
fn all_of_allows_only_when_every_member_does() {
    for stands in all_stands() {
        let decided = stand("all-of", stands);
        assert_eq!(decided == "three: allowed", stands == [Stand::Allows; 3], "{stands:?}: {decided}");
        let expected = match first(stands, &[Stand::Refuses]) {
            // A refusal answers, whoever still waits or cannot decide.
            Some(refuses) => refusal(refuses),
            None => undecided(stands).unwrap_or_else(|| "three: allowed".to_owned()),
        };
        assert_eq!(decided, expected, "{stands:?}");
    }
}

#[test]
fn any_of_allows_when_one_member_does_and_refuses_only_when_all_decided() {
    for stands in all_stands() {
        let decided = stand("any-of", stands);
        let expected = if stands.contains(&Stand::Allows) {
            "three: allowed".to_owned()
        } else {
            undecided(stands).unwrap_or_else(|| refusal(first(stands, &[Stand::Refuses]).unwrap()))
        };
        assert_eq!(decided, expected, "{stands:?}");
    }
}

#[test]
fn a_composite_waits_for_the_keys_of_all_its_members_at_once() {
    for quorum in ["any-of", "all-of"] {
        let mut world = World::new(&three(quorum));
        let tokens = MEMBERS.map(|name| (format!("x-{name}"), token(&host(name))));
        let pairs: Vec<_> = tokens.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let headers = headers(&pairs);
        let wish = |decision: Decision<'_>| match decision {
            Decision::AwaitKeys { wish, .. } => *wish,
            other @ (Decision::Allow { .. } | Decision::Refuse { .. }) => panic!("{}", told(&other)),
        };
        assert_eq!(
            wish(world.decide(&headers, Waited::default())),
            Wish::pending(set(&[0, 1, 2])),
            "{quorum}"
        );
        world.serve(|url| serve(url, &Signer::new(2)));
        let asked = wish(world.decide(&headers, Waited::default()));
        assert_eq!(asked, Wish::refetch(set(&[0, 1, 2])), "{quorum}");
        let waited = world.decide(&headers, refetched(&[0, 1, 2]));
        assert_eq!(told(&waited), "three: refused TokenSignatureKeyNotFound by a", "{quorum}");
        let waited = world.decide(&headers, refetched(&[0]));
        assert_eq!(
            told(&waited),
            if quorum == "any-of" {
                "three: waits, else DiscoveryUnavailable by b"
            } else {
                "three: refused TokenSignatureKeyNotFound by a"
            },
            "what was waited for once is not waited for again"
        );
    }
}

/// Two policies of one token, each of which forwards to headers, and into a variable, of its own.
fn forwarding(quorum: &str, audiences: [&str; 2]) -> Value {
    let mut policies = json!({ "both": { quorum: ["one", "two"] } });
    for (name, audience, source) in
        [("one", audiences[0], json!("authorization")), ("two", audiences[1], json!("x-token"))]
    {
        let mut policy = policy("a.example", source.as_str().unwrap());
        policy["validate-jwt"]["audiences"] = json!([audience]);
        policy["validate-jwt"]["output-token-variable-name"] = json!(format!("{name}-claims"));
        policy["options"] = json!({
            "forward": {
                "claims-to-headers": [{ "claim": "sub", "header": format!("x-sub-{name}") }],
                "remove-token": true,
            },
        });
        policies[name] = policy;
    }
    rulebook(&policies, &json!([{ "match": {}, "policy": "both" }]))
}

#[test]
fn who_allows_forwards_and_nobody_else() {
    let claims = json!({ "iss": "https://a.example", "exp": NOW + 600, "aud": "one", "sub": "me" });
    let token = Signer::new(1).token(&claims);
    let headers = headers(&[("authorization", &format!("Bearer {token}")), ("x-token", &token)]);
    let payload = claims.to_string().into_bytes();
    let edits = |names: &[&str]| {
        let removed = ["authorization", "x-token"].map(|source| Edit::Remove(source.to_owned()));
        let set = names.iter().map(|name| Edit::Set(format!("x-sub-{name}"), b"me".to_vec()));
        removed.into_iter().chain(set).collect::<Vec<_>>()
    };
    let variables = |names: &[&str]| {
        names.iter().map(|name| (format!("{name}-claims"), payload.clone())).collect::<Vec<_>>()
    };
    let (one, two) = ("one", "two");
    for (quorum, audiences, expected) in [
        ("any-of", ["one", "one"], Some(&[one][..])),
        ("any-of", ["one", "other"], Some(&[one])),
        ("any-of", ["other", "one"], Some(&[two])),
        ("any-of", ["other", "other"], None),
        ("all-of", ["one", "one"], Some(&[one, two])),
        ("all-of", ["one", "other"], None),
        ("all-of", ["other", "one"], None),
    ] {
        let world = world(&forwarding(quorum, audiences));
        match (world.decide(&headers, Waited::default()), expected) {
            (Decision::Allow { passage: Passage::Validated(admission), .. }, Some(names)) => {
                assert_eq!(admission.edits, edits(names), "{quorum} {audiences:?}");
                assert_eq!(admission.variables, variables(names), "{quorum} {audiences:?}");
            }
            (Decision::Refuse { refused, .. }, None) => {
                assert_eq!(refused.denial.rejection, Rejection::AudienceNotAllowed, "{quorum} {audiences:?}");
            }
            (other, _) => panic!("{quorum} {audiences:?}: {}", told(&other)),
        }
    }
}

#[test]
fn a_refused_token_that_is_to_go_does_not_reach_the_backend() {
    let good = Signer::new(1).token(&json!({ "iss": "https://a.example", "exp": NOW + 600, "aud": "two" }));
    let forged =
        Signer::new(9).token(&json!({ "iss": "https://a.example", "exp": NOW + 600, "sub": "root" }));
    let world = world(&forwarding("any-of", ["one", "two"]));
    let headers = headers(&[("authorization", &format!("Bearer {forged}")), ("x-token", &good)]);
    let Decision::Allow { passage: Passage::Validated(admission), .. } =
        world.decide(&headers, refetched(&[0]))
    else {
        panic!("the second policy allows");
    };
    assert!(admission.edits.contains(&Edit::Remove("authorization".into())), "{:?}", admission.edits);
}

/// A refusal of every reason that a token can be refused for, by how far it came.
fn by_progress() -> Vec<Vec<Rejection>> {
    let (now, name) = (Timestamp::from_secs(0), || "a".to_owned());
    vec![
        vec![Rejection::NotPresent(Absence::Nothing), Rejection::NotPresent(Absence::Scheme)],
        vec![Malformed::PartCount.into()],
        vec![Rejection::AlgorithmNotAllowed, Rejection::TypeNotAllowed],
        vec![Rejection::IssuerNotAllowed(IssuerFault::NotListed)],
        vec![Rejection::TenantNotAllowed(TenantFault::Other)],
        vec![Rejection::KeyNotFound],
        vec![Rejection::DecryptionFailed],
        vec![Rejection::SignatureInvalid],
        vec![
            Rejection::ExpirationMissing,
            Rejection::Expired { exp: now, now },
            Rejection::NotYetValid { nbf: now, now },
        ],
        vec![Rejection::AudienceNotAllowed],
        vec![
            Rejection::BackendApplicationNotAllowed,
            Rejection::ClientApplicationNotAllowed(ClientFault::Absent),
        ],
        vec![Rejection::ClaimNotFound { name: name() }, Rejection::ClaimValueNotAllowed { name: name() }],
        // No verdict: the answer is 503.
        vec![Rejection::KeysUnavailable { retry_after: Duration::ZERO }, Rejection::DecryptionUnavailable],
    ]
}

#[test]
fn the_refusal_of_the_token_that_came_furthest_answers_and_the_first_among_equals() {
    let world = World::new(&three("any-of"));
    let Some(Demand::Policy { requirement, .. }) = world.rulebook.routes.actions().next() else { panic!() };
    let (first, second) = (&requirement.policies[0], &requirement.policies[1]);
    let ranked: Vec<_> = by_progress()
        .into_iter()
        .enumerate()
        .flat_map(|(rank, group)| group.into_iter().map(move |rejection| (rank, rejection)))
        .collect();
    for (rank, one) in &ranked {
        for (other_rank, other) in &ranked {
            let mut tally = Tally::default();
            tally.refuse(first, Box::new(one.clone().into()));
            tally.refuse(second, Box::new(other.clone().into()));
            let expected = if other_rank > rank { (other, "b") } else { (one, "a") };
            let refused = tally.refused.unwrap();
            assert_eq!(
                (&refused.denial.rejection, refused.policy.unwrap().0),
                expected,
                "{one}, then {other}"
            );
        }
    }
    let missing: Vec<_> = Reason::ALL
        .into_iter()
        .filter(|reason| !ranked.iter().any(|(_, rejection)| rejection.reason() == *reason))
        .collect();
    assert_eq!(missing, [PathAmbiguous], "which no policy says");
}

#[test]
fn any_of_answers_with_the_highest_reason_of_real_tokens() {
    let world = world(&three("any-of"));
    let [a, _, c] = MEMBERS.map(|name| expired(&host(name)));
    let wrong_issuer = token("elsewhere.example");
    for (pairs, expected) in [
        (&[][..], "TokenNotPresent by a"),
        (&[("x-b", "x")], "JwtInvalid by b"),
        (&[("x-a", "x"), ("x-b", "x")], "JwtInvalid by a"),
        (&[("x-a", "x"), ("x-b", &*wrong_issuer)], "TokenIssuerNotAllowed by b"),
        (&[("x-a", &*wrong_issuer), ("x-c", &*c)], "TokenExpired by c"),
        (&[("x-a", &*a), ("x-c", &*c)], "TokenExpired by a"),
        (&[("x-c", &*c), ("x-b", "x")], "TokenExpired by c"),
    ] {
        assert_eq!(decided(&world, pairs), format!("three: refused {expected}"), "{pairs:?}");
    }
}

#[test]
fn the_first_listed_decides_in_the_order_of_the_composite_and_not_of_the_policies() {
    let mut configuration = three("any-of");
    configuration["policies"]["three"] = json!({ "any-of": ["c", "a"] });
    let world = world(&configuration);
    assert_eq!(decided(&world, &[]), "three: refused TokenNotPresent by c");
    assert_eq!(decided(&world, &[("x-b", &token("b.example"))]), "three: refused TokenNotPresent by c");
    assert_eq!(decided(&world, &[("x-a", &token("a.example"))]), "three: allowed");
}
