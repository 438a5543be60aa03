//! Native companions of the validate-jwt filter: the command line tool and the local stack of `make run`.

pub mod check;
pub mod clock;
pub mod convert;
pub mod exit;
pub mod explain;
pub mod input;
pub mod issuer;
pub mod listen;
pub mod pages;
pub mod schema;
pub mod signing;
