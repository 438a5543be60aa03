//! The same tokens, thousands of mutations of real ones, through Envoy's own `jwt_authn` and through this filter: in one Envoy,
//! with the same keys, issuers, audiences and clock skew. Where the verdicts differ, the case is one of a written list
//! (`differences`), which `docs/jwt-authn.md` shows. Anything else fails, and so does an entry that no case needs.
//!
//! `NATIVE_FILTER_SEED` and `NATIVE_FILTER_CASES` choose other random cases, and how many of them there are: up to a hundred
//! thousand in the five minutes for which the real provider's tokens are good.

mod differences;
mod draft;
mod json;
mod judge;
mod mutations;
mod random;
mod reading;
mod runner;
mod world;

use crate::support::artifacts::envoy_version;
use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::deadline::wait_for;
use crate::support::envoy::Envoy;
use differences::{Difference, PASSED_THERE, PASSES_HERE, PASSES_THERE};
use mutations::Case;
use runner::Outcome;
use std::collections::BTreeMap;
use std::env;
use world::{SKEW, Worlds};

/// Random cases beside those of the catalogue, unless the environment says otherwise.
const RANDOM_CASES: u64 = 3000;
/// How many differences that nobody expected are told.
const TOLD: usize = 12;

#[test]
fn verdicts_differ_from_the_native_filters_only_as_listed() {
    let (seed, random) = (variable("NATIVE_FILTER_SEED", 1), variable("NATIVE_FILTER_CASES", RANDOM_CASES));
    let worlds = Worlds::new();
    let envoy = Envoy::start(&worlds.all.iter().fold(Setup::new(), |setup, world| world.set_up(setup)));
    let cases = mutations::cases(&worlds, usize::try_from(random).unwrap(), seed);
    assert!(cases.len() > 5000, "{} cases", cases.len());
    let outcomes = runner::run(&envoy, &worlds, &cases);
    let judgement = judge::judge(envoy_version(), &worlds, &cases, &outcomes, &details(&envoy, &outcomes));
    let judge::Judgement { wrong, allowed, refused, explained, .. } = &judgement;
    assert!(
        wrong.is_empty(),
        "{} of {} cases with NATIVE_FILTER_SEED={seed} NATIVE_FILTER_CASES={random} came out in a way that \
         tests/envoy/native_filter/differences does not list:\n\n{}",
        wrong.len(),
        cases.len(),
        wrong[..wrong.len().min(TOLD)].join("\n"),
    );
    assert_eq!(judgement.stale(), [""; 0], "listed, and no case needs it; the others: {explained:#?}");
    assert_eq!(
        verdicts_in_the_last_second(&envoy, &worlds),
        (true, false),
        "of the native filter, and of this one"
    );
    // Neither side may be trivial.
    assert!(*allowed > 500 && *refused > 2000, "{allowed} allowed by both, {refused} refused by both");
}

#[test]
fn the_document_has_every_difference_in_these_words() {
    let document = include_str!("../../docs/jwt-authn.md");
    let rows = |heading: &str| -> Vec<String> {
        let section = document.split("\n## ").find(|section| section.starts_with(heading));
        let section = section.unwrap_or_else(|| panic!("docs/jwt-authn.md has no section `{heading}`"));
        section.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect()
    };
    let listed = |list: &[Difference]| -> Vec<String> { list.iter().map(Difference::row).collect() };
    assert_eq!(rows("What `jwt_authn` lets through"), listed(&PASSES_THERE));
    assert_eq!(rows("What `jwt_authn` refuses"), listed(&PASSES_HERE));

    let compatibility = include_str!("../../docs/compatibility.md");
    for ((major, minor), difference) in &PASSED_THERE {
        let row = format!("| {major}.{minor} {}", difference.row());
        assert!(compatibility.contains(&row), "docs/compatibility.md lacks `{row}`");
    }
}

/// Whether each filter lets a token through in the second in which `exp` and the skew end.
fn verdicts_in_the_last_second(envoy: &Envoy, worlds: &Worlds) -> (bool, bool) {
    let ends_now = [Case { world: 0, base: 0, mutations: vec![mutations::expires(-SKEW)] }];
    wait_for("a second in which both were asked", || {
        let second = now();
        let outcome = runner::run(envoy, worlds, &ends_now).pop()?;
        (now() == second).then_some((outcome.native.allows, outcome.own.allows))
    })
}

fn variable(name: &str, default: u64) -> u64 {
    env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number is needed")))
}

/// What the access log says of each request that this filter refused.
fn details(envoy: &Envoy, outcomes: &[Outcome]) -> BTreeMap<String, String> {
    let refused = outcomes.iter().filter(|outcome| outcome.own.status == 401);
    let refused: Vec<String> = refused.map(Outcome::own_id).collect();
    wait_for("the access log of every refusal", || {
        let entries = envoy.access_log().entries().into_iter();
        let details: BTreeMap<_, _> = entries.map(|entry| (entry.id, entry.details)).collect();
        refused.iter().all(|id| details.contains_key(id)).then_some(details)
    })
}
