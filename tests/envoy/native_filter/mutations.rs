//! Every mutation, and the cases that come of them.

mod carriage;
mod claims;
mod edits;
mod encoding;
mod header;
mod signature;
mod syntax;

use super::draft::{Mutation, Part, quoted};
use super::random::Random;
use super::world::{Origin, World, Worlds};

/// A token, and what is changed of it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) world: usize,
    pub(super) base: usize,
    pub(super) mutations: Vec<Mutation>,
}

impl Case {
    /// Whether nothing was changed of a token that both filters accept: all but those of odd keys, and of the algorithm that the
    /// native filter does not know.
    pub(super) fn must_pass(&self, worlds: &Worlds) -> bool {
        let world = &worlds.all[self.world];
        self.mutations.is_empty() && world.name != "odd" && world.bases[self.base].name != "Ed25519"
    }

    pub(super) fn describe(&self, worlds: &Worlds) -> String {
        let world = &worlds.all[self.world];
        let changes: Vec<&str> = self.mutations.iter().map(|mutation| mutation.name.as_str()).collect();
        let changes = if changes.is_empty() { "as it is".to_owned() } else { changes.join("; ") };
        format!("{} of {}: {changes}", world.bases[self.base].name, world.name)
    }
}

/// Every case: each token as it is, each of the catalogue by itself, then `random` ones, which depend on nothing but the seed.
pub(super) fn cases(worlds: &Worlds, random: usize, seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, world) in worlds.all.iter().enumerate() {
        for base in 0..world.bases.len() {
            let case = |mutations| Case { world: at, base, mutations };
            cases.push(case(Vec::new()));
            cases.extend(alone(worlds, world, base).into_iter().map(|mutation| case(vec![mutation])));
            cases.extend(pairs(world, base, worlds).into_iter().map(case));
        }
    }
    let mut chance = Random::new(seed);
    let everything: Vec<Vec<Mutation>> = worlds
        .all
        .iter()
        .map(|world| (0..world.bases.len()).flat_map(|base| catalogue(worlds, world, base)).collect())
        .collect();
    for _ in 0..random {
        let world = chance.below(worlds.all.len());
        let base = chance.below(worlds.all[world].bases.len());
        let mutations = match chance.below(4) {
            0 => (0..2).map(|_| chance.pick(&everything[world]).clone()).collect(),
            1 => vec![chance.pick(&everything[world]).clone(), edits::edit(&mut chance)],
            _ => vec![edits::edit(&mut chance)],
        };
        cases.push(Case { world, base, mutations });
    }
    cases
}

/// The mutations that a token gets one at a time. What does not depend on the key is tried with few of them.
fn alone(worlds: &Worlds, world: &World, base: usize) -> Vec<Mutation> {
    let name = world.bases[base].name.as_str();
    match (world.name, name) {
        ("named", "RS256" | "ES256" | "HS256") => catalogue(worlds, world, base),
        ("named", _) => [by_key(worlds, world, base), encoding::all()].concat(),
        ("bare", "ES256") => [by_key(worlds, world, base), claims::all()].concat(),
        ("oidc-provider", "RS256" | "ES512") => [encoding::all(), carriage::all(), signature::any()].concat(),
        _ => by_key(worlds, world, base),
    }
}

fn catalogue(worlds: &Worlds, world: &World, base: usize) -> Vec<Mutation> {
    let any = [claims::all(), header::all(), syntax::all(), encoding::all(), carriage::all()].concat();
    [any, by_key(worlds, world, base)].concat()
}

/// What depends on the key that signs.
fn by_key(worlds: &Worlds, world: &World, base: usize) -> Vec<Mutation> {
    let base = &world.bases[base];
    let algorithms = header::all().into_iter().filter(|mutation| mutation.name.starts_with("alg ")).collect();
    let mut all = [signature::any(), signature::of(base, world, worlds), algorithms].concat();
    if matches!(base.origin, Origin::Signed(_)) {
        all.extend(signature::other_key_ids(world));
    }
    all
}

/// Algorithms of other kinds of key; what digest they name is all that the native filter may look at.
const ANY_HASH: [&str; 5] = ["RS256", "PS256", "ES384", "ES512", "EdDSA"];

/// Changes that mean something only together.
fn pairs(world: &World, base: usize, worlds: &Worlds) -> Vec<Vec<Mutation>> {
    let base = &world.bases[base];
    let signers = signature::of(base, world, worlds).into_iter();
    let mut pairs: Vec<Vec<Mutation>> = signers
        .filter(|mutation| mutation.name.starts_with("HMAC with"))
        .map(|mutation| vec![signature::as_hmac(), mutation])
        .collect();
    pairs.push(vec![member_raw(Part::Payload, "exp", "0"), member_without(Part::Payload, "nbf")]);
    let no_kid = || member_without(Part::Header, "kid");
    pairs.extend(ANY_HASH.map(|name| vec![no_kid(), member_raw(Part::Header, "alg", &quoted(name))]));
    // The same key under each algorithm of its kind.
    let signers = signature::of(base, world, worlds).into_iter();
    for mutation in signers.filter(|mutation| mutation.name.starts_with("signed with ")) {
        let algorithm = quoted(mutation.name.trim_start_matches("signed with "));
        pairs.push(vec![member_raw(Part::Header, "alg", &algorithm), mutation]);
    }
    pairs
}

/// `exp` is so many seconds from now.
pub(super) fn expires(offset: i64) -> Mutation {
    claims::date("exp", offset)
}

/// One member is set to what is written there.
fn member_raw(part: Part, name: &str, value: &str) -> Mutation {
    let (name, value) = (name.to_owned(), value.to_owned());
    Mutation::members(format!("{name} = {value:.60}"), part, move |members, _now| members.set(&name, &value))
}

fn member_without(part: Part, name: &str) -> Mutation {
    let name = name.to_owned();
    Mutation::members(format!("no {name}"), part, move |members, _now| members.remove(&name))
}

/// The member is there again, before the right one or behind it.
fn member_twice(part: Part, name: &str, value: &str, before: bool) -> Mutation {
    let member = (quoted(name), value.to_owned());
    let place = if before { "before" } else { "behind" };
    Mutation::members(format!("{name} = {value} as well, {place}"), part, move |members, _now| {
        let at = if before { 0 } else { members.0.len() };
        members.0.insert(at, member.clone());
    })
}

/// Members that nobody looks at.
fn unknown_members(part: Part) -> Vec<Mutation> {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let values = [
        "1",
        "1e308",
        "1e309",
        "-1e309",
        "1e-400",
        "123456789012345678901234567890",
        "0.1e1",
        "1E+2",
        "-0",
        "null",
        "[]",
        "{}",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"\\udbff\\udfff\"",
        "\"\\/\"",
    ];
    let mut all: Vec<Mutation> = values.map(|value| member_raw(part, "unknown", value)).into();
    all.push(member_raw(part, "unknown", &"7".repeat(400)));
    all.push(member_raw(part, "unknown", &quoted(&"x".repeat(3000))));
    for depth in [10, 31, 32, 33, 60, 90, 200] {
        all.push(member_raw(part, "unknown", &nested(depth)).told(format!("unknown {depth} lists deep")));
        all.push(member_raw(part, "unknown", &objects(depth)).told(format!("unknown {depth} objects deep")));
    }
    for name in ["", " ", "a.b", "exp.x", "iss.x", "__proto__", "Exp", "EXP", "exp ", "\u{65}\u{301}xp", "\0"]
    {
        all.push(member_raw(part, name, "1"));
    }
    all
}
