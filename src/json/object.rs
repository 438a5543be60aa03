//! The members of a JSON object.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use super::Json;

/// Up to this many members are compared with each other, where they may be the same; of more, names are sorted.
pub(super) const FEW: usize = 24;

/// The members of a JSON object, in the order in which they are written; no name is there twice.
#[derive(Clone, Default)]
pub struct Object<'t>(Vec<(Cow<'t, str>, Json<'t>)>);

impl<'t> Object<'t> {
    /// An object of these members. Fails with the name of one that is there twice.
    pub fn new(members: Vec<(Cow<'t, str>, Json<'t>)>) -> Result<Self, Cow<'t, str>> {
        let twice = if members.len() <= FEW { among_few(&members) } else { among_many(&members) };
        match twice.cloned() {
            None => Ok(Self(members)),
            Some(name) => Err(name),
        }
    }

    /// The value of the member with this name.
    pub fn get(&self, name: &str) -> Option<&Json<'t>> {
        self.0.iter().find(|(known, _)| is_same(known, name)).map(|(_, value)| value)
    }

    /// Whether there is a member with this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in the order in which they are written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'t>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Names and values, in the order of the names.
    pub fn sorted(&self) -> Vec<(&str, &Json<'t>)> {
        let mut members: Vec<_> = self.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        members
    }

    /// Takes the member with this name out, and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Json<'t>> {
        let position = self.0.iter().position(|(known, _)| is_same(known, name))?;
        let (_, value) = self.0.remove(position);
        Some(value)
    }
}

/// A name that is there twice. Most names of a token differ in length, first or last letter, which a bit for each kind tells.
fn among_few<'m, 't>(members: &'m [(Cow<'t, str>, Json<'t>)]) -> Option<&'m Cow<'t, str>> {
    let mut kinds = 0_u64;
    members.iter().enumerate().find_map(|(index, (name, _))| {
        let kind = kind(name);
        let is_new = kinds & kind == 0;
        kinds |= kind;
        let earlier = if is_new { &[] } else { members.get(..index).unwrap_or_default() };
        earlier.iter().any(|(other, _)| is_same(other, name)).then_some(name)
    })
}

/// Whether two names are the same. Many have one length, and differ in the first letter: to see that needs no call.
fn is_same(one: &str, other: &str) -> bool {
    let (bytes, other_bytes) = (one.as_bytes(), other.as_bytes());
    bytes.len() == other_bytes.len() && bytes.first() == other_bytes.first() && one == other
}

/// One of 64 bits.
fn kind(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let (first, last) = (bytes.first().copied().unwrap_or(0), bytes.last().copied().unwrap_or(0));
    let mixed = u32::from(first)
        ^ u32::from(last).rotate_left(3)
        ^ u32::try_from(bytes.len()).unwrap_or(0).rotate_left(1);
    1_u64.rotate_left(mixed)
}

fn among_many<'m, 't>(members: &'m [(Cow<'t, str>, Json<'t>)]) -> Option<&'m Cow<'t, str>> {
    let mut known = BTreeSet::new();
    members.iter().map(|(name, _)| name).find(|name| !known.insert(*name))
}

/// Members have no order (RFC 8259 §4).
impl PartialEq for Object<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.sorted() == other.sorted()
    }
}

impl Eq for Object<'_> {}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> Vec<(Cow<'static, str>, Json<'static>)> {
        (0..count).map(|number| (Cow::Owned(format!("m{number}")), Json::Null)).collect()
    }

    #[test]
    fn no_name_is_there_twice_among_few_and_among_many() {
        for count in [2, FEW, FEW + 1, 1000] {
            assert!(Object::new(numbered(count)).is_ok(), "{count}");
            for copy in [0, count / 3, count - 2] {
                let mut members = numbered(count - 1);
                members.push(members[copy].clone());
                assert_eq!(Object::new(members).err().as_deref(), Some(&*format!("m{copy}")), "{count}");
            }
        }
    }

    #[test]
    fn members_keep_their_order_and_are_found_by_name() {
        let members = ["b", "a", "c"].map(|name| (Cow::Borrowed(name), Json::String(name.into())));
        let mut object = Object::new(members.to_vec()).unwrap();
        assert_eq!(object.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a", "c"]);
        assert_eq!(object.sorted().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(object.get("a").and_then(Json::as_str), Some("a"));
        assert!(object.contains_key("c") && !object.contains_key("d") && object.get("").is_none());
        assert_eq!(object.remove("b"), Some(Json::String("b".into())));
        assert_eq!((object.remove("b"), object.contains_key("c")), (None, true));
    }
}
