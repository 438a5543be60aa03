//! What `jwt_authn` let through in older Envoys, which `make compat` runs as well.

use super::Difference;

/// The first Envoy that refuses it, as major and minor version, and what it is.
pub(in crate::native_filter) const PASSED_THERE: [((u32, u32), Difference); 1] = [(
    (1, 38),
    Difference {
        name: "pss-salt",
        what: "a PSS signature with a salt of another length than its hash",
        why: "the salt is as long as the hash (RFC 7518 §3.5)",
        refusals: &["TokenSignatureInvalid"],
        holds: |sent| sent.pss_salt().is_some_and(|(salt, hash)| salt != hash),
    },
)];
