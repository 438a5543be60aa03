//! What all targets share: a proxy without a network, keys, tokens, and a second opinion about what may pass.
//!
//! `README.md` has the targets, what each must hold, and how to reproduce a find.

pub mod allocation;
pub mod input;
pub mod mint;
pub mod provider;
pub mod proxy;
pub mod reached;
pub mod seal;
pub mod seeds;
pub mod served;
pub mod signers;
pub mod targets;
pub mod tokens;
pub mod verifier;
pub mod vm;
