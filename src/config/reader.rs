//! Reading a JSON tree with its path at hand, so that every error names its place.

use std::{ops::RangeInclusive, time::Duration};

use super::ConfigError;
use crate::{
    excerpt::Excerpt,
    json::{self, Json, Object},
};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node<'j> {
    path: String,
    value: &'j Json<'j>,
}

/// The members of an object, none of them unknown.
#[derive(Debug)]
pub(super) struct Members<'j> {
    path: String,
    members: &'j Object<'j>,
}

impl<'j> Node<'j> {
    /// The whole tree.
    pub(super) fn root(value: &'j Json<'j>) -> Self {
        Self { path: String::new(), value }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.path.clone(), problem)
    }

    fn wrong_kind(&self, expected: &str) -> ConfigError {
        match self.value {
            Json::Null => self.error("is null; give a value or leave the member out"),
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
                self.error(format!("is {}; expected {expected}", self.value.kind()))
            }
        }
    }

    /// A string that says something by itself: not empty, no template, no policy expression.
    pub(super) fn text(&self) -> Result<&'j str, ConfigError> {
        let text = self.value.as_str().ok_or_else(|| self.wrong_kind("a string"))?;
        if text.is_empty() {
            return Err(self.error("is an empty string; give a value or leave the member out"));
        }
        if text.contains("{{") {
            return Err(self.error("has an unresolved `{{`; fill the template in before the filter gets it"));
        }
        if text.starts_with("@(") {
            return Err(
                self.error("is a policy expression, which only API Management evaluates; write its value")
            );
        }
        Ok(text)
    }

    /// A text that is compared as it stands: one with a placeholder would match nothing.
    pub(super) fn literal(&self) -> Result<String, ConfigError> {
        let text = self.text()?;
        if text.contains(['<', '>', '{', '}']) {
            return Err(self.error("has a placeholder; put in the name or id that it stands for"));
        }
        Ok(text.to_owned())
    }

    /// The name of a policy or a variable.
    pub(super) fn name(&self) -> Result<&'j str, ConfigError> {
        let name = self.text()?;
        self.check_name(name)?;
        Ok(name)
    }

    /// Fails when `name` is no name of a policy or a variable.
    pub(super) fn check_name(&self, name: &str) -> Result<(), ConfigError> {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if is_plain && (1..=63).contains(&name.len()) {
            return Ok(());
        }
        Err(self.error("is not a name; expected 1 to 63 letters, digits, `-` and `_`"))
    }

    pub(super) fn flag(&self) -> Result<bool, ConfigError> {
        match self.value {
            Json::Bool(flag) => Ok(*flag),
            Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
                Err(self.wrong_kind("true or false"))
            }
        }
    }

    /// A whole number within `range`; `what` says what it counts.
    pub(super) fn integer(&self, range: RangeInclusive<u32>, what: &str) -> Result<u32, ConfigError> {
        let expected = format!("{what} from {} to {}", range.start(), range.end());
        let Json::Number(digits) = self.value else {
            return Err(self.wrong_kind(&expected));
        };
        digits
            .parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.error(format!("is {}; expected {expected}", Excerpt(digits))))
    }

    /// A whole number and its unit: `500ms`, `30s`, `5m`, `1h`.
    pub(super) fn duration(&self) -> Result<Duration, ConfigError> {
        const LONGEST: Duration = Duration::from_hours(24 * 365);
        if self.value.as_str().is_none() {
            return Err(self.wrong_kind("a duration such as `30s`"));
        }
        let text = self.text()?;
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let parsed = text.split_at_checked(digits).and_then(|(number, unit)| {
            let milliseconds = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return None,
            };
            number.parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
        });
        parsed.filter(|duration| !duration.is_zero() && *duration <= LONGEST).ok_or_else(|| {
            self.error(format!(
                "`{}` is not a duration; expected a whole number above 0 with `ms`, `s`, `m` or `h`, such as `30s`, at most \
                 a year",
                Excerpt(text)
            ))
        })
    }

    /// A list that is not empty; `example` shows one.
    pub(super) fn list(&self, example: &str) -> Result<Vec<Self>, ConfigError> {
        let Json::Array(elements) = self.value else {
            return Err(self.wrong_kind(&format!("a list such as `{example}`")));
        };
        if elements.is_empty() {
            return Err(self.error("is an empty list; name at least one, or leave the member out"));
        }
        let nodes = elements.iter().enumerate();
        Ok(nodes.map(|(index, value)| Node { path: format!("{}[{index}]", self.path), value }).collect())
    }

    pub(super) fn texts(&self) -> Result<Vec<String>, ConfigError> {
        self.list(r#"[ "…" ]"#)?.iter().map(|node| node.text().map(str::to_owned)).collect()
    }

    pub(super) fn literals(&self) -> Result<Vec<String>, ConfigError> {
        self.list(r#"[ "…" ]"#)?.iter().map(Self::literal).collect()
    }

    /// The members of an object, none but `known` ones; `refused` are words that belong to the language but cannot stand here,
    /// each with what is to be said of it.
    pub(super) fn members(
        &self,
        known: &[&str],
        refused: &[(&str, &str)],
    ) -> Result<Members<'j>, ConfigError> {
        let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        let names = quoted.join(", ");
        let members = self.object(&names)?;
        if let Some(name) = members.iter().map(|(name, _)| name).find(|name| !known.contains(name)) {
            let why = refused.iter().find(|(refused, _)| *refused == name).map(|(_, why)| *why);
            let problem =
                why.map_or_else(|| format!("unknown member; expected one of {names}"), str::to_owned);
            return Err(ConfigError::new(joined(&self.path, name), problem));
        }
        Ok(Members { path: self.path.clone(), members })
    }

    /// The members of an object whose names are the operator's, in the order of those: it says nothing where one stands.
    pub(super) fn entries(&self) -> Result<Vec<(&'j str, Self)>, ConfigError> {
        let node =
            |(name, value): (&'j str, &'j Json<'j>)| (name, Node { path: joined(&self.path, name), value });
        Ok(self.object("names of your own")?.sorted().into_iter().map(node).collect())
    }

    /// The members of an object as they are; `names` says which it can have.
    pub(super) fn object(&self, names: &str) -> Result<&'j Object<'j>, ConfigError> {
        match self.value {
            Json::Object(members) => Ok(members),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                Err(self.wrong_kind(&format!("an object with {names}")))
            }
        }
    }
}

impl<'j> Members<'j> {
    /// An error about the object itself.
    pub(super) fn error(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.path.clone(), problem)
    }

    pub(super) fn get(&self, name: &str) -> Option<Node<'j>> {
        self.members.get(name).map(|value| Node { path: joined(&self.path, name), value })
    }

    pub(super) fn require(&self, name: &str) -> Result<Node<'j>, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::new(joined(&self.path, name), "is missing; it is required"))
    }

    /// Reads a member when it is there.
    pub(super) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(Node<'j>) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        self.get(name).map(read).transpose()
    }
}

/// RFC 9110 §5.6.2 `token`: the name of a header, a method, a scheme, a cookie (RFC 6265 §4.1.1).
pub(super) fn is_http_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn joined(path: &str, name: &str) -> String {
    let step = json::step(name);
    if path.is_empty() || step.starts_with('[') { format!("{path}{step}") } else { format!("{path}.{step}") }
}
