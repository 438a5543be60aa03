//! Configurations of different rules at the same time, under one plugin's name, and what must hold whatever happens.

use super::updates::without_keys_host;
use super::*;

fn by(cluster: &str) -> ProviderSettings {
    ProviderSettings {
        clusters: Clusters::new(
            [("idp.example", "idp.example"), ("keys.example", cluster)]
                .map(|(host, cluster)| (host.to_owned(), cluster.to_owned()))
                .into(),
            None,
        ),
        ..settings("idp.example", Schedule::default())
    }
}

fn empty() -> Process {
    Process { board: Rc::default(), vms: Vec::new(), started: 0 }
}

fn want(vm: &mut World) {
    vm.store.want(Wish::refetch([ID].into_iter().collect()), vm.now);
}

#[test]
fn a_key_set_that_no_vm_can_ask_for_is_one_attempt_per_backoff() {
    let mut process = Process::of(9);
    let mut asked = 0;
    for _ in 0..36_000 {
        process.pass(Duration::from_millis(100));
        for vm in &mut process.vms {
            while let Some(fetch) = vm.fetches.first() {
                if fetch.url.to_string().ends_with("openid-configuration") {
                    asked += 1;
                    vm.ok(&discovery(ISSUER, "https://keys.example/"));
                } else {
                    vm.answer(Err(FetchFault::NotSent));
                }
            }
        }
    }
    assert!(asked <= 150, "{asked} in an hour");
}

#[test]
fn what_is_too_large_for_one_configuration_is_nobody_elses_failure() {
    for strict_is_first in [false, true] {
        let mut process = Process::of(1);
        process.serve("a");
        let mut strict = settings("idp.example", Schedule::default());
        strict.limits.max_response_bytes = 20;
        process.start_vm(PLUGIN, strict);
        let (mut good, mut strict) = (0, 1);
        if strict_is_first {
            process.vms.swap(0, 1);
            (good, strict) = (1, 0);
        }
        let mut asked = [0, 0];
        let mut refused = 0;
        for _ in 0..36_000 {
            process.pass(Duration::from_millis(100));
            asked[0] += process.vms[good].fetches.len();
            asked[1] += process.vms[strict].fetches.len();
            process.serve_all(ISSUER, "https://idp.example/keys");
            let vm = &process.vms[good];
            refused += usize::from(vm.provider().retry_after_failure(vm.time()).is_some());
        }
        assert!(
            asked[0] <= 1 && refused == 0,
            "strict first {strict_is_first}: {asked:?}, {refused} ticks as failing"
        );
    }
}

#[test]
fn what_is_too_large_for_one_configuration_keeps_no_other_from_fetching() {
    let mut process = empty();
    let mut strict = settings("idp.example", Schedule::default());
    strict.limits.max_response_bytes = 20;
    process.start_vm(PLUGIN, strict);
    let good = process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
    for _ in 0..36_000 {
        process.pass(Duration::from_millis(100));
        process.serve_all(ISSUER, "https://idp.example/keys");
    }
    assert!(process.vms[good].key_ids().is_some(), "no keys after an hour, and the provider is well");
}

/// Answers that take `ticks` ticks each; gives how often each VM asked for the discovery document.
fn slowly(
    process: &mut Process,
    tenths: usize,
    ticks: usize,
    mut each: impl FnMut(&mut Process),
) -> Vec<usize> {
    let mut asked = vec![0; process.vms.len()];
    let mut ages = vec![0; process.vms.len()];
    for _ in 0..tenths {
        each(process);
        process.pass(Duration::from_millis(100));
        for (vm, world) in process.vms.iter_mut().enumerate() {
            let Some(fetch) = world.fetches.first() else { continue };
            ages[vm] += 1;
            if ages[vm] < ticks {
                continue;
            }
            ages[vm] = 0;
            if fetch.url.to_string().ends_with("openid-configuration") {
                asked[vm] += 1;
                world.ok(&discovery(ISSUER, "https://keys.example/"));
            } else {
                world.ok(&key_set("a"));
            }
        }
    }
    asked
}

#[test]
fn two_configurations_do_not_drive_each_other_past_the_interval() {
    let mut process = empty();
    process.start_vm(PLUGIN, by("one"));
    process.start_vm(PLUGIN, by("two"));
    let asked = slowly(&mut process, 3000, 3, |process| {
        for vm in &mut process.vms {
            want(vm);
        }
    });
    assert!(asked.iter().all(|asked| *asked <= 13), "{asked:?} in five minutes");
}

