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
    value: &'j Json,
}

/// The members of an object, none of them unknown.
#[derive(Debug)]
pub(super) struct Members<'j> {
    path: String,
    members: &'j Object,
}

impl<'j> Node<'j> {
    /// The whole tree, in which nothing is null, empty or left to a template.
    pub(super) fn root(value: &'j Json) -> Result<Self, ConfigError> {
        let root = Self { path: String::new(), value };
        root.refuse_nothing_and_templates()?;
        Ok(root)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.path.clone(), problem)
    }

    fn wrong_kind(&self, expected: &str) -> ConfigError {
        self.error(format!("is {}; expected {expected}", self.value.kind()))
    }

    pub(super) fn text(&self) -> Result<&'j str, ConfigError> {
        self.value.as_str().ok_or_else(|| self.wrong_kind("a string"))
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
        let text = self.value.as_str().ok_or_else(|| self.wrong_kind("a duration such as `30s`"))?;
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

    pub(super) fn list(&self) -> Result<Vec<Self>, ConfigError> {
        let Json::Array(elements) = self.value else {
            return Err(self.wrong_kind("a list"));
        };
        let nodes = elements.iter().enumerate();
        Ok(nodes.map(|(index, value)| Node { path: format!("{}[{index}]", self.path), value }).collect())
    }

    pub(super) fn texts(&self) -> Result<Vec<String>, ConfigError> {
        self.list()?.iter().map(|node| node.text().map(str::to_owned)).collect()
    }

    /// The members of an object, which may be `known` ones only.
    pub(super) fn members(&self, known: &[&str]) -> Result<Members<'j>, ConfigError> {
        let members = self.object()?;
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            let expected: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            let problem = format!("unknown member; expected one of {}", expected.join(", "));
            return Err(ConfigError::new(joined(&self.path, name), problem));
        }
        Ok(Members { path: self.path.clone(), members })
    }

    /// The members of an object whose names are the operator's.
    pub(super) fn entries(&self) -> Result<Vec<(&'j str, Self)>, ConfigError> {
        let node = |(name, value): (&'j String, &'j Json)| {
            (name.as_str(), Node { path: joined(&self.path, name), value })
        };
        Ok(self.object()?.iter().map(node).collect())
    }

    pub(super) fn object(&self) -> Result<&'j Object, ConfigError> {
        match self.value {
            Json::Object(members) => Ok(members),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                Err(self.wrong_kind("an object"))
            }
        }
    }

    fn refuse_nothing_and_templates(&self) -> Result<(), ConfigError> {
        match self.value {
            Json::Null => Err(self.error("is null; give a value or leave the member out")),
            Json::String(text) if text.is_empty() => {
                Err(self.error("is an empty string; give a value or leave the member out"))
            }
            Json::String(text) if text.contains("{{") => {
                Err(self.error("has an unresolved `{{`; fill the template in before the filter gets it"))
            }
            Json::Array(elements) if elements.is_empty() => {
                Err(self.error("is an empty list; name at least one, or leave the member out"))
            }
            Json::Array(_) => self.list()?.iter().try_for_each(Self::refuse_nothing_and_templates),
            Json::Object(_) => {
                self.entries()?.iter().try_for_each(|(_, node)| node.refuse_nothing_and_templates())
            }
            Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
        }
    }
}

impl<'j> Members<'j> {
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

    /// Refuses members that belong to the language but are not built.
    pub(super) fn refuse_unsupported(&self, names: &[&str]) -> Result<(), ConfigError> {
        match names.iter().find_map(|name| self.get(name)) {
            Some(node) => Err(node.error(concat!(
                "is not supported by version ",
                env!("CARGO_PKG_VERSION"),
                "; remove it, it would not be applied"
            ))),
            None => Ok(()),
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    let step = json::step(name);
    if path.is_empty() || step.starts_with('[') { format!("{path}{step}") } else { format!("{path}.{step}") }
}
