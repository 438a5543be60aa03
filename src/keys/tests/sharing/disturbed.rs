//! VMs that die, clocks that jump, and shared data that nobody of ours wrote.

use super::*;

#[test]
fn the_right_to_fetch_ends_with_its_holder() {
    let mut process = Process::of(3);
    process.tick();
    assert_eq!(process.fetching(), [0]);
    process.vms[1].wait(1, false);
    process.vms.remove(0);
    process.pass(Duration::from_millis(5900));
    assert!(process.fetching().is_empty(), "the answer may still come");
    process.pass(Duration::from_millis(200));
    process.serve("a");
    assert!(process.all_have("a"));
    assert_eq!(process.vms[0].woken.len(), 1);
}

#[test]
fn a_refetch_whose_vm_died_does_not_count_for_the_interval() {
    let mut process = Process::of(3);
    process.serve("a");
    process.vms[0].wait(1, true);
    process.vms[0].tick();
    process.vms[1].wait(2, true);
    process.tick();
    process.vms.remove(0);
    process.pass(Duration::from_millis(6100));
    assert_eq!(process.fetching(), [0], "who waits for it asks again");
    process.vms[0].fetches.clear();
    process.vms.remove(0);
    process.pass(Duration::from_millis(6100));
    assert!(process.vms[0].provider().can_refetch(process.vms[0].time()));
    process.vms[0].wait(3, true);
    process.serve("b");
    assert!(process.vms[0].woken[0].waited.refetched.contains(ID));
}

#[test]
fn who_leaves_gives_the_right_to_fetch_back() {
    for for_unknown_key in [false, true] {
        let mut process = Process::of(2);
        if for_unknown_key {
            process.serve("a");
            process.vms[0].wait(1, true);
        }
        process.tick();
        assert_eq!(process.fetching(), [0]);
        process.vms[1].wait(2, for_unknown_key);
        process.vms[1].tick();
        process.vms[0].store.release();
        process.vms.remove(0);
        process.serve("b");
        assert_eq!(process.vms[0].woken.len(), 1);
        assert_eq!(process.vms[0].woken[0].waited.refetched.contains(ID), for_unknown_key);
    }
    let mut process = Process::of(2);
    process.tick();
    process.vms[1].store.release();
    process.pass(seconds(1));
    assert_eq!(process.fetching(), [0], "and nothing of another's");
}

#[test]
fn who_took_too_long_says_nothing_bad_of_what_came_after() {
    let mut process = Process::of(2);
    process.tick();
    // The first VM's thread stands still, and another one takes over.
    process.vms[1].now = process.vms[1].now.after(seconds(7));
    process.vms[1].serve("a");
    process.vms[0].now = process.vms[1].now;
    process.vms[0].answer(Err(FetchFault::Broken));
    process.tick();
    assert_eq!(process.vms[1].provider().retry_after_failure(process.vms[1].time()), None);
    assert!(process.all_have("a"));
    assert!(process.fetching().is_empty());
}

#[test]
fn a_late_good_answer_is_good_for_all() {
    let mut process = Process::of(2);
    process.tick();
    process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
    process.vms[1].now = process.vms[1].now.after(seconds(7));
    process.vms[1].tick();
    assert_eq!(process.fetching(), [0, 1]);
    process.vms[0].ok(&key_set("a"));
    process.vms[0].now = process.vms[1].now;
    process.tick();
    assert!(process.all_have("a"));
    process.vms[1].ok(&discovery(ISSUER, "https://idp.example/keys"));
    process.vms[1].ok(&key_set("b"));
    process.tick();
    assert!(process.all_have("b"));
}

#[test]
fn a_late_answer_takes_no_newer_key_away() {
    for is_good in [true, false] {
        let mut process = Process::of(2);
        process.serve("old");
        process.vms[0].wait(1, true);
        process.vms[0].tick();
        process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
        process.vms[1].now = process.vms[1].now.after(seconds(7));
        process.vms[1].wait(2, true);
        process.vms[1].serve("new");
        // The thread of the first VM goes on, and its answer is from before the rotation.
        process.vms[0].now = process.vms[1].now;
        if is_good {
            process.vms[0].ok(&key_set("old"));
        } else {
            process.vms[0].answer(Err(FetchFault::Broken));
        }
        process.tick();
        assert!(process.all_have("new"));
        assert_eq!(process.vms[0].woken.len(), 1);
        let vm = &process.vms[0];
        assert_eq!(vm.provider().retry_after_failure(vm.time()), None);
    }
}

#[test]
fn the_second_request_of_a_fetch_has_its_own_time() {
    let mut process = Process::of(2);
    process.tick();
    process.pass(seconds(5));
    process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
    process.pass(seconds(5));
    assert_eq!(process.fetching(), [0], "no other VM takes over in the middle");
    process.vms[0].ok(&key_set("a"));
    process.tick();
    assert!(process.all_have("a"));
}

