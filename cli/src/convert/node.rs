//! The configuration that is made: JSON whose members keep their order, each with its place in the policy document.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A value of the configuration, and where in the document it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    at: usize,
    value: Value,
}

/// What a configuration is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// `true` or `false`
    Flag(bool),
    /// A whole number.
    Number(u32),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object; its members keep their order.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// A value that comes from the byte `at` of the document.
    pub(super) fn new(at: usize, value: Value) -> Self {
        Self { at, value }
    }

    /// A string.
    pub(super) fn text(at: usize, text: impl Into<String>) -> Self {
        Self::new(at, Value::Text(text.into()))
    }

    /// A list.
    pub(super) fn list(at: usize, elements: Vec<Self>) -> Self {
        Self::new(at, Value::List(elements))
    }

    /// An object of the members that are there.
    pub(super) fn object(
        at: usize,
        members: impl IntoIterator<Item = (impl Into<String>, Option<Self>)>,
    ) -> Self {
        let members = members.into_iter().filter_map(|(name, node)| Some((name.into(), node?)));
        Self::new(at, Value::Object(members.collect()))
    }

    /// Where it comes from.
    pub(super) fn start(&self) -> usize {
        self.at
    }

    /// Whether it is an object without members.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.value, Value::Object(members) if members.is_empty())
    }

    /// Where the value comes from that a path of the configuration names (`validate-jwt.audiences[0]`), or else the next one
    /// around it.
    pub(super) fn origin(&self, path: &str) -> usize {
        let inner = match &self.value {
            Value::Flag(_) | Value::Number(_) | Value::Text(_) => None,
            Value::Object(members) => members.iter().find_map(|(name, node)| {
                let rest = path.strip_prefix(name.as_str())?;
                rest.is_empty().then_some((node, rest)).or_else(|| {
                    rest.strip_prefix('.')
                        .or_else(|| rest.starts_with('[').then_some(rest))
                        .map(|rest| (node, rest))
                })
            }),
            Value::List(elements) => path.strip_prefix('[').and_then(|path| {
                let (index, rest) = path.split_once(']')?;
                let node = elements.get(index.parse::<usize>().ok()?)?;
                Some((node, rest.strip_prefix('.').unwrap_or(rest)))
            }),
        };
        inner.map_or(self.at, |(node, rest)| node.origin(rest))
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Flag(flag) => serializer.serialize_bool(*flag),
            Value::Number(number) => serializer.serialize_u32(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(elements) => elements.serialize(serializer),
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, node) in members {
                    map.serialize_entry(name, node)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_where_its_value_comes_from() {
        let values =
            Node::list(3, vec![Node::text(4, "a"), Node::object(5, [("b", Some(Node::text(6, "c")))])]);
        let node = Node::object(
            1,
            [
                ("x", Some(Node::object(2, [("list", Some(values))]))),
                ("x-y", Some(Node::text(7, "d"))),
                ("z", None),
            ],
        );
        for (path, at) in [
            ("", 1),
            ("x", 2),
            ("x.other", 2),
            ("x.list", 3),
            ("x.list[0]", 4),
            ("x.list[1].b", 6),
            ("x.list[1]", 5),
            ("x.list[9]", 3),
            ("x-y", 7),
            ("z", 1),
        ] {
            assert_eq!(node.origin(path), at, "{path}");
        }
        assert_eq!(serde_json::to_string(&node).unwrap(), r#"{"x":{"list":["a",{"b":"c"}]},"x-y":"d"}"#);
    }
}
