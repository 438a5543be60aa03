//! One fetch for the process.

use super::*;

#[test]
fn a_cold_start_of_eight_vms_is_one_fetch() {
    let mut process = Process::of(8);
    for (number, vm) in process.vms.iter_mut().enumerate() {
        vm.wait(u32::try_from(number).unwrap(), false);
    }
    process.serve("a");
    assert!(process.all_have("a"));
    assert_eq!(process.reports(), 1, "who fetched says so");
    assert!(process.vms.iter().all(|vm| vm.woken.len() == 1 && vm.woken[0].waited.fetched.contains(ID)));
    process.pass(seconds(3595));
    assert!(process.fetching().is_empty());
    process.pass(seconds(10));
    process.serve("b");
    assert!(process.all_have("b"), "and so is the refresh");
}

#[test]
fn a_vm_that_starts_later_has_the_keys_before_its_first_tick() {
    let mut process = Process::of(2);
    process.serve("a");
    process.pass(seconds(60));
    let new = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
    assert_eq!(process.vms[new].key_ids(), Some(vec!["a".to_owned()]));
    let age = process.vms[new].provider().published()[0].age(process.vms[new].time());
    assert_eq!(age, seconds(60), "which are not younger for that");
    process.tick();
    assert!(process.fetching().is_empty());
}

#[test]
fn nothing_is_claimed_by_a_vm_that_only_looks() {
    let mut process = Process::of(3);
    // A configuration that is tried and thrown away learns, and never ticks.
    process.vms.remove(0);
    process.tick();
    assert_eq!(process.fetching(), [0]);
}

#[test]
fn a_rotation_is_one_refetch() {
    let mut process = Process::of(8);
    process.serve("a");
    process.pass(seconds(100));
    for vm in &mut process.vms {
        vm.wait(1, true);
        vm.wait(2, true);
    }
    process.serve("b");
    assert!(process.all_have("b"));
    for vm in &process.vms {
        assert_eq!(vm.woken.len(), 2);
        assert!(vm.woken.iter().all(|woken| woken.waited.refetched.contains(ID)), "they need not ask again");
    }
    assert_eq!(process.reports(), 2);
}

#[test]
fn the_interval_is_the_process_s() {
    let mut process = Process::of(4);
    process.serve("a");
    process.vms[0].wait(1, true);
    process.serve("a");
    assert!(process.vms.iter().all(|vm| !vm.provider().can_refetch(vm.time())));
    for round in 0..290 {
        for vm in &mut process.vms {
            let wish = Wish::refetch([ID].into_iter().collect());
            vm.store.want(wish, vm.now);
        }
        process.pass(Duration::from_millis(100));
        assert!(process.fetching().is_empty(), "{round}");
    }
    process.pass(seconds(2));
    process.vms[3].wait(2, true);
    process.serve("b");
    assert!(process.all_have("b"));
}

#[test]
fn a_request_hears_of_a_new_key_at_once() {
    let mut process = Process::of(2);
    process.serve("a");
    process.vms[0].wait(1, true);
    let vm = &mut process.vms[0];
    vm.serve("b");
    let other = &mut process.vms[1];
    assert_eq!(other.key_ids(), Some(vec!["a".to_owned()]));
    assert!(other.store.learn(other.now), "without a tick");
    assert_eq!(other.key_ids(), Some(vec!["b".to_owned()]));
    assert!(!other.store.learn(other.now), "once");
}

#[test]
fn who_waits_is_woken_by_the_tick_after_a_request_brought_the_news() {
    let mut process = Process::of(2);
    process.serve("a");
    process.vms[1].wait(1, true);
    process.vms[0].wait(2, true);
    process.vms[0].serve("b");
    let other = &mut process.vms[1];
    assert!(other.store.learn(other.now));
    assert!(other.woken.is_empty());
    other.tick();
    assert_eq!(other.woken.len(), 1);
    assert!(other.woken[0].waited.refetched.contains(ID));
    assert!(other.fetches.is_empty());
}

#[test]
fn a_request_that_missed_the_fetch_it_would_have_waited_for_does_not_wait() {
    let mut process = Process::of(2);
    process.serve("a");
    process.vms[0].wait(1, true);
    process.vms[0].serve("b");
    // Nothing was heard of it here when the request came.
    process.vms[1].wait(2, true);
    process.vms[1].tick();
    assert_eq!(process.vms[1].woken.len(), 1);
    assert!(process.vms[1].fetches.is_empty());
}

#[test]
fn news_come_within_a_tenth_of_a_second_and_sooner_when_awaited() {
    let mut process = Process::of(2);
    assert_eq!(process.vms[0].store.until_next(process.vms[0].now), Some(Duration::ZERO));
    process.serve("a");
    assert_eq!(process.vms[1].store.until_next(process.vms[1].now), Some(NEWS));
    process.vms[0].wait(1, true);
    process.vms[0].tick();
    process.vms[1].wait(2, true);
    process.vms[1].tick();
    assert_eq!(process.vms[1].store.until_next(process.vms[1].now), Some(AWAITED_NEWS));
}

#[test]
fn failures_and_their_backoff_are_shared() {
    let mut alone = Process::of(1);
    let mut eight = Process::of(8);
    for process in [&mut alone, &mut eight] {
        for vm in &mut process.vms {
            vm.wait(1, false);
        }
        process.fail();
        for vm in &process.vms {
            assert_eq!(vm.woken.len(), 1, "nobody waits longer than the fetch");
            assert!(vm.provider().retry_after_failure(vm.time()).unwrap() >= Duration::from_millis(900));
            assert!(matches!(vm.availability(), Availability::Down { .. }));
        }
        for _ in 0..36_000 {
            process.pass(Duration::from_millis(100));
            for vm in &mut process.vms {
                if !vm.fetches.is_empty() {
                    vm.answer(Err(FetchFault::Broken));
                }
            }
        }
    }
    let (one, all) = (alone.reports(), eight.reports());
    assert!((110..=130).contains(&one), "{one} attempts in an hour");
    assert!((110..=130).contains(&all), "{all} attempts of eight VMs in an hour");
    while eight.fetching().is_empty() {
        eight.pass(Duration::from_millis(100));
    }
    eight.serve("a");
    assert!(eight.all_have("a"));
}

#[test]
fn plugins_and_providers_do_not_mix() {
    let usual = || settings("idp.example", Schedule::default());
    let key_set = Origin::KeySet(Issuer::new(ISSUER));
    let others: &[(&[&str], ProviderSettings)] = &[
        (&["payments", "root"], usual()),
        (&["orders", "other"], usual()),
        (&["orders\",\"root", ""], usual()),
        (&["ordersroot", ""], usual()),
        (PLUGIN, settings("two.example", Schedule::default())),
        (PLUGIN, ProviderSettings { cluster: "another".to_owned(), ..usual() }),
        (PLUGIN, ProviderSettings { origin: key_set, ..usual() }),
    ];
    let mut process = Process::of(1);
    process.serve("a");
    for (index, (plugin, settings)) in others.iter().enumerate() {
        let vm = process.start_vm(plugin, settings.clone());
        process.tick();
        assert_eq!(process.fetching(), [vm], "{index}");
        process.vms[vm].fetches.clear();
        process.vms.truncate(1);
        process.board.spoil("/record", b"");
    }
}
