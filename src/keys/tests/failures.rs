//! Fetches that fail, and keys that grow old meanwhile.

use super::*;

#[test]
fn requests_are_woken_when_the_fetch_fails_too() {
    let mut world = World::new();
    world.wait(1, false);
    world.tick();
    world.answer(Err(FetchFault::NotSent));
    assert_eq!(world.woken.len(), 1);
    let Availability::Down { retry_after } = world.availability() else {
        panic!("expected to be down");
    };
    assert!(retry_after >= seconds(1) && retry_after <= Duration::from_millis(1250), "{retry_after:?}");
}

#[test]
fn failures_back_off_and_never_replace_good_keys() {
    let good = discovery(ISSUER, "https://idp.example/keys");
    let too_large = "x".repeat(10_001);
    let deep = format!(r#"{{"issuer":{}"#, "[".repeat(8000));
    let documents = [
        "<html>",
        "",
        "[]",
        "null",
        r#"{"jwks_uri":"https://idp.example/keys"}"#,
        r#"{"issuer":7,"jwks_uri":"https://idp.example/keys"}"#,
        r#"{"issuer":"https://idp.example/"}"#,
        r#"{"issuer":"https://idp.example/","jwks_uri":"http://idp.example/keys"}"#,
        r#"{"issuer":"https://idp.example/","jwks_uri":"https://evil.example/keys"}"#,
        r#"{"issuer":"https://idp.example/","jwks_uri":"https://idp.example@evil.example/keys"}"#,
        r#"{"issuer":"https://foreign.example/","jwks_uri":"https://idp.example/keys"}"#,
        too_large.as_str(),
        deep.as_str(),
    ];
    let sets = [
        "<html>",
        "",
        "[]",
        r#"{"keys":[]}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#,
        r#"{"keys":[1,null]}"#,
        too_large.as_str(),
    ];
    let response = |status, body: &str| Ok(Response { status, body: body.as_bytes().to_vec() });
    let mut answers: Vec<Vec<Result<Response, FetchFault>>> = Vec::new();
    for document in documents {
        answers.push(vec![response(200, document)]);
    }
    for set in sets {
        answers.push(vec![response(200, &good), response(200, set)]);
    }
    for status in [204, 302, 404, 500, 503, 504] {
        answers.push(vec![response(status, &good)]);
        answers.push(vec![response(200, &good), response(status, &key_set("b"))]);
    }
    for fault in [FetchFault::NotSent, FetchFault::Broken, FetchFault::TooLarge] {
        answers.push(vec![Err(fault)]);
        answers.push(vec![response(200, &good), Err(fault)]);
    }

    let mut world = World::new();
    world.serve("a");
    world.pass(seconds(3600));
    for (failures, answers) in answers.into_iter().enumerate() {
        for answer in answers {
            world.answer(answer);
        }
        let report = world.reports.last().unwrap();
        assert!(report.result.is_err(), "{failures}: {report:?}");
        assert!(report.next >= seconds(1) && report.next <= seconds(30), "{:?}", report.next);
        assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
        assert!(!world.error().unwrap().to_string().is_empty());
        let next = report.next;
        world.pass(next);
    }
    world.ok(&good);
    world.ok(&key_set("b"));
    assert_eq!(world.key_ids(), Some(vec!["b".to_owned()]), "recovered");
    assert_eq!(world.reports.last().unwrap().next, seconds(3600));
}

#[test]
fn the_same_answers_at_start_leave_no_keys_and_recovery_needs_no_restart() {
    let mut world = World::new();
    for _ in 0..12 {
        world.tick();
        world.ok("<html>");
        assert_eq!(world.key_ids(), None);
        let next = world.reports.last().unwrap().next;
        world.pass(next);
        // The next fetch is under way already.
        world.answer(Err(FetchFault::Broken));
        let next = world.reports.last().unwrap().next;
        world.now = world.now.after(next);
    }
    world.serve("a");
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
}

#[test]
fn stale_keys_serve_for_a_day_then_no_longer() {
    let mut world = World::new();
    world.serve("a");
    let end = world.now.after(Duration::from_hours(24));
    while world.now < end {
        let next = world.store.until_next(world.now).unwrap().min(end.since(world.now));
        assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
        world.pass(next);
        if !world.fetches.is_empty() {
            world.answer(Err(FetchFault::Broken));
        }
    }
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]), "to the last millisecond");
    world.now = world.now.after(Duration::from_millis(1));
    assert_eq!(world.key_ids(), None);
    let next = world.store.until_next(world.now).unwrap();
    world.now = world.now.after(next);
    world.serve("b");
    assert_eq!(world.key_ids(), Some(vec!["b".to_owned()]));
}

#[test]
fn a_fetch_without_answer_is_given_up_and_a_late_answer_ignored() {
    let mut world = World::new();
    world.wait(1, false);
    world.tick();
    let late = world.take_fetch();
    world.pass(Duration::from_millis(5_999));
    assert!(world.reports.is_empty());
    world.pass(Duration::from_millis(1));
    assert!(matches!(world.error(), Some(FetchError::Fault { fault: FetchFault::TimedOut, .. })));
    assert_eq!(world.woken.len(), 1);
    let body = discovery(ISSUER, "https://idp.example/keys").into_bytes();
    let actions = world.store.answer(&late, Ok(Response { status: 200, body }), world.now);
    assert_eq!(actions, []);
}

#[test]
fn a_clock_that_is_set_back_puts_nothing_off() {
    let mut world = World::new();
    world.serve("a");
    world.now = Timestamp::from_secs(1_600_000_000);
    world.tick();
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
    assert_eq!(world.store.until_next(world.now), Some(seconds(3600)));
    world.wait(1, true);
    world.serve("b");
    world.now = Timestamp::from_secs(1_500_000_000);
    world.tick();
    assert!(!world.provider().can_refetch(world.time()));
    world.now = world.now.after(seconds(30));
    assert!(
        world.provider().can_refetch(world.time()),
        "the interval is over after thirty seconds of any clock"
    );
}

#[test]
fn a_time_that_is_not_told_changes_nothing() {
    let mut world = World::new();
    world.serve("a");
    let before = world.now;
    world.now = Timestamp::UNKNOWN;
    world.tick();
    assert!(world.fetches.is_empty());
    world.now = before.after(seconds(3599));
    world.tick();
    assert!(world.fetches.is_empty());
    assert_eq!(world.key_ids(), Some(vec!["a".to_owned()]));
}

/// The configuration may hold any text, and no text of it may forge a line of the log.
#[test]
fn an_error_names_its_cluster_escaped() {
    let (url, cluster) = (Url::parse("https://idp.example/").unwrap(), "idp\nrefused: `x`".to_owned());
    for error in [
        FetchError::Fault { url: url.clone(), cluster: cluster.clone(), fault: FetchFault::NotSent },
        FetchError::Status { url, cluster, status: 500 },
    ] {
        let text = error.to_string();
        assert!(text.contains(r"by cluster `idp\nrefused: `x``"), "{text}");
    }
}
