//! The written list of what `jwt_authn` gets wrong, or does differently by design. `docs/jwt-authn.md` has the same list for
//! users, word by word.

mod passed_there;
mod passes_here;
mod passes_there;

use super::reading::Reading;

pub(super) use passed_there::PASSED_THERE;
pub(super) use passes_here::PASSES_HERE;
pub(super) use passes_there::PASSES_THERE;

/// One difference.
#[derive(Debug)]
pub(super) struct Difference {
    /// By which it is known here and in the document.
    pub(super) name: &'static str,
    /// What is sent.
    pub(super) what: &'static str,
    /// Why this filter does as it does, with the source.
    pub(super) why: &'static str,
    /// With which words the filter that refuses may refuse: reasons of this one, texts of the native one.
    pub(super) refusals: &'static [&'static str],
    /// Whether a request is one of those; told by what was sent, never by what came of it.
    pub(super) holds: fn(&Reading<'_>) -> bool,
}

impl Difference {
    /// The row of the document.
    pub(super) fn row(&self) -> String {
        format!("| `{}` | {} | {} |", self.name, self.what, self.why)
    }

    /// Whether it explains that one filter refuses in these words what the other lets through.
    pub(super) fn explains(&self, reading: &Reading<'_>, refusal: &str) -> bool {
        self.refusals.contains(&refusal) && (self.holds)(reading)
    }
}

/// What `jwt_authn` of this Envoy lets through and this filter refuses.
pub(super) fn passes_there(envoy: (u32, u32)) -> Vec<&'static Difference> {
    let earlier = PASSED_THERE.iter().filter(|(refused_from, _)| envoy < *refused_from);
    PASSES_THERE.iter().chain(earlier.map(|(_, difference)| difference)).collect()
}