#[test]
fn a_refetch_that_brings_this_configuration_nothing_does_not_count_for_it() {
    let mut process = empty();
    process.start_vm(PLUGIN, by("one"));
    process.start_vm(PLUGIN, by("two"));
    slowly(&mut process, 100, 1, |_| {});
    assert!(process.all_have("a"));
    process.pass(seconds(60));
    // A rotation; a caller of the first configuration comes first.
    process.vms[0].wait(1, true);
    process.tick();
    process.vms[0].ok(&discovery(ISSUER, "https://keys.example/"));
    process.vms[0].ok(&key_set("b"));
    process.tick();
    let vm = &process.vms[1];
    assert_eq!(vm.key_ids(), Some(vec!["a".to_owned()]));
    assert!(vm.provider().can_refetch(vm.time()), "a good token is refused: nobody fetched the key for it");
}

#[test]
fn another_configurations_cluster_that_is_down_keeps_nobody_from_keys() {
    let mut process = empty();
    process.start_vm(PLUGIN, by("bad"));
    let good = process.start_vm(PLUGIN, by("good"));
    process.vms[good].wait(1, false);
    for _ in 0..36_000 {
        process.pass(Duration::from_millis(100));
        for vm in &mut process.vms {
            while let Some(fetch) = vm.fetches.first() {
                if fetch.url.to_string().ends_with("openid-configuration") {
                    vm.ok(&discovery(ISSUER, "https://keys.example/"));
                } else if fetch.cluster == "bad" {
                    vm.answer(Err(FetchFault::Broken));
                } else {
                    vm.ok(&key_set("a"));
                }
            }
        }
    }
    assert!(process.vms[good].key_ids().is_some(), "no keys after an hour");
}

#[test]
fn a_shorter_timeout_elsewhere_does_not_end_a_wait_for_a_fetch_that_goes_on() {
    let mut process = empty();
    let timeout = |timeout| settings("idp.example", Schedule { timeout, ..Schedule::default() });
    process.start_vm(PLUGIN, timeout(seconds(10)));
    let hasty = process.start_vm(PLUGIN, timeout(seconds(1)));
    process.vms[0].wait(1, false);
    process.tick();
    for _ in 0..40 {
        process.pass(Duration::from_millis(100));
        // A second is over.
        if let Some(fetch) = process.vms[hasty].fetches.first().cloned() {
            process.pass(seconds(1));
            let vm = &mut process.vms[hasty];
            vm.fetches.clear();
            let actions = vm.store.answer(&fetch, Err(FetchFault::Broken), vm.now);
            vm.take(actions);
        }
    }
    assert_eq!(process.fetching(), [0]);
    assert!(process.vms[0].woken.is_empty(), "woken without keys, while the fetch it waits for goes on");
    process.vms[0].ok(&discovery(ISSUER, "https://idp.example/keys"));
    process.vms[0].ok(&key_set("a"));
    assert_eq!(process.vms[0].woken.len(), 1);
    assert!(process.vms[0].key_ids().is_some());
}

#[test]
fn a_late_answer_is_not_thrown_away_for_one_that_is_of_no_use() {
    for other in [by("two"), settings("idp.example", Schedule::default())] {
        let mut process = empty();
        let mine = if other.clusters.named(&Url::parse("https://keys.example/").unwrap()) == Some("two") {
            by("one")
        } else {
            without_keys_host()
        };
        process.start_vm(PLUGIN, mine.clone());
        process.start_vm(PLUGIN, other);
        process.vms[0].wait(1, false);
        process.vms[0].tick();
        let keys = if mine.clusters.named(&Url::parse("https://keys.example/").unwrap()).is_some() {
            "https://keys.example/"
        } else {
            "https://idp.example/keys"
        };
        process.vms[0].ok(&discovery(ISSUER, keys));
        process.vms[1].now = process.vms[1].now.after(seconds(7));
        process.vms[1].tick();
        process.vms[1].ok(&discovery(ISSUER, "https://keys.example/"));
        process.vms[1].ok(&key_set("a"));
        process.vms[0].now = process.vms[1].now;
        process.vms[0].ok(&key_set("a"));
        assert_eq!(process.vms[0].woken.len(), 1);
        assert!(process.vms[0].key_ids().is_some(), "its good answer is thrown away");
    }
}

