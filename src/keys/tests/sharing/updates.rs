//! Configurations that replace one another, and some that differ, under the same plugin's name.

use super::*;

pub(super) fn without_keys_host() -> ProviderSettings {
    let clusters = Clusters::new([("idp.example".to_owned(), "idp.example".to_owned())].into(), None);
    ProviderSettings { clusters, ..settings("idp.example", Schedule::default()) }
}

#[test]
fn an_update_during_an_outage_keeps_the_keys_as_long_as_they_may_be_used() {
    let mut process = Process::of(2);
    process.serve("a");
    process.pass(seconds(3600));
    process.fail();
    process.vms.clear();
    for _ in 0..2 {
        process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
    }
    for vm in &mut process.vms {
        vm.now = Timestamp::from_secs(1_700_000_000).after(seconds(3600));
    }
    let new = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
    assert!(process.vms[new].key_ids().is_some());
    assert!(process.vms[new].provider().retry_after_failure(process.vms[new].time()).is_some());
    let vm = &mut process.vms[new];
    vm.now = vm.now.after(seconds(82_799));
    assert!(vm.key_ids().is_some());
    vm.now = vm.now.after(seconds(2));
    assert!(vm.key_ids().is_none(), "a day after the last good answer, not after the update");
}

#[test]
fn an_update_keeps_the_keys_of_earlier_issuers() {
    let mut process = Process::of(1);
    process.serve("a");
    process.pass(seconds(3600));
    process.tick();
    process.vms[0].ok(&discovery("https://new.example/", "https://idp.example/keys"));
    process.vms[0].ok(&key_set("b"));
    let new = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
    let published = process.vms[new].provider().published();
    let issuers: Vec<_> = published.iter().map(|publication| publication.issuer.as_str()).collect();
    assert_eq!(issuers, ["https://new.example/", ISSUER]);
    assert_eq!(published[1].age(process.vms[new].time()), seconds(3600));
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
    assert_eq!(process.fetching(), [new], "it sees for itself");
    process.vms[new].ok(&discovery(ISSUER, "https://keys.example/"));
    let error = process.vms[new].error().expect("and says why");
    assert!(matches!(error, FetchError::ForeignJwksUri(_)), "{error}");
}

#[test]
fn an_earlier_answer_that_may_not_be_used_any_more_spoils_nothing() {
    let mut process = Process::of(1);
    process.tick();
    process.serve_all("https://old.example/", "https://keys.example/");
    process.pass(seconds(3600));
    assert_eq!(process.serve_all(ISSUER, "https://idp.example/keys"), 1);
    // The operator's update: the other host is needed no more.
    let now = process.vms[0].now;
    process.vms.clear();
    for _ in 0..9 {
        let new = process.start_vm(PLUGIN, without_keys_host());
        process.vms[new].now = now;
        process.vms[new].store.learn(now);
    }
    assert!(process.all_have("a"));
    let mut asked = 0;
    for _ in 0..36_000 {
        process.pass(Duration::from_millis(100));
        asked += process.serve_all(ISSUER, "https://idp.example/keys");
    }
    assert_eq!(asked, 1, "in an hour");
    assert!(process.vms.iter().all(|vm| vm.provider().published().len() == 1 && vm.error().is_none()));
}

#[test]
fn earlier_issuers_are_shared_as_long_as_their_keys_may_be_used() {
    let mut process = Process::of(1);
    process.tick();
    process.serve_all("https://old.example/", "https://idp.example/keys");
    for hour in 1..=25 {
        process.vms[0].now = process.vms[0].now.after(seconds(3600));
        process.tick();
        process.serve_all(ISSUER, "https://idp.example/keys");
        let new = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
        let issuers = process.vms[new].provider().published().len();
        assert_eq!(issuers, if hour <= 24 { 2 } else { 1 }, "after {hour} hours");
        process.vms.truncate(1);
    }
}

#[test]
fn a_configuration_that_may_not_use_the_answers_goes_its_own_way() {
    let mut process = Process::of(1);
    process.tick();
    process.serve_all(ISSUER, "https://keys.example/");
    let strict = process.start_vm(PLUGIN, without_keys_host());
    let mut asked = [0, 0];
    for _ in 0..3600 {
        process.pass(seconds(1));
        for (vm, asked) in asked.iter_mut().enumerate() {
            *asked += process.vms[vm].fetches.len();
        }
        process.serve_all(ISSUER, "https://keys.example/");
        let vm = &process.vms[0];
        assert_eq!(vm.provider().retry_after_failure(vm.time()), None, "that is nobody else's failure");
    }
    assert_eq!(asked[0], 1, "the hourly refresh");
    assert!((110..=130).contains(&asked[1]), "{} attempts with backoff", asked[1]);
    assert_eq!(process.vms[strict].key_ids(), None);
}

#[test]
fn keys_that_came_by_another_cluster_are_fetched_again() {
    let by = |cluster: &str| ProviderSettings {
        clusters: Clusters::new(
            [("idp.example", "idp.example"), ("keys.example", cluster)]
                .map(|(host, cluster)| (host.to_owned(), cluster.to_owned()))
                .into(),
            None,
        ),
        ..settings("idp.example", Schedule::default())
    };
    let mut process = Process { board: Rc::default(), vms: Vec::new(), started: 0 };
    process.start_vm(PLUGIN, by("without-tls"));
    process.tick();
    process.serve_all(ISSUER, "https://keys.example/");
    let old = process.vms.remove(0);
    let new = [by("with-tls"), by("with-tls")].map(|settings| process.start_vm(PLUGIN, settings));
    for vm in &mut process.vms {
        vm.now = old.now;
        vm.store.learn(vm.now);
        assert_eq!(vm.key_ids(), None);
    }
    process.vms[new[1]].wait(1, false);
    process.tick();
    assert_eq!(process.serve_all(ISSUER, "https://keys.example/"), 1);
    process.tick();
    assert!(process.all_have("a"), "and those are shared");
    assert_eq!(process.vms[new[1]].woken.len(), 1);
}

