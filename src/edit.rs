//! What is to be changed in a request that is let through.

use std::fmt;

/// A change of a request's head.
#[derive(Clone, PartialEq, Eq)]
pub enum Edit {
    /// Takes every copy of the header with this name out.
    Remove(String),
    /// Puts one header with this name and value in the place of every copy that there is.
    Set(String, Vec<u8>),
}

impl Edit {
    /// How many bytes its texts take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Remove(name) => name.len(),
            Self::Set(name, value) => name.len().saturating_add(value.len()),
        }
    }
}

/// A value may be a claim, or the cookies beside the one with the token.
impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove(name) => write!(f, "Remove({name:?})"),
            Self::Set(name, _) => write!(f, "Set({name:?}, …)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let edits = [Edit::Remove("a".into()), Edit::Set("b".into(), b"secret".to_vec())];
        assert_eq!(format!("{edits:?}"), r#"[Remove("a"), Set("b", …)]"#);
    }
}