#[test]
fn conflicts_are_tried_again_and_do_not_go_on_for_ever() {
    let mut process = Process::of(2);
    *process.board.conflicts.borrow_mut() = 3;
    process.serve("a");
    *process.board.conflicts.borrow_mut() = usize::MAX;
    process.vms[0].wait(1, true);
    process.tick();
    assert!(process.fetching().is_empty(), "nobody has the right to fetch");
    assert_eq!(process.vms[0].store.until_next(process.vms[0].now), Some(Duration::ZERO));
    *process.board.conflicts.borrow_mut() = 0;
    process.tick();
    assert_eq!(process.fetching(), [0]);
    *process.board.conflicts.borrow_mut() = usize::MAX;
    process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
    process.vms[0].ok(&key_set("b"));
    assert_eq!(process.vms[0].key_ids(), Some(vec!["b".to_owned()]), "its own keys it has all the same");
    assert_eq!(process.vms[0].woken.len(), 1);
}

/// What another plugin, or another version of this one, might have left.
const RUBBISH: &[&[u8]] = &[
    b"",
    b"\xff\xff",
    b"{}",
    b"[]\n",
    b"[{\"at\":0,\"discovery\":1,\"keys\":1}]\n",
    b"[{\"at\":0,\"discovery\":18446744073709551615,\"keys\":18446744073709551615}]\nab",
    b"[{\"at\":0,\"discovery\":0,\"keys\":2}]\n{}",
    b"[{\"at\":0,\"discovery\":2,\"keys\":2}]\n{}{}",
    br#"{"ended":18446744073709551615,"ended_for_key":18446744073709551615,"published":18446744073709551615,
        "failures":4294967295,"next_attempt":9223372036854775807,"last_fetch_for_key":9223372036854775807,
        "lease":{"holder":99,"until":9223372036854775807}}"#,
    br#"{"ended":7,"ended_for_key":0,"published":7,"failures":0,"next_attempt":-9223372036854775808,
        "last_fetch_for_key":-9223372036854775808,"lease":{"holder":99,"until":-9223372036854775808}}"#,
];

#[test]
fn rubbish_in_the_shared_data_costs_a_fetch_at_most() {
    for (index, rubbish) in RUBBISH.iter().enumerate() {
        for end in ["/record", "/documents", "]"] {
            let mut process = Process::of(2);
            process.serve("a");
            process.board.spoil(end, rubbish);
            process.board.spoil("\"root\"]", b"news");
            process.tick();
            let keys = Some(vec!["a".to_owned()]);
            assert!(process.vms.iter().all(|vm| vm.key_ids() == keys), "{index} {end}: known keys stay");
            let new = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
            process.vms[new].wait(1, false);
            // No lease that anybody can write lasts longer than the longest fetch, and no backoff longer than its maximum.
            for _ in 0..400 {
                process.pass(Duration::from_millis(100));
                for vm in 0..process.vms.len() {
                    if !process.vms[vm].fetches.is_empty() {
                        process.vms[vm].ok(&discovery(ISSUER, "https://idp.example/keys"));
                        process.vms[vm].ok(&key_set("b"));
                    }
                }
            }
            assert_eq!(process.vms[new].woken.len(), 1, "{index} {end}");
            assert!(process.vms[new].key_ids().is_some(), "{index} {end}");
        }
    }
}

#[test]
fn keys_of_an_answer_that_is_too_large_for_this_configuration_are_not_taken_over() {
    let mut process = Process::of(1);
    process.serve("a");
    let mut strict = settings("idp.example", Schedule::default());
    strict.limits.max_response_bytes = 20;
    let new = process.start_vm(PLUGIN, strict);
    assert_eq!(process.vms[new].key_ids(), None);
    process.tick();
    assert_eq!(process.fetching(), [new], "it sees for itself");
}

#[test]
fn what_this_configuration_does_not_allow_is_not_taken_over() {
    let mut process = Process::of(1);
    process.tick();
    process.vms[0].ok(&discovery(ISSUER, "https://keys.example/"));
    process.vms[0].ok(&key_set("a"));
    let mut strict = settings("idp.example", Schedule::default());
    strict.clusters = Clusters::new([("idp.example".to_owned(), "idp.example".to_owned())].into(), None);
    let new = process.start_vm(PLUGIN, strict);
    assert_eq!(process.vms[new].key_ids(), None);
    process.tick();
    let error = process.vms[new].error().expect("it says why");
    assert!(matches!(error, FetchError::ForeignJwksUri(_)), "{error}");
    assert!(process.fetching().is_empty(), "and tries for itself after a while, as after any failure");
    process.pass(seconds(2));
    assert_eq!(process.fetching(), [new]);
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_from_fetching() {
    let mut process = Process::of(2);
    process.serve("a");
    process.vms[0].wait(1, true);
    process.tick();
    process.vms.remove(0);
    let before = process.vms[0].now;
    // The holder of the lease is gone, and the lease's end lies a day ahead now.
    process.vms[0].now = Timestamp::from_millis(before.as_millis() - 86_400_000);
    process.vms[0].wait(2, true);
    process.pass(Duration::from_millis(6100));
    process.serve("b");
    assert!(process.all_have("b"));
    let new = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
    assert_eq!(process.vms[new].key_ids(), Some(vec!["b".to_owned()]));
}
