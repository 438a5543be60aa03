//! As many requests as come in an hour at ten a second, through two workers: keys rotate, listeners are replaced, clients hang
//! up while they wait, a tenth of the tokens is bad, and no token comes twice. Everybody is answered, and nothing of it is left
//! in Envoy's memory when it is over. `LOAD_REQUESTS` makes it longer.

mod clients;
mod world;

use clients::Kind;
use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;
use world::{CHANGING, LISTENERS, STEADY, WORKERS, World};

const REQUESTS: usize = 36_000;
const CLIENTS: usize = 8;
/// Between them, all clients send their requests.
const ROUNDS: usize = 12;
/// The round after which Envoy has all that it needs: each worker has had requests of every kind, waits and updates.
const WARM: usize = 4;

const MEGABYTE: u64 = 1024 * 1024;
/// What the process may grow by from then on. It grew by up to four megabytes, less and less, and after thirty thousand requests no
/// more. A kilobyte of each request would make it 24.
const RESIDENT: u64 = 12 * MEGABYTE;
/// What it may grow by between two rounds, in most of them: what each request leaves behind shows in all.
const RESIDENT_BETWEEN_ROUNDS: u64 = MEGABYTE / 2;
/// The same for what Envoy's own allocator has given away, in which no VM's memory is: it became less.
const ALLOCATED: u64 = 2 * MEGABYTE;
/// Lines about requests that a plugin may write in a second and a worker.
const LINES: u64 = 10;

#[test]
fn an_hour_of_requests_leaves_nothing_behind() {
    let requests = std::env::var("LOAD_REQUESTS").map_or(REQUESTS, |number| number.parse().unwrap());
    let start = Instant::now();
    let world = World::start(requests);
    let machines = world.machines();
    let memory = thread::scope(|scope| {
        let world = &world;
        let _stop = world.stop_at_end();
        for _ in 0..CLIENTS {
            scope.spawn(|| clients::serve(world));
        }
        let mut memory = Vec::new();
        for round in 1..=ROUNDS {
            world.wait_for_requests(requests * round / (ROUNDS + 1));
            world.rotate();
            world.update();
            if round >= WARM {
                memory.push(world.memory());
            }
        }
        world.wait_for_requests(requests);
        memory
    });
    world.flood();
    let wrong = world.wrong_answers();
    assert!(wrong.is_empty(), "{} wrong, the first of them:\n{}", wrong.len(), wrong[0]);
    world.wait_until_idle();
    assert_eq!(world.machines(), machines, "VMs that still live");

    let (warm, end) = (memory[0], world.memory());
    assert!(end.allocated <= warm.allocated + ALLOCATED, "{warm:?} when warm, {end:?} at the end");
    let resident: Vec<u64> = memory.iter().chain([&end]).filter_map(|memory| memory.resident).collect();
    if let [warm, .., end] = *resident {
        assert!(end <= warm + RESIDENT, "{resident:?} bytes from when it was warm to the end");
        let mut growth: Vec<u64> = resident.windows(2).map(|two| two[1].saturating_sub(two[0])).collect();
        growth.sort_unstable();
        assert!(
            growth[growth.len() / 2] <= RESIDENT_BETWEEN_ROUNDS,
            "{resident:?} bytes from when it was warm to the end"
        );
    }

    // The plugin that stayed decided each request once; those who hung up were not decided at all.
    let expected: BTreeMap<_, _> =
        Kind::ALL.into_iter().map(|kind| (kind.outcome().to_owned(), world.sent(STEADY, kind))).collect();
    assert_eq!(world.outcomes(STEADY), expected);
    assert!(expected.values().all(|count| *count > 100), "{expected:?}");
    assert_eq!(
        world.second_attempts(STEADY),
        0,
        "connections to a listener that nobody replaced were closed"
    );
    let most = u64::try_from(CLIENTS * ROUNDS).unwrap();
    assert!(world.second_attempts(CHANGING) <= most, "{} second attempts", world.second_attempts(CHANGING));

    let seconds = start.elapsed().as_secs() + 1;
    // Every configuration has a budget of its own in each worker: one that stays, and the others one after the other.
    let most = LINES * WORKERS * (2 * seconds + u64::try_from(ROUNDS).unwrap());
    let lines = world.lines_about_requests();
    assert!((1..=most).contains(&lines), "{lines} lines about requests in {seconds} s");
    assert!(world.left_out_lines(), "the flood was not too much for the log");
}
