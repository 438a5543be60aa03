//! How often which end was reached: a target that never sees a token pass shows nothing.

use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::allocation;

static RUNS: AtomicU64 = AtomicU64::new(0);
static ALLOWED: AtomicU64 = AtomicU64::new(0);
static PASSED: AtomicU64 = AtomicU64::new(0);
static RECOVERED: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
static WAITED: AtomicU64 = AtomicU64::new(0);

/// Every name under which the filter counted a decision.
static OUTCOMES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Where the numbers are written, if anywhere.
static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| env::var_os("FUZZ_REACHED").map(PathBuf::from));

/// A token was good: the independent verifier agrees.
pub fn allowed() {
    if ALLOWED.fetch_add(1, Relaxed) == 0 {
        write();
    }
}

/// A request passed that needs no token.
pub fn passed() {
    PASSED.fetch_add(1, Relaxed);
}

/// A good token passed after all that had happened.
pub fn recovered() {
    RECOVERED.fetch_add(1, Relaxed);
}

/// A request was refused.
pub fn refused() {
    REFUSED.fetch_add(1, Relaxed);
}

/// A request waits.
pub fn waited() {
    WAITED.fetch_add(1, Relaxed);
}

/// The filter counted a decision under this name.
pub fn outcome(name: &str) {
    let mut outcomes = OUTCOMES.lock().expect("nobody panics with it");
    if !outcomes.contains(name) {
        outcomes.insert(name.to_owned());
    }
}

/// An input was run.
pub fn ran() {
    if RUNS.fetch_add(1, Relaxed).is_multiple_of(1024) {
        write();
    }
}

fn write() {
    if let Some(file) = &*FILE {
        let number = |counter: &AtomicU64| counter.load(Relaxed);
        let outcomes: Vec<String> = OUTCOMES.lock().expect("nobody panics with it").iter().cloned().collect();
        let numbers = format!(
            "runs {} allowed {} passed {} recovered {} refused {} waited {} bytes {}\n{}\n",
            number(&RUNS),
            number(&ALLOWED),
            number(&PASSED),
            number(&RECOVERED),
            number(&REFUSED),
            number(&WAITED),
            allocation::most(),
            outcomes.join(" ")
        );
        fs::write(file, numbers).expect("FUZZ_REACHED names a file that can be written");
    }
}
