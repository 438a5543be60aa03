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
    b"[{\"at\":0,\"discovery\":1,\"keys\":1,\"cluster\":\"\"}]\n",
    b"[{\"at\":0,\"discovery\":18446744073709551615,\"keys\":18446744073709551615,\"cluster\":\"\"}]\nab",
    b"[{\"at\":0,\"discovery\":0,\"keys\":2,\"cluster\":\"idp.example\"}]\n{}",
    b"[{\"at\":0,\"discovery\":2,\"keys\":2,\"cluster\":\"idp.example\"}]\n{}{}",
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

#[test]
fn a_clock_that_is_set_back_hides_no_new_key_while_another_provider_is_down() {
    let mut process = Process { board: Rc::default(), vms: Vec::new(), started: 0 };
    for number in 1..=2 {
        let mut world = World::with(&["idp.example", "down.example"], Schedule::default(), 1024);
        world.store = world.store.sharing(Sharing::new(process.board.clone(), PLUGIN, number));
        process.vms.push(world);
    }
    let answer = |process: &mut Process| {
        let mut asked = 0;
        for vm in &mut process.vms {
            for fetch in std::mem::take(&mut vm.fetches) {
                let body = if fetch.url.to_string().ends_with("openid-configuration") {
                    discovery(ISSUER, "https://idp.example/keys")
                } else {
                    asked += 1;
                    key_set("a")
                };
                let good = Ok(Response { status: 200, body: body.into_bytes() });
                let response = if fetch.cluster == "idp.example" { good } else { Err(FetchFault::Broken) };
                let actions = vm.store.answer(&fetch, response, vm.now);
                vm.take(actions);
            }
        }
        asked
    };
    let pass = |process: &mut Process, tenths: usize| {
        (0..tenths)
            .map(|_| {
                process.pass(Duration::from_millis(100));
                answer(process)
            })
            .sum::<usize>()
    };
    assert_eq!(pass(&mut process, 50), 1);
    process.vms[0].wait(1, true);
    assert_eq!(pass(&mut process, 50), 1);
    for vm in &mut process.vms {
        vm.now = Timestamp::from_millis(vm.now.as_millis() - 86_400_000);
    }
    pass(&mut process, 900);
    assert!(process.vms[1].provider().can_refetch(process.vms[1].time()));
    process.vms[1].wait(2, true);
    assert_eq!(pass(&mut process, 10), 1);
}

#[test]
fn what_lies_ahead_in_the_shared_data_is_taken_for_now() {
    let mut process = Process::of(1);
    process.serve("a");
    let ahead = process.vms[0].now.as_millis() + 7 * 86_400_000;
    let record = format!(
        r#"{{"ended":9,"ended_for_key":0,"published":1,"failures":3,"next_attempt":{ahead},"last_fetch_for_key":{ahead},"lease":null}}"#
    );
    process.board.spoil("/record", record.as_bytes());
    process.board.spoil("\"root\"]", b"news");
    process.tick();
    let vm = &process.vms[0];
    let wait = vm.provider().retry_after_failure(vm.time()).unwrap();
    assert!(wait <= schedule::MAX_BACKOFF, "{wait:?}");
    process.pass(seconds(29));
    assert!(!process.vms[0].provider().can_refetch(process.vms[0].time()));
    process.pass(seconds(1));
    assert!(process.vms[0].provider().can_refetch(process.vms[0].time()));

    // Keys from tomorrow are no younger than those of today.
    let mut process = Process::of(1);
    process.serve("a");
    process.vms[0].now = Timestamp::from_millis(process.vms[0].now.as_millis() - 7 * 86_400_000);
    let new = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
    assert!(process.vms[new].key_ids().is_some());
    process.vms[new].now = process.vms[new].now.after(seconds(86_401));
    assert!(process.vms[new].key_ids().is_none());
}

#[test]
fn a_late_answer_leaves_the_right_to_fetch_to_who_has_it() {
    let mut process = Process::of(3);
    process.tick();
    process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
    for vm in &mut process.vms[1..] {
        vm.now = vm.now.after(seconds(7));
    }
    process.vms[1].tick();
    process.vms[0].ok(&key_set("a"));
    process.vms[2].wait(1, true);
    process.vms[2].tick();
    assert_eq!(process.fetching(), [1], "the third VM waits for the second's");
}

#[test]
fn who_took_too_long_and_fails_does_not_call_the_provider_failing() {
    for has_heard in [false, true] {
        let mut process = Process::of(2);
        process.tick();
        process.vms[1].now = process.vms[1].now.after(seconds(7));
        process.vms[1].serve("a");
        let vm = &mut process.vms[0];
        if has_heard {
            vm.store.learn(vm.now);
        }
        vm.answer(Err(FetchFault::Broken));
        assert_eq!(vm.provider().retry_after_failure(vm.time()), None, "{has_heard}");
        assert_eq!(vm.key_ids(), Some(vec!["a".to_owned()]));
    }
}

#[test]
fn a_fetch_that_was_never_sent_turns_nobody_else_away() {
    for has_keys in [false, true] {
        let mut process = Process::of(5);
        if has_keys {
            process.serve("a");
            process.vms[0].wait(1, true);
        }
        // Envoy's main thread ticks before its clusters are there.
        process.vms[0].tick();
        process.vms[0].answer(Err(FetchFault::NotSent));
        assert!(process.vms[0].provider().retry_after_failure(process.vms[0].time()).is_some());
        for vm in &mut process.vms[1..] {
            vm.store.learn(vm.now);
            assert!(!matches!(vm.availability(), Availability::Down { .. }));
            assert!(vm.provider().can_refetch(vm.time()));
            assert_eq!(vm.provider().retry_after_failure(vm.time()), None);
        }
        process.vms[1].wait(2, has_keys);
        process.serve("b");
        assert!(process.all_have("b"));
        assert_eq!(process.vms[0].provider().retry_after_failure(process.vms[0].time()), None);
    }
}

#[test]
fn a_late_good_answer_is_not_lost_on_who_fails_then() {
    for fault in [FetchFault::Broken, FetchFault::NotSent, FetchFault::TimedOut] {
        let mut process = Process::of(3);
        process.serve("old");
        process.pass(seconds(3600));
        process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
        for vm in &mut process.vms[1..] {
            vm.now = vm.now.after(seconds(7));
        }
        process.vms[1].tick();
        assert_eq!(process.fetching(), [0, 1]);
        process.vms[0].now = process.vms[1].now;
        process.vms[0].ok(&key_set("new"));
        // Before it heard of that.
        if fault == FetchFault::TimedOut {
            process.vms[1].now = process.vms[1].now.after(seconds(7));
            let fetches = std::mem::take(&mut process.vms[1].fetches);
            process.vms[1].tick();
            assert_eq!(fetches.len(), 1);
        } else {
            process.vms[1].answer(Err(fault));
        }
        process.vms[1].tick();
        process.vms[2].tick();
        assert!(process.all_have("new"), "{fault:?}");
    }
}