#[test]
fn what_was_never_sent_does_not_count_for_the_own_interval() {
    let mut process = Process::of(2);
    process.serve("a");
    process.vms[0].wait(1, true);
    process.vms[0].tick();
    process.vms[0].answer(Err(FetchFault::NotSent));
    // Another VM's usual fetch goes well.
    process.pass(seconds(2));
    process.serve("a");
    let vm = &process.vms[0];
    assert_eq!(vm.provider().retry_after_failure(vm.time()), None);
    let can: Vec<_> = process.vms.iter().map(|vm| vm.provider().can_refetch(vm.time())).collect();
    assert_eq!(can, [true, true]);
}

#[test]
fn two_configurations_of_two_vms_do_not_drive_each_other_past_the_interval() {
    for ticks in 1..5 {
        let mut process = empty();
        for cluster in ["one", "two", "one", "two"] {
            process.start_vm(PLUGIN, by(cluster));
        }
        let asked = slowly(&mut process, 3000, ticks, |process| {
            for vm in &mut process.vms {
                want(vm);
            }
        });
        assert!(asked.iter().sum::<usize>() <= 26, "{ticks}: {asked:?} in five minutes");
    }
}

#[test]
fn an_update_with_other_rules_in_an_outage_keeps_the_keys() {
    let mut process = Process::of(2);
    process.serve("a");
    process.pass(seconds(3600));
    process.fail();
    let now = process.vms[0].now;
    process.vms.clear();
    for _ in 0..3 {
        let timeout = Schedule { timeout: seconds(9), ..Schedule::default() };
        let new = process.start_vm(PLUGIN, settings("idp.example", timeout));
        process.vms[new].now = now;
        process.vms[new].store.learn(now);
        assert!(process.vms[new].key_ids().is_some());
    }
    let mut asked = 0;
    for _ in 0..600 {
        process.pass(Duration::from_millis(100));
        for vm in &mut process.vms {
            if !vm.fetches.is_empty() {
                asked += 1;
                vm.answer(Err(FetchFault::Broken));
            }
        }
    }
    assert!(process.vms.iter().all(|vm| vm.key_ids().is_some()));
    assert!(asked <= 8, "{asked} in a minute");
}

#[test]
fn nobody_waits_for_ever() {
    let mut state = 1_u64;
    let mut random = move |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let mut longest = 0;
    for _round in 0..60 {
        let mut process = empty();
        for cluster in ["one", "two", "one", "one", "two"] {
            process.start_vm(PLUGIN, by(cluster));
        }
        let mut strict = by("one");
        strict.limits.max_response_bytes = 20;
        process.start_vm(PLUGIN, strict);
        process.start_vm(PLUGIN, without_keys_host());
        let mut number = 0;
        let mut since: BTreeMap<(usize, u32), u32> = BTreeMap::new();
        for step in 0..1500_u32 {
            let keys = if random(2) == 0 { "https://keys.example/" } else { "https://idp.example/keys" };
            for index in 0..process.vms.len() {
                let vm = &mut process.vms[index];
                vm.now = vm.now.after(Duration::from_millis(100));
                if random(20) == 0 {
                    number += 1;
                    // As a request does: it waits only for what may come.
                    let unknown = vm.key_ids().is_some();
                    vm.store.learn(vm.now);
                    let may = if unknown {
                        vm.provider().can_refetch(vm.time())
                    } else {
                        matches!(vm.availability(), Availability::Pending)
                    };
                    if may {
                        vm.wait(number, unknown);
                        since.insert((index, number), step);
                    }
                }
                vm.tick();
                while !vm.fetches.is_empty() && random(6) == 0 {
                    let is_discovery = vm.fetches[0].url.to_string().ends_with("openid-configuration");
                    match random(8) {
                        0 => vm.answer(Err(FetchFault::NotSent)),
                        1 => vm.answer(Err(FetchFault::Broken)),
                        2 => {
                            vm.fetches.clear();
                        }
                        _ if is_discovery => vm.ok(&discovery(ISSUER, keys)),
                        _ => vm.ok(&key_set("a")),
                    }
                }
                if vm.fetches.len() > 1 {
                    vm.fetches.remove(0);
                }
                for woken in std::mem::take(&mut vm.woken) {
                    if let Some(began) = since.remove(&(index, woken.request.0)) {
                        longest = longest.max(step - began);
                    }
                }
            }
            let oldest = since.values().min().map_or(0, |began| step - began);
            assert!(oldest < 400, "waits for {oldest} tenths of a second");
        }
    }
}
