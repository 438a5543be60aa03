//! One of several providers is lost: callers of the others do not notice, and its own are told to come again.

use super::{HOUR, RECOVERY, passes_at_once, unavailable};
use crate::host::{Answer, Host, Request};
use crate::issuers::{OTHER_HOST, OTHER_ISSUER, both_policies, host_of_both, other};
use crate::provider::{
    DISCOVERY, HOST, ISSUER, MINUTE, Provider, SECOND, ec_key, next_rsa_key, rsa_key, token_but,
};
use serde_json::json;
use validate_jwt_cli::signing::SigningKey;

fn of(key: &SigningKey, issuer: &str) -> Request {
    Request::with_token(&token_but(key, &json!({ "iss": issuer })))
}

fn shown(host: &Host, provider: usize, name: &str) -> Option<u64> {
    host.metric(&format!("validate_jwt.plugin.orders.provider.{provider}.{name}"))
}

#[test]
fn one_of_two_that_is_lost_from_the_start() {
    let (live, lost) = (Provider::new(&[rsa_key()]), other(&[ec_key()], OTHER_ISSUER));
    lost.break_discovery(Answer::Never);
    let mut host = host_of_both(&both_policies(), &live, &lost);
    host.advance(SECOND);
    for _ in 0..60 {
        // An attempt is under way, or is not: the callers of the other one cannot tell.
        passes_at_once(&mut host, of(rsa_key(), ISSUER));
        let lost_ones = host.request(of(ec_key(), OTHER_ISSUER));
        let nobody_s = host.request(of(ec_key(), "https://nobody.example/"));
        host.advance(6 * SECOND);
        for stream in [lost_ones, nobody_s] {
            assert!(unavailable(&host, stream) <= 30 * SECOND);
        }
        // An unknown key of the live one costs one refetch of the live one.
        let stranger = host.request(of(next_rsa_key(), ISSUER));
        host.advance(SECOND);
        host.assert_refused(stranger, 401, "TokenSignatureKeyNotFound");
        passes_at_once(&mut host, of(rsa_key(), ISSUER));
        host.advance(53 * SECOND);
    }
    assert_eq!([0, 1].map(|provider| shown(&host, provider, "ready")), [Some(1), Some(0)]);
    assert_eq!(shown(&host, 1, "fetch.Ok"), None);
    assert!(shown(&host, 1, "fetch.Status") >= Some(60));

    lost.heal();
    host.advance(RECOVERY);
    passes_at_once(&mut host, of(ec_key(), OTHER_ISSUER));
    let nobody_s = host.request(of(ec_key(), "https://nobody.example/"));
    host.assert_refused(nobody_s, 401, "TokenIssuerNotAllowed");
    assert_eq!([0, 1].map(|provider| shown(&host, provider, "ready")), [Some(1), Some(1)]);
}

#[test]
fn one_of_two_that_is_lost_later() {
    let (live, lost) = (Provider::new(&[rsa_key()]), other(&[ec_key()], OTHER_ISSUER));
    let mut policy = both_policies();
    policy["fetch"] = json!({ "max-stale": "2h" });
    let mut host = host_of_both(&policy, &live, &lost);
    host.advance(59 * MINUTE);
    lost.break_discovery(Answer::Refused);
    for _ in 0..60 {
        passes_at_once(&mut host, of(rsa_key(), ISSUER));
        passes_at_once(&mut host, of(ec_key(), OTHER_ISSUER));
        let nobody_s = host.request(of(ec_key(), "https://nobody.example/"));
        host.assert_refused(nobody_s, 401, "TokenIssuerNotAllowed");
        host.advance(MINUTE);
    }
    assert!(shown(&host, 0, "age_seconds") < Some(HOUR.as_secs()));
    assert!(shown(&host, 1, "age_seconds") > Some(HOUR.as_secs()));

    host.advance(2 * MINUTE);
    passes_at_once(&mut host, of(rsa_key(), ISSUER));
    let too_old = host.request(of(ec_key(), OTHER_ISSUER));
    host.advance(SECOND);
    unavailable(&host, too_old);
    lost.heal();
    host.advance(RECOVERY);
    passes_at_once(&mut host, of(ec_key(), OTHER_ISSUER));
}

#[test]
fn an_issuer_that_is_not_at_home_waits_until_every_provider_was_heard_once() {
    const ISSUER_ELSEWHERE: &str = "https://11111111-2222-3333-4444-555555555555.ciam.example/v2.0";
    const LISTED: &str = "https://sts.example.net/contoso/";
    let (live, lost) = (Provider::new(&[rsa_key()]), other(&[ec_key()], OTHER_ISSUER));
    live.set_metadata("issuer", json!(ISSUER_ELSEWHERE));
    lost.break_discovery(Answer::Refused);
    let mut policy = both_policies();
    let listed_at_home = format!("https://{OTHER_HOST}/old/");
    policy["validate-jwt"]["issuers"] = json!([ISSUER_ELSEWHERE, OTHER_ISSUER, LISTED, listed_at_home]);
    policy["options"] = json!({ "issuer-keys": { LISTED: [format!("https://{HOST}{DISCOVERY}")] } });
    let mut host = host_of_both(&policy, &live, &lost);
    host.advance(MINUTE);
    for issuer in [ISSUER_ELSEWHERE, &listed_at_home] {
        let stream = host.request(of(rsa_key(), issuer));
        host.advance(SECOND);
        unavailable(&host, stream);
    }
    // What the configuration says needs nobody else's word.
    passes_at_once(&mut host, of(rsa_key(), LISTED));
    lost.heal();
    host.advance(RECOVERY);
    passes_at_once(&mut host, of(rsa_key(), ISSUER_ELSEWHERE));
    passes_at_once(&mut host, of(ec_key(), &listed_at_home));

    lost.break_discovery(Answer::Refused);
    host.advance(2 * HOUR);
    passes_at_once(&mut host, of(rsa_key(), ISSUER_ELSEWHERE));
    passes_at_once(&mut host, of(ec_key(), &listed_at_home));
}