#[test]
fn a_refetch_that_was_given_back_does_not_count_for_the_interval() {
    for is_second in [false, true] {
        let mut process = Process::of(1);
        process.serve("a");
        if is_second {
            process.vms[0].wait(1, true);
            process.serve("a");
            process.pass(seconds(31));
        }
        process.vms[0].wait(2, true);
        process.tick();
        assert_eq!(process.fetching(), [0]);
        // A new configuration comes, the old one goes with its fetch.
        let new = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
        process.vms[0].store.release();
        process.vms.remove(0);
        process.pass(seconds(1));
        let vm = &process.vms[new - 1];
        assert!(vm.provider().can_refetch(vm.time()), "nobody fetched");
    }
}

#[test]
fn a_larger_max_stale_keeps_keys_in_use_longer() {
    let mut process = Process::of(1);
    process.serve("a");
    let vm = &mut process.vms[0];
    vm.now = vm.now.after(seconds(86_401));
    assert_eq!(vm.key_ids(), None);
    let longer = Schedule { max_stale: seconds(2 * 86_400), ..Schedule::default() };
    let new = process.start_vm(PLUGIN, settings("idp.example", longer));
    assert_eq!(process.vms[new].key_ids(), Some(vec!["a".to_owned()]));
}

/// The rules of an update: another timeout.
fn other_rules() -> ProviderSettings {
    settings("idp.example", Schedule { timeout: seconds(9), ..Schedule::default() })
}

/// A configuration that was replaced by one of other rules, which fetched `key_id` after so many seconds, and came back.
fn rolled_back(after: u64, key_id: &str) -> Process {
    let mut process = Process::of(1);
    process.serve("old");
    process.start_vm(PLUGIN, other_rules());
    process.vms.remove(0);
    process.vms[0].now = process.vms[0].now.after(seconds(after));
    process.serve(key_id);
    for _ in 0..2 {
        process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
    }
    process.vms.remove(0);
    process
}

#[test]
fn a_configuration_that_comes_back_begins_with_the_newest_keys() {
    for after in [3600, 100_000] {
        let mut process = rolled_back(after, "new");
        assert!(process.all_have("new"), "{after}: the other configuration knew better");
        // The provider is away.
        for _ in 0..600 {
            process.pass(Duration::from_millis(100));
            for vm in &mut process.vms {
                if !vm.fetches.is_empty() {
                    vm.answer(Err(FetchFault::Broken));
                }
            }
        }
        assert!(process.all_have("new"), "{after}: what was withdrawn is not accepted again");
    }
}

#[test]
fn a_fetch_after_an_update_with_other_rules_keeps_the_keys_of_earlier_issuers_for_the_others() {
    let mut process = Process::of(1);
    process.serve("a");
    process.pass(seconds(3600));
    process.serve_all("https://new.example/", "https://idp.example/keys");
    process.start_vm(PLUGIN, other_rules());
    process.vms.remove(0);
    assert_eq!(process.vms[0].provider().published().len(), 2);
    process.pass(seconds(3600));
    assert_eq!(process.serve_all("https://new.example/", "https://idp.example/keys"), 1);
    let third = Schedule { timeout: seconds(8), ..Schedule::default() };
    for settings in
        [other_rules(), settings("idp.example", Schedule::default()), settings("idp.example", third)]
    {
        let new = process.start_vm(PLUGIN, settings);
        let published = process.vms[new].provider().published();
        let issuers: Vec<_> = published.iter().map(|publication| publication.issuer.as_str()).collect();
        assert_eq!(issuers, ["https://new.example/", ISSUER]);
        assert_eq!(published[0].age(process.vms[new].time()), Duration::ZERO);
        assert_eq!(published[1].age(process.vms[new].time()), seconds(7200));
    }
}

#[test]
fn who_waits_is_woken_by_keys_that_a_configuration_of_other_rules_fetched() {
    for is_request in [false, true] {
        let mut process = Process::of(1);
        let new = process.start_vm(PLUGIN, other_rules());
        process.vms[new].wait(1, false);
        process.tick();
        assert_eq!(process.fetching(), [0, new]);
        process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
        process.vms[0].ok(&key_set("a"));
        let vm = &mut process.vms[new];
        if is_request {
            assert!(vm.store.learn(vm.now), "a request that asks hears that there is news");
        }
        vm.tick();
        assert!(vm.key_ids().is_some());
        assert_eq!(vm.woken.len(), 1, "{is_request}: the keys are there");
    }
}

#[test]
fn keys_of_a_configuration_of_other_rules_do_not_stretch_the_backoff() {
    let mut process = Process::of(1);
    let new = process.start_vm(PLUGIN, other_rules());
    process.tick();
    process.vms[new].answer(Err(FetchFault::Broken));
    process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
    process.vms[0].ok(&key_set("a"));
    process.tick();
    let vm = &process.vms[new];
    assert!(vm.key_ids().is_some());
    let retry_after = vm.provider().retry_after_failure(vm.time());
    assert!(retry_after.is_none_or(|wait| wait <= schedule::MAX_BACKOFF), "{retry_after:?}");
}
