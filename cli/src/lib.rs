//! Native companions of the validate-jwt filter: the command line tool and the local stack of `make run`.

pub mod signing;
